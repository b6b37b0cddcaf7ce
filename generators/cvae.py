"""The challenge's conditional variational autoencoder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch

from bench import Cohort, generator

from ._cvae import Condition, ConditionalVAE, decode_prior, train_vae
from ._labels import class_counts
from ._nets import Standardiser, check_positive
from ._torch import pick_device, torch_generator


@generator("cvae", needs=("torch",), quick={"steps": 40})
@dataclass(kw_only=True)
class Cvae:
    """Train a class-conditional variational autoencoder on standardised genes and decode draws from its prior."""

    z_dim: int = 64  # latent dimensions; 128 in the 2026 edition
    embedding: int = 0  # width of a learned class embedding; 0 is one-hot; 20 in the 2026 edition
    beta: float = 0.001  # weight of the KL term against the squared error averaged over genes
    lr: float = 1e-3
    batch: int = 64
    steps: int = 10_000  # Adam steps, as published

    def fit(self, cohort: Cohort, *, rng: np.random.Generator) -> Self:
        """Fit the scaler and train the network."""
        check_positive("cvae", z_dim=self.z_dim, lr=self.lr, batch=self.batch, steps=self.steps)
        draw = torch_generator(rng)
        self.like_ = cohort.take(np.arange(0))
        self.labels_, codes, self.counts_ = np.unique(cohort.y, return_inverse=True, return_counts=True)
        self.scaler_ = Standardiser.of(cohort.X)
        condition = Condition(len(self.labels_), self.embedding, draw)
        model = ConditionalVAE(cohort.n_genes, condition, self.z_dim, (1000, 512, 256), draw)
        self.model_ = train_vae(
            model, self.scaler_.forward(cohort.X), torch.from_numpy(codes), steps=self.steps, batch=self.batch,
            lr=self.lr, beta=self.beta, draw=draw, device=pick_device(),
        )  # fmt: skip
        return self

    def sample(self, n: int, *, rng: np.random.Generator) -> Cohort:
        """Return n samples in random order, classes at their training rates."""
        codes = rng.permutation(np.repeat(np.arange(len(self.labels_)), class_counts(self.counts_, n)))
        X = self.scaler_.back(decode_prior(self.model_, codes, torch_generator(rng)))
        return self.like_.synthetic(X, self.labels_[codes])
