"""LiRA on a released diffusion model: are a target's losses like its own when it was in, or when it was out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench import AttackView, PluginError, attack, integer_seed

from ._diffusion import Floats, alone_in_class, half_of_each_class, in_own_order, released_model, shadow, told_by


@attack(
    "diffusion_lira",
    modalities=("images",),
    access="white-box",
    opt_in=True,
    family="model",
    doi="10.1109/SP46214.2022.9833649",
)
@dataclass(kw_only=True)
class DiffusionLira:
    """Score a target by the likelihood ratio of its losses under shadows trained on it and shadows that were not.

    Threat model: the attacker holds the fitted model and its code. The generator is trained again on random halves of
    the targets, and on the other halves, so that everybody is in as many shadows as out. The logarithm of each loss is
    taken as normal, with means of the target's own for in and out and one spread for all; the log ratios of the losses
    are averaged. Losses are those of the generator's method ``losses``.

    References
    ----------
    Carlini et al. (2022), S&P (LiRA). Carlini et al. (2023), USENIX Security (on diffusion models).
    """

    pairs: int = 3  # of shadows: a half of the targets and the other half

    def score(self, view: AttackView, *, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return (n_targets,) log likelihood ratios."""
        model = released_model(view, "diffusion_lira", "losses")
        if self.pairs < 1:
            raise PluginError(f"diffusion_lira: pairs is {self.pairs}; expected 1 or more.")
        images, order = in_own_order(view, rng)
        seed, alone = integer_seed(rng), alone_in_class(images)
        told, inside = [], []
        for _ in range(self.pairs):
            first = half_of_each_class(images, rng)
            for half in (first, ~first):
                inside.append(half)
                trained = shadow(view, images, half | alone, "diffusion_lira", rng)
                told.append(told_by(trained, "losses", images, seed))
        scores = np.empty(len(order))
        scores[order] = log_ratio(told_by(model, "losses", images, seed), np.array(told), np.array(inside))
        return scores


def log_ratio(real: Floats, told: Floats, inside: NDArray[np.bool_]) -> Floats:
    """Return the (n,) log likelihood ratios of losses (n, k), from those of shadows (s, n, k), inside (s, n)."""
    means, apart = {}, np.zeros_like(told)
    for known in (True, False):
        chosen = (inside == known)[..., None]
        means[known] = (told * chosen).sum(axis=0) / np.maximum(chosen.sum(axis=0), 1)
        apart += (told - means[known]) * chosen
    spread = np.sqrt((apart**2).mean(axis=(0, 1))) + 1e-6
    ratio = ((real - means[False]) ** 2 - (real - means[True]) ** 2) / (2 * spread**2)  # (n, k)
    found: Floats = np.arcsinh(ratio).mean(axis=1)  # bounded, so that no loss outshouts all
    return found
