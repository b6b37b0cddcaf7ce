"""LiRA, offline: how much surer the model is of a target than shadow models that were not trained on it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench import AttackView, attack

from ._answers import answers
from ._shadow_models import on_the_scale_of, own_shadows


@attack("model_lira_offline", access="query", modalities="all", family="model", doi="10.48550/arXiv.2112.03570")
@dataclass(kw_only=True)
class ModelLiraOffline:
    """Score a target by its log odds under the released model, less those that shadow models without it lead to expect.

    Threat model: one query for the probabilities, the class is known, and the attacker trains models of his own on the
    candidates (`_shadow_models`). People who are easy for every model are not mistaken for members.

    Carlini et al. 2022, one-sided test with one variance for all people, which changes no order.
    """

    rounds: int = 3  # of five shadow models each

    def score(self, view: AttackView, *, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return (n_targets,) differences of log odds."""
        real = answers(view, "model_lira_offline").log_odds
        shadows = own_shadows(view, "model_lira_offline", self.rounds)
        intercept, slope = on_the_scale_of(real, shadows.log_odds)
        expected = intercept + slope * shadows.mean(shadows.log_odds, inside=False)
        return real - expected
