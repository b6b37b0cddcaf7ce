"""LiRA with the classifier's own code: shadow models trained as the released one was."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench import AttackView, attack

from ._answers import answers
from ._likelihood_ratio import likelihood_ratio
from ._shadow_models import trained_again


@attack(
    "model_lira_code", access="query + code", opt_in=True, modalities="all", family="model",
    doi="10.48550/arXiv.2112.03570",
)  # fmt: skip
@dataclass(kw_only=True)
class ModelLiraCode:
    """Score a target as `model_lira_online` does, with shadow models by the released classifier's own code.

    Threat model: one query for the probabilities, the class is known, and the attacker knows the method with its
    hyper-parameters and has the computers to train it fifteen times. Opt-in, because it does.

    Carlini et al. 2022.
    """

    rounds: int = 3  # of five shadow models each

    def score(self, view: AttackView, *, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return (n_targets,) log likelihood ratios."""
        shadows = trained_again(view, "model_lira_code", self.rounds, rng)
        return likelihood_ratio(answers(view, "model_lira_code").log_odds, shadows)
