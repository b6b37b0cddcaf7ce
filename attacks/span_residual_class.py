"""What of a target lies outside the span of the synthetic people of its own class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench import AttackView, attack

from ._classes import given_labels
from ._structure import by_class, residual


@attack("span_residual_class", modalities="all", access="black-box + labels", family="structure")
@dataclass(kw_only=True)
class SpanResidualClass:
    """Score a target by minus the log share of it outside the affine span of its class.

    Threat model: the attacker also knows the class of each synthetic person and of each candidate.
    In classes with more synthetic people than genes all scores are 0, the split of the other classes.
    """

    def score(self, view: AttackView, *, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return (n_targets,) log scores; 0 is the split of the class."""
        own, theirs = given_labels(view, "span_residual_class")
        return by_class(residual, view.synthetic, own, view.targets, theirs)[0]
