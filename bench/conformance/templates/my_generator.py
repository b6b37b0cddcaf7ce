"""My generator: say here why it exists and where it is described."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from bench import Cohort, PluginError, generator


# The name is the file's. Also: doi="10...", needs=("torch",), and quick={"epochs": 2} for checks if it is slow.
@generator("my_generator")
@dataclass(kw_only=True)
class MyGenerator:
    """Sample each gene independently around its class mean: `bench list` shows this line, so say what comes out."""

    # Hyper-parameters: annotated, with a plain default. `my_generator[spread=2]` sets one on the command line.
    spread: float = 1.0  # multiplies the standard deviation of each gene

    def fit(self, cohort: Cohort, *, rng: np.random.Generator) -> Self:
        """Learn from cohort.X (samples x genes, float32, read-only) and cohort.y (one label, a text, per sample).

        Set attributes that end in '_', return self, touch no file. `rng` is the only source of randomness; for a
        library that wants a seed there is bench.integer_seed(rng).
        """
        if self.spread < 0:
            raise PluginError(f"my_generator: spread is {self.spread}; expected 0 or more.")
        self.like_ = cohort.take([])  # genes, their order and the units, but no people
        self.labels_, index, counts = np.unique(cohort.y, return_inverse=True, return_counts=True)
        self.rates_ = counts / counts.sum()
        self.means_ = np.array([X.mean(axis=0) for _, X in cohort.by_label()])  # (n_classes, n_genes)
        self.sd_ = (cohort.X - self.means_[index]).std(axis=0)  # (n_genes,)
        return self

    def sample(self, n: int, *, rng: np.random.Generator) -> Cohort:
        """Return n samples, for any n: finite values, genes in the training order, labels that were in training.

        There are no training labels to copy: the class balance is the model's own estimate.
        """
        k = rng.choice(len(self.labels_), size=n, p=self.rates_)
        X = rng.normal(self.means_[k], self.spread * self.sd_)  # (n, n_genes)
        return self.like_.synthetic(X, self.labels_[k])

    # Optional: claim() -> PrivacyClaim says what is guaranteed. No such method claims nothing.
