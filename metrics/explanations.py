"""Explanations: whether a model of the release looks at the genes that a model of real people looks at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import nan

import numpy as np
from numpy.typing import NDArray
from xgboost import DMatrix, XGBClassifier

from bench import Cohort, Measure, PluginError, fold_fact, integer_seed, metric


@metric(
    "explanations",
    modalities="all",
    family="utility",
    measures=(
        Measure(
            "shap_top_overlap", "higher", 0, 1, table="utility_trees", rank=20, title="SHAP top 50",
            real="shap_top_overlap_base", words="agreement of explanations",
        ),
        Measure("shap_top_overlap_base", "none", 0, 1, table="utility_trees", rank=21, title="SHAP top 50, real"),
    ),
    opt_in=True,
    doi="10.1038/s42256-019-0138-9",
    needs=("xgboost",),
)  # fmt: skip
@dataclass(kw_only=True)
class Explanations:
    """Return how many of the `top` most important features two models share: of the release, and of training samples.

    XGBoost is trained on each, and explained on the held-out samples by exact SHAP values of its trees (those that
    XGBoost computes); the importance of a feature is the mean of their size over samples and classes. The base is the
    same for models of two random halves of the training samples, whose agreement is what the number of people allows.
    Among n features `top` / n are shared by luck. NaN where a cohort has one class, or fewer than `top` features vary.

    Lundberg, Erion, Chen and others 2020, Nature Machine Intelligence 2, 56-67.
    """

    top: int = 50
    trees: int = 40  # for each class

    def __call__(
        self, train: Cohort, holdout: Cohort, synthetic: Cohort, *, rng: np.random.Generator
    ) -> Mapping[str, float]:
        """Return the shares of common features; `rng` seeds the trees and halves the training samples."""
        if self.top < 1:
            raise PluginError(f"explanations: top is {self.top}; expected 1 or more.")
        seed = integer_seed(rng)
        sizes = {"trees": self.trees, "seed": seed}
        first, second = _of_halves(train, holdout, **sizes)
        real, made = _of_people(train, holdout, **sizes), importance(synthetic, holdout, **sizes)
        return {
            "shap_top_overlap": shared_top(real, made, self.top),
            "shap_top_overlap_base": shared_top(first, second, self.top),
        }


@fold_fact
def _of_people(train: Cohort, holdout: Cohort, *, trees: int, seed: int) -> NDArray[np.float64]:
    return importance(train, holdout, trees=trees, seed=seed)


@fold_fact
def _of_halves(
    train: Cohort, holdout: Cohort, *, trees: int, seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    parts = np.array_split(np.random.default_rng(seed).permutation(len(train)), 2)
    first, second = (importance(train.take(np.sort(part)), holdout, trees=trees, seed=seed) for part in parts)
    return first, second


def importance(learnt: Cohort, asked: Cohort, *, trees: int, seed: int) -> NDArray[np.float64]:
    """Return (n_features,) the mean size of SHAP values over people and classes; NaN where nothing can be learnt."""
    if len(asked) == 0 or len(np.unique(learnt.y)) < 2:
        return np.full(asked.X.shape[1], nan)
    codes = np.unique(learnt.y, return_inverse=True)[1]
    model = XGBClassifier(
        n_estimators=trees, max_depth=3, learning_rate=0.2, max_bin=32, colsample_bytree=0.2, tree_method="hist",
        random_state=seed,
    ).fit(learnt.X, codes)  # fmt: skip
    values = model.get_booster().predict(DMatrix(asked.X), pred_contribs=True)  # the last of each is a constant
    sizes: NDArray[np.float64] = np.abs(values[..., :-1]).reshape(-1, asked.X.shape[1]).mean(axis=0, dtype=np.float64)
    return sizes


def shared_top(one: NDArray[np.float64], other: NDArray[np.float64], top: int) -> float:
    """Return the share of the `top` largest that two vectors have in common; NaN if fewer than `top` are above 0."""
    if min((one > 0).sum(), (other > 0).sum()) < top:  # NaN is not above 0
        return nan
    first, second = (set(np.argsort(-v, kind="stable")[:top].tolist()) for v in (one, other))
    return len(first & second) / top
