"""Mahalanobis distance to the synthetic people of the target's own class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench import AttackView, attack

from ._classes import given_labels
from ._structure import by_class, mahalanobis


@attack("mahalanobis_class", modalities="all", access="black-box + labels", family="structure")
@dataclass(kw_only=True)
class MahalanobisClass:
    """Score a target by its Mahalanobis distance within its class, each class at its own most telling ridge.

    Threat model: the attacker also knows the class of each synthetic person and of each candidate.
    A class with fewer people than genes has a covariance whose span is its members, also where the whole cohort has
    more people than genes. Scores of different classes are made comparable by putting each class's split at 0.
    """

    def score(self, view: AttackView, *, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return (n_targets,) log scores; 0 is the split of the class."""
        own, theirs = given_labels(view, "mahalanobis_class")
        return by_class(mahalanobis, view.synthetic, own, view.targets, theirs)[0]
