"""Label share: how many of the release have the target's label."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench import AttackView, attack

from ._classes import given_labels


@attack("label_share", modalities="all", access="black-box + labels", opt_in=True, for_audits=True, family="structure")
@dataclass(kw_only=True)
class LabelShare:
    """Score a target by the share of the release that has its label.

    Threat model: the attacker sees the labels of the release and of the candidates, and no values.
    Within one release all people of a class score the same. Over repeated trainings with one record in or out, which
    is what an audit with a single canary does, the share of its class tells whether sizes of classes are released
    without noise. Opt-in, because in a run, where there is one release, it tells nobody apart from his class.
    """

    def score(self, view: AttackView, *, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return (n_targets,) shares between 0 and 1."""
        own, theirs = given_labels(view, "label_share")
        return np.array([np.mean(own == label) for label in theirs], dtype=np.float64)
