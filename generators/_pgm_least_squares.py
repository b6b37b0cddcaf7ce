"""The label x gene tables nearest to noisy ones: an exact, separable least-squares problem.

The unknowns are non-negative tables that agree on the number of samples in each class. Given those numbers every row of
every table is a projection onto a simplex; the numbers themselves are the zero of a monotone, piecewise linear function
in one unknown per class. mbi's generic estimators search the same minimum by message passing through a compiled graph.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class NoisyStar:
    """Noisy marginals of a star, and the standard deviation of their noise.

    Parameters
    ----------
    tables, tables_sd : (n_genes, n_classes, n_bins)
    genes, genes_sd : (n_genes, n_bins)
    labels, labels_sd : (n_classes,)
    """

    tables: Array
    tables_sd: float
    genes: Array
    genes_sd: float
    labels: Array
    labels_sd: float

    def loss(self, tables: Array) -> float:
        """Return half the sum of squared differences, each in units of its noise; what mbi's loss also is."""
        parts = (
            (tables - self.tables) / self.tables_sd,
            (tables.sum(axis=1) - self.genes) / self.genes_sd,
            (tables.sum(axis=2).mean(axis=0) - self.labels) / self.labels_sd,
        )
        return 0.5 * float(sum((part**2).sum() for part in parts))


def least_squares_star(noisy: NoisyStar, total: float, tolerance: float = 1e-9, rounds: int = 2_000) -> Array:
    """Return the consistent non-negative tables of this total with the smallest `NoisyStar.loss`.

    Accelerated projected gradient steps; the projection, and with it the label marginal, is exact. The problem is
    strongly convex with a condition number near 1 + n_classes, so that some dozens of steps reach `tolerance`,
    the largest change of a cell as a share of the total.
    """
    w2, w1, w0 = noisy.tables_sd**-2, noisy.genes_sd**-2, noisy.labels_sd**-2
    curvature = w2 + noisy.tables.shape[1] * w1  # the largest; the smallest is w2
    momentum = (1 - np.sqrt(w2 / curvature)) / (1 + np.sqrt(w2 / curvature))
    tables = project_star(noisy.tables, total, noisy.labels, w0 / w2)
    ahead = tables
    for _ in range(rounds):
        slope = w2 * (ahead - noisy.tables) + w1 * (ahead.sum(axis=1, keepdims=True) - noisy.genes[:, None])
        following = project_star(ahead - slope / curvature, total, noisy.labels, w0 / curvature)
        moved = np.abs(following - tables).max()
        ahead = following + momentum * (following - tables)
        tables = following
        if moved <= tolerance * total:
            break
    return tables


def project_star(tables: Array, total: float, labels: Array, label_weight: float) -> Array:
    """Return the nearest non-negative tables that agree on class sizes which add up to the total.

    Parameters
    ----------
    tables : (n_genes, n_classes, n_bins) any values
    total : sum of every returned table
    labels : (n_classes,) class sizes that the result is also held near to
    label_weight : weight of a squared class size error against a squared cell error; 0 for none
    """
    rows = _Rows.of(tables)
    sizes = np.full(tables.shape[1], total / tables.shape[1])
    price = float(np.mean(rows.threshold(sizes)[0].sum(axis=0) - label_weight * (sizes - labels)))
    for _ in range(100):
        sizes, slope = _sizes_at(price, sizes, rows, labels, label_weight)
        excess = sizes.sum() - total
        if abs(excess) <= 1e-12 * max(total, 1):
            break
        free = sizes > 0
        # All classes empty: the price is too high by at least what brings back the first of them.
        price += excess / (1 / slope[free]).sum() if free.any() else excess * slope.min()
    thresholds, _ = rows.threshold(sizes)
    nearest: Array = np.maximum(tables - thresholds[..., None], 0)
    return nearest


def _sizes_at(price: float, sizes: Array, rows: _Rows, labels: Array, label_weight: float) -> tuple[Array, Array]:
    """Return the class sizes at which the thresholds of a class sum to the price, and the slopes there.

    The sum of thresholds falls with the size, in pieces that are straight and convex: Newton's method does not fail.
    """
    slope = np.ones(len(sizes))
    for _ in range(100):
        thresholds, width = rows.threshold(sizes)
        short = thresholds.sum(axis=0) - label_weight * (sizes - labels) - price
        slope = (1 / width).sum(axis=0) + label_weight
        following = np.maximum(sizes + short / slope, 0)
        done = np.abs(following - sizes).max() <= 1e-12 * max(sizes.max(), 1)
        sizes = following
        if done:
            break
    return sizes, slope


@dataclass(frozen=True, eq=False)
class _Rows:
    """Every row of every table, sorted, so that its projection onto a simplex of any size is looked up."""

    sums: Array  # (n_genes, n_classes, n_bins) sums of the 1, 2, ... largest cells
    starts: Array  # (n_genes, n_classes, n_bins) simplex size from which that many cells are positive; rising

    @classmethod
    def of(cls, tables: Array) -> _Rows:
        largest_first = -np.sort(-tables, axis=2)
        sums = largest_first.cumsum(axis=2)
        return cls(sums, sums - np.arange(1, tables.shape[2] + 1) * largest_first)

    def threshold(self, sizes: Array) -> tuple[Array, NDArray[np.intp]]:
        """Return what is taken off every cell of a row to give it this sum, and how many cells stay positive."""
        width = np.maximum((self.starts < sizes[None, :, None]).sum(axis=2), 1)  # (n_genes, n_classes)
        largest = np.take_along_axis(self.sums, width[..., None] - 1, axis=2)[..., 0]
        return (largest - sizes[None, :]) / width, width
