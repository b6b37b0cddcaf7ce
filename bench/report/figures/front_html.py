"""Draws use against exposure as an SVG picture inside an HTML page: one point per generator, and a label for each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.report.board import Board, Summary
from bench.report.figures.labels import LINE, Box, place
from bench.report.html_parts import Html, element
from bench.statistics.comparison import on_front

_WIDTH, _LEFT, _RIGHT, _TOP, _BOTTOM = 960.0, 64.0, 940.0, 48.0, 60.0
MARK, _LONGEST = 6.0, 56  # radius of a point, letters of a label


@dataclass(frozen=True)
class Point:
    """A generator in the picture, and the ends of its error bars.

    Parameters
    ----------
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


@dataclass(frozen=True)
class Scale:
    """Maps numbers onto a side of the picture; what lies outside is drawn on its edge."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Return where a number lies."""
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)

    @property
    def ticks(self) -> list[float]:
        """Round numbers inside."""
        rough = (self.high - self.low) / 6
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(power * k for k in (1, 2, 5, 10) if power * k >= rough)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [round(k * step, 10) for k in range(first, last + 1)]


def front_points(board: Board, exposure: dict[str, Summary], measure: str) -> list[Point]:
    """Return a point for each generator with both numbers, in the order of the board."""
    pairs = [(label, exposure[label], board.summary(label, measure)) for label in board.labels]
    return [Point(label, label in board.controls, a, u) for label, a, u in pairs if a.n_ok and u.n_ok]


def undominated(points: Sequence[Point]) -> list[str]:
    """Return the generators than which no other is at least as good in both, by means; an AUC below 0.5 counts as 0.5.

    Controls and means over surviving folds take no part.
    """
    part = [p for p in points if not p.control and p.exposure.complete and p.use.complete]
    if not part:
        return []
    values = np.array([[p.use.mean, -max(p.exposure.mean, 0.5)] for p in part])
    return [p.label for p, free in zip(part, on_front(values), strict=True) if free]


def front_picture(points: Sequence[Point], axes: tuple[str, str], described: str, mark: str) -> Html:
    """Return the picture.

    Parameters
    ----------
    points : not empty
    axes : what the horizontal and the vertical axis say
    described : the text for those who cannot see it
    mark : drawn over the picture, such as ``"SIMULATED data"``; may be empty
    """
    layout = front_layout(points)
    x, y, height, labels, front = layout.x, layout.y, layout.height, layout.boxes, undominated(points)
    drawn = [_point(p, x, y, p.label in front) for p in points]
    texts = [
        _label(p, x(p.exposure.mean), y(p.use.mean), box, text)
        for p, box, text in zip(points, labels, layout.texts, strict=True)
    ]
    stamp = [_words(mark, (_LEFT + _RIGHT) / 2, height / 2, class_="stamp", text_anchor="middle")] if mark else []
    return element(
        "svg",
        element("title", described),
        *stamp,
        *_frame(x, y, axes, height),
        *drawn,
        *texts,
        viewBox=f"0 0 {_WIDTH:.0f} {height:.0f}",
        role="img",
        aria_label=described,
        data_name=", ".join(filter(None, ["Use against exposure", mark])),
        class_="front",
    )


@dataclass(frozen=True)
class Layout:
    """Where everything lies in a picture, in its own units, the vertical axis pointing down.

    Parameters
    ----------
    texts, boxes : label of each point, and where it stands
    """

    width: float
    height: float
    x: Scale
    y: Scale
    texts: list[str]
    boxes: list[Box]


def front_layout(points: Sequence[Point]) -> Layout:
    """Return the layout of a picture of some points."""
    height = max(460.0, 24.0 * len(points)) + _TOP + _BOTTOM
    x, y = _scales(points, height)
    room = Box(_LEFT + 4, 2, _WIDTH - 4, height - _BOTTOM - 2)
    texts = [_text(p, y) for p in points]
    places = [(x(p.exposure.mean), y(p.use.mean), text) for p, text in zip(points, texts, strict=True)]
    return Layout(_WIDTH, height, x, y, texts, place(places, room, MARK))


def _scales(points: Sequence[Point], height: float) -> tuple[Scale, Scale]:
    """Return scales that hold every generator with its error bars; the use of a control may lie below."""
    inner = [p for p in points if not p.control] or list(points)
    ends = [p.exposure.mean + s * sd_of(p.exposure) for p in points for s in (-1, 1)]
    low, high = _padded([*ends, 0.5])
    uses = [p.use.mean + s * sd_of(p.use) for p in inner for s in (-1, 1)]
    bottom, top = _padded([*uses, *(p.use.mean for p in points if p.use.mean > min(uses))])
    return Scale(low, high, _LEFT, _RIGHT), Scale(bottom, top, height - _BOTTOM, _TOP)


def _padded(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    pad = 0.05 * (high - low) or 0.05
    return low - pad, high + pad


def sd_of(summary: Summary) -> float:
    """Return how long a bar is: nothing where there is one fold."""
    return 0.0 if math.isnan(summary.sd) else summary.sd


def _text(p: Point, y: Scale) -> str:
    """Return a label, its end cut off where it would fill the picture; the whole name is in the tip of the point."""
    name = p.label if len(p.label) <= _LONGEST else f"{p.label[: _LONGEST - 1]}…"
    return f"{name} (below: {p.use.mean:.2f})" if p.use.mean < y.low else name


# -- drawing -----------------------------------------------------------------------------------------------------------


def _line(x1: float, y1: float, x2: float, y2: float, class_: str) -> Html:
    return element("line", x1=f"{x1:.1f}", y1=f"{y1:.1f}", x2=f"{x2:.1f}", y2=f"{y2:.1f}", class_=class_)


def _words(text: str, x: float, y: float, **attributes: str | None) -> Html:
    return element("text", text, x=f"{x:.1f}", y=f"{y:.1f}", **attributes)


def _frame(x: Scale, y: Scale, axes: tuple[str, str], height: float) -> list[Html]:
    """Return grid, numbers, the names of the axes, and the line of chance."""
    base = height - _BOTTOM
    across = [_line(_LEFT, y(t), _RIGHT, y(t), "grid") for t in y.ticks]
    upright = [_line(x(t), _TOP, x(t), base, "grid") for t in x.ticks]
    below = [_words(f"{t:g}", x(t), base + 18, class_="tick", text_anchor="middle") for t in x.ticks]
    beside = [_words(f"{t:g}", _LEFT - 8, y(t) + 4, class_="tick", text_anchor="end") for t in y.ticks]
    chance = [
        _line(x(0.5), _TOP, x(0.5), base, "chance"),
        _words("chance", x(0.5), _TOP - 8, class_="tick", text_anchor="middle"),
    ]
    names = [
        _words(axes[0], (_LEFT + _RIGHT) / 2, height - 14, class_="axis", text_anchor="middle"),
        _words(axes[1], 8.0, 18.0, class_="axis"),
    ]
    return [*across, *upright, *chance, *below, *beside, *names]


def _point(p: Point, x: Scale, y: Scale, front: bool) -> Html:
    cx, cy, a, u = x(p.exposure.mean), y(p.use.mean), sd_of(p.exposure), sd_of(p.use)
    bars = [_line(x(p.exposure.mean - a), cy, x(p.exposure.mean + a), cy, "bar")]
    if p.use.mean >= y.low:
        bars.append(_line(cx, y(p.use.mean - u), cx, y(p.use.mean + u), "bar"))
    kind = "control" if p.control else "onfront" if front else "other"
    tip = f"{p.label}: AUC {p.exposure.mean:.3f} ± {a:.3f}, use {p.use.mean:.3f} ± {u:.3f}"
    return element("g", *bars, _shape(cx, cy, kind, p.use.mean < y.low), element("title", tip), data_generator=p.name)


def _shape(cx: float, cy: float, kind: str, below: bool) -> Html:
    if kind == "onfront":
        corners = [(cx, cy - 8), (cx + 8, cy), (cx, cy + 8), (cx - 8, cy)]
    elif below:
        corners = [(cx - 7, cy - 6), (cx + 7, cy - 6), (cx, cy + 6)]
    else:
        return element("circle", cx=f"{cx:.1f}", cy=f"{cy:.1f}", r=f"{MARK:.1f}", class_=kind)
    return element("polygon", points=" ".join(f"{a:.1f},{b:.1f}" for a, b in corners), class_=kind)


def _label(p: Point, cx: float, cy: float, box: Box, text: str) -> Html:
    middle = (box.top + box.bottom) / 2
    end = box.left if box.left > cx else box.right
    far = abs(end - cx) > 2 * MARK + 2 or abs(middle - cy) > LINE
    leader = [_line(cx, cy, end, middle, "leader")] if far else []
    kind = "name control" if p.control else "name"
    return element("g", *leader, _words(text, box.left, middle + 4, class_=kind), data_generator=p.name)


AXES = (
    "AUC of the strongest attack, chosen on other folds (0.5: chance; left is more private)",
    "accuracy of a classifier trained on the release",
)
KEY = (
    "Filled diamond: no other generator is at least as good in both, so that it is on the front. Filled circle: "
    "another one is. Hollow: a control; a triangle points at one that lies below the picture. Bars: one standard "
    "deviation over folds."
)
