"""Draws real and synthetic samples in one shared basis: principal components of the real training samples alone.

A basis per cohort, or one fitted on both, would make any two clouds look alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.core.records import Records
from bench.datasets import Dataset
from bench.engine.releases import Releases
from bench.registry.digests import own_digest
from bench.report.figures.close_up_numbers import labels_of
from bench.report.figures.close_up_panels import REAL, figure_of
from bench.report.figures.png_files import draw_png, fingerprint_of
from bench.statistics.pca import Basis, fit_basis

if TYPE_CHECKING:
    from matplotlib.figure import Figure


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
    modules = ("bench.report.figures.pca", "bench.report.figures.close_up_panels", "bench.statistics.pca")
    digests = {name: cohort.digest for name, cohort in {REAL: real, **synthetic}.items()}
    fingerprint = fingerprint_of(*map(own_digest, modules), title, simulated, list(digests.items()))
    draw_png(path, fingerprint, lambda: pca_figure(real, synthetic, title, simulated=simulated))


def pca_figure(real: Records, synthetic: Mapping[str, Records], title: str, *, simulated: bool) -> Figure | None:
    """Return the picture of whole cohorts; parameters as for `draw_pca`."""
    basis, classes = fit_basis(real), [str(label) for label in real.classes]
    planes = {name: {"plane": _plane(basis, cohort, classes)} for name, cohort in {REAL: real, **synthetic}.items()}
    about = {"explained": basis.explained.tolist(), "classes": classes, "controls": []}
    return figure_of("pca", {"about": about, "releases": planes}, title, simulated=simulated)


def _plane(basis: Basis, cohort: Records, classes: Sequence[str]) -> dict[str, Any]:
    x, y = basis.project(cohort).T
    place = {label: i for i, label in enumerate(classes)}
    return {"x": x, "y": y, "label": [place.get(str(label), -1) for label in labels_of(cohort)]}


def draw_releases(path: Path, found: Releases, dataset: Dataset) -> None:
    """Draw the releases of one fold."""
    title = f"{dataset.title}: fold {found.split.fold} of seed {found.split.seed}, basis from the training samples"
    draw_pca(path, found.split.train, found.named(), title=title, simulated=dataset.simulated)
