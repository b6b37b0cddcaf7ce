"""A control: every gene keeps its distribution, and everything else is lost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from bench import Cohort, generator

from ._labels import draw_rows


@generator("shuffled_genes", modalities="all", control=True)
@dataclass(kw_only=True)
class ShuffledGenes:
    """Shuffle each gene over all training samples, and the labels too: no correlation and no classes are left."""

    def fit(self, cohort: Cohort, *, rng: np.random.Generator) -> Self:
        """Keep the cohort."""
        self.cohort_ = cohort
        return self

    def sample(self, n: int, *, rng: np.random.Generator) -> Cohort:
        """Return n rows whose genes and label come from different people."""
        cohort = self.cohort_
        y = cohort.y[draw_rows(len(cohort), n, rng)]
        rows = np.column_stack([draw_rows(len(cohort), n, rng) for _ in range(cohort.n_genes)])  # (n, n_genes)
        return cohort.synthetic(np.take_along_axis(cohort.X, rows, axis=0), y)
