"""Noisy class means with one noisy spread a pixel: the least that a private generator of images must beat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from bench import Images, PrivacyClaim, generator

from .._privacy import EXACT_GAUSSIAN, check_budget, gaussian_epsilon, gaussian_mu
from .._private_frame import release_frame


@generator("class_means", family="moments", modalities=("images",))
@dataclass(kw_only=True)
class ClassMeans:
    """Release class rates, class means and a spread for each pixel with Gaussian noise; pixels are independent.

    Private end to end: the frame of `dp_diffusion`, with the brightness range of images as its public bounds.
    """

    epsilon: float = 10.0
    delta: float = 1e-5

    def fit(self, images: Images, *, rng: np.random.Generator) -> Self:
        """Spend the budget."""
        check_budget("class_means", self.epsilon, self.delta)
        self.like_, self.labels_ = images.take(np.arange(0)), images.classes
        mu = gaussian_mu(self.epsilon, self.delta)
        self.frame_ = release_frame(images.X.astype(np.float64), images.y, self.labels_, (0.0, 1.0), mu, rng)
        return self

    def sample(self, n: int, *, rng: np.random.Generator) -> Images:
        """Return n images whose classes are drawn at the noisy rates."""
        codes = rng.choice(len(self.labels_), size=n, p=self.frame_.rates)
        z = rng.standard_normal((n, self.like_.n_genes), dtype=np.float32)
        return self.like_.synthetic(self.frame_.back(z, codes), self.labels_[codes])

    def claim(self) -> PrivacyClaim:
        """Return the guarantee of everything that was released together."""
        return PrivacyClaim(
            mechanism="Gaussian mechanism (counts, lengths, class means, spreads)",
            unit="one image",
            neighbours="add-remove",
            epsilon=gaussian_epsilon(self.frame_.mu, self.delta),
            delta=self.delta,
            accountant=EXACT_GAUSSIAN,
        )
