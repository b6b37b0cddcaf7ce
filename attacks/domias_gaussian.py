"""DOMIAS with Gaussian densities over all genes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular
from sklearn.covariance import ledoit_wolf, ledoit_wolf_shrinkage

from bench import AttackView, attack

from ._classes import reference_of
from ._spectra import spectrum

_WIDE = 4096  # genes above which no matrix of genes x genes is formed, here 134 MB


@attack(
    "domias_gaussian",
    modalities="all",
    access="black-box + reference",
    family="density",
    doi="10.48550/arXiv.2302.12580",
)
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
    if people.shape[1] > _WIDE:
        return _distance_by_axes(people, targets)
    mean = people.mean(axis=0, dtype=np.float64)
    covariance, _ = ledoit_wolf(people - mean, assume_centered=True)
    solved = solve_triangular(np.linalg.cholesky(covariance), (targets - mean).T, lower=True)  # (n_genes, n_targets)
    squared: NDArray[np.float64] = np.einsum("ji,ji->i", solved, solved)
    return squared


def _distance_by_axes(people: NDArray[np.float32], targets: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the same in the principal axes of people, of which there are no more than people.

    With the variances v that people have along them, the shrunk covariance has (1 - s) v + s m there, m being the mean
    variance of a gene, and s m in every other direction.
    """
    axes, n = spectrum(people), len(people)
    share = float(np.clip(ledoit_wolf_shrinkage(people - axes.mean, assume_centered=True), 1e-12, 1 - 1e-12))
    kept = (1 - share) * (n - 1) / n  # the rule takes variances over n, the axes have them over n - 1
    added = share * float(axes.variances.sum()) * (n - 1) / n / len(axes.mean)
    return axes.squared_distance(targets, added / kept) / kept
