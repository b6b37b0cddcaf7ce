"""A control: the training samples themselves, the best fidelity and the worst leak there can be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from bench import Cohort, generator

from ._labels import draw_rows


@generator("copy_train", modalities="all", control=True)
@dataclass(kw_only=True)
class CopyTrain:
    """Release the training samples verbatim, in random order."""

    def fit(self, cohort: Cohort, *, rng: np.random.Generator) -> Self:
        """Keep the cohort."""
        self.cohort_ = cohort
        return self

    def sample(self, n: int, *, rng: np.random.Generator) -> Cohort:
        """Return n rows of the cohort, each at most once unless n exceeds the cohort."""
        rows = draw_rows(len(self.cohort_), n, rng)
        return self.cohort_.synthetic(self.cohort_.X[rows], self.cohort_.y[rows])
