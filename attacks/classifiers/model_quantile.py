"""Quantile regression: how much surer the model is of a target than of people who look like the target."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench import AttackView, PluginError, attack

from .._spectra import spectrum
from ._answers import answers, asked, owned

_PARTS = 5
_RIDGE = 1.0


@attack("model_quantile", access="query", modalities="all", family="model", doi="10.48550/arXiv.2307.03694")
@dataclass(kw_only=True)
class ModelQuantile:
    """Score a target by where its log odds lie in the distribution that its features and class lead to expect.

    Threat model: queries for the probabilities, and the classes are known. No shadow model is trained: one regression
    of the answers on class and leading components gives every person's mean and spread, and the score is the distance
    from the mean in spreads, which orders people as the quantile does where the distribution is normal.

    Bertran et al. 2023, in its normal form. Deviation: the regression is learnt on the other candidates, in five
    parts, because nobody is known to be no member; members among them make it weaker.
    """

    components: int = 20

    def score(self, view: AttackView, *, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return (n_targets,) distances in spreads."""
        if self.components < 1:
            raise PluginError(f"model_quantile: components is {self.components}; expected 1 or more.")
        _, labels = asked(view, "model_quantile")
        real = answers(view, "model_quantile").log_odds
        real = real - real.mean()
        axes = spectrum(view.targets)
        places = axes.coordinates(view.targets)[0][:, : self.components]
        places = places / np.maximum(places.std(axis=0), 1e-12)
        features = np.hstack([owned(labels, tuple(np.unique(labels).tolist())), places]).astype(np.float64)
        part = rng.permutation(len(real)) % _PARTS
        centre = _crossed(features, real, part)
        spread = np.exp(_crossed(features, np.log(np.abs(real - centre) + 1e-3), part))
        scores: NDArray[np.float64] = (real - centre) / spread
        return scores


def _crossed(features: NDArray[np.float64], values: NDArray[np.float64], part: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return what ridge regressions on the people of all other parts say of each person, (n,)."""
    found = np.empty(len(values))
    for k in range(_PARTS):
        rest, own = part != k, part == k
        A = features[rest]
        weights = np.linalg.solve(A.T @ A + _RIDGE * np.eye(A.shape[1]), A.T @ values[rest])
        found[own] = features[own] @ weights
    return found
