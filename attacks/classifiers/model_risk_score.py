"""The privacy risk score: how probable it is that a target is a member, by what shadow models do to their members."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench import AttackView, PluginError, attack

from ._answers import answers, asked
from ._shadow_models import own_shadows

_LEAST = 1e-10  # of a histogram's share, and of an entropy, as in the published code


@attack("model_risk_score", access="query", modalities="all", family="model", doi="10.5555/3489212.3489366")
@dataclass(kw_only=True)
class ModelRiskScore:
    """Return the probability that a target is a member, from histograms of modified entropies of shadow models.

    Threat model: as `model_modified_entropy`. Per class, the entropies of the shadows' members and of their other
    people are counted in logarithmic bins; the score is the share of members in the target's bin, were both equally
    many. With few bins many scores are tied.

    Song and Mittal 2021.
    """

    rounds: int = 3  # of five shadow models each
    bins: int = 5

    def score(self, view: AttackView, *, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return (n_targets,) probabilities."""
        if self.bins < 2:
            raise PluginError(f"model_risk_score: bins is {self.bins}; expected 2 or more.")
        _, labels = asked(view, "model_risk_score")
        shadows = own_shadows(view, "model_risk_score", self.rounds)
        entropy = np.array([one.modified_entropy for one in shadows.answers])
        real, scores = answers(view, "model_risk_score").modified_entropy, np.empty(len(labels))
        for label in np.unique(labels):
            of = labels == label
            inside = shadows.member[:, of]
            scores[of] = risk(real[of], entropy[:, of][inside], entropy[:, of][~inside], self.bins)
        return scores


def risk(
    real: NDArray[np.float64], members: NDArray[np.float64], others: NDArray[np.float64], bins: int
) -> NDArray[np.float64]:
    """Return P(member | bin) for the real values, both kinds of people being equally probable.

    The bins are equal on a logarithmic scale between the least and the largest entropy of a shadow's person.
    """
    both = np.maximum(np.concatenate([members, others]), _LEAST)
    edges = np.geomspace(both.min(), max(both.max(), both.min() * (1 + 1e-9)), bins + 1)[1:-1]
    shares = [
        np.maximum(np.bincount(np.searchsorted(edges, x), minlength=bins) / len(x), _LEAST) for x in (members, others)
    ]
    found: NDArray[np.float64] = (shares[0] / (shares[0] + shares[1]))[np.searchsorted(edges, real)]
    return found
