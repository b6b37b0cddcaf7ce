"""Mahalanobis distance to the whole release, at the ridge that tells most."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench import AttackView, attack

from ._structure import mahalanobis


@attack("mahalanobis", modalities="all", family="structure")
@dataclass(kw_only=True)
class Mahalanobis:
    """Score a target by minus its log Mahalanobis distance to the release, at the most telling ridge.

    Threat model: the attacker holds the release and the candidates, nothing else.
    A model that was fitted to few people in many genes varies most in the directions of those people. Where members lie
    shows in directions of tiny variance, which distances and leading components never see. From seven ridges the
    attacker takes the one at which the candidates fall most clearly into two groups.
    """

    def score(self, view: AttackView, *, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return (n_targets,) log scores; 0 is the split."""
        return mahalanobis(view.synthetic, view.targets)[0]
