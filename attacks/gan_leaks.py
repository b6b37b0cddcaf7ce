"""GAN-leaks, black-box: how close the nearest synthetic person is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench import AttackView, attack

from ._distances import distances


@attack("gan_leaks", preset="quick", modalities="all", family="distance", doi="10.1145/3372297.3417238")
@dataclass(kw_only=True)
class GanLeaks:
    """Score a target by minus its squared distance to the nearest synthetic person.

    Threat model: the attacker holds the release and the candidates, nothing else.
    The published exp(-d^2) has the same order, but underflows to exactly 0 above a distance of 27; its logarithm does
    not.

    Chen, Yu, Zhang and Fritz 2020.
    """

    def score(self, view: AttackView, *, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return (n_targets,) log scores, at most 0."""
        return -distances(view.targets, view.synthetic).nearest()[0][:, 0]
