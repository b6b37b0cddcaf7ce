"""GSA: how strongly a target pulls at the weights of a released diffusion model, read with shadows of known members."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from bench import AttackView, attack, integer_seed

from ._diffusion import alone_in_class, half_of_each_class, in_own_order, released_model, shadow, told_by


@attack(
    "gradient_norms",
    modalities=("images",),
    access="white-box",
    opt_in=True,
    family="model",
    doi="10.48550/arXiv.2308.06405",
)
@dataclass(kw_only=True)
class GradientNorms:
    """Score a target by the norms of its gradients, one a layer, as a classifier trained on shadows weighs them.

    Threat model: the attacker holds the fitted model and its code. The gradient of the loss with respect to the
    weights is short for an image that the model has learned. The generator is trained again on random halves of the
    targets; under such a shadow it is known who is a member, and a logistic regression learns from the logarithms of
    the norms what a member looks like. Norms are those of the generator's method ``gradient_norms``. Differences from
    the published attack: a logistic regression in the place of boosted trees, and few shadows.

    References
    ----------
    Pang, Wang, Kang, Huai and Zhang (2025), White-box membership inference attacks against diffusion models, PETS.
    """

    shadows: int = 2

    def score(self, view: AttackView, *, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return (n_targets,) log odds; higher for members."""
        model = released_model(view, "gradient_norms", "gradient_norms")
        images, order = in_own_order(view, rng)
        seed, alone = integer_seed(rng), alone_in_class(images)
        known, member = [], []
        for _ in range(self.shadows):
            inside = half_of_each_class(images, rng) | alone
            trained = shadow(view, images, inside, "gradient_norms", rng)
            known.append(_scaled(told_by(trained, "gradient_norms", images, seed)))
            member.append(inside)
        judge = LogisticRegression(C=0.1, max_iter=1000).fit(np.concatenate(known), np.concatenate(member))
        scores = np.empty(len(order))
        scores[order] = judge.decision_function(_scaled(told_by(model, "gradient_norms", images, seed)))
        return scores


def _scaled(features: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return features of one model at mean 0 and standard deviation 1: models differ, their targets do not."""
    scaled: NDArray[np.float64] = (features - features.mean(axis=0)) / np.maximum(features.std(axis=0), 1e-12)
    return scaled
