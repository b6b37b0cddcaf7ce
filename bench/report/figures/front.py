"""Draws use against exposure for papers: the picture of the HTML page, in any format that matplotlib writes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bench.report.figures.front_html import MARK, Layout, Point, front_layout, sd_of, undominated
from bench.report.figures.labels import LINE, Box

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_INK, _SOFT, _LINE = "#1a1f26", "#5b6570", "#e6eaee"
_STYLES = {  # colour of face and edge, marker, size in points
    "onfront": ("#b34700", "#ffffff", "D", 8.0),
    "other": ("#56748f", "#ffffff", "o", 8.5),
    "control": ("#ffffff", _INK, "o", 7.5),
    "below": ("#ffffff", _INK, "v", 8.5),
}


def front_figure(points: Sequence[Point], axes: tuple[str, str], title: str, mark: str) -> Figure:
    """Return the picture.

    Parameters
    ----------
    points : not empty
    axes : what the horizontal and the vertical axis say
    title : above the picture
    mark : drawn over the picture, such as ``"SIMULATED data"``; may be empty
    """
    from matplotlib.figure import Figure

    layout = front_layout(points)
    figure = Figure(figsize=(layout.width / 96, layout.height / 96), dpi=96)
    place = figure.add_axes((0, 0, 1, 1))
    place.set(xlim=(0, layout.width), ylim=(layout.height, 0))
    place.set_axis_off()
    _frame(place, layout, axes, title)
    if mark:
        x, y = ((scale.start + scale.end) / 2 for scale in (layout.x, layout.y))
        place.text(x, y, mark, fontsize=48, fontweight="bold", color="#8f1d00", alpha=0.13, ha="center")
    front = undominated(points)
    for p, text, box in zip(points, layout.texts, layout.boxes, strict=True):
        _point(place, p, layout, p.label in front)
        _label(place, p, layout, box, text)
    return figure


def _frame(axes: Axes, layout: Layout, names: tuple[str, str], title: str) -> None:
    """Draw grid, numbers, the names of the axes, and the line of chance."""
    x, y = layout.x, layout.y
    for tick in y.ticks:
        axes.plot([x.start, x.end], [y(tick)] * 2, color=_LINE, linewidth=0.8, zorder=0)
        axes.text(x.start - 8, y(tick), f"{tick:g}", fontsize=9, color=_SOFT, ha="right", va="center")
    for tick in x.ticks:
        axes.plot([x(tick)] * 2, [y.start, y.end], color=_LINE, linewidth=0.8, zorder=0)
        axes.text(x(tick), y.start + 18, f"{tick:g}", fontsize=9, color=_SOFT, ha="center")
    axes.plot([x(0.5)] * 2, [y.start, y.end], color=_SOFT, linewidth=0.9, linestyle="--", zorder=1)
    axes.text(x(0.5), y.end - 8, "chance", fontsize=9, color=_SOFT, ha="center")
    axes.text((x.start + x.end) / 2, layout.height - 14, names[0], fontsize=9.5, fontweight="bold", ha="center")
    axes.text(8, 18, names[1], fontsize=9.5, fontweight="bold")
    axes.text(x.end, 18, title, fontsize=9.5, ha="right")


def _point(axes: Axes, p: Point, layout: Layout, front: bool) -> None:
    x, y = layout.x, layout.y
    below = p.use.mean < y.low
    kind = "below" if below else "control" if p.control else "onfront" if front else "other"
    a, u = sd_of(p.exposure), sd_of(p.use)
    cx, cy = x(p.exposure.mean), y(p.use.mean)
    ends = [([x(p.exposure.mean - a), x(p.exposure.mean + a)], [cy, cy])]
    if not below:
        ends.append(([cx, cx], [y(p.use.mean - u), y(p.use.mean + u)]))
    for across, up in ends:
        axes.plot(across, up, color=_SOFT, linewidth=0.8, alpha=0.55, zorder=2)
    face, edge, marker, size = _STYLES[kind]
    axes.plot([cx], [cy], marker=marker, markersize=size, color=face, markeredgecolor=edge, linestyle="", zorder=3)


def _label(axes: Axes, p: Point, layout: Layout, box: Box, text: str) -> None:
    from matplotlib.patheffects import withStroke

    cx, cy, middle = layout.x(p.exposure.mean), layout.y(p.use.mean), (box.top + box.bottom) / 2
    end = box.left if box.left > cx else box.right
    if abs(end - cx) > 2 * MARK + 2 or abs(middle - cy) > LINE:
        axes.plot([cx, end], [cy, middle], color="#0b4f8a", linewidth=0.7, linestyle=":", zorder=2)
    style, colour = ("italic", _SOFT) if p.control else ("normal", _INK)
    written = axes.text(box.left, middle, text, fontsize=8, family="monospace", style=style, color=colour, va="center")
    written.set(zorder=4, path_effects=[withStroke(linewidth=2.5, foreground="#ffffff")])
