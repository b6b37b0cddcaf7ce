"""SecMI: how exactly a released diffusion model returns to an image after one step away from it."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench import AttackView, attack

from ._diffusion import combined, noise_estimate, released_model


@attack(
    "secmi", modalities=("images",), access="white-box", opt_in=True, family="model", doi="10.48550/arXiv.2302.01316"
)
@dataclass(kw_only=True)
class SecMi:
    """Score a target by the error of one deterministic step forward and back, along its own deterministic path.

    Threat model: the attacker holds the fitted model, and asks it for its estimate of the noise. The image is moved
    along the probability flow to each of the noise levels `levels` (brightness from 0 to 1); from there one step to
    1.2 times the level and back. The model returns members more exactly. No further model is trained.

    References
    ----------
    Duan et al. (2023), Are diffusion models vulnerable to membership inference attacks?, ICML.
    """

    levels: tuple[float, ...] = (0.05, 0.1, 0.2)
    stride: float = 1.2

    def score(self, view: AttackView, *, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return (n_targets,) minus errors; higher for members."""
        model = released_model(view, "secmi", "denoised")
        assert view.target_labels is not None
        y, x = view.target_labels, view.targets.astype(np.float64)
        start, errors = 0.01, []
        for level in self.levels:
            for now, later in itertools.pairwise(np.geomspace(start, level, 5).tolist()):
                x = x + (later - now) * noise_estimate(model, x, now, y)
            ahead = x + (self.stride - 1) * level * noise_estimate(model, x, level, y)
            back = ahead - (self.stride - 1) * level * noise_estimate(model, ahead, self.stride * level, y)
            errors.append(((back - x) ** 2).sum(axis=1))
            start = level
        return combined(errors)
