"""Train on synthetic, test on real, with classifiers that are not linear, and whether their probabilities hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import nan
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier
from xgboost import XGBClassifier

from bench import Cohort, Measure, fold_fact, integer_seed, metric

from ._ranking import average_precision

_BINS = 10  # of the calibration error


@metric(
    "tstr_trees",
    modalities="all",
    family="utility",
    measures=(
        Measure(
            "accuracy_xgboost_synthetic",
            "higher",
            0,
            1,
            table="utility_trees",
            rank=1,
            title="XGBoost acc syn",
            real="accuracy_xgboost_real",
        ),
        Measure("accuracy_xgboost_real", "none", 0, 1, table="utility_trees", rank=2, title="XGBoost acc real"),
        Measure(
            "aupr_xgboost_synthetic",
            "higher",
            0,
            1,
            table="utility_trees",
            rank=3,
            title="XGBoost AUPR syn",
            real="aupr_xgboost_real",
        ),
        Measure("aupr_xgboost_real", "none", 0, 1, table="utility_trees", rank=4, title="XGBoost AUPR real"),
        Measure("calibration_xgboost_synthetic", "none", 0, 1, table="utility_trees", rank=5, title="XGBoost ECE syn"),
        Measure("calibration_xgboost_real", "none", 0, 1),
        Measure(
            "accuracy_forest_synthetic",
            "higher",
            0,
            1,
            table="utility_trees",
            rank=6,
            title="forest acc syn",
            real="accuracy_forest_real",
        ),
        Measure("accuracy_forest_real", "none", 0, 1, table="utility_trees", rank=7, title="forest acc real"),
        Measure("aupr_forest_synthetic", "higher", 0, 1, table="utility_trees", rank=8, title="forest AUPR syn"),
        Measure("aupr_forest_real", "none", 0, 1),
        Measure("calibration_forest_synthetic", "none", 0, 1),
        Measure("calibration_forest_real", "none", 0, 1),
    ),
    doi="10.56553/popets-2024-0062",
    needs=("xgboost",),
)
@dataclass(kw_only=True)
class TSTRTrees:
    """Return accuracy, AUPR and calibration error of XGBoost and of a random forest, of synthetic and of real samples.

    Trained on the release, or on the training samples (``_real``), tested on the held-out samples, on the values as
    they are. AUPR is average precision, mean over the classes that are held out. The calibration error (expected
    calibration error, ten equal bins of the probability of the predicted class) is 0 where a classifier that says
    0.8 is right in eight of ten. A class that the release lacks is never predicted. NaN without a synthetic sample.
    """

    trees: int = 40  # of XGBoost, for each class
    forest: int = 100

    def __call__(
        self, train: Cohort, holdout: Cohort, synthetic: Cohort, *, rng: np.random.Generator
    ) -> Mapping[str, float]:
        """Return the values; `rng` seeds the trees."""
        sizes = {"trees": self.trees, "forest": self.forest, "seed": integer_seed(rng)}
        found: dict[str, float] = {}
        for role, cohort in (("synthetic", synthetic), ("real", train)):
            found |= {f"{name}_{role}": value for name, value in _values(cohort, holdout, **sizes).items()}
        return found


@fold_fact
def _values(cohort: Cohort, holdout: Cohort, *, trees: int, forest: int, seed: int) -> dict[str, float]:
    """Return the measures of both models of one cohort."""
    boosted = XGBClassifier(
        n_estimators=trees, max_depth=3, learning_rate=0.2, max_bin=32, colsample_bytree=0.2, tree_method="hist",
        random_state=seed,
    )  # fmt: skip
    models = {"xgboost": boosted, "forest": RandomForestClassifier(forest, random_state=seed)}
    return {
        f"{what}_{name}": value
        for name, model in models.items()
        for what, value in _read(model, cohort, holdout).items()
    }


def _read(model: Any, cohort: Cohort, holdout: Cohort) -> dict[str, float]:
    """Return accuracy, AUPR and calibration error of a model trained on one cohort, on another."""
    if len(cohort) == 0 or len(holdout) == 0:
        return dict.fromkeys(("accuracy", "aupr", "calibration"), nan)
    labels = np.union1d(cohort.classes, holdout.classes)
    shares = _probabilities(model, cohort, holdout, labels)
    member = holdout.y[:, None] == labels
    right = member[np.arange(len(holdout)), shares.argmax(axis=1)]
    there = member.any(axis=0)
    return {
        "accuracy": float(right.mean()),
        "aupr": float(average_precision(shares[:, there], member[:, there]).mean()),
        "calibration": calibration_error(shares.max(axis=1), right),
    }


def _probabilities(model: Any, cohort: Cohort, holdout: Cohort, labels: NDArray[np.str_]) -> NDArray[np.float64]:
    """Return (n_holdout, n_labels) class probabilities; 0 for a class that the model never saw."""
    known, codes = np.unique(cohort.y, return_inverse=True)
    shares = np.zeros((len(holdout), len(labels)))
    columns = np.searchsorted(labels, known)
    X, asked = cohort.X.copy(), holdout.X.copy()  # scikit-learn takes no read-only values whose sum overflows
    shares[:, columns] = 1.0 if len(known) == 1 else model.fit(X, codes).predict_proba(asked)
    return shares


def calibration_error(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    """Return the expected calibration error: |share right - mean confidence| over equal bins, weighted by their size.

    Naeini, Cooper and Hauskrecht (2015), AAAI, doi:10.1609/aaai.v29i1.9602.
    """
    place = np.minimum((confidence * _BINS).astype(int), _BINS - 1)
    gap = np.bincount(place, right, _BINS) - np.bincount(place, confidence, _BINS)
    return float(np.abs(gap).sum() / len(right))
