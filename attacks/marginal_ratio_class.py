"""Marginal ratio within the class: the two-way marginals of each gene with the label."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench import AttackView, attack

from ._classes import given_labels
from ._marginals import log_ratio
from ._structure import Floats, by_class


@attack(
    "marginal_ratio_class",
    modalities="all",
    access="black-box + labels",
    family="structure",
    doi="10.48550/arXiv.2402.06699",
)
@dataclass(kw_only=True)
class MarginalRatioClass:
    """Score a target by the mean log ratio of the release's to the candidates' frequency of its value in its class.

    Threat model: the attacker also knows the class of each synthetic person and of each candidate.
    A generator that measures each gene together with the label releases these tables. Scores are centred per class,
    because a class that the release got wrong as a whole says nothing about its members.

    After MAMA-MIA, Golob, Pentyala, Maratkhan and De Cock 2024.
    """

    n_bins: int = 1024  # most bins of a gene
    prior: float = 1.0  # pseudo-count of each bin

    def score(self, view: AttackView, *, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return (n_targets,) mean log ratios, centred per class."""
        own, theirs = given_labels(view, "marginal_ratio_class")
        return by_class(self._centred, view.synthetic, own, view.targets, theirs)[0]

    def _centred(self, synthetic: NDArray[np.float32], targets: NDArray[np.float32]) -> tuple[Floats, float]:
        scores = log_ratio(synthetic, targets, self.n_bins, self.prior)
        return scores - scores.mean(), 0.0
