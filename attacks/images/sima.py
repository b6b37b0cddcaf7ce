"""SimA: how much noise a released diffusion model sees in an image to which none was added."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench import AttackView, attack

from ._diffusion import combined, noise_estimate, released_model


@attack("sima", modalities=("images",), access="white-box", opt_in=True, family="model")
@dataclass(kw_only=True)
class SimA:
    """Score a target by how little noise the model finds in the image itself, at a few noise levels.

    Threat model: the attacker holds the fitted model and asks it once a level. At a member the density that the model
    has learned is flat, or has a peak, so that the estimated noise is short; elsewhere it points to where the model
    would rather have the image. The length is the published l4 norm. No noise is drawn and no further model trained.

    References
    ----------
    Rao, Qiao and Kong (2025), Score-based membership inference on diffusion models.
    """

    levels: tuple[float, ...] = (0.02, 0.05, 0.1, 0.2)

    def score(self, view: AttackView, *, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return (n_targets,) minus lengths; higher for members."""
        model = released_model(view, "sima", "denoised")
        assert view.target_labels is not None
        x = view.targets.astype(np.float64)
        return combined(
            [(noise_estimate(model, x, level, view.target_labels) ** 4).sum(axis=1) ** 0.25 for level in self.levels]
        )
