"""Places genes by noisy Fourier sums and by where public profiles of other people have them.

`_locate` places every gene under one distribution of centres and spreads. Here each gene has its own: its centre is
normal around a line in its public mean, its log spread around a line in its public log spread. The lines and how far
genes are from them are those that make the noisy sums most likely, so that another platform's units cost nothing and a
prior that says little about this cohort is found out. Reads noisy sums and public numbers only.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ._locate import Grid, locate

Array = NDArray[np.float64]
_ROUNDS = 30
_LEARNT_FROM = 2_000  # genes
_LEAST_SPREAD = 0.15  # of log spreads around their line: the grid of spreads is that coarse
_ANYWHERE = 0.001  # part of each distribution that is even: no place is impossible


def locate_with_prior(
    sums: Array, sd: float, total: float, low: float, high: float, known: NDArray[np.bool_], mean: Array, spread: Array
) -> tuple[Array, Array]:
    """Return the centre and the spread of each gene, (n_genes,) each, as `_locate.locate` does.

    Parameters
    ----------
    sums, sd, total, low, high : as there
    known : (n_genes,) whether a gene has a public mean and spread; the others are placed without
    mean, spread : (n_genes,) public
    """
    centre, scale = locate(sums, sd, total, low, high)
    genes = np.flatnonzero(known)
    grid = Grid.over(low, high, total / sd)
    noisy, of_mean, of_spread = sums[genes].reshape(len(genes), -1) / sd, mean[genes], np.log(spread[genes])
    some = np.unique(np.linspace(0, len(genes) - 1, min(len(genes), _LEARNT_FROM)).astype(int))
    lines = _learn(grid, grid.likelihood(noisy[some]), of_mean[some], of_spread[some])
    for block in np.array_split(np.arange(len(genes)), max(1, len(genes) // 512)):
        centres, spreads = lines[0].at(of_mean[block]), lines[1].at(of_spread[block])
        both = _posteriors(grid, grid.likelihood(noisy[block]), centres, spreads)
        centre[genes[block]] = both[0] @ grid.centres
        scale[genes[block]] = np.exp(both[1] @ np.log(grid.scales))
    return centre, scale


class _Line:
    """Normal distributions on a grid whose means lie on a line in a public number."""

    def __init__(self, grid: Array, least_sd: float) -> None:
        self.grid, self.least = grid, least_sd
        self.intercept, self.slope, self.variance = float(grid.mean()), 0.0, float(np.ptp(grid) ** 2)

    def at(self, public: Array) -> Array:
        """Return the probabilities of the grid points, (n_genes, n_points)."""
        apart = self.grid - (self.intercept + self.slope * public)[:, None]
        p = np.exp(-(apart**2 - (apart**2).min(axis=1, keepdims=True)) / (2 * self.variance))
        p /= p.sum(axis=1, keepdims=True)
        even: Array = (1 - _ANYWHERE) * p + _ANYWHERE / len(self.grid)
        return even

    def fit(self, public: Array, posterior: Array) -> None:
        """Move the line to where it makes posteriors (n_genes, n_points) most likely."""
        mean = posterior @ self.grid
        variance = posterior @ self.grid**2 - mean**2
        apart = public - public.mean()
        self.slope = float(apart @ mean / max(apart @ apart, 1e-12))
        self.intercept = float(mean.mean() - self.slope * public.mean())
        residual = mean - self.intercept - self.slope * public
        self.variance = max(float((residual**2 + variance).mean()), self.least**2)


def _learn(grid: Grid, likelihood: Array, mean: Array, log_spread: Array) -> tuple[_Line, _Line]:
    """Return the lines of centres and of log spreads, by expectation-maximisation."""
    lines = _Line(grid.centres, float(grid.centres[1] - grid.centres[0])), _Line(np.log(grid.scales), _LEAST_SPREAD)
    for _ in range(_ROUNDS):
        centres, spreads = _posteriors(grid, likelihood, lines[0].at(mean), lines[1].at(log_spread))
        lines[0].fit(mean, centres)
        lines[1].fit(log_spread, spreads)
    return lines


def _posteriors(grid: Grid, likelihood: Array, centres: Array, spreads: Array) -> tuple[Array, Array]:
    """Return posteriors of centre and of spread, each with the other one averaged over its distribution."""
    both = likelihood.reshape(len(centres), len(grid.centres), len(grid.scales))
    centre = np.einsum("gcs,gs->gc", both, spreads) * centres
    spread = np.einsum("gcs,gc->gs", both, centres) * spreads
    return centre / centre.sum(axis=1, keepdims=True), spread / spread.sum(axis=1, keepdims=True)
