"""A control: real people who were neither trained on nor attacked, what a perfect generator would release."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from bench import Cohort, generator

from ._labels import draw_rows


@generator("real_holdout", modalities="all", control=True, fits="spare")
@dataclass(kw_only=True)
class RealHoldout:
    """Release real samples of a spare fold; the harness leaves that fold out of train and holdout.

    With five folds the release has a quarter of the usual size, so the classifiers trained on it see fewer samples than
    those behind ``accuracy_real``.
    """

    def fit(self, cohort: Cohort, *, rng: np.random.Generator) -> Self:
        """Keep the spare fold."""
        self.cohort_ = cohort
        return self

    def sample(self, n: int, *, rng: np.random.Generator) -> Cohort:
        """Return n rows of the spare fold, each at most once unless n exceeds it."""
        rows = draw_rows(len(self.cohort_), n, rng)
        return self.cohort_.synthetic(self.cohort_.X[rows], self.cohort_.y[rows])
