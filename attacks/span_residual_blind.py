"""What of a target lies outside the span of its cluster, where the classes had to be guessed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench import AttackView, attack

from ._structure import residual, sharpest_clusters


@attack("span_residual_blind", modalities="all", family="structure")
@dataclass(kw_only=True)
class SpanResidualBlind:
    """Score a target by minus the log share of it outside the affine span of the cluster that it falls into.

    Threat model: as `mahalanobis_blind`: neither the release nor the candidates have labels.
    """

    clusters: tuple[int, ...] = (1, 4, 8, 12)  # numbers tried

    def score(self, view: AttackView, *, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return (n_targets,) log scores; 0 is the split of the cluster."""
        return sharpest_clusters(residual, view.synthetic, view.targets, self.clusters)
