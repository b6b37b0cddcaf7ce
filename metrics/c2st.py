"""Two-sample test by classifier: how well boosted trees tell synthetic from training samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import nan

import numpy as np
from xgboost import XGBClassifier

from bench import Cohort, Measure, integer_seed, metric

from ._ranking import auroc


@metric(
    "c2st",
    modalities="all",
    family="fidelity",
    measures=(Measure("c2st_xgboost_auc", "none", 0, 1, table="fidelity", rank=7, title="C2ST AUC"),),
    doi="10.48550/arXiv.1610.06545",
    needs=("xgboost",),
)
@dataclass(kw_only=True)
class ClassifierTwoSample:
    """Return the AUC of boosted trees that tell synthetic samples from training samples, by crossed halves.

    Training and synthetic samples are shuffled and halved; trees of each half score the other, and the AUC is over all
    of them. 1/2: not told apart by these trees. Well below 1/2: copies, since a copy in the one half has its
    original, with the other label, in the other. Notices marginals, correlations and discrete values; no labels are
    used. NaN where a cohort has fewer than two samples.
    """

    trees: int = 60
    depth: int = 3

    def __call__(
        self, train: Cohort, holdout: Cohort, synthetic: Cohort, *, rng: np.random.Generator
    ) -> Mapping[str, float]:
        """Return the AUC; `rng` halves the samples and seeds the trees."""
        if min(len(train), len(synthetic)) < 2:
            return {"c2st_xgboost_auc": nan}
        X = np.concatenate([train.X, synthetic.X])
        real = np.arange(len(X)) < len(train)
        half = np.empty(len(X), dtype=bool)
        for kind in (real, ~real):
            rows = rng.permutation(np.flatnonzero(kind))
            half[rows] = np.arange(len(rows)) % 2 == 0
        scores = np.empty(len(X))
        for part in (half, ~half):
            model = XGBClassifier(
                n_estimators=self.trees, max_depth=self.depth, learning_rate=0.2, max_bin=64, colsample_bytree=0.5,
                tree_method="hist", random_state=integer_seed(rng),
            )  # fmt: skip
            scores[~part] = model.fit(X[part], real[part]).predict_proba(X[~part])[:, 1]
        return {"c2st_xgboost_auc": float(auroc(scores[:, None], real[:, None])[0])}
