"""Gen-LRA: how much likelier the synthetic people around the target are if the target is in the data."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench import AttackView, attack

from ._classes import reference_of
from ._density import log_sum_exp, shared_basis
from ._distances import Distances


@attack("gen_lra", modalities="all", access="black-box + reference", family="density")
@dataclass(kw_only=True)
class GenLra:
    """Score a target by the likelihood ratio of its synthetic neighbours, with it and without it in the reference.

    Threat model: the attacker also holds people of the same population who are no members.
    With a Gaussian kernel K on n reference people, the density at a synthetic person s is p(s); with the target x among
    them it is (n p(s) + K(s, x)) / (n + 1). The score is the sum of the log ratios over the k nearest s, in closed form
    and in log space; all live in the axes of the reference.

    Ward, Wang and Cheng 2025.
    """

    k: int = 10  # synthetic neighbours
    n_axes: int = 30  # of the shared basis

    def score(self, view: AttackView, *, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return (n_targets,) log likelihood ratios."""
        reference = reference_of(view, "gen_lra")
        basis = shared_basis(reference, self.n_axes)
        people, synthetic, targets = basis(reference), basis(view.synthetic), basis(view.targets)
        n, d = people.shape
        precision = n ** (2 / (d + 4))  # of Scott's kernel on whitened people; the norming constants cancel
        log_sum = np.empty(len(synthetic))  # log of n p(s), up to that constant
        for rows, squared in Distances(synthetic, people).blocks():
            log_sum[rows] = log_sum_exp(-0.5 * precision * squared)
        near, whose = Distances(targets, synthetic).nearest(self.k)  # (n_targets, k)
        ratios = np.logaddexp(0, -0.5 * precision * near - log_sum[whose]) + math.log(n / (n + 1))
        scores: NDArray[np.float64] = ratios.sum(axis=1)
        return scores
