"""Whether a classifier can tell synthetic from real samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, nan

import numpy as np

from bench import Cohort, Measure, metric

from ._logistic import one_vs_rest
from ._scaling import centre_and_scale


@metric(
    "discriminative",
    modalities="all",
    family="fidelity",
    measures=(Measure("discriminative_score", "lower", 0, 1, table="utility", rank=7, title="discr"),),
)
@dataclass(kw_only=True)
class Discriminative:
    """Return the F1, for the class "real", of a logistic regression that tells training from synthetic samples.

    Training (real) and synthetic samples are shuffled; 70 % of them, standardised, train the regression (L2, C = 1); it
    is judged on the other 30 % and on all held-out samples, real too. 1 is perfectly told apart. The published form is
    kept with its quirks: real samples outnumber synthetic ones among those judged, so that "real" for everybody scores
    about 0.79 with five folds, and no single value means "cannot be told apart". Deviation: the regression is solved to
    convergence. NaN if the 70 % are all of one kind, or nothing judged is real or called so.
    """

    def __call__(
        self, train: Cohort, holdout: Cohort, synthetic: Cohort, *, rng: np.random.Generator
    ) -> Mapping[str, float]:
        """Return the F1; `rng` shuffles the samples."""
        X = np.concatenate([train.X, synthetic.X])
        real = np.arange(len(X)) < len(train)
        order = rng.permutation(len(X))
        judged, fitted = np.split(order, [ceil(0.3 * len(X))])
        if len(np.unique(real[fitted])) < 2:
            return {"discriminative_score": nan}
        centre, scale = centre_and_scale(X[fitted])
        w, b = one_vs_rest((X[fitted] - centre) / scale, real[fitted][:, None], curvature=0.25)
        seen = np.concatenate([X[judged], holdout.X])
        truth = np.concatenate([real[judged], np.ones(len(holdout), dtype=bool)])
        called = (((seen - centre) / scale) @ w + b)[:, 0] > 0
        said = int(truth.sum() + called.sum())
        return {"discriminative_score": 2 * int((truth & called).sum()) / said if said else nan}
