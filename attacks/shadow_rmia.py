"""RMIA on shadow releases: is a target better placed, against its own shadows, than other people are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from bench import AttackView, attack

from ._shadow import Shadows, need_two_rounds, play


@attack(
    "shadow_rmia",
    access="code",
    opt_in=True,
    family="model",
    doi="10.48550/arXiv.2312.03262",
)
@dataclass(kw_only=True)
class ShadowRmia:
    """Score a target by the share of other candidates whose gain over their own shadows is smaller.

    Threat model: as `shadow_lira`.
    The gain is the score under the release less the mean over all shadows, in and out alike; people are compared in
    pairs, which takes out what a release does to everybody. The candidates themselves are the population, and the
    shares are averaged over attacks.

    After Zarifzadeh, Liu and Shokri 2024, with attack scores in the place of log likelihoods and a margin of 0.
    """

    rounds: int = 2  # of five shadows each
    steps: int = 0  # of each surrogate model whose losses are watched beside the attacks; 0: none, they dilute the rest

    def score(self, view: AttackView, *, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return (n_targets,) shares."""
        need_two_rounds(self.rounds, "shadow_rmia")
        shadows = play(view, "shadow_rmia", self.rounds, self.steps, rng)
        return shares(shadows)[shadows.back]


def shares(shadows: Shadows) -> NDArray[np.float64]:
    """Return the share of others with a smaller gain, the mean over attacks, (n_targets,)."""
    gain = shadows.real - shadows.scores.mean(axis=0)  # (n_targets, n_attacks)
    beaten: NDArray[np.float64] = (rankdata(gain, axis=0) - 1) / (len(gain) - 1)
    mean: NDArray[np.float64] = beaten.mean(axis=1)
    return mean
