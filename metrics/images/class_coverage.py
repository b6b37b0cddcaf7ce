"""Coverage within each class: whether the variety of every class is there, also of the worst one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import nan

import numpy as np

from bench import Cohort, Measure, metric

from .._distances import neighbour_distance, squared_distances


@metric(
    "class_coverage",
    modalities=("images",),
    family="fidelity",
    measures=(
        Measure("class_coverage_mean", "higher", 0, 1),
        Measure("class_coverage_worst", "higher", 0, 1, table="fidelity", rank=6, title="worst class coverage"),
    ),
    doi="10.48550/arXiv.2002.09797",
)
@dataclass(kw_only=True)
class ClassCoverage:
    """Return the coverage of `prdc` class by class: the share of a class's held-out images with a synthetic one near.

    The ball of a held-out image reaches to its k-th neighbour among held-out images of its class; it is covered if a
    synthetic image that is labelled with the class lies in it. Mean and minimum over classes with more than k
    held-out images; a class that the release lacks has coverage 0. NaN without a synthetic image or such a class.
    """

    k: int = 5

    def __call__(
        self, train: Cohort, holdout: Cohort, synthetic: Cohort, *, rng: np.random.Generator
    ) -> Mapping[str, float]:
        """Return the mean and the least coverage of a class."""
        found = [
            self._covered(real, synthetic.take(synthetic.y == label))
            for label in holdout.classes
            if len(real := holdout.take(holdout.y == label)) > self.k
        ]
        if not found or len(synthetic) == 0:
            return {"class_coverage_mean": nan, "class_coverage_worst": nan}
        return {"class_coverage_mean": float(np.mean(found)), "class_coverage_worst": min(found)}

    def _covered(self, real: Cohort, made: Cohort) -> float:
        if len(made) == 0:
            return 0.0
        radius = neighbour_distance(real, k=self.k)
        return float((squared_distances(real, made) < radius[:, None]).any(axis=1).mean())
