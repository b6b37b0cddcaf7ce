"""Song and Mittal's attack: an entropy that knows the right class, with a threshold for each class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench import AttackView, attack

from ._answers import answers, asked
from ._shadow_models import own_shadows


@attack(
    "model_modified_entropy", access="query", modalities="all", family="model",
    doi="10.5555/3489212.3489366",
)  # fmt: skip
@dataclass(kw_only=True)
class ModelModifiedEntropy:
    """Score a target by its modified entropy, less the threshold of its class that tells members of shadow models best.

    Threat model: one query for the probabilities, the class is known, and the attacker trains models of his own on the
    candidates (`_shadow_models`). The modified entropy is 0 only where the model is sure of the right class.

    Song and Mittal 2021. Deviation: the shadows are trained on candidates, because nobody is left in a fold who is
    neither trained on nor held out.
    """

    rounds: int = 3  # of five shadow models each

    def score(self, view: AttackView, *, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return (n_targets,) thresholds less entropies."""
        _, labels = asked(view, "model_modified_entropy")
        shadows = own_shadows(view, "model_modified_entropy", self.rounds)
        entropy = np.array([one.modified_entropy for one in shadows.answers])
        scores = -answers(view, "model_modified_entropy").modified_entropy
        for label in np.unique(labels):
            of = labels == label
            scores[of] += best_threshold(entropy[:, of][shadows.member[:, of]], entropy[:, of][~shadows.member[:, of]])
        return scores


def best_threshold(members: NDArray[np.float64], others: NDArray[np.float64]) -> float:
    """Return the value that maximises the share of members at or below it plus that of others above it."""
    values = np.unique(np.concatenate([members, others]))
    below = np.searchsorted(np.sort(members), values, "right") / len(members)
    above = 1 - np.searchsorted(np.sort(others), values, "right") / len(others)
    return float(values[np.argmax(below + above)])
