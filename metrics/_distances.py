"""Squared Euclidean distances between two cohorts, computed once for all the measures that need them.

Up to `_KEEP` pairs of samples one matrix holds them all and is kept. A larger matrix never exists: its rows are
computed in blocks, again for each measure that asks, so that memory grows with the samples, not with their square.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from bench import Cohort, fold_fact

from ._shared import shared

_KEEP = 1 << 24  # pairs: 4,096 samples with themselves, 67 MB
_BLOCK = 1 << 23  # pairs in a block of a larger matrix, whose sums in float64 take 64 MB
_FEWEST_ROWS = 64  # of a block: with fewer a matrix product does not pay


def blocks(a: Cohort, b: Cohort, *, upper: bool = False) -> Iterator[tuple[slice, NDArray[np.float32]]]:
    """Yield rows of a and their squared distances, (n_rows, n_b), read-only; ask always in the same order of cohorts.

    Of a cohort with itself, `upper` leaves out the columns before the first row of a block: (n_rows, n - rows.start).
    """
    if fit(a, b):
        yield slice(0, len(a)), squared_distances(a, b)
        return
    centre = a.X.mean(axis=0, dtype=np.float64)
    B = b.X - centre  # (n_b, n_genes) float64
    norms = np.einsum("ij,ij->i", B, B)
    step = max(_FEWEST_ROWS, _BLOCK // len(b))
    for start in range(0, len(a), step):
        rows = slice(start, min(start + step, len(a)))
        first = start if upper else 0
        yield rows, _squared(B[rows] if b is a else a.X[rows] - centre, B[first:], norms[first:])


def fit(a: Cohort, b: Cohort) -> bool:
    """Return whether one matrix holds all distances between a and b."""
    return len(a) * len(b) <= _KEEP


@shared
def squared_distances(a: Cohort, b: Cohort) -> NDArray[np.float32]:
    """Return the (n_a, n_b) squared distances, read-only; for cohorts that `fit`.

    |a - b|^2 = |a|^2 + |b|^2 - 2 a.b, after both were centred on the mean of a, in float64: about twelve digits at 978
    genes. What is left of the rounding there (below 1e-12 of the two norms) is cut to exactly 0, so that a copy lies at
    distance 0. The result is rounded to float32, seven digits: distances that are equal become exactly equal, and
    3,458 x 3,458 of them fit in 48 MB.
    """
    centre = a.X.mean(axis=0, dtype=np.float64)
    A = a.X - centre  # (n_a, n_genes) float64
    B = A if b is a else b.X - centre
    return _squared(A, B, np.einsum("ij,ij->i", B, B))


def _squared(A: NDArray[np.float64], B: NDArray[np.float64], norms: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the (n_a, n_b) squared distances between rows; `norms` are the squared lengths of those of B."""
    own = np.einsum("ij,ij->i", A, A)
    product = A @ B.T  # (n_a, n_b); one triangle's work where B is A
    product *= -2
    product += own[:, None]
    product += norms
    product[product <= 1e-12 * (own[:, None] + norms)] = 0
    squared: NDArray[np.float32] = product.astype(np.float32)
    squared.setflags(write=False)
    return squared


@shared
@fold_fact
def nearest(a: Cohort, b: Cohort) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    """Return, for each sample of b, the squared distance to the nearest of a and which one it is (the first, if tied).

    Both are (n_b,); a has at least one sample.
    """
    least, which = np.full(len(b), np.inf, dtype=np.float32), np.zeros(len(b), dtype=np.intp)
    for rows, squared in blocks(a, b):
        index = squared.argmin(axis=0)
        found = squared[index, np.arange(len(b))]
        closer = found < least
        least[closer], which[closer] = found[closer], rows.start + index[closer]
    return least, which


@shared
@fold_fact
def neighbour_distance(cohort: Cohort, *, k: int) -> NDArray[np.float32]:
    """Return (n,) squared distances from each sample to its k-th neighbour in its cohort, of more than k samples."""
    found = np.empty(len(cohort), dtype=np.float32)
    for rows, squared in blocks(cohort, cohort):
        others = squared.copy()
        others[np.arange(len(others)), np.arange(rows.start, rows.stop)] = np.inf
        others.partition(k - 1, axis=1)
        found[rows] = others[:, k - 1]
    return found


@shared
@fold_fact
def kernel_sum(a: Cohort, b: Cohort, *, width: float) -> float:
    """Return the sum over all pairs of exp(-d^2 / width); of a cohort with itself, each pair counts twice."""
    total = 0.0
    for rows, squared in blocks(a, b, upper=b is a):
        kernel = kernel_of(squared, width)
        once = rows.stop - rows.start if b is a else len(b)  # columns; those after them stand for their mirror, too
        total += float(kernel[:, :once].sum(dtype=np.float64)) + 2 * float(kernel[:, once:].sum(dtype=np.float64))
    return total


def kernel_of(squared: NDArray[np.float32], width: float) -> NDArray[np.float32]:
    """Return exp(-d^2 / width) of squared distances."""
    kernel = squared * np.float32(-1 / width)
    values: NDArray[np.float32] = np.exp(kernel, out=kernel)
    return values
