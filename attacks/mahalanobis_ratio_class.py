"""Mahalanobis distance to the release against that to the other candidates, within the class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench import AttackView, PluginError, attack

from ._classes import given_labels
from ._structure import Floats, by_class, mahalanobis_ratio


@attack("mahalanobis_ratio_class", modalities="all", access="black-box + labels", family="structure")
@dataclass(kw_only=True)
class MahalanobisRatioClass:
    """Score a target by how much nearer it lies to the release than to the other candidates, within its class.

    Threat model: the attacker also knows the class of each synthetic person and of each candidate.
    As `mahalanobis_ratio`, class by class and centred per class.
    """

    ridge: float = 1e-2  # added to each variance, as a share of the mean variance of the class

    def score(self, view: AttackView, *, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return (n_targets,) log ratios, centred per class."""
        if not self.ridge > 0:
            raise PluginError(f"mahalanobis_ratio_class: ridge is {self.ridge}; expected above 0.")
        own, theirs = given_labels(view, "mahalanobis_ratio_class")
        return by_class(self._centred, view.synthetic, own, view.targets, theirs)[0]

    def _centred(self, synthetic: NDArray[np.float32], targets: NDArray[np.float32]) -> tuple[Floats, float]:
        if len(targets) < 3:  # too few candidates to measure their own spread
            return np.zeros(len(targets)), 0.0
        scores = mahalanobis_ratio(synthetic, targets, self.ridge)
        return scores - np.median(scores), 0.0
