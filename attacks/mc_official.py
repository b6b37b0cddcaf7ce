"""Monte Carlo attack in the published arithmetic, to reproduce published numbers; `mc` is the sound form."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench import AttackView, attack

from ._distances import distances


@attack("mc_official", modalities="all", official=True, family="distance", doi="10.2478/popets-2019-0067")
@dataclass(kw_only=True)
class MonteCarloOfficial:
    """Return the share of synthetic people nearer than the median over candidates of the nearest distance.

    About half of the candidates have the score 0, so that a threshold cannot tell them apart.
    """

    def score(self, view: AttackView, *, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return (n_targets,) shares."""
        near = distances(view.targets, view.synthetic)
        radius = float(np.median(near.nearest()[0][:, 0]))
        shares: NDArray[np.float64] = near.count_below(radius, strict=True) / len(view.synthetic)
        return shares
