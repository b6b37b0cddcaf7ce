"""What a release tells about members beyond what it tells about others, with intervals.

Each estimate is 0 where being a member makes no difference, however much science a release passes on, and 1 where it
tells everything. Below 0 the release tells less about members than about others. All intervals are 95 %.
"""

from __future__ import annotations

from math import nan, sqrt

import numpy as np
from numpy.typing import NDArray

from bench import Estimate

Array = NDArray[np.float64]
Z = 1.959963984540054  # of a 95 % interval
UNDEFINED = Estimate(nan)


def success_rate(successes: float, attempts: int) -> tuple[float, float]:
    """Return the Wilson centre of a rate of success and the half-width of its interval (doi:10.2307/2276774)."""
    whole = attempts + Z**2
    spread = sqrt(successes * (attempts - successes) / attempts + Z**2 / 4)
    return (successes + Z**2 / 2) / whole, Z / whole * spread


def residual_risk(attack: tuple[float, float], control: tuple[float, float]) -> Estimate:
    """Return which share of the successes that others leave to be had is had on members.

    (attack - control) / (1 - control), each a rate and its half-width, errors propagated (Giomi, Boenisch, Wehmeyer and
    Tasnadi 2023, doi:10.56553/popets-2023-0055). They cut it to [0, 1], which hides in a mean over folds that it is 0.
    """
    (rate, error), (others, error_others) = attack, control
    left = 1 - others
    if left <= 0:
        return UNDEFINED
    value = (rate - others) / left
    reach = sqrt((error / left) ** 2 + (error_others * (1 - rate) / left**2) ** 2)
    return Estimate(value, value - reach, value + reach)


def share_gone(errors: Array, usual: Array, member: NDArray[np.bool_]) -> Estimate:
    """Return which share of the error about others is gone about members: 1 - R_members / R_others.

    R is the sum of the errors over the sum of the usual ones.

    Parameters
    ----------
    errors : (n,) of a guess about each person by somebody who has the release
    usual : (n,) of a guess by somebody who has other people of the population instead; it takes out that some people
        are hard to guess for everybody
    member : (n,) bool
    """
    (ratio, error), (others, error_others) = (_ratio(errors[who], usual[who]) for who in (member, ~member))
    if not others > 0:
        return UNDEFINED
    value = 1 - ratio / others
    reach = Z * sqrt((error / others) ** 2 + (ratio * error_others / others**2) ** 2)
    return Estimate(value, value - reach, value + reach)


def _ratio(a: Array, b: Array) -> tuple[float, float]:
    """Return the sum of a over the sum of b, and its standard error."""
    n, mean = len(a), float(b.mean()) if len(b) else nan
    if n < 2 or not mean > 0:
        return nan, nan
    ratio = float(a.mean()) / mean
    return ratio, sqrt(float(((a - ratio * b) ** 2).sum()) / (n - 1) / n) / mean


def difference(values: Array, member: NDArray[np.bool_]) -> Estimate:
    """Return the mean over members less that over others, with Welch's interval."""
    a, b = values[member], values[~member]
    if min(len(a), len(b)) < 2:
        return UNDEFINED
    value = float(a.mean() - b.mean())
    reach = Z * sqrt(float(a.var(ddof=1)) / len(a) + float(b.var(ddof=1)) / len(b))
    return Estimate(value, value - reach, value + reach)
