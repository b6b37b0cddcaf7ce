"""DP-MERF: a generator network that matches one noisy mean embedding of the data in random Fourier features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from bench import Images, PrivacyClaim, generator

from .._nets import check_positive, dense, relu_stack
from .._privacy import (
    EXACT_GAUSSIAN,
    check_budget,
    compose_mu,
    counts_to_rates,
    gaussian_epsilon,
    gaussian_mu,
    noisy_class_sums,
    noisy_counts,
)
from .._torch import torch_generator


@generator(
    "dp_merf",
    family="moments",
    modalities=("images",),
    needs=("torch",),
    doi="10.48550/arXiv.2002.11603",
    quick={"features": 50, "hidden": 16, "steps": 5},
    gpus=0,
)
@dataclass(kw_only=True)
class DpMerf:
    """Release one noisy mean of random Fourier features a class, and train a network to reproduce it.

    Private end to end: the class counts and the sums of features, each of norm 1, are the only looks at the data.
    Unlike the published code, which takes the kernel's width from the data, the width is public: `width` times the root
    of the number of pixels.

    References
    ----------
    Harder, Adamczewski and Park (2021), DP-MERF, AISTATS.
    """

    epsilon: float = 10.0
    delta: float = 1e-5
    features: int = 1000
    width: float = 0.2
    noise_dim: int = 10
    hidden: int = 128
    steps: int = 600
    batch: int = 200
    lr: float = 3e-3
    count_share: float = 0.01  # part of the budget mu**2 for the class counts

    def fit(self, images: Images, *, rng: np.random.Generator) -> Self:
        """Spend the budget on counts and embeddings; train on what was released."""
        check_budget("dp_merf", self.epsilon, self.delta)
        check_positive(
            "dp_merf", features=self.features, width=self.width, hidden=self.hidden, count_share=self.count_share
        )
        self.like_, self.labels_ = images.take(np.arange(0)), images.classes
        mu = gaussian_mu(self.epsilon, self.delta)
        mus = mu * self.count_share**0.5, mu * (1 - self.count_share) ** 0.5
        counts = noisy_counts(images.y, self.labels_.tolist(), 1 / mus[0], rng)
        self.rates_, self.mu_ = counts_to_rates(counts), compose_mu(mus)
        frequencies = rng.standard_normal((images.n_genes, self.features)) / (self.width * images.n_genes**0.5)
        embedded = fourier(images.X.astype(np.float64), frequencies)
        sums = noisy_class_sums(embedded, images.y, self.labels_.tolist(), 1.0, 1 / mus[1], rng)
        means = sums / np.maximum(counts, 5.0)[:, None]  # (n_classes, 2 features)
        self.net_ = self._train(means, frequencies, torch_generator(rng))
        return self

    def _train(self, means: NDArray[np.float64], frequencies: NDArray[np.float64], draw: torch.Generator) -> nn.Module:
        n_classes = len(means)
        net = nn.Sequential(
            *relu_stack((self.noise_dim + n_classes, self.hidden, self.hidden), draw),
            dense(self.hidden, len(frequencies), draw),
            nn.Sigmoid(),
        )
        wanted, waves = torch.from_numpy(means).float(), torch.from_numpy(frequencies).float()
        optimiser = torch.optim.Adam(net.parameters(), lr=self.lr)
        for _ in range(self.steps):
            codes = torch.arange(self.batch) % n_classes
            angles = net(self._inputs(codes, n_classes, draw)) @ waves
            found = torch.cat([angles.cos(), angles.sin()], dim=1) / self.features**0.5
            sums = functional.one_hot(codes, n_classes).float().T @ found
            loss = (sums / torch.bincount(codes, minlength=n_classes)[:, None] - wanted).square().sum()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        return net.eval()

    def _inputs(self, codes: Tensor, n_classes: int, draw: torch.Generator) -> Tensor:
        noise = torch.randn(len(codes), self.noise_dim, generator=draw)
        return torch.cat([noise, functional.one_hot(codes, n_classes).float()], dim=1)

    @torch.no_grad()
    def sample(self, n: int, *, rng: np.random.Generator) -> Images:
        """Return n images whose classes are drawn at the noisy rates."""
        codes = rng.choice(len(self.labels_), size=n, p=self.rates_)
        inputs = self._inputs(torch.from_numpy(codes), len(self.labels_), torch_generator(rng))
        return self.like_.synthetic(self.net_(inputs).numpy(), self.labels_[codes])

    def claim(self) -> PrivacyClaim:
        """Return the guarantee of everything that was released together."""
        return PrivacyClaim(
            mechanism="Gaussian mechanism (class counts, mean embeddings)",
            unit="one image",
            neighbours="add-remove",
            epsilon=gaussian_epsilon(self.mu_, self.delta),
            delta=self.delta,
            accountant=EXACT_GAUSSIAN,
        )


def fourier(X: NDArray[np.float64], frequencies: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (n, 2 k) random Fourier features of norm 1, whose products approach a Gaussian kernel."""
    angles = X @ frequencies
    found: NDArray[np.float64] = np.concatenate([np.cos(angles), np.sin(angles)], axis=1)
    found /= frequencies.shape[1] ** 0.5
    return found
