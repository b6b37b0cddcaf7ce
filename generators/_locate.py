"""Finds where each gene lives from a few noisy Fourier sums, so that bins need no exact quantile of the data.

A sample adds to each gene the point ``(cos wx, sin wx)`` of the unit circle, for five frequencies w: however far out a
value lies, its contribution has length 1. The slow frequencies say roughly where in the public range the gene is, the
fast ones say it finely, and how far the sums fall short of the number of samples tells the spread. A histogram of the
range would spend the same noise on dozens of empty bins.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from bench import Cohort

from ._discretise import binned_scale, gene_blocks

OCTAVES = 5  # periods of 1.28, 0.64, ... ranges: the slowest is unambiguous, the fastest resolves 1 % of the range
_CENTRES, _SCALES = 251, 16  # grid on which centre and spread are sought
_PRIOR_GENES = 4_000  # genes from which the distribution of centres and spreads is learned
_PRIOR_ROUNDS = 15


def fourier_sums(cohort: Cohort, low: float, high: float) -> NDArray[np.float64]:
    """Return the sums over all samples of (cos, sin) at each frequency, (n_genes, OCTAVES, 2)."""
    sums = np.empty((cohort.n_genes, OCTAVES, 2))
    for genes in gene_blocks(cohort.n_genes):
        values = np.clip(binned_scale(cohort.X[:, genes], cohort.units), low, high) - low  # (n, block)
        for k, frequency in enumerate(_frequencies(low, high)):
            sums[genes, k, 0] = np.cos(frequency * values).sum(axis=0)
            sums[genes, k, 1] = np.sin(frequency * values).sum(axis=0)
    return sums


def _frequencies(low: float, high: float) -> NDArray[np.float64]:
    slowest = 2 * np.pi / (1.28 * (high - low))
    return np.array([slowest * 2**k for k in range(OCTAVES)])


def locate(
    sums: NDArray[np.float64], sd: float, total: float, low: float, high: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the centre and the spread of each gene, (n_genes,) each, as if it were normal.

    The estimates are posterior means under the distribution of centres and spreads that makes the sums of all genes
    most likely: where the noise hides a gene, it is placed where genes are. Reads noisy sums only.

    Parameters
    ----------
    sums : (n_genes, OCTAVES, 2) noisy sums
    sd : standard deviation of their noise
    total : number of samples, as far as it is known
    low, high : public range
    """
    grid = Grid.over(low, high, total / sd)
    noisy = sums.reshape(len(sums), -1) / sd
    some = np.unique(np.linspace(0, len(sums) - 1, min(len(sums), _PRIOR_GENES)).astype(int))
    prior = grid.learn_prior(noisy[some])
    centre, scale = np.empty(len(sums)), np.empty(len(sums))
    for genes in gene_blocks(len(sums)):
        posterior = grid.likelihood(noisy[genes]) * prior
        posterior /= posterior.sum(axis=1, keepdims=True)
        centre[genes] = posterior @ np.repeat(grid.centres, _SCALES)
        scale[genes] = np.exp(posterior @ np.tile(np.log(grid.scales), _CENTRES))
    return centre, scale


@dataclass(frozen=True, eq=False)
class Grid:
    """The sums that a normal gene would have, in units of the noise, for every centre and scale of a grid."""

    centres: NDArray[np.float64]  # (_CENTRES,)
    scales: NDArray[np.float64]  # (_SCALES,)
    expected: NDArray[np.float64]  # (_CENTRES * _SCALES, 2 * OCTAVES)

    @classmethod
    def over(cls, low: float, high: float, strength: float) -> Grid:
        centres = np.linspace(low, high, _CENTRES)
        scales = np.geomspace((high - low) / 250, (high - low) / 4, _SCALES)
        w = _frequencies(low, high)
        damping = np.exp(-0.5 * (scales[:, None] * w) ** 2)  # (_SCALES, OCTAVES)
        angle = (centres[:, None] - low) * w  # (_CENTRES, OCTAVES)
        circle = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
        expected = strength * circle[:, None] * damping[None, ..., None]
        return cls(centres, scales, expected.reshape(_CENTRES * _SCALES, -1))

    def likelihood(self, noisy: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the likelihood of each grid point, largest 1, (n_genes, _CENTRES * _SCALES)."""
        log = noisy @ self.expected.T - 0.5 * (self.expected**2).sum(axis=1)
        likelihood: NDArray[np.float64] = np.exp(log - log.max(axis=1, keepdims=True))
        return likelihood

    def learn_prior(self, noisy: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the smooth distribution over the grid that explains all genes best, by expectation-maximisation."""
        likelihood = self.likelihood(noisy)
        prior = np.full(likelihood.shape[1], 1 / likelihood.shape[1])
        for _ in range(_PRIOR_ROUNDS):
            evidence = likelihood @ prior  # (n_genes,)
            prior *= (1 / evidence) @ likelihood / len(noisy)
            smooth = gaussian_filter(prior.reshape(_CENTRES, _SCALES), sigma=(4, 0.5), mode="nearest")
            prior = 0.999 * smooth.ravel() / smooth.sum() + 0.001 / smooth.size  # no place is impossible
        return prior
