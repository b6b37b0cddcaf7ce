"""Precision, recall, density and coverage: whether synthetic samples fall where real ones live, and cover them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import nan

import numpy as np

from bench import Cohort, Measure, metric

from ._distances import blocks, neighbour_distance


@metric(
    "prdc",
    modalities="all",
    family="fidelity",
    measures=(
        Measure("prdc_precision_train", "higher", 0, 1),
        Measure("prdc_recall_train", "higher", 0, 1),
        Measure("prdc_density_train", "higher", 0, target=1),
        Measure("prdc_coverage_train", "higher", 0, 1),
        Measure("prdc_precision_holdout", "higher", 0, 1),
        Measure("prdc_recall_holdout", "higher", 0, 1),
        Measure("prdc_density_holdout", "higher", 0, table="fidelity", rank=3, title="density holdout", target=1),
        Measure("prdc_coverage_holdout", "higher", 0, 1, table="fidelity", rank=4, title="coverage holdout"),
    ),
    doi="10.48550/arXiv.2002.09797",
)
@dataclass(kw_only=True)
class PRDC:
    """Return precision, recall, density and coverage against the training and against the held-out samples.

    The ball of a sample reaches to its k-th neighbour among its own kind, itself not counted; a point on the edge is
    outside. Precision: the share of synthetic samples in some real ball. Density: the real balls around a synthetic
    sample, on average, over k. Recall: the share of real samples in some synthetic ball. Coverage: the share of real
    balls with a synthetic sample in them. On the values as they are. NaN where a cohort has at most k samples.
    """

    k: int = 5  # as published

    def __call__(
        self, train: Cohort, holdout: Cohort, synthetic: Cohort, *, rng: np.random.Generator
    ) -> Mapping[str, float]:
        """Return the four values against each of the two real cohorts."""
        return {
            f"prdc_{name}_{role}": value
            for role, real in (("train", train), ("holdout", holdout))
            for name, value in self._against(real, synthetic).items()
        }

    def _against(self, real: Cohort, synthetic: Cohort) -> dict[str, float]:
        if min(len(real), len(synthetic)) <= self.k:
            return dict.fromkeys(("precision", "recall", "density", "coverage"), nan)
        real_radius, synthetic_radius = (neighbour_distance(cohort, k=self.k) for cohort in (real, synthetic))
        precise, recalled, covered, inside = np.zeros(len(synthetic), dtype=bool), 0, 0, 0
        for rows, squared in blocks(real, synthetic):  # (n_rows, n_synthetic)
            in_ball = squared < real_radius[rows, None]
            precise |= in_ball.any(axis=0)
            inside += int(in_ball.sum())
            covered += int(in_ball.any(axis=1).sum())
            recalled += int((squared < synthetic_radius).any(axis=1).sum())
        return {
            "precision": float(precise.mean()),
            "recall": recalled / len(real),
            "density": inside / (self.k * len(synthetic)),
            "coverage": covered / len(real),
        }
