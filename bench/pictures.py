"""Draws real and synthetic samples in one shared basis: principal components of the real training samples alone.

A basis per cohort, or one fitted on both, would make any two clouds look alike. Matplotlib is imported where it is
used.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bench.errors import DataError
from bench.keys import module_digest
from bench.plan import PlannedCell, Scope
from bench.pngs import drawn_from, write_png
from bench.registry import plugins
from bench.rows import COLUMNS
from bench.types import Cohort

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


@dataclass(frozen=True, eq=False)
class Basis:
    """Two principal components of one cohort: ``project`` puts any cohort of the same genes into their plane.

    Parameters
    ----------
    genes : column names, in order
    mean : (n_genes,)
    axes : (n_genes, 2), orthonormal; the largest loading of each is positive
    explained : (2,) shares of the variance
    """

    genes: tuple[str, ...]
    mean: NDArray[np.float64]
    axes: NDArray[np.float64]
    explained: NDArray[np.float64]

    def project(self, cohort: Cohort) -> NDArray[np.float64]:
        """Return (n_samples, 2) coordinates."""
        if cohort.genes != self.genes:
            raise DataError("a cohort has other genes, or another order of genes, than the basis; they must agree.")
        plane: NDArray[np.float64] = (cohort.X - self.mean) @ self.axes
        return plane


def fit_basis(real: Cohort) -> Basis:
    """Return the first two principal components of a cohort."""
    mean = real.X.mean(axis=0, dtype=np.float64)
    _, lengths, rows = np.linalg.svd(real.X - mean, full_matrices=False)
    axes = rows[:2].T  # (n_genes, 2)
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), [0, 1]])
    return Basis(real.genes, mean, axes, lengths[:2] ** 2 / np.sum(lengths**2))


def draw_pca(path: Path, real: Cohort, synthetic: Mapping[str, Cohort], *, title: str, simulated: bool) -> None:
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


def _pixels(real: Cohort, synthetic: Mapping[str, Cohort], title: str, simulated: bool) -> NDArray[np.uint8]:
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


def _fill(panels: Sequence[Axes], basis: Basis, real: Cohort, synthetic: Mapping[str, Cohort], simulated: bool) -> None:
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


def _scatter(axes: Axes, plane: NDArray[np.float64], cohort: Cohort, classes: Sequence[str]) -> None:
    """Draw the largest class first, so that it does not hide the small ones."""
    for label in sorted(classes, key=lambda name: (-int(np.sum(cohort.y == name)), name)):
        i = classes.index(label)
        colour, marker = _COLOURS[i % len(_COLOURS)], _MARKERS[i // len(_COLOURS) % len(_MARKERS)]
        points = plane[cohort.y == label]
        axes.scatter(
            points[:, 0], points[:, 1], s=8, color=colour, marker=marker, linewidths=0, alpha=0.75, label=label
        )
    if (without := ~np.isin(cohort.y, list(classes))).any():  # a release that came without labels
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


def _fingerprint(title: str, real: Cohort, synthetic: Mapping[str, Cohort]) -> str:
    parts = [
        module_digest("bench.pictures"),
        title,
        real.digest,
        *(f"{name} {cohort.digest}" for name, cohort in synthetic.items()),
    ]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


# -- in a run ----------------------------------------------------------------------------------------------------------


def draw_run(path: Path, scope: Scope, plan: Sequence[PlannedCell]) -> None:
    """Draw the first fold of a plan: every generator whose sample of that fold is in the store, also from earlier runs.

    Nothing is drawn if there is no such sample.
    """
    if not plan:
        return
    seed, fold = plan[0].cell.seed, plan[0].cell.fold
    here = [planned for planned in plan if (planned.cell.seed, planned.cell.fold) == (seed, fold)]
    keys = _recorded(scope, seed, fold) | {_label(p.cell.generator, p.params): p.cell.sample_key for p in here}
    found = {name: scope.store.read_sample(keys[label]) for label, name in _panels(keys).items()}
    samples = {name: sample for name, sample in found.items() if sample is not None}
    if not samples:
        return
    train = next(split.train for split in scope.splits if (split.seed, split.fold) == (seed, fold))
    title = f"{scope.dataset.title}: fold {fold} of seed {seed}, basis from the training samples"
    draw_pca(path, train, samples, title=title, simulated=scope.dataset.simulated)


def _recorded(scope: Scope, seed: int, fold: int) -> dict[str, str]:
    """Return the key of each sample of one fold that a recorded run made of the same data."""
    keys: dict[str, str] = {}
    for record in scope.store.runs():
        if record["slug"] != scope.dataset.slug or record["about"]["data"]["digest"] != scope.dataset.digest:
            continue
        for row in (dict(zip(COLUMNS, values, strict=True)) for values in record["rows"]):
            if (row["seed"], row["fold"], row["measure"], row["status"]) == (seed, fold, "n_synthetic", "ok"):
                keys[_label(row["generator"], row["params"])] = row["key"]
    return keys


def _panels(labels: Collection[str]) -> dict[str, str]:
    """Return the name above each generator's panel, in order: by name, controls after the others."""
    known = plugins("generator")
    controls = {label for label in labels if (name := label.partition("[")[0]) in known and known[name].is_control}
    ordered = sorted(labels, key=lambda label: (label in controls, label))
    return {label: f"{label} (control)" if label in controls else label for label in ordered}


def _label(generator: str, params: str) -> str:
    return f"{generator}[{params}]" if params else generator
