"""Non-negative factors of a cohort, V = X - lowest ~ W H; what `nmf_cvae`, `nmf` and `p_nmf` share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import NMF

from bench import integer_seed


@dataclass(frozen=True)
class Factors:
    """The part of the model that belongs to the genes: their lowest values and the basis.

    Parameters
    ----------
    lowest : (n_genes,) the value that stands for zero; the shift that makes the matrix non-negative
    basis : (rank, n_genes) H, non-negative
    """

    lowest: NDArray[np.float64]
    basis: NDArray[np.float64]

    def back(self, coefficients: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return W H + lowest, in the genes' own units, for coefficients W (n, rank)."""
        values: NDArray[np.float64] = coefficients @ self.basis + self.lowest
        return values


def factorise(
    X: NDArray[np.float32], rank: int, passes: int, rng: np.random.Generator
) -> tuple[NDArray[np.float64], Factors]:
    """Return W (n, rank), each column of standard deviation 1, and the factors; genes count from their minimum in X.

    VST and log values may be negative, and their zero means nothing, so the shift is per gene. The rank is at most the
    smaller side of the matrix. The number of passes of coordinate descent is fixed: a run costs what it is known to.
    """
    lowest = X.min(axis=0).astype(np.float64)
    model = NMF(min(rank, *X.shape), init="nndsvda", max_iter=passes, tol=0, random_state=integer_seed(rng))
    coefficients = model.fit_transform(X - lowest)
    spread = coefficients.std(axis=0)  # (rank,)
    size = np.where(spread > 0, spread, 1.0)  # W and H are only known up to such a scale
    return coefficients / size, Factors(lowest, model.components_ * size[:, None])


def jitter(values: NDArray[np.float64], noise: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return the values plus Gaussian noise of `noise` times the standard deviation of their row, cut at 0."""
    scale = noise * values.std(axis=1, keepdims=True)
    jittered: NDArray[np.float64] = np.maximum(values + scale * rng.standard_normal(values.shape), 0)
    return jittered
