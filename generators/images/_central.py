"""Central images: means of random groups of each class, released with noise at the cost of one sum.

After Li et al. 2024 (DP-FETA), who query them one after the other; groups that share nobody cost less.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_FEWEST = 5.0  # images that a class is taken to have at least, where its noisy count is divided by


def central_images(
    X: NDArray[np.float32], codes: NDArray[np.int64], counts: NDArray[np.float64], groups: int, sigma: float,
    rng: np.random.Generator,
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:  # fmt: skip
    """Return noisy group means (n_classes * groups, d), brightness from 0 to 1, and their class codes.

    No image is farther from grey than half the diagonal of the unit cube, which is the radius: nothing is clipped.
    An image is in the sum of one group, so all sums together cost ``mu = 1 / sigma`` once.

    Parameters
    ----------
    X : (n, d) brightness from 0 to 1; codes : (n,) class codes
    counts : (n_classes,) noisy class counts, released before
    sigma : the noise multiplier
    """
    n_classes, d = len(counts), X.shape[1]
    radius = d**0.5 / 2
    group = rng.integers(groups, size=len(X))  # each by its own coin: nobody's group depends on who else is there
    sums = np.zeros((n_classes * groups, d))
    np.add.at(sums, codes * groups + group, X.astype(np.float64) - 0.5)
    sums += rng.normal(0, sigma * radius, sums.shape)
    sizes = np.repeat(np.maximum(counts, _FEWEST) / groups, groups)
    return np.clip(0.5 + sums / sizes[:, None], 0, 1), np.repeat(np.arange(n_classes), groups)
