"""Losses of a released diffusion model at fixed noise levels, less those of models trained without the target."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench import AttackView, Images, attack, integer_seed

from ._diffusion import alone_in_class, half_of_each_class, in_own_order, released_model, shadow, told_by


@attack("diffusion_loss", modalities=("images",), access="white-box", opt_in=True, family="model")
@dataclass(kw_only=True)
class DiffusionLoss:
    """Score a target by how well the released model denoises it, beside models that were trained without it.

    Threat model: the attacker holds the fitted model and its code. Losses are those of the generator's method
    ``losses``: at fixed noise levels, with noises that all targets share. An odd image has a large loss under any
    model, so the generator is trained twice more, on either half of the targets, and each target's loss is divided
    by that of the half without it. ``calibrate=False`` reads the released model alone.

    References
    ----------
    Carlini et al. (2023), USENIX Security (loss at fixed times). Watson et al. (2022), ICLR (calibration).
    """

    calibrate: bool = True

    def score(self, view: AttackView, *, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return (n_targets,) gains; higher for images the model knows better than it should."""
        model = released_model(view, "diffusion_loss", "losses")
        images, order = in_own_order(view, rng)
        seed = integer_seed(rng)
        gain = -told_by(model, "losses", images, seed)
        if self.calibrate:
            gain += self._without(view, images, seed, rng)
        scores = np.empty(len(order))
        scores[order] = ((gain - gain.mean(axis=0)) / np.maximum(gain.std(axis=0), 1e-12)).mean(axis=1)
        return scores

    @staticmethod
    def _without(view: AttackView, images: Images, seed: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return (n, n_terms) log losses, each under a model of the half of each class without the image."""
        first, alone = half_of_each_class(images, rng), alone_in_class(images)
        found = [
            told_by(shadow(view, images, half | alone, "diffusion_loss", rng), "losses", images, seed)
            for half in (first, ~first)
        ]
        chosen: NDArray[np.float64] = np.where(first[:, None], found[1], found[0])
        return chosen
