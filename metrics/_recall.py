"""How well a classifier recognises each class among the held-out samples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench import Cohort

from ._tstr import classifier


@dataclass(frozen=True, eq=False)
class Recognised:
    """What a classifier makes of each held-out class, the classes in alphabetical order.

    Parameters
    ----------
    there, called, both : (n_classes,) how many held-out samples are of the class, are called so, and rightly so
    """

    there: NDArray[np.int64]
    called: NDArray[np.int64]
    both: NDArray[np.int64]

    @property
    def recall(self) -> NDArray[np.float64]:
        """The share of each class that is recognised, (n_classes,)."""
        shares: NDArray[np.float64] = self.both / self.there
        return shares

    @property
    def f1(self) -> NDArray[np.float64]:
        """The F1 of each class, (n_classes,)."""
        scores: NDArray[np.float64] = 2 * self.both / (self.there + self.called)
        return scores


def recognise(learnt_from: Cohort, scaled_by: Cohort, holdout: Cohort) -> Recognised:
    """Return how a classifier of one cohort does on the held-out samples.

    The classifier is that of `tstr_2026`: one-vs-rest logistic regression on genes standardised by `scaled_by`. A class
    that it was not shown is never recognised.
    """
    labels = np.union1d(learnt_from.classes, holdout.classes)
    scores = classifier(learnt_from, scaled_by, scaled=True).log_probabilities(holdout, labels)
    there = holdout.y[:, None] == holdout.classes  # (n, n_classes)
    called = labels[scores.argmax(axis=1)][:, None] == holdout.classes
    return Recognised(there.sum(axis=0), called.sum(axis=0), (there & called).sum(axis=0))
