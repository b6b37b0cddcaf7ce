"""Mahalanobis distance within classes that the attacker had to guess."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench import AttackView, attack

from ._structure import mahalanobis, sharpest_clusters


@attack("mahalanobis_blind", modalities="all", family="structure")
@dataclass(kw_only=True)
class MahalanobisBlind:
    """Score a target by its Mahalanobis distance within the cluster of the release that it falls into.

    Threat model: the release has no labels (as the challenge's red track), and the classes of the candidates are
    unknown; both are predicted by clustering the synthetic people. From several numbers of clusters, one among them,
    the attacker takes that at which the candidates fall most clearly into two groups.
    """

    clusters: tuple[int, ...] = (1, 4, 8, 12)  # numbers tried

    def score(self, view: AttackView, *, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return (n_targets,) log scores; 0 is the split of the cluster."""
        return sharpest_clusters(mahalanobis, view.synthetic, view.targets, self.clusters)
