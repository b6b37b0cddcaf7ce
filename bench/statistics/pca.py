"""Principal components that are fitted on one cohort and then shared: a basis per cohort makes any two look alike."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.core.errors import DataError
from bench.core.records import Records


@dataclass(frozen=True, eq=False)
class Basis:
    """Principal components of one cohort: ``project`` puts any cohort of the same genes among them.

    Parameters
    ----------
    genes : column names, in order
    mean : (n_genes,)
    axes : (n_genes, n_axes), orthonormal; the largest loading of each is positive
    explained : (n_axes,) shares of the variance
    """

    genes: tuple[str, ...]
    mean: NDArray[np.float64]
    axes: NDArray[np.float64]
    explained: NDArray[np.float64]

    def project(self, cohort: Records) -> NDArray[np.float64]:
        """Return (n_samples, n_axes) coordinates."""
        if cohort.genes != self.genes:
            raise DataError("a cohort has other genes, or another order of genes, than the basis; they must agree.")
        plane: NDArray[np.float64] = (cohort.X - self.mean) @ self.axes
        return plane


def fit_basis(real: Records, n_axes: int = 2) -> Basis:
    """Return the first principal components of a cohort, two unless more are wanted (and there are so many)."""
    mean = real.X.mean(axis=0, dtype=np.float64)
    _, lengths, rows = np.linalg.svd(real.X - mean, full_matrices=False)
    axes = rows[:n_axes].T  # (n_genes, n_axes)
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])
    return Basis(real.genes, mean, axes, lengths[:n_axes] ** 2 / np.sum(lengths**2))
