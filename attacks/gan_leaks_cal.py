"""GAN-leaks, calibrated by how close the target is to people who are no members."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench import AttackView, attack

from ._classes import reference_of
from ._distances import distances


@attack(
    "gan_leaks_cal", modalities="all", access="black-box + reference", family="distance", doi="10.1145/3372297.3417238"
)
@dataclass(kw_only=True)
class GanLeaksCalibrated:
    """Score a target by how much nearer the nearest synthetic person is than the nearest reference person.

    Threat model: the attacker also holds people of the same population who are no members.
    An ordinary person is close to everybody; the reference takes that out. The published form, exp(-d_S^2 + d_R^2),
    over- and underflows; its logarithm has the same order and does not.

    Chen, Yu, Zhang and Fritz 2020.
    """

    def score(self, view: AttackView, *, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return (n_targets,) log scores."""
        reference = reference_of(view, "gan_leaks_cal")
        to_synthetic = distances(view.targets, view.synthetic).nearest()[0][:, 0]
        to_reference = distances(view.targets, reference).nearest()[0][:, 0]
        return to_reference - to_synthetic
