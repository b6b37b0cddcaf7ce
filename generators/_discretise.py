"""Turns genes into bins and bins back into values: from quartiles of the data, or from noisy sums and public bounds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

from bench import Cohort, PluginError

BLOCK = 512  # genes handled at a time: bounds the memory at 20,000 genes
_WIDTH = 4.0  # scaled bins reach this many standard deviations to each side; what lies beyond is in the outer bins
_SATURATE = 2.5  # contrasts stop growing here, so that a far value of one gene cannot use up a sample's whole weight

# Bounds that hold for any cohort of these units, not for this one; counts are binned as log2(1 + count).
PUBLIC_RANGE: dict[str, tuple[float, float]] = {
    "vst": (0.0, 25.0),
    "log2": (0.0, 25.0),
    "counts": (0.0, 25.0),
    "intensity": (0.0, 25.0),
    "zscore": (-8.0, 8.0),
    "genotype": (0.0, 2.0),
}


def gene_blocks(n_genes: int) -> Iterator[slice]:
    """Yield slices that cover the genes, `BLOCK` at a time."""
    for start in range(0, n_genes, BLOCK):
        yield slice(start, min(start + BLOCK, n_genes))


def public_range(units: str, low: float | None, high: float | None) -> tuple[float, float]:
    """Return the bounds given, or those of the units where None is given."""
    usual = PUBLIC_RANGE[units]
    bounds = (usual[0] if low is None else low, usual[1] if high is None else high)
    if not bounds[0] < bounds[1]:
        raise PluginError(f"the public range of a gene is {bounds[0]} to {bounds[1]}; expected low < high.")
    return bounds


def binned_scale(X: ArrayLike, units: str) -> NDArray[np.float64]:
    """Return the values on the scale that is cut into bins: log2(1 + count) for counts, else as they are."""
    values = np.asarray(X, dtype=np.float64)
    return np.log2(1 + np.maximum(values, 0)) if units == "counts" else values


def original_scale(values: NDArray[np.float64], units: str) -> NDArray[np.float64]:
    """Return binned-scale values in the cohort's units; whole numbers for counts and genotypes."""
    if units == "counts":
        values = np.exp2(values) - 1
    whole: NDArray[np.float64] = np.rint(values)
    return whole if units in ("counts", "genotype") else values


class Bins(Protocol):
    """How every gene is cut into the same number of bins."""

    @property
    def n_bins(self) -> int:
        """Number of bins."""

    def codes(self, cohort: Cohort) -> NDArray[np.int8]:
        """Return the bin of each value, (n_samples, n_genes)."""

    def values(self, codes: NDArray[np.int8], genes: slice, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return a value for each bin of some genes, (n, len(genes))."""

    def location_contrast(self) -> NDArray[np.float64]:
        """Return a number for each bin that grows with the value and has about mean 0 and variance 1, (n_bins,)."""


@dataclass(frozen=True, eq=False)
class QuantileBins:
    """Bins between quantiles of the data, each brought back as the mean of the data in it, as published.

    Edges and means are exact statistics of the people: no budget covers them.

    Parameters
    ----------
    edges : (n_bins - 1, n_genes)
    means : (n_bins, n_genes); of an empty bin, the nearest edge
    """

    edges: NDArray[np.float64]
    means: NDArray[np.float64]

    @classmethod
    def of(cls, X: NDArray[np.float32], n_bins: int) -> Self:
        """Return the bins of equal counts of a matrix, (n_samples, n_genes)."""
        edges = np.quantile(X.astype(np.float64), np.arange(1, n_bins) / n_bins, axis=0)
        means = np.concatenate([edges[:1], edges])  # where a bin is empty
        codes = _digitise(X, edges)
        for k in range(n_bins):
            inside = codes == k
            counts = inside.sum(axis=0)
            sums = np.einsum("ng,ng->g", X, inside, dtype=np.float64)
            means[k] = np.where(counts > 0, sums / np.maximum(counts, 1), means[k])
        return cls(edges, means)

    @property
    def n_bins(self) -> int:
        """Number of bins."""
        return len(self.means)

    def codes(self, cohort: Cohort) -> NDArray[np.int8]:
        """Return the bin of each value, (n_samples, n_genes)."""
        return _digitise(cohort.X, self.edges)

    def values(self, codes: NDArray[np.int8], genes: slice, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return the mean of each bin, (n, len(genes))."""
        return np.take_along_axis(self.means[:, genes], codes.astype(np.intp), axis=0)

    def location_contrast(self) -> NDArray[np.float64]:
        """Return the standardised position of each bin, (n_bins,)."""
        position = np.arange(self.n_bins, dtype=np.float64)
        return orthonormal_contrasts(position, np.full(self.n_bins, 1 / self.n_bins), degree=1)[:, 0]


def _digitise(X: NDArray[np.float32], edges: NDArray[np.float64]) -> NDArray[np.int8]:
    codes = np.zeros(X.shape, dtype=np.int8)
    for edge in edges:  # far less memory than one comparison with all edges
        codes += np.greater_equal(X, edge)
    return codes


@dataclass(frozen=True, eq=False)
class ScaledBins:
    """Bins of equal width around a noisy centre of each gene, brought back by a uniform draw within the bin.

    Parameters
    ----------
    centre, scale : (n_genes,) on the binned scale; functions of noisy sums, never of the data
    low, high : public range; values beyond it are moved to it
    n_bins : number of bins, together `2 * 4` scales wide
    units : of the cohort
    """

    centre: NDArray[np.float64]
    scale: NDArray[np.float64]
    low: float
    high: float
    n_bins: int
    units: str

    @property
    def edges(self) -> NDArray[np.float64]:
        """All edges in units of `scale`, (n_bins + 1,); the outer bins also hold what lies beyond."""
        return np.linspace(-_WIDTH, _WIDTH, self.n_bins + 1)

    def codes(self, cohort: Cohort) -> NDArray[np.int8]:
        """Return the bin of each value, (n_samples, n_genes)."""
        codes = np.empty(cohort.X.shape, dtype=np.int8)
        for genes in gene_blocks(cohort.n_genes):
            values = np.clip(binned_scale(cohort.X[:, genes], self.units), self.low, self.high)
            codes[:, genes] = np.searchsorted(self.edges[1:-1], (values - self.centre[genes]) / self.scale[genes])
        return codes

    def values(self, codes: NDArray[np.int8], genes: slice, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return a uniform draw within each bin, (n, len(genes))."""
        z = self.edges[codes] + rng.random(codes.shape) * (self.edges[1] - self.edges[0])
        values = np.clip(self.centre[genes] + self.scale[genes] * z, self.low, self.high)
        return original_scale(values, self.units)

    def contrasts(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the standard normal's probability of each bin, (n_bins,), and two contrasts, (n_bins, 2).

        The contrasts are the linear and the quadratic polynomial that have mean 0 and variance 1 and are uncorrelated
        under that normal: one follows the location of a gene, the other its spread.
        """
        edges = self.edges
        reference = np.diff(ndtr(np.concatenate([[-np.inf], edges[1:-1], [np.inf]])))
        middle = np.clip((edges[1:] + edges[:-1]) / 2, -_SATURATE, _SATURATE)
        return reference, orthonormal_contrasts(middle, reference, degree=2)

    def location_contrast(self) -> NDArray[np.float64]:
        """Return the first of the `contrasts`, (n_bins,)."""
        return self.contrasts()[1][:, 0]


def orthonormal_contrasts(
    positions: NDArray[np.float64], weights: NDArray[np.float64], degree: int
) -> NDArray[np.float64]:
    """Return polynomials of mean 0 and variance 1 on weighted positions, growing at the right end, (n, degree)."""
    root = np.sqrt(weights)[:, None]
    q, _ = np.linalg.qr(root * np.vander(positions, degree + 1, increasing=True))
    contrasts: NDArray[np.float64] = (q / root)[:, 1:]
    rising: NDArray[np.float64] = contrasts * np.sign(contrasts[-1])
    return rising
