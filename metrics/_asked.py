"""Who is asked about when a release is held against its members, and how it is answered from a release or from others.

The people are cut into halves: what is learned about one, such as which of several ways to guess works best, is learned
from the other, so that choosing costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from bench import Cohort

Array = NDArray[np.float64]
_BLOCK = 1 << 23  # pairs of people compared at once


@dataclass(frozen=True, eq=False)
class Asked:
    """Members and others, in two halves.

    Parameters
    ----------
    X : (n, n_genes) float32
    y : (n,) str
    member : (n,) bool
    half : (n,) 0 or 1
    """

    X: NDArray[np.float32]
    y: NDArray[np.str_]
    member: NDArray[np.bool_]
    half: NDArray[np.intp]

    def parted(self) -> tuple[Asked, Asked]:
        """Return a third of the others, who stand for the population and are asked nothing, and everybody else."""
        others = np.flatnonzero(~self.member)
        aside = others[: len(others) // 3]
        return self._of(aside), self._of(np.delete(np.arange(len(self.member)), aside))

    def _of(self, rows: NDArray[np.intp]) -> Asked:
        return Asked(self.X[rows], self.y[rows], self.member[rows], self.half[rows])


def asked(train: Cohort, holdout: Cohort, rng: np.random.Generator, *, most: int = 1000) -> Asked | None:
    """Return at most so many members and as many others, in random order; None if a kind has fewer than six."""
    if min(len(train), len(holdout)) < 6:
        return None
    chosen = [rng.permutation(len(cohort))[:most] for cohort in (train, holdout)]
    both = list(zip((train, holdout), chosen, strict=True))
    return Asked(
        np.concatenate([cohort.X[rows] for cohort, rows in both]),
        np.concatenate([cohort.y[rows] for cohort, rows in both]),
        np.repeat([True, False], [len(rows) for rows in chosen]),
        np.concatenate([np.arange(len(rows)) % 2 for rows in chosen]),
    )


def nearest(people: NDArray[np.float32], others: NDArray[np.float32]) -> tuple[NDArray[np.intp], Array]:
    """Return for each of the people who of the others is nearest (the first, if tied) and the squared distance.

    Both are (n_people,). A copy lies at distance 0.
    """
    centre = others.mean(axis=0, dtype=np.float64).astype(np.float32)
    B = others - centre
    norms = np.einsum("ij,ij->i", B, B)
    which, found = np.empty(len(people), dtype=np.intp), np.empty(len(people))
    for rows in _blocks(len(people), len(others)):
        which[rows] = (norms - 2 * (people[rows] - centre) @ B.T).argmin(axis=1)
        apart = people[rows].astype(np.float64) - others[which[rows]]
        found[rows] = np.einsum("ij,ij->i", apart, apart)
    return which, found


def _blocks(n: int, others: int) -> Iterator[slice]:
    step = max(1, _BLOCK // others)
    return (slice(start, min(start + step, n)) for start in range(0, n, step))


def regress(known: Array, hidden: Array, asked: Array, ridge: float) -> Array:
    """Return what ridge regression makes of hidden values, (n_asked, n_hidden).

    Parameters
    ----------
    known, hidden : (n, n_known) and (n, n_hidden), of the people that are learned from
    asked : (n_asked, n_known)
    ridge : in units of the mean variance of a known gene
    """
    middle, level = known.mean(axis=0), hidden.mean(axis=0)
    A, B = known - middle, hidden - level
    n, n_known = A.shape
    scale = max(float(np.einsum("ij,ij->", A, A)) / n_known, 1e-12)  # n times the mean variance
    if n > n_known:
        return np.asarray((asked - middle) @ _solve(A.T @ A, ridge * scale, A.T @ B) + level, dtype=np.float64)
    weights = A.T @ _solve(A @ A.T, ridge * scale, B)
    return np.asarray((asked - middle) @ weights + level, dtype=np.float64)


def _solve(matrix: Array, shift: float, right: Array) -> Array:
    matrix.flat[:: len(matrix) + 1] += shift
    return np.asarray(cho_solve(cho_factor(matrix, lower=True, overwrite_a=True), right), dtype=np.float64)
