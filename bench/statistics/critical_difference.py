"""Says which generators the folds can tell apart: all pairs at once, and how probable it is that two are as good.

The critical-difference diagram of Demsar (2006) rests on Nemenyi's test, which takes folds for independent data. Here
every pair is tested with the variance corrected for overlapping training sets, and Holm's correction pays for them all.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import stdtr

from bench.statistics.comparison import Floats, holm

ROPE = 0.01  # differences of shares below one point are of no practical account (Benavoli et al. 2017)


@dataclass(frozen=True, eq=False)
class Ranking:
    """Mean ranks, best first, and which pairs are told apart.

    Parameters
    ----------
    labels : generators in the order of their mean rank
    mean_ranks : (n,), 1 is best; equal values share the mean of their ranks
    p_values : (n, n), two-sided, Holm-corrected over all pairs; 1 on the diagonal
    groups : first and last place of each longest run of neighbours among whom no pair is told apart
    """

    labels: list[str]
    mean_ranks: Floats
    p_values: Floats
    groups: list[tuple[int, int]]


def ranking(labels: list[str], values: Floats, test_per_train: float, level: float = 0.05) -> Ranking:
    """Return the mean ranks of generators over folds, with the groups that the folds cannot tell apart.

    Parameters
    ----------
    values : (n, k), larger is better, k folds (and seeds) that all generators have
    test_per_train : held-out people per training person, 1/4 in fivefold cross-validation

    Raises
    ------
    ValueError
        If there are fewer than two generators or folds.

    References
    ----------
    Demsar (2006), JMLR 7:1 (the diagram); Nadeau and Bengio (2003), doi:10.1023/A:1024068626366 (the test);
    Holm (1979), Scandinavian Journal of Statistics 6:65 (the correction).
    """
    if min(values.shape) < 2:
        raise ValueError(f"{values.shape[0]} generators on {values.shape[1]} folds; a ranking needs two of each.")
    mean_ranks = pd.DataFrame(-values).rank().to_numpy().mean(axis=1)
    order = np.lexsort((-values.mean(axis=1), mean_ranks))
    p_values = _holm(_pairwise(values[order], test_per_train))
    return Ranking([labels[i] for i in order], mean_ranks[order], p_values, _runs(p_values >= level))


def _pairwise(values: Floats, test_per_train: float) -> Floats:
    """Return (n, n) two-sided p values of the corrected resampled t test; twins cannot be told apart."""
    k = values.shape[1]
    differences = values[:, None] - values[None]  # (n, n, k)
    means = np.abs(differences.mean(axis=2))
    errors = np.sqrt((1 / k + test_per_train) * differences.var(axis=2, ddof=1))
    with np.errstate(divide="ignore", invalid="ignore"):
        found: Floats = 2 * stdtr(k - 1, -means / errors)  # a constant difference is told apart for certain
    return np.where((errors == 0) & (means == 0), 1.0, found)


def _holm(p_values: Floats) -> Floats:
    """Return symmetric p values after Holm's correction over the pairs."""
    rows, columns = np.triu_indices(len(p_values), 1)
    corrected = np.ones_like(p_values)
    corrected[rows, columns] = corrected[columns, rows] = holm(p_values[rows, columns])
    return corrected


def _runs(alike: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return the longest runs of places, of two or more, in which every pair is alike."""
    found: list[tuple[int, int]] = []
    for first in range(len(alike)):
        last = first
        while last + 1 < len(alike) and alike[first : last + 2, first : last + 2].all():
            last += 1
        if last > first and (not found or last > found[-1][1]):
            found.append((first, last))
    return found


@dataclass(frozen=True)
class Posterior:
    """How probable it is that one generator is worse than another, practically as good, or better; NaN on one fold."""

    worse: float
    same: float
    better: float


def posterior(differences: Floats, test_per_train: float, rope: float = ROPE) -> Posterior:
    """Return the Bayesian correlated t test of paired differences; differences within `rope` of 0 count as none.

    With a flat prior the mean difference has a Student distribution, whose variance knows that training sets overlap.

    Parameters
    ----------
    differences : (k,) one generator minus the other on each fold, larger is better

    References
    ----------
    Corani and Benavoli (2015), doi:10.1007/s10994-015-5486-z; the region: Benavoli et al. (2017), JMLR 18:77.
    """
    k, mean = len(differences), float(np.mean(differences))
    if k < 2:
        return Posterior(math.nan, math.nan, math.nan)
    error = math.sqrt((1 / k + test_per_train) * float(np.var(differences, ddof=1)))
    if error == 0:
        return Posterior(float(mean < -rope), float(abs(mean) <= rope), float(mean > rope))
    below, above = stdtr(k - 1, (-rope - mean) / error), stdtr(k - 1, (mean - rope) / error)
    return Posterior(float(below), float(1 - below - above), float(above))
