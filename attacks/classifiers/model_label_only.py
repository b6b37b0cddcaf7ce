"""The label-only attack: how much noise a target stands before the model changes its mind."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench import AttackView, PluginError, attack

from ._answers import asked


@attack("model_label_only", access="query", modalities="all", family="model", doi="10.48550/arXiv.2007.14321")
@dataclass(kw_only=True)
class ModelLabelOnly:
    """Score a target by the share of noisy copies that the released model still gives the right class.

    Threat model: many queries for the class alone, and the class is known; a model that hides its probabilities is no
    defence. The noise is normal, in units of each feature's spread over the candidates.

    Choquette-Choo et al. 2021, in its form by random noise.
    """

    copies: int = 3  # at each level of noise
    levels: int = 5  # between half a spread and eight spreads

    def score(self, view: AttackView, *, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return (n_targets,) shares of right answers, the answer without noise among them."""
        if self.copies < 1 or self.levels < 1:
            raise PluginError(
                f"model_label_only: copies={self.copies}, levels={self.levels}; expected 1 or more of both."
            )
        model, labels = asked(view, "model_label_only")
        right: NDArray[np.float64] = (model.predict(view.targets) == labels).astype(np.float64)
        spread = view.targets.std(axis=0)
        for level in np.geomspace(0.5, 8, self.levels):
            for _ in range(self.copies):
                noisy = view.targets + level * spread * rng.standard_normal(view.targets.shape, dtype=np.float32)
                right += model.predict(noisy) == labels
        right /= 1 + self.copies * self.levels
        return right
