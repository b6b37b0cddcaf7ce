"""z-anonymity: people's own images, with every value suppressed that fewer than z of them share. It is not private."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from bench import Images, PluginError, generator

from .._labels import draw_rows


@generator("z_anonymity", family="resampling", modalities=("images",), doi="10.1109/BigData50022.2020.9378422")
@dataclass(kw_only=True)
class ZAnonymity:
    """Release training images with rare values suppressed: an attribute is a pixel's brightness in a public bin.

    A cell is released, as the middle of its bin, if at least `z` training images have the same pixel in the same bin;
    else it is grey. Labels are kept. This is the table form of a rule for streams. It is syntactic and **not
    differentially private**: z people against z - 1 flip what is released, and what is common leaves as it was. It
    claims nothing, and serves as a negative control that attacks find.

    After fitting, ``suppressed_`` is the share of suppressed cells, ``anonymity_`` the share of images whose released
    form at least `k` training images have, and ``expected_anonymity_`` the published estimate of the share of released
    attributes under which a person is hidden among k: ``sum p_s (1 - BinomCDF(k - 2; n - 1, p_s)) / sum p_s``.

    References
    ----------
    Jha et al. (2020), z-anonymity: zero-delay anonymization for data streams, IEEE BigData.
    """

    z: int = 20
    bins: int = 8
    k: int = 2  # of the two measures

    def fit(self, images: Images, *, rng: np.random.Generator) -> Self:
        """Count who shares each value and suppress what too few do."""
        if self.z < 1 or self.bins < 2 or self.k < 2:
            raise PluginError(f"z_anonymity: z={self.z}, bins={self.bins}, k={self.k}; expected at least 1, 2 and 2.")
        cells = np.minimum((images.X * self.bins).astype(np.int64), self.bins - 1)  # (n, d)
        shared = np.stack([(cells == value).sum(axis=0) for value in range(self.bins)])  # (bins, d)
        released = np.take_along_axis(shared, cells, axis=0) >= self.z
        self.released_ = np.where(released, (cells + 0.5) / self.bins, 0.5)
        self.suppressed_ = float(1 - released.mean())
        _, same, counts = np.unique(self.released_, axis=0, return_inverse=True, return_counts=True)
        self.anonymity_ = float((counts[same.ravel()] >= self.k).mean())
        self.expected_anonymity_ = expected_anonymity(shared[shared >= self.z] / len(images), len(images), self.k)
        self.like_, self.y_ = images.take(np.arange(0)), images.y
        return self

    def sample(self, n: int, *, rng: np.random.Generator) -> Images:
        """Return n of the images with their rare values suppressed, in random order."""
        rows = draw_rows(len(self.y_), n, rng)
        return self.like_.synthetic(self.released_[rows], self.y_[rows])


def expected_anonymity(p: NDArray[np.float64], n: int, k: int) -> float:
    """Return the mean probability that k - 1 others of n share an attribute, weighted by the attributes' shares p."""
    if not len(p):
        return 1.0
    return float((p * (1 - binom.cdf(k - 2, n - 1, p))).sum() / p.sum())
