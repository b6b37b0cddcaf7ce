"""Confidence of a classifier that was trained on the release."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from bench import AttackView, attack

from ._classes import given_labels

_SUREST = 800.0  # more than any log odds of which the smaller probability is not rounded to 0


@attack("confidence", modalities="all", access="black-box + labels", family="model")
@dataclass(kw_only=True)
class Confidence:
    """Score a target by how sure a logistic regression trained on the release is of the target's own class.

    Threat model: the attacker also knows the class of each synthetic person and of each candidate.
    The score is the log odds of the own class; the starter package takes the largest probability instead, which
    saturates at 1 and rewards being sure of the wrong class.
    """

    C: float = 1.0  # inverse strength of the penalty, as published

    def score(self, view: AttackView, *, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return (n_targets,) log odds; a class that the release does not have scores as the least sure one."""
        own, theirs = given_labels(view, "confidence")
        scaler = StandardScaler().fit(view.synthetic.astype(np.float64))
        model = LogisticRegression(C=self.C, max_iter=2000)
        model.fit(scaler.transform(view.synthetic.astype(np.float64)), own)
        with np.errstate(divide="ignore"):  # a probability may be rounded to 0
            log_p = model.predict_log_proba(scaler.transform(view.targets.astype(np.float64)))  # (n_targets, n_classes)
        mine = model.classes_ == theirs[:, None]
        own_log_p = np.where(mine, log_p, -np.inf).max(axis=1)
        rest = np.logaddexp.reduce(np.where(mine, -np.inf, log_p), axis=1)
        odds = np.minimum(own_log_p - rest, _SUREST)
        known = mine.any(axis=1)
        return np.where(known, odds, odds[known].min() if known.any() else 0.0)
