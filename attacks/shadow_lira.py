"""LiRA on shadow releases: is a target's score like its own scores when it was in, or when it was out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from bench import AttackView, attack

from ._shadow import calibrated, need_two_rounds, play


@attack(
    "shadow_lira",
    access="code",
    opt_in=True,
    family="model",
    doi="10.1109/SP46214.2022.9833649",
)
@dataclass(kw_only=True)
class ShadowLira:
    """Score a target by the likelihood ratio of its scores under shadows with it and shadows without it.

    Threat model: the attacker has the generator's code and parameters, the labels, and the candidates' values, of which
    he picks whom his shadows are trained on. He knows nobody's true membership.
    Per attack both likelihoods are normal, with a mean of their own for each person and a spread shared by all, because
    a person is out of few shadows. A logistic regression over the shadows weighs the attacks.

    After Carlini, Chien, Nasr, Song, Terzis and Tramer 2022.
    """

    rounds: int = 2  # of five shadows each
    steps: int = 0  # of each surrogate model whose losses are watched beside the attacks; 0: none

    def score(self, view: AttackView, *, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return (n_targets,) log odds."""
        need_two_rounds(self.rounds, "shadow_lira")
        shadows = play(view, "shadow_lira", self.rounds, self.steps, rng)
        real, known, member = calibrated(shadows)
        model = LogisticRegression(C=0.1, class_weight="balanced", max_iter=1000).fit(_log_ratios(known), member)
        odds: NDArray[np.float64] = model.decision_function(_log_ratios(real))
        return odds[shadows.back]


def _log_ratios(distances: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return log p_in / p_out per attack from the distances to both means; bounded, so that no attack outshouts all."""
    out, inside = np.split(distances, 2, axis=1)
    return np.arcsinh((out**2 - inside**2) / 2)
