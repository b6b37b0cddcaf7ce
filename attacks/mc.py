"""Monte Carlo attack: how many synthetic people lie close to the target."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench import AttackView, PluginError, attack

from ._distances import distances


@attack("mc", modalities="all", family="distance", doi="10.2478/popets-2019-0067")
@dataclass(kw_only=True)
class MonteCarlo:
    """Count the synthetic people within a radius of the target; equal counts are ordered by the nearest one.

    Threat model: the attacker holds the release and the candidates, nothing else.
    The radius is the median over candidates of the distance to the nearest synthetic person, so by construction half of
    the candidates count none; the published form leaves them tied, here the nearer one ranks higher.

    Hilprecht, Haerterich and Bernau 2019.
    """

    quantile: float = 0.5  # of the nearest distances that sets the radius; the 2026 starter package uses 0.1

    def score(self, view: AttackView, *, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return (n_targets,) ranks by count, then by nearness; candidates equal in both share a rank."""
        if not 0 <= self.quantile <= 1:
            raise PluginError(f"mc: quantile is {self.quantile}; expected a share between 0 and 1.")
        near = distances(view.targets, view.synthetic)
        nearest = near.nearest()[0][:, 0]  # (n_targets,)
        counts = near.count_below(float(np.quantile(nearest, self.quantile)))
        order = np.lexsort((-nearest, counts))
        steps = (np.diff(counts[order]) != 0) | (np.diff(nearest[order]) != 0)
        ranks = np.empty(len(order))
        ranks[order] = np.append(0, np.cumsum(steps))
        return ranks
