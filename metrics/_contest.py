"""Classifiers of different kinds, small enough to train several on each release, and how well each does."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import RidgeClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid
from sklearn.tree import DecisionTreeClassifier

from bench import Cohort, fold_fact

from ._order import content_order
from ._scaling import centre_and_scale
from ._shared import shared
from ._tstr import classifier

CONTESTANTS = ("logistic", "ridge", "centroid", "naive_bayes", "neighbours", "tree", "forest")


@shared
@fold_fact
def contest(learnt_from: Cohort, scaled_by: Cohort, tested_on: Cohort, *, seed: int) -> NDArray[np.float64]:
    """Return (n_contestants,) balanced accuracies on one cohort of the classifiers of another.

    The first is that of `tstr_2026`; all see genes standardised by `scaled_by`. Who saw one class, or no gene that
    varies, calls everybody the most frequent class.
    """
    labels = np.union1d(learnt_from.classes, tested_on.classes)
    called = classifier(learnt_from, scaled_by, scaled=True).log_probabilities(tested_on, labels).argmax(axis=1)
    scores = [_balanced_accuracy(labels[called], tested_on)]
    varies = np.ptp(learnt_from.X, axis=0) > 0 if len(learnt_from.classes) > 1 else np.zeros(learnt_from.n_genes, bool)
    centre, scale = centre_and_scale(scaled_by.X)
    X, Z = (((c.X - centre) / scale)[:, varies].astype(np.float32) for c in (learnt_from, tested_on))
    order = content_order(learnt_from)  # the forest draws by position, and a copy must grow the same one
    for model in _models(seed, X.shape):
        guess = (
            model.fit(X[order], learnt_from.y[order]).predict(Z)
            if varies.any()
            else _most_frequent(learnt_from, len(Z))
        )
        scores.append(_balanced_accuracy(guess, tested_on))
    return np.array(scores)


def _models(seed: int, shape: tuple[int, ...]) -> list[Any]:
    """Return the contestants after the first, in the order of their names."""
    return [
        RidgeClassifier(alpha=max(shape)),
        NearestCentroid(),
        GaussianNB(var_smoothing=0.01),  # of the largest variance: a class of one sample has none of its own
        KNeighborsClassifier(min(5, shape[0])),
        DecisionTreeClassifier(max_features="sqrt", min_samples_leaf=2, random_state=seed),
        RandomForestClassifier(30, max_depth=8, random_state=seed),
    ]


def _most_frequent(cohort: Cohort, n: int) -> NDArray[np.str_]:
    labels, counts = np.unique(cohort.y, return_counts=True)
    return np.full(n, labels[counts.argmax()])


def _balanced_accuracy(called: NDArray[np.str_], truth: Cohort) -> float:
    return float(np.mean([np.mean(called[truth.y == label] == label) for label in truth.classes]))
