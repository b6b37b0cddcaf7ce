"""Maximum mean discrepancy with a bandwidth that fits the data, overall and within classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import nan

import numpy as np
from numpy.typing import NDArray

from bench import Cohort, Measure, fold_fact, metric

from ._distances import blocks, fit, kernel_of, kernel_sum, squared_distances
from ._shared import shared


@metric(
    "mmd_median",
    modalities="all",
    family="fidelity",
    measures=(
        Measure("mmd_median", "lower", -2, 2),
        Measure("mmd_median_holdout", "lower", -2, 2),
        Measure("mmd_median_base", "none", -2, 2),
        Measure("mmd_median_by_class", "lower", -2, 2),
    ),
    doi="10.48550/arXiv.1707.07269",
)
@dataclass(kw_only=True)
class MedianMMD:
    """Return the unbiased squared MMD with a Gaussian kernel whose width is the median distance of training samples.

    The published ``mmd`` has gamma = 1 / number of genes, whatever the spread of the genes: on other units its
    kernel is nearly 0 or nearly 1 everywhere and sees little. Here exp(-d^2 / (2 m)), m the median squared distance
    between training samples. ``mmd_median_by_class`` is the mean, over the classes with two samples or more on both
    sides, of the same within a class: what a wrong label or a lost class structure does. NaN where a cohort has
    fewer than two samples, or no class is left; 0 throughout if all samples of all cohorts are the same.
    """

    def __call__(
        self, train: Cohort, holdout: Cohort, synthetic: Cohort, *, rng: np.random.Generator
    ) -> Mapping[str, float]:
        """Return the four estimates."""
        width = _width(train)
        return {
            "mmd_median": _unbiased(train, synthetic, width),
            "mmd_median_holdout": _unbiased(holdout, synthetic, width),
            "mmd_median_base": _unbiased(train, holdout, width),
            "mmd_median_by_class": _by_class(train, synthetic, width),
        }


@shared
@fold_fact
def _width(train: Cohort) -> float:
    """Return twice the median squared distance between training samples; 1 if they are all the same."""
    if len(train) < 2:
        return 1.0
    return 2 * median_distance(train) or 1.0


def median_distance(cohort: Cohort) -> float:
    """Return the median squared distance between two samples of at least two, exactly, without keeping the distances.

    The bits of numbers that are not negative, read as integers, have the order of the numbers. One pass over all pairs
    counts the upper halves of the bits and finds that of the median, another the lower halves that go with it; with an
    even number of pairs the median lies between two.
    """
    pairs = len(cohort) * (len(cohort) - 1) // 2
    middle = np.array([(pairs - 1) // 2, pairs // 2])
    before = np.append(0, np.cumsum(_counts(cohort, None)))
    upper = np.searchsorted(before, middle, side="right") - 1
    lower = {half: np.cumsum(_counts(cohort, half)) for half in set(upper.tolist())}
    bits = [
        (half << 16) + int(np.searchsorted(lower[half], place, side="right"))
        for half, place in zip(upper.tolist(), middle - before[upper], strict=True)
    ]
    return float(np.array(bits, dtype=np.uint32).view(np.float32).mean())


def _counts(cohort: Cohort, half: int | None) -> NDArray[np.int64]:
    """Return how often each upper half, or with a given upper half each lower half, occurs among the distances."""
    counts = np.zeros(1 << 16, dtype=np.int64)
    for _, squared in blocks(cohort, cohort, upper=True):
        n_rows, n_columns = squared.shape
        bits = squared[np.arange(n_columns) > np.arange(n_rows)[:, None]].view(np.uint32)
        counts += np.bincount(bits >> 16 if half is None else bits[bits >> 16 == half] & 0xFFFF, minlength=1 << 16)
    return counts


def _unbiased(a: Cohort, b: Cohort, width: float) -> float:
    if min(len(a), len(b)) < 2:
        return nan
    within_a, within_b, between = (kernel_sum(*pair, width=width) for pair in ((a, a), (b, b), (a, b)))
    return _estimate(within_a, within_b, between, len(a), len(b))


def _estimate(within_a: float, within_b: float, between: float, n_a: int, n_b: int) -> float:
    """Return the unbiased estimate from the sums of three kernel matrices; on the diagonal within, the kernel is 1."""
    a, b = ((summed - n) / (n * (n - 1)) for summed, n in ((within_a, n_a), (within_b, n_b)))
    return a + b - 2 * (between / (n_a * n_b))


def _by_class(train: Cohort, synthetic: Cohort, width: float) -> float:
    if min(len(train), len(synthetic)) < 2:
        return nan
    found = []
    for label in train.classes:
        i, j = np.flatnonzero(train.y == label), np.flatnonzero(synthetic.y == label)
        if min(len(i), len(j)) > 1:
            found.append(_of_class(train, synthetic, i, j, width))
    return float(np.mean(found)) if found else nan


def _of_class(train: Cohort, synthetic: Cohort, i: NDArray[np.intp], j: NDArray[np.intp], width: float) -> float:
    """Return the estimate between rows i of the training and rows j of the synthetic samples."""
    if not (fit(train, train) and fit(synthetic, synthetic)):
        return _unbiased(train.take(i), synthetic.take(j), width)
    parts = ((train, train, i, i), (synthetic, synthetic, j, j), (train, synthetic, i, j))
    kernels = [kernel_of(squared_distances(a, b)[np.ix_(p, q)], width) for a, b, p, q in parts]
    aa, bb, ab = (float(kernel.sum(dtype=np.float64)) for kernel in kernels)
    return _estimate(aa, bb, ab, len(i), len(j))
