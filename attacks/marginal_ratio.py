"""Marginal ratio: whether the release holds the target's values more often than the population does."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench import AttackView, attack

from ._marginals import log_ratio


@attack("marginal_ratio", preset="quick", modalities="all", family="structure", doi="10.48550/arXiv.2402.06699")
@dataclass(kw_only=True)
class MarginalRatio:
    """Score a target by the mean log ratio of the release's to the candidates' frequency of its values.

    Threat model: the attacker holds the release and the candidates, who stand in for the population.
    Made for generators that keep one-way marginals (MST, PrivBayes, Private-PGM): their bin edges are recovered from
    the few distinct values that they release. For other generators fine bins of the population serve.

    After MAMA-MIA, Golob, Pentyala, Maratkhan and De Cock 2024; one-way marginals, logarithms, edges recovered.
    """

    n_bins: int = 1024  # most bins of a gene
    prior: float = 1.0  # pseudo-count of each bin

    def score(self, view: AttackView, *, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return (n_targets,) mean log ratios."""
        return log_ratio(view.synthetic, view.targets, self.n_bins, self.prior)
