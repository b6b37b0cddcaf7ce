"""Draws how many members each attack finds at how few false accusations: ROC curves with both axes logarithmic.

On linear axes the corner that matters, a few people accused with certainty, is a few pixels wide.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.registry.digests import own_digest
from bench.registry.finding import sound
from bench.report.board import Board, make_board
from bench.report.figures.png_files import draw_png, fingerprint_of
from bench.store.store import Store

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FPR = np.geomspace(1e-3, 1, 61)
_FLOOR = 1e-3  # where a share of zero is drawn
_SHOWN = 3  # strongest attacks with a colour and a name
_COLOURS = ("#D55E00", "#0072B2", "#009E73")  # of Okabe and Ito
_OTHERS, _PUBLISHED = "#cccccc", "#000000"
_COLUMNS = 4


@dataclass(frozen=True, eq=False)
class Panel:
    """What is drawn for one generator.

    Parameters
    ----------
    title : the generator
    curves : TPR at each of `FPR`, the mean over folds, by sound attack, the strongest first
    published : that of GAN-leaks with the published arithmetic, if it was run
    """

    title: str
    curves: dict[str, NDArray[np.float64]]
    published: NDArray[np.float64] | None


def draw_roc(path: Path, panels: list[Panel], *, title: str, simulated: bool) -> None:
    """Write a PNG with a panel for each generator; nothing without panels.

    Parameters
    ----------
    panels : as `roc_panels` returns them
    title : above the whole picture
    simulated : True if no measured value is in the data; the title then says so
    """
    if not panels:
        return
    title = f"{title}{' - SIMULATED DATA' if simulated else ''}"
    draw_png(path, _fingerprint(title, panels), partial(roc_figure, panels, title))


def roc_panels(store: Store, rows: pd.DataFrame, *, simulated: bool) -> list[Panel]:
    """Return the panel of each generator whose curves the store holds, in the order of the leaderboard.

    Parameters
    ----------
    rows : the tidy results; their keys name the curves in the store
    simulated : True if no measured value is in the data
    """
    board = make_board(rows, simulated=simulated)
    return [panel for label in board.labels if (panel := _panel(board, label, store)).curves]


def tpr_on_grid(curve: Mapping[str, list[int]]) -> NDArray[np.float64]:
    """Return the TPR at the last threshold whose FPR is at or below each of `FPR`."""
    false, true = (np.asarray(curve[name], dtype=np.float64) for name in ("false", "true"))
    last = np.searchsorted(false / false[-1], FPR * (1 + 1e-12), side="right") - 1
    shares: NDArray[np.float64] = true[last] / true[-1]
    return shares


def _panel(board: Board, label: str, store: Store) -> Panel:
    r = board.rows
    keys = r[(r["label"] == label) & (r["measure"] == "auc") & (r["status"] == "ok")].groupby("attack")["key"]
    curves = {str(name): curve for name, group in keys if (curve := _mean_curve(store, list(group))) is not None}
    drawn = sorted(sound(curves), key=lambda name: (-board.summary(label, "auc", name).mean, name))
    title = f"{label} (control)" if label in board.controls else label
    return Panel(title, {name: curves[name] for name in drawn}, curves.get("gan_leaks_official"))


def _mean_curve(store: Store, keys: list[str]) -> NDArray[np.float64] | None:
    bodies = [body for key in keys if (body := store.read(key)) is not None and "curve" in body]
    if not bodies:
        return None
    mean: NDArray[np.float64] = np.mean([tpr_on_grid(body["curve"]) for body in bodies], axis=0)
    return mean


def _fingerprint(title: str, panels: list[Panel]) -> str:
    parts = [
        [p.title, {name: curve.tolist() for name, curve in p.curves.items()}, np.asarray(p.published).tolist()]
        for p in panels
    ]
    return fingerprint_of(own_digest("bench.report.figures.roc"), title, parts)


def roc_figure(panels: list[Panel], title: str) -> Figure:
    """Return the picture of some panels."""
    figure, axes = grid(len(panels), 3.2, 0.8)
    for place, panel in zip(axes, panels, strict=True):
        _draw(place, panel)
    _frame(figure, title)
    return figure


def grid(n: int, height: float, more: float) -> tuple[Figure, list[Axes]]:
    """Return a figure and its panels, four side by side; `height` is that of a panel, `more` that of its texts."""
    from matplotlib.figure import Figure

    n_columns = min(n, _COLUMNS)
    n_rows = -(-n // n_columns)
    figure = Figure(figsize=(3.1 * max(n_columns, 2), height * n_rows + more), dpi=100, layout="constrained")
    axes = list(figure.subplots(n_rows, n_columns, squeeze=False).ravel())
    for place in axes[n:]:
        place.set_axis_off()
    return figure, axes[:n]


def _draw(axes: Axes, panel: Panel) -> None:
    for curve in list(panel.curves.values())[_SHOWN:]:
        axes.plot(FPR, np.maximum(curve, _FLOOR), color=_OTHERS, linewidth=0.7)
    axes.plot(FPR, FPR, color=_PUBLISHED, linewidth=0.7, linestyle=":")
    if panel.published is not None:
        axes.plot(FPR, np.maximum(panel.published, _FLOOR), color=_PUBLISHED, linewidth=1, linestyle="--")
    for (name, curve), colour in zip(list(panel.curves.items())[:_SHOWN], _COLOURS, strict=False):
        axes.plot(FPR, np.maximum(curve, _FLOOR), color=colour, linewidth=1.5, label=name)
    axes.set(xscale="log", yscale="log", xlim=(FPR[0], 1.15), ylim=(_FLOOR / 1.1, 1.15))
    axes.set_title(panel.title, fontsize=9)
    axes.tick_params(labelsize=7)
    axes.legend(fontsize=6, loc="lower right", frameon=False)


def _frame(figure: Figure, title: str) -> None:
    lines = "colours: the three strongest attacks; grey: the others; dashed: GAN-leaks as published; dotted: chance"
    figure.suptitle(f"{title}\n{lines}", fontsize=10)
    figure.supxlabel("share of non-members accused (FPR)", fontsize=9)
    figure.supylabel("share of members found (TPR)", fontsize=9)
