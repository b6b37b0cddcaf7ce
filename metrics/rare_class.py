"""Whether the small classes survive in a release: an average over samples hides them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import nan

import numpy as np

from bench import Cohort, Measure, metric

from ._recall import class_recalls


@metric(
    "rare_class",
    family="utility",
    measures=(
        Measure("rare_class_recall_synthetic", "higher", 0, 1, table="in_use", rank=1, title="rare class syn"),
        Measure("rare_class_recall_real", "none", 0, 1, table="in_use", rank=2, title="rare class real"),
        Measure("worst_class_recall_synthetic", "higher", 0, 1, table="in_use", rank=3, title="worst class syn"),
        Measure("worst_class_recall_real", "none", 0, 1, table="in_use", rank=4, title="worst class real"),
        Measure("balanced_accuracy_synthetic", "higher", 0, 1, table="in_use", rank=5, title="balanced acc syn"),
        Measure("balanced_accuracy_real", "none", 0, 1, table="in_use", rank=6, title="balanced acc real"),
    ),
    doi="10.1109/ICPR.2010.764",
)
@dataclass(kw_only=True)
class RareClass:
    """Return the recall of single classes, on held-out samples, of a classifier of synthetic or of training samples.

    The classifier is that of `tstr_2026`. ``rare_class_recall`` is the recall of the class with the fewest training
    samples (of several, their mean), ``worst_class_recall`` the smallest recall of a class, and ``balanced_accuracy``
    the mean over classes (doi:10.1109/ICPR.2010.764). Only classes with a held-out sample count. A class that the
    release lacks has recall 0. NaN without a synthetic sample, the first also if the rare class is not held out.
    """

    def __call__(
        self, train: Cohort, holdout: Cohort, synthetic: Cohort, *, rng: np.random.Generator
    ) -> Mapping[str, float]:
        """Return the recalls of both classifiers."""
        labels, counts = np.unique(train.y, return_counts=True)
        rare = np.isin(holdout.classes, labels[counts == counts.min()])
        values = {}
        for role, cohort in (("synthetic", synthetic), ("real", train)):
            found = class_recalls(cohort, train, holdout) if len(cohort) else np.full(len(rare), nan)
            values[f"rare_class_recall_{role}"] = float(found[rare].mean()) if rare.any() else nan
            values[f"worst_class_recall_{role}"] = float(found.min())
            values[f"balanced_accuracy_{role}"] = float(found.mean())
        return values
