"""A generator that leaks on purpose: training samples with noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from bench import Cohort, generator

from ._noise import gene_noise


@generator("jitter")
@dataclass(kw_only=True)
class Jitter:
    """Release training samples with noise of a share of each gene's spread."""

    share: float = 0.2  # of the standard deviation of the gene

    def fit(self, cohort: Cohort, *, rng: np.random.Generator) -> Self:
        """Keep the training samples."""
        self.cohort_ = cohort
        self.sd_ = cohort.X.std(axis=0, dtype=np.float64)
        return self

    def sample(self, n: int, *, rng: np.random.Generator) -> Cohort:
        """Return n training samples, drawn with replacement, with fresh noise."""
        rows = rng.integers(len(self.cohort_), size=n)
        X = self.cohort_.X[rows] + gene_noise(n, self.share * self.sd_, rng)
        return self.cohort_.synthetic(X, self.cohort_.y[rows])
