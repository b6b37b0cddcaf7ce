"""How much of the largest of several numbers is the luck of being the largest."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def rivals_of_the_largest(values: Floats, errors: Floats) -> NDArray[np.bool_]:
    """Return which of the numbers cannot be told apart from the largest one, itself included, (n,).

    Apart is what lies below it by more than two standard errors of the difference.

    Parameters
    ----------
    values, errors : (n,) numbers and their standard errors upwards
    """
    best = int(np.argmax(values))
    close: NDArray[np.bool_] = values[best] - values <= 2 * np.hypot(errors[best], errors)
    return close


def median_of_largest(single: int, pairs: int = 0) -> float:
    """Return the median of the largest of so many independent standard normal numbers, to be taken off as luck.

    Parameters
    ----------
    single : how many numbers
    pairs : how many more that come as z and -z, as the readings of an attack and of its opposite do

    References
    ----------
    Chernozhukov, Lee and Rosen (2013), Intersection bounds, Econometrica 81:667.

    Examples
    --------
    >>> median_of_largest(1), round(median_of_largest(20), 3), round(median_of_largest(0, pairs=20), 3)
    (0.0, 1.824, 2.119)
    """
    from scipy.optimize import brentq  # late, as all of scipy: a plan needs none of it
    from scipy.special import ndtr, ndtri

    if pairs == 0:
        return float(ndtri(0.5 ** (1 / single)))
    most = 2.0 * pairs + single
    ends = float(ndtri(0.5 ** (1 / most))), float(ndtri(0.5 + 0.5 ** (1 + 1 / most)))
    root: float = brentq(lambda z: single * np.log(ndtr(z)) + pairs * np.log(2 * ndtr(z) - 1) - np.log(0.5), *ends)
    return root
