"""The entropy attack: members are those of whom the model is sure, rightly or not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench import AttackView, attack

from ._answers import answers


@attack("model_entropy", access="query", modalities="all", family="model", doi="10.1109/SP.2017.41")
@dataclass(kw_only=True)
class ModelEntropy:
    """Score a target by how little entropy the released model's answer has.

    Threat model: one query for the probabilities; the class need not be known.

    Shokri et al. 2017; Salem et al. 2019.
    """

    def score(self, view: AttackView, *, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return (n_targets,) minus the entropy in nats."""
        return -answers(view, "model_entropy").entropy
