"""Compares generators with honest uncertainty: paired differences, rankings under resampling, the trade-off's front.

Folds share training people, so that their scores are not independent, and the usual interval of a mean is too short.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import stdtrit

from bench.core.seeds import stream

Floats = NDArray[np.float64]
RESAMPLES = 2000


@dataclass(frozen=True)
class Interval:
    """A mean and the ends of its interval; NaN where one fold alone says nothing about the spread."""

    mean: float
    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        """True if the interval lies on one side of zero."""
        return self.low > 0 or self.high < 0


def corrected_interval(values: Floats, test_per_train: float, confidence: float = 0.95) -> Interval:
    """Return the mean over folds with its corrected resampled t interval.

    The variance of the mean is s^2 (1/k + n_test / n_train), not s^2 / k, because training sets overlap.

    Parameters
    ----------
    values : (k,) one number per fold and seed, or one paired difference
    test_per_train : held-out people per training person, 1/4 in fivefold cross-validation

    References
    ----------
    Nadeau and Bengio (2003), Inference for the generalization error, doi:10.1023/A:1024068626366.

    Examples
    --------
    >>> interval = corrected_interval([0.80, 0.82, 0.81, 0.83, 0.79], test_per_train=1 / 4)
    >>> round(interval.low, 3), round(interval.high, 3)
    (0.781, 0.839)
    """
    k, mean = len(values), float(np.mean(values)) if len(values) else math.nan
    if k < 2:
        return Interval(mean, math.nan, math.nan)
    error = math.sqrt((1 / k + test_per_train) * float(np.var(values, ddof=1)))
    reach = float(stdtrit(k - 1, (1 + confidence) / 2)) * error
    return Interval(mean, mean - reach, mean + reach)


def holm(p_values: Floats) -> Floats:
    """Return p values corrected for their number, (n,); equal ones stay equal, and NaN counts as none.

    References
    ----------
    Holm (1979), Scandinavian Journal of Statistics 6:65.

    Examples
    --------
    >>> holm(np.array([0.01, 0.04, 0.03])).round(6).tolist()
    [0.03, 0.06, 0.06]
    """
    order = np.argsort(p_values, kind="stable")  # NaN last
    left = np.arange(np.isfinite(p_values).sum(), np.isfinite(p_values).sum() - len(p_values), -1)
    corrected = np.full(len(p_values), math.nan)
    corrected[order] = np.minimum(np.maximum.accumulate(p_values[order] * left), 1)
    return corrected


def by_fold(values: pd.DataFrame, labels: list[str]) -> Floats:
    """Return (n_labels, n_folds) values of each generator on the folds that all of them have.

    Parameters
    ----------
    values : columns label, seed, fold, value; one row each
    labels : which generators, in this order
    """
    table = values.pivot_table(index="label", columns=["seed", "fold"], values="value", dropna=False)
    found: Floats = table.reindex(labels).dropna(axis=1).to_numpy(dtype=np.float64)
    return found


def resampled_means(values: Floats, seed: int = 0) -> Floats:
    """Return (n_resamples, n_labels, ...) means over folds drawn with replacement, the same folds for everybody.

    Parameters
    ----------
    values : (n_labels, n_folds) or (n_labels, n_folds, n_measures)
    """
    k = values.shape[1]
    draws = stream(seed, "comparison", k).integers(k, size=(RESAMPLES, k))
    means: Floats = np.moveaxis(values[:, draws].mean(axis=2), 1, 0)
    return means


def ranks(means: Floats) -> NDArray[np.intp]:
    """Return (n_resamples, n_labels) ranks, 1 for the largest mean; equal means share the better rank."""
    order = np.sort(-means, axis=1)
    found: NDArray[np.intp] = 1 + np.array([np.searchsorted(o, -m) for o, m in zip(order, means, strict=True)])
    return found


def on_front(points: Floats) -> NDArray[np.bool_]:
    """Return who is dominated by nobody, (..., n): another one at least as good in both and better in one dominates.

    Parameters
    ----------
    points : (..., n, 2), larger is better in both
    """
    others, own = points[..., None, :, :], points[..., :, None, :]
    better = (others >= own).all(axis=-1) & (others > own).any(axis=-1)  # (..., n, n): the second dominates the first
    free: NDArray[np.bool_] = np.logical_not(better.any(axis=-1))
    return free


def control_scaled(value: float, controls: list[float], higher_is_better: bool) -> float:
    """Return a value on the scale of the controls: 0 is the worst one, 1 the best; NaN if they do not differ."""
    known = [c for c in controls if not math.isnan(c)]
    if len(known) < 2 or max(known) == min(known):
        return math.nan
    worst, best = (min(known), max(known)) if higher_is_better else (max(known), min(known))
    return (value - worst) / (best - worst)
