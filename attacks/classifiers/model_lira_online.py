"""LiRA, online: the likelihood ratio of shadow models that were trained on a target and of those that were not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench import AttackView, attack

from ._answers import answers
from ._likelihood_ratio import likelihood_ratio
from ._shadow_models import own_shadows


@attack("model_lira_online", access="query", modalities="all", family="model", doi="10.48550/arXiv.2112.03570")
@dataclass(kw_only=True)
class ModelLiraOnline:
    """Score a target by the likelihood ratio of its log odds: under shadow models with the target, and without.

    Threat model: as `model_lira_offline`. Both distributions are normal, with a mean for each person and one variance
    for all people, because shadows are few.

    Carlini et al. 2022.
    """

    rounds: int = 3  # of five shadow models each

    def score(self, view: AttackView, *, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return (n_targets,) log likelihood ratios."""
        shadows = own_shadows(view, "model_lira_online", self.rounds)
        return likelihood_ratio(answers(view, "model_lira_online").log_odds, shadows)
