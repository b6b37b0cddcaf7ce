"""Modules within classes: whether genes that move together among people of one class do so in the release."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import nan

import numpy as np
from numpy.typing import NDArray

from bench import Cohort, Measure, metric

from ._correlation import Array, modules, standardised
from ._shared import shared


@metric(
    "class_modules",
    family="biology",
    measures=(
        Measure(
            "module_membership_class",
            "higher",
            -1,
            1,
            table="biology",
            rank=11,
            title="modules in class",
            words="modules in class",
            decides="science",
            turn=2,
            real="module_membership_class_base",
            chance=0,
        ),
        Measure("module_membership_class_base", "none", -1, 1),
        Measure("module_density_class", "none", -1, 1),
        Measure("module_density_class_real", "none", -1, 1),
    ),
    doi="10.1371/journal.pcbi.1001057",
)
@dataclass(kw_only=True)
class ClassModules:
    """Return how well the modules found within each class of training samples are preserved within it in the release.

    Modules are those of `coexpression` (average linkage on 1 - r, down to a mean r of 0.3), found among the training
    samples of one class, so that differences between classes have no part in them. The membership of a gene in a
    module is its mean correlation with the module's other genes; ``module_membership_class`` is the correlation, over
    all genes of the cohort, of the memberships in training samples and release. It is made like the statistic
    cor.kMEall, without the part of a gene's membership that is its correlation with itself, which noise keeps.
    ``module_density_class`` is the mean correlation inside modules. Mean over the classes with ten training samples or
    more that have a module, each module weighted by its genes, each class equally. ``_base``: held-out samples in
    place of the release. A class with fewer than three samples in the release has membership and density 0. NaN
    without a synthetic sample, and where no class has a module.
    """

    smallest_class: int = 10  # training samples; correlations of fewer are noise

    def __call__(
        self, train: Cohort, holdout: Cohort, synthetic: Cohort, *, rng: np.random.Generator
    ) -> Mapping[str, float]:
        """Return membership and density."""
        release, base = self._compare(train, synthetic), self._compare(train, holdout)
        return {
            "module_membership_class": release[0],
            "module_membership_class_base": base[0],
            "module_density_class": release[1],
            "module_density_class_real": release[2] if len(synthetic) else base[2],
        }

    def _compare(self, train: Cohort, other: Cohort) -> tuple[float, float, float]:
        """Return membership, density in the other cohort and density in the training samples."""
        parts = _classes(train, smallest=self.smallest_class)
        found = [_in_modules(part, other.X[other.y == label]) for label, part in parts.items() if modules(part)]
        if not found or len(other) == 0:
            return nan, nan, nan
        membership, density, real = np.clip(np.mean(found, axis=0), -1, 1).tolist()
        return membership, density, real


@shared
def _classes(train: Cohort, *, smallest: int) -> dict[str, Cohort]:
    """Return the training samples of each class that is large enough; kept, so that their modules are."""
    rows = {str(label): np.flatnonzero(train.y == label) for label in train.classes}
    return {label: train.take(index) for label, index in rows.items() if len(index) >= smallest}


def _in_modules(part: Cohort, other: NDArray[np.float32]) -> Array:
    """Return membership and both densities of one class, weighted by the genes of a module."""
    A, B = standardised(part.X), standardised(other)
    groups = modules(part)
    rows = [tuple(_statistics(A, B, genes)) for genes in groups]
    weighted: Array = np.average(rows, axis=0, weights=[len(genes) for genes in groups])
    return weighted


def _statistics(A: Array, B: Array, genes: NDArray[np.intp]) -> Iterator[float]:
    """Yield the agreement of memberships, the density in the other cohort and in the training samples."""
    real, other = _membership(A, genes), _membership(B, genes)
    yield _correlation(real, other)
    yield float(other[genes].mean())
    yield float(real[genes].mean())


def _membership(Z: Array, genes: NDArray[np.intp]) -> Array:
    """Return (n_genes,) the mean correlation of each gene with the genes of a module, itself left out."""
    summed = Z.T @ Z[:, genes].sum(axis=1)
    summed[genes] -= np.einsum("ij,ij->j", Z[:, genes], Z[:, genes])  # with itself: noise would find its way back too
    fellows = np.full(len(summed), float(len(genes)))
    fellows[genes] -= 1
    membership: Array = summed / fellows
    return membership


def _correlation(a: Array, b: Array) -> float:
    """Return Pearson's r; 0 where one of the two does not vary beyond rounding."""
    a, b = a - a.mean(), b - b.mean()
    lengths = np.linalg.norm(a) * np.linalg.norm(b)
    return float(a @ b / lengths) if lengths > 1e-12 * len(a) else 0.0
