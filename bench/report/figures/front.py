"""Draws use against exposure: one point per generator, for papers and, as SVG, inside the HTML page."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import numpy as np

from bench.report.board import Board, Summary
from bench.report.figures.labels import LINE, Box, place
from bench.report.figures.png_files import draw_png, fingerprint_of
from bench.report.summary import Finding
from bench.statistics.comparison import on_front

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ACROSS = "AUC of the strongest attack, less the luck of being the best (0.5: chance; left is more private)"
KEY = (
    "Filled diamond: no other generator is at least as good in both, so that it is on the front. Filled circle: "
    "another one is. Hollow: a control; a triangle points at one that lies below the picture. Bars: one standard "
    "deviation over folds."
)
_DRAWING = 1  # raised by hand when the same points are drawn in another way
_INK, _SOFT, _GRID = "#1a1f26", "#5b6570", "#e6eaee"
_STYLES = {  # colour of face and edge, marker, size in points
    "onfront": ("#b34700", "#ffffff", "D", 8.0),
    "other": ("#56748f", "#ffffff", "o", 8.5),
    "control": ("#ffffff", _INK, "o", 7.5),
    "below": ("#ffffff", _INK, "v", 8.5),
}
_LONGEST = 56  # letters of a label
_DPI, _RADIUS = 96, 6.0  # of the figure; of a point, in pixels
_SVG = "{http://www.w3.org/2000/svg}"


@dataclass(frozen=True)
class Point:
    """A generator in the picture, and the ends of its error bars.

    Parameters
    ----------
    label : the generator with its parameters
    control : whether it only brackets the others
    exposure, use : mean and sd over folds of the strongest attack's AUC and of the measure of utility
    """

    label: str
    control: bool
    exposure: Summary
    use: Summary

    @property
    def name(self) -> str:
        """The label as tables show it."""
        return f"{self.label} (control)" if self.control else self.label

    @property
    def tip(self) -> str:
        """Both numbers in words."""
        exposure, use = (f"{s.mean:.3f} ± {_sd(s):.3f}" for s in (self.exposure, self.use))
        return f"{self.label}: AUC {exposure}, use {use}"


def front_points(board: Board, found: Mapping[str, Finding]) -> list[Point]:
    """Return a point for each generator with both numbers, in the order of the board."""
    pairs = [(label, found[label].auc, found[label].use.value) for label in board.labels]
    return [Point(label, label in board.controls, a, u) for label, a, u in pairs if a.n_ok and u.n_ok]


def axes_of(found: Mapping[str, Finding]) -> tuple[str, str]:
    """Return what the axes say: the attacker's success, and the measures that decide the use of what is drawn."""
    measures = {f.use.measure.name: f.use.measure for f in found.values() if f.use.measure}
    up = ", ".join(m.called + {"lower": " (down is better)"}.get(m.better, "") for m in measures.values())
    return ACROSS, up


def undominated(points: Sequence[Point]) -> list[str]:
    """Return the generators than which no other is at least as good in both, by means; an AUC below 0.5 counts as 0.5.

    Controls and means over surviving folds take no part.
    """
    part = [p for p in points if not p.control and p.exposure.complete and p.use.complete]
    if not part:
        return []
    values = np.array([[p.use.mean, -max(p.exposure.mean, 0.5)] for p in part])
    return [p.label for p, free in zip(part, on_front(values), strict=True) if free]


@dataclass(frozen=True, eq=False)
class FrontPicture:
    """The picture of use against exposure, not yet drawn."""

    points: Sequence[Point]
    names: tuple[str, str]
    title: str
    mark: str

    @property
    def fingerprint(self) -> str:
        """Say what the picture shows and how it is drawn, in the same words on every machine."""
        best = undominated(self.points)
        ends = [(p.name, _rounded(p.exposure), _rounded(p.use), p.label in best) for p in self.points]
        return fingerprint_of(_DRAWING, self.title, self.mark, self.names, ends)

    def write(self, path: Path) -> None:
        """Write a PNG, unless the same picture is there."""
        draw_png(path, self.fingerprint, lambda: front_figure(self.points, self.names, self.title, self.mark))


def _rounded(summary: Summary) -> list[str]:
    """Return mean and sd as exact as a picture shows them."""
    return [f"{summary.mean:.6f}", f"{_sd(summary):.6f}", f"{summary.n_ok}/{summary.n_planned}"]


def front_picture(board: Board, found: Mapping[str, Finding], title: str) -> FrontPicture | None:
    """Return the picture of a dataset; None if no generator has both numbers."""
    mark = "SIMULATED data" if board.simulated else ""
    points = front_points(board, found)
    return FrontPicture(points, axes_of(found), title + (f", {mark}" if mark else ""), mark) if points else None


# -- the figure ------------------------------------------------------------------------------------------------------


def front_figure(points: Sequence[Point], names: tuple[str, str], title: str, mark: str) -> Figure:
    """Return the picture as a figure.

    Parameters
    ----------
    points : not empty
    names : what the horizontal and the vertical axis say
    title : above the picture
    mark : drawn over the picture, such as ``"SIMULATED data"``; may be empty
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, max(4.8, 0.25 * len(points)) + 1.1), dpi=_DPI)
    axes = figure.add_axes((0.07, 0.12, 0.91, 0.8))
    _frame(axes, points, names, title)
    if mark:
        stamp = axes.text(0.5, 0.5, mark, transform=axes.transAxes, fontsize=48, fontweight="bold", color="#8f1d00")
        stamp.set(alpha=0.13, ha="center", va="center", in_layout=False)
    best = undominated(points)
    places = [_draw(axes, i, p, p.label in best) for i, p in enumerate(points)]
    _place_labels(axes, points, places)
    return figure


def _frame(axes: Axes, points: Sequence[Point], names: tuple[str, str], title: str) -> None:
    """Set limits that hold every generator with its error bars, grid, names, and the line of chance."""
    inner = [p for p in points if not p.control] or list(points)
    ends = [p.exposure.mean + s * _sd(p.exposure) for p in points for s in (-1, 1)]
    uses = [p.use.mean + s * _sd(p.use) for p in inner for s in (-1, 1)]
    axes.set_xlim(*_padded([*ends, 0.5]))
    axes.set_ylim(*_padded([*uses, *(p.use.mean for p in points if p.use.mean > min(uses))]))  # a control may lie below
    axes.grid(color=_GRID, linewidth=0.8, clip_on=False)
    axes.axvline(0.5, color=_SOFT, linewidth=0.9, linestyle="--", zorder=1, clip_on=False)
    axes.annotate("chance", (0.5, 1), (0, 3), ("data", "axes fraction"), "offset points", color=_SOFT, ha="center")
    axes.tick_params(colors=_SOFT, length=0)
    axes.set_xlabel(names[0], fontweight="bold")
    axes.set_title(names[1], fontsize=10, fontweight="bold", loc="left", pad=18)
    axes.set_title(title, fontsize=10, loc="right", pad=18)
    axes.set_axisbelow(True)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _padded(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    pad = 0.05 * (high - low) or 0.05
    return low - pad, high + pad


def _sd(summary: Summary) -> float:
    """Return how long a bar is: nothing where there is one fold."""
    return 0.0 if math.isnan(summary.sd) else summary.sd


def _draw(axes: Axes, i: int, p: Point, best: bool) -> tuple[float, float]:
    """Draw a point with its bars; return where it lies, on the edge if the control it is lies below."""
    bottom = axes.get_ylim()[0]
    below = p.use.mean < bottom
    x, y = p.exposure.mean, max(p.use.mean, bottom)
    face, edge, marker, size = _STYLES["below" if below else "control" if p.control else "onfront" if best else "other"]
    style: dict[str, Any] = {"color": _SOFT, "linewidth": 0.8, "alpha": 0.55, "zorder": 2, "clip_on": False}
    axes.plot([x - _sd(p.exposure), x + _sd(p.exposure)], [y, y], gid=f"bar-{i}-x", **style)
    if not below:
        axes.plot([x, x], [y - _sd(p.use), y + _sd(p.use)], gid=f"bar-{i}-y", **style)
    (point,) = axes.plot([x], [y], marker, markersize=size, color=face, markeredgecolor=edge, zorder=3, clip_on=False)
    point.set_gid(f"point-{i}")
    return x, y


def _place_labels(axes: Axes, points: Sequence[Point], places: Sequence[tuple[float, float]]) -> None:
    """Write the labels near their points, where they cover neither points nor each other, with lines to those far off.

    `bench.report.figures.labels` guarantees that; adjustText, which was tried, let four of 24 labels overlap and one
    leave the picture.
    """
    figure = axes.get_figure(root=True)
    assert figure is not None
    width, height = figure.get_size_inches() * _DPI
    texts = [_text(p, axes.get_ylim()[0]) for p in points]
    at = [(float(x), float(height - y)) for x, y in axes.transData.transform(places)]  # pixels, down from the top
    room = Box(axes.bbox.x0 + 4, height - axes.bbox.y1, width - 4, height - axes.bbox.y0 - 2)
    boxes = place([(x, y, text) for (x, y), text in zip(at, texts, strict=True)], room, _RADIUS)
    for i, (p, (x, y), box) in enumerate(zip(points, at, boxes, strict=True)):
        middle, end = (box.top + box.bottom) / 2, box.left if box.left > x else box.right
        style, colour = ("italic", _SOFT) if p.control else ("normal", _INK)
        if abs(end - x) > 2 * _RADIUS + 2 or abs(middle - y) > LINE:
            across, up = np.array([[x, end], [height - y, height - middle]]) / _DPI
            (line,) = axes.plot(across, up, ":", color="#0b4f8a", linewidth=0.7, transform=figure.dpi_scale_trans)
            line.set(gid=f"leader-{i}", zorder=2, clip_on=False)
        text = axes.text(box.left / _DPI, (height - middle) / _DPI, texts[i], transform=figure.dpi_scale_trans)
        text.set(gid=f"label-{i}", family="DejaVu Sans Mono", fontsize=8, style=style, color=colour, va="center")
        text.set(zorder=4, parse_math=False)


def _text(p: Point, bottom: float) -> str:
    """Return a label, its end cut off where it would fill the picture; the whole name is in the tip of the point."""
    name = p.label if len(p.label) <= _LONGEST else f"{p.label[: _LONGEST - 1]}…"
    return f"{name} (below: {p.use.mean:.2f})" if p.use.mean < bottom else name


# -- the same as SVG, for a page -------------------------------------------------------------------------------------


def front_svg(points: Sequence[Point], names: tuple[str, str], described: str, mark: str) -> str:
    """Return the picture as an ``<svg>`` element whose points and labels a page can find by their generator.

    Parameters
    ----------
    points, names, mark : as for `front_figure`
    described : the text for those who cannot see it
    """
    import matplotlib as mpl

    file = io.BytesIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "front"}):
        front_figure(points, names, "", mark).savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    root = ElementTree.fromstring(file.getvalue())  # noqa: S314 - what matplotlib wrote a moment ago
    for group in root.iter(f"{_SVG}g"):
        kind, _, number = group.get("id", "").partition("-")
        if kind in ("point", "label", "bar", "leader") and number:
            _name(group, kind, points[int(number.partition("-")[0])])
    for parent in list(root.iter()):
        for child in [c for c in parent if c.tag in (f"{_SVG}style", f"{_SVG}metadata")]:
            parent.remove(child)
    for element in root.iter():
        _without_style(element)
    root.attrib = {
        "class": "front", "viewBox": root.attrib["viewBox"], "role": "img", "aria-label": described,
        "data-name": ", ".join(filter(None, ["Use against exposure", mark])),
        "stroke-linejoin": "round", "stroke-linecap": "butt",
    }  # fmt: skip
    root.insert(0, _titled(described))
    return ElementTree.tostring(root, encoding="unicode")


def only_named(svg: str, names: Set[str], title: str, described: str) -> str:
    """Return the picture of `front_svg` in which some generators stand out: the others are faint and have no label.

    Parameters
    ----------
    names : of the generators, as tables show them
    title : what the picture is called where it is saved
    described : the text for those who cannot see it
    """
    root = ElementTree.fromstring(svg)  # noqa: S314 - what `front_svg` wrote
    root.attrib |= {"aria-label": described, "data-name": title}
    root[0].text = described
    for parent in list(root.iter()):
        for child in list(parent):
            name, kind = child.attrib.pop("data-generator", None), child.get("class", "")
            if name is None or name in names:
                continue
            if kind in ("label", "leader"):
                parent.remove(child)
            else:
                child.set("class", f"{kind} aside")
    return ElementTree.tostring(root, encoding="unicode")


def _name(group: ElementTree.Element, kind: str, p: Point) -> None:
    """Say in the drawing of a point, a bar or a label whose it is."""
    del group.attrib["id"]
    group.attrib.update({"class": kind, "data-generator": p.name})
    if kind == "point":
        group.insert(0, _titled(p.tip))


def _titled(text: str) -> ElementTree.Element:
    title = ElementTree.Element("title")
    title.text = text
    return title


def _without_style(element: ElementTree.Element) -> None:
    """Turn an element's style into attributes, since the page forbids inline styles, and drop its name spaces."""
    element.tag = element.tag.removeprefix(_SVG)
    if link := element.attrib.pop("{http://www.w3.org/1999/xlink}href", ""):
        element.set("href", link)
    for rule in filter(None, element.attrib.pop("style", "").split(";")):
        name, _, value = (part.strip() for part in rule.partition(":"))
        element.attrib.update(_font(value) if name == "font" else {name: value})


def _font(value: str) -> dict[str, str]:
    """Return the attributes of a font such as ``italic 700 8px 'DejaVu Sans'``, families last."""
    words, size, family = re.fullmatch(r"(.*?)([\d.]+px) (.+)", value).groups()  # type: ignore[union-attr]
    styles = {word: "font-style" if word in ("italic", "oblique") else "font-weight" for word in words.split()}
    return {**{name: word for word, name in styles.items()}, "font-size": size, "font-family": family}
