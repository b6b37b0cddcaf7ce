"""Distance to the closest training sample: near 0 the release copies, far above the real value it is off the data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import nan

import numpy as np

from bench import Cohort, Measure, metric

from ._distances import nearest


@metric(
    "distance_to_closest",
    modalities="all",
    family="fidelity",
    measures=(
        Measure("distance_to_closest", "none", 0, table="utility", rank=8, title="dist closest"),
        Measure("distance_to_closest_real", "none", 0, table="utility", rank=9, title="dist closest real"),
    ),
)
@dataclass(kw_only=True)
class DistanceToClosest:
    """Return the mean Euclidean distance from synthetic, and from held-out, samples to the closest training sample.

    On the values as they are. Neither direction is better in itself, so none is declared: the published tables call a
    larger distance more private, yet noise has the largest. Read it against ``distance_to_closest_real``: well below it
    the release is closer to the training samples than their own kind is. NaN without a synthetic sample.
    """

    def __call__(
        self, train: Cohort, holdout: Cohort, synthetic: Cohort, *, rng: np.random.Generator
    ) -> Mapping[str, float]:
        """Return both means, in the units of the data."""
        return {
            "distance_to_closest": _mean_closest(train, synthetic),
            "distance_to_closest_real": _mean_closest(train, holdout),
        }


def _mean_closest(train: Cohort, others: Cohort) -> float:
    if min(len(train), len(others)) == 0:
        return nan
    return float(np.sqrt(nearest(train, others)[0].astype(np.float64)).mean())
