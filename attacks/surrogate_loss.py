"""Losses of surrogate models: is a target easier to rebuild for models of the release than for models of everybody."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench import AttackView, PluginError, attack, integer_seed

from ._losses import LEVELS, Surrogates


@attack("surrogate_loss", family="model", needs=("torch",))
@dataclass(kw_only=True)
class SurrogateLoss:
    """Score a target by its losses under models of the release, less its losses under models of the candidates.

    Threat model: the attacker holds the release and the candidates, nothing else, and trains models of his own.
    A small denoiser gives losses at fixed noise levels and fixed noise draws, a small variational autoencoder the
    evidence lower bound. Both are trained twice from the same weights, on the release and on the candidates: an unusual
    person is hard to rebuild for either, and only the difference tells. The differences are scaled, and the mean
    over the levels is added to that of the bound.

    After the diffusion attacks of Wu et al. 2025 and their use on surrogates; without shadow models, so that nothing
    has to be learned about who is a member.
    """

    steps: int = 100  # of each of the four models

    def score(self, view: AttackView, *, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return (n_targets,) sums of calibrated losses."""
        if self.steps < 1:
            raise PluginError(f"surrogate_loss: steps is {self.steps}; expected 1 or more.")
        order = np.argsort(view.targets @ rng.standard_normal(len(view.genes)))  # the given order must not matter
        models = Surrogates(targets=view.targets[order], seed=integer_seed(rng), steps=self.steps)
        gain = models.losses(view.synthetic) - models.losses(view.targets[order])  # (n_targets, n_terms)
        n = len(LEVELS)
        scores = np.empty(len(order))
        scores[order] = _standard(gain[:, :n]).mean(axis=1) + _standard(gain[:, n:].sum(axis=1))
        return scores


def _standard(values: NDArray[np.float64]) -> NDArray[np.float64]:
    scaled: NDArray[np.float64] = (values - values.mean(axis=0)) / np.maximum(values.std(axis=0), 1e-12)
    return scaled
