"""RMIA: the gain of a target over shadow models, compared with the gains of other people."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_expit

from bench import AttackView, PluginError, attack

from ._answers import answers
from ._shadow_models import on_the_scale_of, own_shadows


@attack("model_rmia", access="query", modalities="all", family="model", doi="10.48550/arXiv.2312.03262")
@dataclass(kw_only=True)
class ModelRmia:
    """Score a target by the share of other candidates whose probability ratio the target's exceeds by a factor.

    Threat model: as `model_lira_offline`. The ratio is that of the probability of the own class under the released
    model and of its mean under shadow models: of those without the target, moved to the mean of all by the published
    line, ((1 + a) p_out + 1 - a) / 2.

    Zarifzadeh, Liu and Shokri 2024, offline. Deviation: the population are the other candidates. With one population
    for everybody the factor `gamma` only ties scores, so that it is 1 here; published is about 2.
    """

    rounds: int = 3  # of five shadow models each
    gamma: float = 1.0
    a: float = 0.3  # of the line

    def score(self, view: AttackView, *, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return (n_targets,) shares."""
        if not self.gamma > 0 or not 0 <= self.a <= 1:
            raise PluginError(f"model_rmia: gamma={self.gamma}, a={self.a}; expected gamma > 0 and 0 <= a <= 1.")
        real = answers(view, "model_rmia").log_odds
        shadows = own_shadows(view, "model_rmia", self.rounds)
        intercept, slope = on_the_scale_of(real, shadows.log_odds)
        outside = shadows.mean(np.exp(log_expit(intercept + slope * shadows.log_odds)), inside=False)
        ratio = log_expit(real) - np.log(((1 + self.a) * outside + 1 - self.a) / 2)
        beaten: NDArray[np.float64] = np.searchsorted(np.sort(ratio), ratio - np.log(self.gamma)) / len(ratio)
        return beaten
