"""Whether the small classes survive in a release: an average over samples hides them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import nan

import numpy as np
from numpy.typing import NDArray

from bench import Cohort, Measure, metric

from ._recall import recognise


@metric(
    "rare_class",
    modalities="all",
    family="utility",
    measures=(
        Measure(
            "rare_class_f1_synthetic",
            "higher",
            0,
            1,
            table="in_use",
            rank=1,
            title="rare class F1 syn",
            real="rare_class_f1_real",
        ),
        Measure("rare_class_f1_real", "none", 0, 1, table="in_use", rank=2, title="rare class F1 real"),
        Measure("rare_class_recall_synthetic", "higher", 0, 1),
        Measure("rare_class_recall_real", "none", 0, 1),
        Measure(
            "worst_class_recall_synthetic",
            "higher",
            0,
            1,
            table="in_use",
            rank=3,
            title="worst class syn",
            words="worst class",
            decides="worst",
            real="worst_class_recall_real",
        ),
        Measure("worst_class_recall_real", "none", 0, 1, table="in_use", rank=4, title="worst class real"),
        Measure(
            "balanced_accuracy_synthetic",
            "higher",
            0,
            1,
            table="in_use",
            rank=5,
            title="balanced acc syn",
            words="balanced accuracy",
            decides="use",
            real="balanced_accuracy_real",
        ),
        Measure("balanced_accuracy_real", "none", 0, 1, table="in_use", rank=6, title="balanced acc real"),
    ),
    doi="10.1109/ICPR.2010.764",
)
@dataclass(kw_only=True)
class RareClass:
    """Return how well classifiers of synthetic and of training samples recognise single classes among the held-out.

    The classifier is that of `tstr_2026`. ``rare_class_recall`` is the recall of the class with the fewest training
    samples (of several, their mean), ``rare_class_f1`` its F1, ``worst_class_recall`` the smallest recall of a class,
    and ``balanced_accuracy`` the mean recall over classes (doi:10.1109/ICPR.2010.764). Recall alone is won by calling
    everybody rare; F1 is not. Only classes with a held-out sample count. A class that the release lacks has recall and
    F1 0. NaN without a synthetic sample, the first two also if the rare class is not held out.
    """

    def __call__(
        self, train: Cohort, holdout: Cohort, synthetic: Cohort, *, rng: np.random.Generator
    ) -> Mapping[str, float]:
        """Return the recalls of both classifiers."""
        labels, counts = np.unique(train.y, return_counts=True)
        rare = np.isin(holdout.classes, labels[counts == counts.min()])
        values: dict[str, float] = {}
        for role, cohort in (("synthetic", synthetic), ("real", train)):
            values |= {f"{name}_{role}": value for name, value in _read(cohort, train, holdout, rare).items()}
        return values


def _read(cohort: Cohort, train: Cohort, holdout: Cohort, rare: NDArray[np.bool_]) -> dict[str, float]:
    """Return the measures of the classifier of one cohort; `rare` marks the rare among the held-out classes."""
    names = ("rare_class_f1", "rare_class_recall", "worst_class_recall", "balanced_accuracy")
    if len(cohort) == 0:
        return dict.fromkeys(names, nan)
    found = recognise(cohort, train, holdout)
    of_rare = [float(values[rare].mean()) if rare.any() else nan for values in (found.f1, found.recall)]
    return dict(zip(names, (*of_rare, float(found.recall.min()), float(found.recall.mean())), strict=True))
