"""Per-gene quantile support: whether synthetic values crowd, gene by gene, where the target's values are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench import AttackView, PluginError, attack

from ._marginals import crowding, ordered, ranked


@attack("quantile_support", preset="quick", modalities="all", family="structure")
@dataclass(kw_only=True)
class QuantileSupport:
    """Score a target by how much denser synthetic values are right at its values than around them, over all genes.

    Threat model: the attacker holds the release and the candidates, nothing else.
    A generator that maps its output back through the training quantiles of each gene puts its values between
    neighbouring training values: short gaps are filled as densely as long ones. Per gene the score compares the gap
    between the synthetic neighbours of a value with a wider one; a value outside the synthetic range counts as in a gap
    as long as its distance from the range.
    """

    near: int = 1  # synthetic neighbours to each side that make the gap
    around: int = 40  # and those that say how dense the region is

    def score(self, view: AttackView, *, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return (n_targets,) mean log ratios."""
        if not 1 <= self.near < self.around:
            raise PluginError(f"quantile_support: near {self.near}, around {self.around}; expected 1 <= near < around.")
        around = min(self.around, len(view.synthetic) - 1)
        values, people = ordered(view.synthetic), ranked(view.targets)
        scores = np.zeros(len(view.targets))
        for order, points, own in zip(people.order, people.values, values, strict=True):
            scores[order] += crowding(own.astype(float), points.astype(float), self.near, around)
        return scores / len(view.genes)
