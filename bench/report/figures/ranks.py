"""Draws the critical-difference diagram: mean ranks of generators, and bars over those that folds cannot tell apart."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.report.board import Board
from bench.report.comparison import ranking_of
from bench.report.figures.png_files import draw_png, fingerprint_of
from bench.statistics.critical_difference import Ranking

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_DRAWING = 1  # raised by hand when the same ranking is drawn in another way
_INK, _BAR = "#222222", "#D55E00"
_STEP, _AXIS = 0.28, 4.0  # inches: a line of text, the axis


@dataclass(frozen=True, eq=False)
class RankPicture:
    """A critical-difference diagram, not yet drawn."""

    ranked: Ranking
    title: str

    @property
    def fingerprint(self) -> str:
        """Say what the picture shows and how it is drawn, in the same words on every machine."""
        parts = [self.title, self.ranked.labels, self.ranked.mean_ranks.tolist(), self.ranked.groups]
        return fingerprint_of(_DRAWING, *parts)

    def write(self, path: Path) -> None:
        """Write a PNG, unless the same picture is there."""
        draw_png(path, self.fingerprint, lambda: rank_figure(self.ranked, self.title))


def rank_picture(board: Board, data: Mapping[str, Any]) -> RankPicture | None:
    """Return the diagram of a dataset's board; None if fewer than two generators share two folds.

    Parameters
    ----------
    data : what the rows are about: title, samples, simulated
    """
    found = ranking_of(board, data["samples"])
    if found is None:
        return None
    measure, ranked = found
    mark = " - SIMULATED DATA" if data["simulated"] else ""
    return RankPicture(ranked, f"{data['title']}{mark}\nmean rank by {measure.name}, over folds")


def rank_figure(ranked: Ranking, title: str) -> Figure:
    """Return the diagram: the better half is named on the left, the other on the right."""
    from matplotlib.figure import Figure

    n, half = len(ranked.labels), math.ceil(len(ranked.labels) / 2)
    bars = len(ranked.groups)
    height = 1.1 + _STEP * (half + 0.6 * bars)
    side = 0.6 + 0.075 * max(len(label) for label in ranked.labels)  # inches a name of 8 points takes
    width = _AXIS + 2 * side
    figure = Figure(figsize=(width, height), dpi=100)
    axes = figure.add_axes((side / width, 0.02, _AXIS / width, 1 - 0.85 / height))
    axes.set(xlim=(1, n), ylim=(-half - 0.6 * bars - 0.5, 0))
    axes.spines[["left", "right", "bottom"]].set_visible(False)
    axes.xaxis.tick_top()
    axes.set_xticks(sorted({1, *range(5, n - 1, 5), n}))
    axes.set_yticks([])
    for place in range(n):
        _label(axes, ranked, place, place < half, half, 0.6 * bars)
    for i, (first, last) in enumerate(ranked.groups):
        ends = ranked.mean_ranks[[first, last]] + (-0.08, 0.08)
        axes.plot(ends, [-0.6 * (i + 0.8)] * 2, color=_BAR, linewidth=4, solid_capstyle="butt", clip_on=False)
    figure.suptitle(title, fontsize=10, y=1 - 0.08 / height, va="top")
    return figure


def _label(axes: Axes, ranked: Ranking, place: int, left: bool, half: int, room: float) -> None:
    """Draw the line from a rank down and out to the generator's name; nearer the middle means lower down."""
    rank = float(ranked.mean_ranks[place])
    depth = place if left else len(ranked.labels) - 1 - place
    y = -room - depth - 0.9
    edge = axes.get_xlim()[0 if left else 1]
    axes.plot([rank, rank, edge], [0, y, y], color=_INK, linewidth=0.8, clip_on=False)
    text = f"{ranked.labels[place]}  {rank:.1f}" if left else f"{rank:.1f}  {ranked.labels[place]}"
    axes.annotate(
        text, (edge, y), (-4 if left else 4, 0), textcoords="offset points", ha="right" if left else "left",
        va="center", fontsize=8, annotation_clip=False,
    )  # fmt: skip
