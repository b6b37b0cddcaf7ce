"""Five shadow releases, each person calibrated by her own scores under them: shadows at half the price."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from bench import AttackView, attack

from ._shadow import calibrated_inside, play


@attack("shadow_calibrated", access="code", opt_in=True, family="model")
@dataclass(kw_only=True)
class ShadowCalibrated:
    """Score a target by how its scores differ from its own under five shadows that were trained on it.

    Threat model: as `shadow_lira`.
    Difficulty differs between people more than membership does, so that each score is taken less the person's own mean
    over the shadows with her; with five shadows everybody is in four of them, and out of a single one, which gives no
    mean to compare with. A logistic regression over all shadows weighs the attacks, and the losses of surrogate models
    that are trained on each release.

    After Watson, Guo, Cormode and Sablayrolles 2022 (difficulty calibration).
    """

    steps: int = 100  # of each surrogate model whose losses are watched beside the attacks; 0: none

    def score(self, view: AttackView, *, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return (n_targets,) log odds."""
        shadows = play(view, "shadow_calibrated", 1, self.steps, rng)
        real, known, member = calibrated_inside(shadows)
        model = LogisticRegression(C=0.1, class_weight="balanced", max_iter=1000).fit(known, member)
        odds: NDArray[np.float64] = model.decision_function(real)
        return odds[shadows.back]
