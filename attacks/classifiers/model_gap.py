"""The gap attack: whoever the model gets right is called a member."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench import AttackView, attack

from ._answers import answers


@attack("model_gap", access="query", modalities="all", family="model", doi="10.1109/CSF.2018.00027")
@dataclass(kw_only=True)
class ModelGap:
    """Call a target a member if the released model tells the right class.

    Threat model: one query for the class alone, no probabilities; also known as the correctness attack. Its AUC is half
    of one more than the gap between the accuracies on members and on others, so that it measures overfitting and
    nothing finer.

    Yeom et al. 2018.
    """

    def score(self, view: AttackView, *, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return (n_targets,) 1 or 0."""
        return answers(view, "model_gap").right.astype(np.float64)
