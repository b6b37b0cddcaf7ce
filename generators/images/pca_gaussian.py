"""Class means and one covariance of what remains, cut to its strongest directions, with noise or without."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from bench import Images, PluginError, PrivacyClaim, generator

from .._privacy import EXACT_GAUSSIAN, check_budget, gaussian_epsilon, gaussian_mu
from .._private_frame import PrivateFrame
from ._gaussian import ClassGaussian, low_rank, release_gaussian


@generator("pca_gaussian", family="moments", modalities=("images",), doi="10.1145/2591796.2591883")
@dataclass(kw_only=True)
class PcaGaussian:
    """Sample each class from a normal distribution with its own mean and a common covariance of low rank.

    Private end to end by default: the frame (class rates, class means, a spread for each pixel), then the second
    moments of the standardised residuals with Gaussian noise, whose strongest directions are kept. ``private=False``
    takes exact means per class and exact moments, and claims nothing.

    References
    ----------
    Dwork, Talwar, Thakurta and Zhang (2014), Analyze Gauss, STOC.
    """

    private: bool = True
    epsilon: float = 10.0
    delta: float = 1e-5
    components: int = 20
    frame_share: float = 0.5  # part of the budget mu**2 for rates, means and spreads

    def fit(self, images: Images, *, rng: np.random.Generator) -> Self:
        """Spend the budget on the frame and the second moments; or take them as they are."""
        if self.components < 0 or not 0 < self.frame_share < 1:
            raise PluginError(
                f"pca_gaussian: components is {self.components} and frame_share {self.frame_share}; expected 0 or "
                "more, and a number between 0 and 1."
            )
        self.like_ = images.take(np.arange(0))
        self.labels_, codes = np.unique(images.y, return_inverse=True)
        X = images.X.astype(np.float64)
        self.model_ = self._noisy(X, images.y, rng) if self.private else self._exact(X, codes)
        return self

    def _noisy(self, X: NDArray[np.float64], y: NDArray[np.str_], rng: np.random.Generator) -> ClassGaussian:
        check_budget("pca_gaussian", self.epsilon, self.delta)
        mu = gaussian_mu(self.epsilon, self.delta)
        return release_gaussian(X, y, self.labels_, mu, self.components, rng, self.frame_share)

    def _exact(self, X: NDArray[np.float64], codes: NDArray[np.int64]) -> ClassGaussian:
        counts = np.bincount(codes).astype(np.float64)
        means = np.stack([X[codes == code].mean(axis=0) for code in range(len(counts))])
        z = X - means[codes]
        frame = PrivateFrame(counts, means, np.ones(X.shape[1]), 0.0)
        return ClassGaussian(frame, *low_rank(z.T @ z / len(z), self.components), 0.0)

    def sample(self, n: int, *, rng: np.random.Generator) -> Images:
        """Return n images whose classes are drawn at the rates of the frame."""
        codes = rng.choice(len(self.labels_), size=n, p=self.model_.frame.rates)
        return self.like_.synthetic(self.model_.sample(codes, rng), self.labels_[codes])

    def claim(self) -> PrivacyClaim | None:
        """Return the guarantee of everything that was released together; None without noise."""
        if not self.private:
            return None
        return PrivacyClaim(
            mechanism="Gaussian mechanism (counts, lengths, class means, spreads, second moments)",
            unit="one image",
            neighbours="add-remove",
            epsilon=gaussian_epsilon(self.model_.mu, self.delta),
            delta=self.delta,
            accountant=EXACT_GAUSSIAN,
        )
