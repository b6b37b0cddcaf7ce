"""One-sided Wilcoxon rank-sum tests between every pair of classes, with one sort of each gene for all of them."""

from __future__ import annotations

from math import inf

import numpy as np
from numpy.typing import NDArray

from bench import Cohort, fold_fact

from ._shared import shared

Array = NDArray[np.float64]
Counts = NDArray[np.float32] | NDArray[np.float64]
SHIFTS = (0.0, 0.5, 1.0)  # log-fold changes that a difference has to exceed
_WHOLE = 1 << 24  # below, single precision holds every whole number
SMALLEST_CLASS = 3  # samples; with fewer, nothing is said of a class


@shared
@fold_fact
def rank_sum_scores(cohort: Cohort, *, labels: tuple[str, ...]) -> Array:
    """Return (2, n_shifts, n_pairs, n_genes) standard scores of the tests; the larger, the smaller the p-value.

    Pairs are those of ``np.triu_indices``. The first half tests whether the first class lies above the second by more
    than the shift, the second half whether it lies below by more. Normal approximation with the corrections for ties
    and continuity. The score is minus infinity (p = 1) where nothing can be said: a class has fewer than three samples,
    or all values are equal.
    """
    member = cohort.y[:, None] == np.array(labels, dtype=np.str_)
    member &= member.sum(axis=0) >= SMALLEST_CLASS
    rows = member.any(axis=1)
    # counts are whole numbers, which single precision adds up exactly as long as they are below 2^24
    exact = np.float32 if 2 * int(member.sum(axis=0).max(initial=0)) ** 2 < _WHOLE else np.float64
    X, one_hot = np.ascontiguousarray(cohort.X[rows].T), member[rows].astype(exact)  # (n_genes, n), (n, n_classes)
    first, second = np.triu_indices(len(labels), 1)
    scores = np.empty((2, len(SHIFTS), len(first), cohort.n_genes))
    for gene, own in enumerate(X):
        values = own.astype(np.float64)
        order = np.argsort(values, kind="stable")
        z = _scores_of_one_gene(values[order], one_hot[order])
        scores[0, :, :, gene], scores[1, :, :, gene] = z[:, first, second], z[:, second, first]
    return scores


def _scores_of_one_gene(values: Array, one_hot: Counts) -> Array:
    """Return (n_shifts, n_classes, n_classes) scores for "class a lies above class b"; the diagonal means nothing.

    Parameters
    ----------
    values : (n,) sorted
    one_hot : (n, n_classes) the class of each
    """
    below = np.zeros((len(one_hot) + 1, one_hot.shape[1]), dtype=one_hot.dtype)
    np.cumsum(one_hot, axis=0, out=below[1:])  # (n + 1, n_classes)
    size = below[-1].astype(np.float64)
    pairs, total = size[:, None] * size, size[:, None] + size
    scores = np.empty((len(SHIFTS), len(size), len(size)))
    for k, shift in enumerate(SHIFTS):
        moved = values - shift
        low, high = (np.searchsorted(values, moved, side) for side in ("left", "right"))
        met = below.take(low, axis=0)
        met += below.take(high, axis=0)
        wins = (one_hot.T @ met).astype(np.float64) / 2  # of class a over class b, a tie is half a win
        tied = _tie_sums(values, moved, moved[high > low] if shift else moved[:0], below)
        variance = pairs / 12 * (total + 1 - tied / np.maximum(total * (total - 1), 1))
        some = variance > 1e-9 * pairs
        scores[k] = np.where(some, (wins - pairs / 2 - 0.5) / np.sqrt(np.where(some, variance, 1)), -inf)
    return scores


def _tie_sums(values: Array, moved: Array, met: Array, below: Counts) -> Array:
    """Return (n_classes, n_classes) the sum of t^3 - t over groups of t equal values among moved a and unmoved b.

    Parameters
    ----------
    values, moved : (n,) sorted, before and after the shift
    met : moved values that equal an unmoved one
    below : (n + 1, n_classes) samples of each class before each position
    """
    twice = values[1:][values[1:] == values[:-1]]
    if len(twice) + len(met) == 0:
        return np.zeros((below.shape[1],) * 2)
    groups = np.unique(np.concatenate([twice, moved[1:][moved[1:] == moved[:-1]], met]))
    a, b = (
        (below[np.searchsorted(sample, groups, "right")] - below[np.searchsorted(sample, groups, "left")]).astype(float)
        for sample in (moved, values)
    )  # (n_groups, n_classes) how many of each class
    cubes: Array = (a**3 - a).sum(axis=0)[:, None] + (b**3 - b).sum(axis=0) + 3 * ((a**2).T @ b + a.T @ b**2)
    return cubes
