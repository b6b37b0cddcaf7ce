"""The confidence attack: members are those whose own class the model is sure of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench import AttackView, attack

from ._answers import answers


@attack("model_confidence", access="query", modalities="all", family="model", doi="10.1109/CSF.2018.00027")
@dataclass(kw_only=True)
class ModelConfidence:
    """Score a target by the probability that the released model gives to the target's own class.

    Threat model: one query for the probabilities, and the class is known. The score is the log odds of that class, so
    that answers next to 1 stay apart.

    Yeom et al. 2018; Song and Mittal 2021.
    """

    def score(self, view: AttackView, *, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return (n_targets,) log odds."""
        return answers(view, "model_confidence").log_odds
