"""Kernel density of neighbour distances: how likely such a distance is for members against known non-members."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench import AttackView, attack

from ._classes import reference_of
from ._density import log_density_1d
from ._distances import distances


@attack(
    "neighbour_kde",
    modalities="all",
    access="black-box + reference",
    family="distance",
    doi="10.48550/arXiv.2603.10937",
)
@dataclass(kw_only=True)
class NeighbourKde:
    """Score a target by the density of its nearest-synthetic distance among candidates over that among non-members.

    Threat model: the attacker also holds people of the same population who are no members.
    Candidates are members and others mixed, reference people are others only; the ratio of the two densities of log
    distances rises where members are over-represented. It is not monotone in the distance, so that it also finds
    generators which keep away from their members.

    Pathak and Jana 2026 (their realistic attack).
    """

    def score(self, view: AttackView, *, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return (n_targets,) log density ratios."""
        reference = reference_of(view, "neighbour_kde")
        mixed = distances(view.targets, view.synthetic).nearest()[0][:, 0]
        others = distances(reference, view.synthetic).nearest()[0][:, 0]
        scale = mixed.mean() * np.finfo(np.float32).eps ** 2  # a copy is at distance 0 up to rounding
        log_mixed, log_others = 0.5 * np.log(mixed + scale), 0.5 * np.log(others + scale)
        return log_density_1d(log_mixed, log_mixed) - log_density_1d(log_mixed, log_others)
