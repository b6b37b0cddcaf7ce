"""The challenge's multivariate baseline: one Gaussian per class, with extra noise of the same shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from bench import Cohort, PluginError, generator

from ._labels import class_counts


@generator("multivariate", family="moments", preset="quick", modalities="all")
@dataclass(kw_only=True)
class Multivariate:
    """Fit a Gaussian to each class and sample it with the covariance scaled by 1 + noise.

    The published baseline adds to each draw from N(mean, S) an independent draw from N(0, noise * S); the sum is one
    draw from N(mean, (1 + noise) * S), which is what is sampled here. S is the sample covariance, so its square root is
    the centred training matrix itself: no covariance is formed, and 20,000 genes need no more memory than the data.
    The class counts of a full-size sample are those of the training cohort, exactly: nothing is private here.
    Counts are rounded, and what a Gaussian draws below 0 becomes 0.
    """

    noise: float = 0.5  # the published value; 0 samples the fitted Gaussian itself

    def fit(self, cohort: Cohort, *, rng: np.random.Generator) -> Self:
        """Keep the mean and the centred matrix of each class."""
        if self.noise < 0:
            raise PluginError(f"multivariate: noise is {self.noise}; expected 0 or more.")
        self.like_ = cohort.take(np.arange(0))
        self.labels_, self.counts_ = np.unique(cohort.y, return_counts=True)
        self.means_ = [X.mean(axis=0, dtype=np.float64) for _, X in cohort.by_label()]
        self.roots_ = [X - mean for (_, X), mean in zip(cohort.by_label(), self.means_, strict=True)]
        return self

    def sample(self, n: int, *, rng: np.random.Generator) -> Cohort:
        """Return n samples in random order, classes at their training rates."""
        counts = class_counts(self.counts_, n)
        X = np.concatenate([self._draw(k, int(count), rng) for k, count in enumerate(counts)])  # (n, n_genes)
        y = np.repeat(self.labels_, counts)
        if self.like_.units == "counts":
            X = np.maximum(np.rint(X), 0)
        order = rng.permutation(n)
        return self.like_.synthetic(X[order], y[order])

    def _draw(self, k: int, n: int, rng: np.random.Generator) -> NDArray[np.float64]:
        root = self.roots_[k]  # (n_class, n_genes); root.T @ root / (n_class - 1) is the sample covariance
        z = rng.standard_normal((n, len(root)))
        scale = np.sqrt((1 + self.noise) / max(len(root) - 1, 1))
        drawn: NDArray[np.float64] = self.means_[k] + scale * (z @ root)
        return drawn
