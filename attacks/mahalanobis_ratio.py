"""Mahalanobis distance to the release against that to the other candidates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench import AttackView, PluginError, attack

from ._structure import mahalanobis_ratio


@attack("mahalanobis_ratio", preset="quick", modalities="all", family="structure")
@dataclass(kw_only=True)
class MahalanobisRatio:
    """Score a target by how much nearer it lies to the release than to the other candidates, in Mahalanobis distance.

    Threat model: the attacker holds the release and the candidates, nothing else; the candidates say what the
    population looks like. Whether an atypical person is atypical for everybody or only for the release is what tells,
    also where the release has more people than genes and `mahalanobis` sees little.
    """

    ridge: float = 1e-3  # added to each variance, as a share of the candidates' mean variance

    def score(self, view: AttackView, *, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return (n_targets,) log ratios."""
        if not self.ridge > 0:
            raise PluginError(f"mahalanobis_ratio: ridge is {self.ridge}; expected above 0.")
        return mahalanobis_ratio(view.synthetic, view.targets, self.ridge)
