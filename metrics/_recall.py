"""How many held-out samples of each class a classifier recognises."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bench import Cohort

from ._tstr import classifier


def class_recalls(learnt_from: Cohort, scaled_by: Cohort, holdout: Cohort) -> NDArray[np.float64]:
    """Return (n_classes,) the share of each held-out class that is recognised, classes in alphabetical order.

    The classifier is that of `tstr_2026`: one-vs-rest logistic regression on genes standardised by `scaled_by`. A class
    that it was not shown is never recognised.
    """
    labels = np.union1d(learnt_from.classes, holdout.classes)
    scores = classifier(learnt_from, scaled_by, scaled=True).log_probabilities(holdout, labels)
    right = labels[scores.argmax(axis=1)] == holdout.y
    return np.array([right[holdout.y == label].mean() for label in holdout.classes])
