"""My metric: say here what question it answers and where it is described."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import nan

import numpy as np

from bench import Cohort, Measure, metric


@metric(
    "my_metric",  # the name of this file
    family="fidelity",
    # One Measure for each number: its name in the rows, which way is better ("none" for a reference value), its bounds.
    measures=(
        Measure("my_metric_mean_rmse", "lower", 0, title="RMSE of gene means"),
        Measure("my_metric_mean_rmse_base", "none", 0),
    ),
)
@dataclass(kw_only=True)
class MyMetric:
    """Return the root mean square error of the gene means: synthetic against train, and held-out against train."""

    # Hyper-parameters: annotated, with a plain default. `my_metric[genes=100]` sets one on the command line.
    genes: int = 0  # only so many of the most variable training genes; 0 takes all

    def __call__(
        self, train: Cohort, holdout: Cohort, synthetic: Cohort, *, rng: np.random.Generator
    ) -> Mapping[str, float]:
        """Return every declared measure; NaN where one is undefined, never a default in its place.

        The cohorts have X (samples x genes, float32, read-only), y (labels) and genes. `rng` is the only source of
        randomness.
        """
        if not (len(train) and len(holdout) and len(synthetic)):
            return {"my_metric_mean_rmse": nan, "my_metric_mean_rmse_base": nan}
        chosen = np.argsort(-train.X.std(axis=0), kind="stable")[: self.genes or None]
        means = [cohort.X[:, chosen].mean(axis=0, dtype=np.float64) for cohort in (train, holdout, synthetic)]
        return {
            "my_metric_mean_rmse": float(np.sqrt(((means[2] - means[0]) ** 2).mean())),
            "my_metric_mean_rmse_base": float(np.sqrt(((means[1] - means[0]) ** 2).mean())),
        }
