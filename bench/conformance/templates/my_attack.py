"""My attack: say here what it exploits and where it is described."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench import AttackView, attack


@attack("my_attack", access="black-box", family="distance")  # the name of this file; also doi="10..."
@dataclass(kw_only=True)
class MyAttack:
    """Score a target by its distance to the nearest synthetic samples.

    `access` decides what the view holds; what it does not grant is None:
    "black-box": view.synthetic, view.targets, view.genes; "... + labels": view.synthetic_labels, view.target_labels;
    "... + reference": view.reference, people known to be no members; "code": view.make_generator() gives the unfitted
    generator, and all of the above; "white-box": view.fitted, the very model, too.
    """

    # Hyper-parameters: annotated, with a plain default. `my_attack[neighbours=5]` sets one on the command line.
    neighbours: int = 1  # the mean over so many of the nearest synthetic samples

    def score(self, view: AttackView, *, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return (n_targets,) scores; higher means more likely a training sample. Only their order counts.

        Who is a member is nowhere in the view, and the order of the targets tells nothing. `rng` is the only source of
        randomness.
        """
        return np.array([self._score(x, view.synthetic) for x in view.targets])

    def _score(self, target: NDArray[np.float32], synthetic: NDArray[np.float32]) -> float:
        squares = ((synthetic - target) ** 2).sum(axis=1, dtype=np.float64)  # (n_synthetic,)
        return -float(np.sort(squares)[: self.neighbours].mean())  # no exp(-d): it underflows to ties
