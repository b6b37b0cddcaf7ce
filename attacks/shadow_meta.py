"""A meta-classifier on shadow releases: gradient-boosted trees over calibrated scores."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from xgboost import XGBClassifier

from bench import AttackView, attack, integer_seed

from ._shadow import calibrated, need_two_rounds, play


@attack("shadow_meta", access="code", opt_in=True, family="model", needs=("xgboost",))
@dataclass(kw_only=True)
class ShadowMeta:
    """Score a target by boosted trees that learned on shadow releases what scores of members look like.

    Threat model: as `shadow_lira`.
    The trees see each attack's score against the person's own mean when out of a shadow and when in one. Beside the
    attacks they see the losses of surrogate models that are trained on each release: of a small denoiser at fixed noise
    levels and draws, and the two terms of a small variational autoencoder's evidence lower bound.
    """

    rounds: int = 2  # of five shadows each
    steps: int = 100  # of each surrogate model whose losses are watched beside the attacks; 0: none
    trees: int = 200
    depth: int = 3

    def score(self, view: AttackView, *, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return (n_targets,) log odds."""
        need_two_rounds(self.rounds, "shadow_meta")
        shadows = play(view, "shadow_meta", self.rounds, self.steps, rng)
        real, known, member = calibrated(shadows)
        model = XGBClassifier(
            n_estimators=self.trees, max_depth=self.depth, learning_rate=0.05, subsample=0.5, n_jobs=1,
            scale_pos_weight=(~member).sum() / member.sum(), random_state=integer_seed(rng),
        )  # fmt: skip
        model.fit(known, member)
        odds: NDArray[np.float64] = model.predict(real, output_margin=True).astype(np.float64)
        return odds[shadows.back]
