"""DOMIAS with Gaussian densities over all genes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.covariance import ledoit_wolf

from bench import AttackView, attack

from ._classes import reference_of


@attack("domias_gaussian", access="black-box + reference", family="density", doi="10.48550/arXiv.2302.12580")
@dataclass(kw_only=True)
class DomiasGaussian:
    """Score a target by log p_release(x) - log p_reference(x), both Gaussian with a Ledoit-Wolf covariance.

    Threat model: the attacker also holds people of the same population who are no members.
    Over all genes, without a projection: where a release has few people, what tells is in directions of small variance.

    Van Breugel, Sun, Qian and van der Schaar 2023.
    """

    def score(self, view: AttackView, *, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return (n_targets,) log density ratios, up to a constant."""
        reference = reference_of(view, "domias_gaussian")
        return 0.5 * (_distance(reference, view.targets) - _distance(view.synthetic, view.targets))


def _distance(people: NDArray[np.float32], targets: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the squared Mahalanobis distance of targets under a Ledoit-Wolf Gaussian of people."""
    mean = people.mean(axis=0, dtype=np.float64)
    covariance, _ = ledoit_wolf(people - mean, assume_centered=True)
    solved = np.linalg.solve(np.linalg.cholesky(covariance), (targets - mean).T)  # (n_genes, n_targets)
    squared: NDArray[np.float64] = np.einsum("ji,ji->i", solved, solved)
    return squared
