"""Nearest-neighbour ratio: the nearest synthetic person against the other candidates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench import AttackView, PluginError, attack

from ._distances import distances, distances_within


@attack("nn_ratio", preset="quick", modalities="all", family="distance")
@dataclass(kw_only=True)
class NearestNeighbourRatio:
    """Score a target by log(distance to its nearest other candidates / distance to the nearest synthetic person).

    Threat model: the attacker holds the release and the candidates, nothing else. The candidates stand in for the
    reference set that `gan_leaks_cal` needs: they say how crowded a target's neighbourhood is.
    """

    k: int = 5  # other candidates whose mean log distance is the yardstick

    def score(self, view: AttackView, *, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return (n_targets,) log ratios."""
        if self.k < 1:
            raise PluginError(f"nn_ratio: k is {self.k}; expected 1 or more.")
        tiny = np.finfo(np.float32).eps ** 2  # a copy is at distance 0 up to rounding
        to_synthetic = distances(view.targets, view.synthetic).nearest()[0][:, 0]
        to_others = distances_within(view.targets).nearest(self.k)[0]
        scale = to_others.mean() * tiny
        ratio: NDArray[np.float64] = np.log(to_others + scale).mean(axis=1) - np.log(to_synthetic + scale)
        return ratio / 2
