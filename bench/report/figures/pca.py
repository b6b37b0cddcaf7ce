"""Draws real and synthetic samples in one shared basis: principal components of the real training samples alone.

A basis per cohort, or one fitted on both, would make any two clouds look alike. Matplotlib is imported where it is
used.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bench.core.records import Records
from bench.datasets import Dataset
from bench.engine.releases import Releases
from bench.registry.digests import own_digest
from bench.report.figures.close_up_numbers import labels_of
from bench.report.figures.png_files import drawn_from, write_png
from bench.statistics.pca import Basis, fit_basis

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Six of Okabe and Ito's colours, made for colour-blind readers; beyond six classes the marker changes too, because no
# palette keeps twelve colours apart.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_MARKERS = ("o", "^", "s", "X")
_REAL = "#c8c8c8"
_COLUMNS = 4
_MARGIN = 0.2  # of the real range, on each side: room for what strays
_DPI = 100


def draw_pca(path: Path, real: Records, synthetic: Mapping[str, Records], *, title: str, simulated: bool) -> None:
    """Write a PNG with one panel for the real training samples and one for each synthetic cohort.

    All panels have the same basis, fitted on `real` alone, and the same limits, from `real` with a margin; a panel says
    what share of its samples lies outside. A picture that was drawn from the same data is left as it is.

    Parameters
    ----------
    path : the PNG
    real : the training samples
    synthetic : synthetic cohorts by the name above their panel
    title : above the whole picture
    simulated : True if no measured value is in the data; title and panels then say so
    """
    fingerprint = _fingerprint(f"{title} {simulated}", real, synthetic)
    if fingerprint != drawn_from(path):
        marked = f"{title}{' - SIMULATED DATA' if simulated else ''}"
        write_png(path, _pixels(real, synthetic, marked, simulated), fingerprint)


def _pixels(real: Records, synthetic: Mapping[str, Records], title: str, simulated: bool) -> NDArray[np.uint8]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    n_rows, n_columns = -(-(len(synthetic) + 1) // _COLUMNS), min(len(synthetic) + 1, _COLUMNS)
    figure = Figure(figsize=(3.1 * max(n_columns, 2), 3.1 * n_rows + 1.3), dpi=_DPI, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    basis = fit_basis(real)
    panels = list(figure.subplots(n_rows, n_columns, squeeze=False).ravel())
    _fill(panels, basis, real, synthetic, simulated)
    _frame(figure, panels[0], basis, title)
    canvas.draw()  # type: ignore[no-untyped-call]
    return np.asarray(canvas.buffer_rgba())  # type: ignore[no-untyped-call]


def _fill(
    panels: Sequence[Axes], basis: Basis, real: Records, synthetic: Mapping[str, Records], simulated: bool
) -> None:
    behind = basis.project(real)
    low, high = behind.min(axis=0), behind.max(axis=0)
    box = low - _MARGIN * (high - low), high + _MARGIN * (high - low)
    classes = [str(label) for label in real.classes]
    first = "training samples (simulated)" if simulated else "real training samples"
    for axes, (name, cohort) in zip(panels, {first: real, **synthetic}.items(), strict=False):
        plane = basis.project(cohort)
        if cohort is not real:
            axes.scatter(behind[:, 0], behind[:, 1], s=5, color=_REAL, linewidths=0)
        _scatter(axes, plane, cohort, classes)
        outside = float(np.mean(((plane < box[0]) | (plane > box[1])).any(axis=1)))
        axes.set_title(name + _stray(outside), fontsize=9)
        axes.set(xlim=(box[0][0], box[1][0]), ylim=(box[0][1], box[1][1]), xticks=[], yticks=[])
        if simulated:
            axes.text(0.02, 0.02, "SIMULATED", transform=axes.transAxes, fontsize=8, color="#b00000")
    for axes in panels[len(synthetic) + 1 :]:
        axes.set_axis_off()


def _stray(share: float) -> str:
    shown = f"{100 * share:.0f}" if share >= 0.005 else "< 1"
    return f" ({shown} % outside)" if share else ""


def _scatter(axes: Axes, plane: NDArray[np.float64], cohort: Records, classes: Sequence[str]) -> None:
    """Draw the largest class first, so that it does not hide the small ones."""
    for label in sorted(classes, key=lambda name: (-int(np.sum(labels_of(cohort) == name)), name)):
        i = classes.index(label)
        colour, marker = _COLOURS[i % len(_COLOURS)], _MARKERS[i // len(_COLOURS) % len(_MARKERS)]
        points = plane[labels_of(cohort) == label]
        axes.scatter(
            points[:, 0], points[:, 1], s=8, color=colour, marker=marker, linewidths=0, alpha=0.75, label=label
        )
    if (without := ~np.isin(labels_of(cohort), list(classes))).any():  # a release that came without labels
        axes.scatter(plane[without, 0], plane[without, 1], s=8, color="black", linewidths=0, alpha=0.5)


def _frame(figure: Figure, first: Axes, basis: Basis, title: str) -> None:
    x, y = 100 * basis.explained
    axes = f"across: first principal component, {x:.0f} % of the variance; up: second, {y:.0f} %"
    figure.suptitle(f"{title}\n{axes}", fontsize=10)
    handles, labels = first.get_legend_handles_labels()
    order = np.argsort(labels)
    figure.legend(
        [handles[i] for i in order], [labels[i] for i in order], loc="outside lower center", ncols=6, fontsize=8,
        markerscale=2.5, frameon=False,
    )  # fmt: skip


# -- the file ----------------------------------------------------------------------------------------------------------


def _fingerprint(title: str, real: Records, synthetic: Mapping[str, Records]) -> str:
    parts = [
        own_digest("bench.report.figures.pca"),
        own_digest("bench.statistics.pca"),
        title,
        real.digest,
        *(f"{name} {cohort.digest}" for name, cohort in synthetic.items()),
    ]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


# -- in a run ----------------------------------------------------------------------------------------------------------


def draw_releases(path: Path, found: Releases, dataset: Dataset) -> None:
    """Draw the releases of one fold."""
    title = f"{dataset.title}: fold {found.split.fold} of seed {found.split.seed}, basis from the training samples"
    draw_pca(path, found.split.train, found.named(), title=title, simulated=dataset.simulated)
