"""A metric of whether strongly expressed genes stay strongly expressed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import nan

import numpy as np

from bench import Cohort, Measure, metric


@metric(
    "gene_order", family="fidelity", measures=(Measure("gene_order_spearman", "higher", -1, 1, title="gene order"),)
)
@dataclass(kw_only=True)
class GeneOrder:
    """Return the rank correlation of the gene means of synthetic and held-out people."""

    def __call__(
        self, train: Cohort, holdout: Cohort, synthetic: Cohort, *, rng: np.random.Generator
    ) -> Mapping[str, float]:
        """Return Spearman's correlation; NaN where all genes have one mean."""
        means = [cohort.X.mean(axis=0, dtype=np.float64) for cohort in (holdout, synthetic)]
        if any(np.ptp(mean) == 0 for mean in means):
            return {"gene_order_spearman": nan}
        ranks = [np.argsort(np.argsort(mean)) for mean in means]
        return {"gene_order_spearman": float(np.corrcoef(*ranks)[0, 1])}
