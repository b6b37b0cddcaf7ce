"""Means over folds of numbers that are 0 where nothing leaks, and how probable they are if nothing does."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import ndtr, ndtri

from bench.statistics.membership import LEVEL

_Z = float(ndtri(0.5 + LEVEL / 2))


@dataclass(frozen=True)
class Leak:
    """A mean over folds with its 95 % interval, and the probability of so much or more if nothing leaks.

    Parameters
    ----------
    value, low, high, p_value : NaN where no fold has a number
    n_ok, n_planned : folds that have a number with an interval, and all
    """

    value: float
    low: float
    high: float
    p_value: float
    n_ok: int
    n_planned: int


def leak_over_folds(rows: pd.DataFrame) -> Leak:
    """Return the mean of one measure of one release over its folds, its interval and its one-sided p value.

    The standard error is that of independent folds, as for attacks (`strongest_attack`). A mean of 0 has a p value of
    1/2, also where its error is 0.

    Parameters
    ----------
    rows : columns value, low, high, status, one row per fold and seed

    Examples
    --------
    >>> import pandas as pd
    >>> fold = {"value": 0.2, "low": 0.1, "high": 0.3, "status": "ok"}
    >>> found = leak_over_folds(pd.DataFrame([fold] * 4))
    >>> round(found.low, 6), round(found.high, 6), found.p_value < 1e-9
    (0.15, 0.25, True)
    """
    good = rows[(rows["status"] == "ok") & rows[["value", "low", "high"]].notna().all(axis=1)]
    if good.empty:
        return Leak(math.nan, math.nan, math.nan, math.nan, 0, len(rows))
    value, low, high = (good[name].to_numpy(dtype=np.float64) for name in ("value", "low", "high"))
    mean, down, up = float(value.mean()), *(float(np.linalg.norm(e - value)) / len(value) for e in (low, high))
    above = mean / down * _Z if down > 0 else math.inf
    p_value = float(ndtr(-(math.copysign(above, mean) if mean else 0.0)))
    return Leak(mean, mean - down, mean + up, p_value, len(good), len(rows))
