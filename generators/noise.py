"""A control: noise that knows the scale of the data and nothing else, the floor of every table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from bench import Cohort, generator


@generator("noise", modalities="all", control=True, floor=True)
@dataclass(kw_only=True)
class Noise:
    """Draw every value from one Gaussian with the mean and standard deviation of the whole matrix, labels uniformly."""

    def fit(self, cohort: Cohort, *, rng: np.random.Generator) -> Self:
        """Keep two numbers and the class labels."""
        self.like_ = cohort.take(np.arange(0))
        self.labels_ = cohort.classes
        self.mean_, self.sd_ = float(cohort.X.mean(dtype=np.float64)), float(cohort.X.std(dtype=np.float64))
        return self

    def sample(self, n: int, *, rng: np.random.Generator) -> Cohort:
        """Return n rows of noise."""
        X = rng.normal(self.mean_, self.sd_, (n, self.like_.n_genes))
        return self.like_.synthetic(X, rng.choice(self.labels_, n))
