"""Mode-specific normalisation: a Gaussian mixture per gene, fitted to all genes at once."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

_ROUNDS = 40  # of expectation and maximisation
_NARROWEST = 0.05  # the smallest spread of a mode, in standard deviations of its gene
_BLOCK = 100_000  # values fitted at once: few enough for the caches

Array = NDArray[np.float64]


@dataclass
class Modes:
    """The modes of every gene; a gene with fewer than the most has modes of weight 0."""

    weights: Array  # (n_genes, modes)
    means: Array  # (n_genes, modes)
    scales: Array  # (n_genes, modes); 0 for a constant gene

    @classmethod
    def of(cls, X: NDArray[np.float32], most: int, apart: float) -> Self:
        """Fit 1 to `most` modes to each gene of the (n, n_genes) matrix; keep as many as are apart and BIC prefers."""
        width = max(1, _BLOCK // len(X))
        starts = range(0, X.shape[1], width)
        blocks = [_fit_best(X[:, at : at + width].astype(np.float64), most, apart) for at in starts]
        weights, means, scales = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
        used = max(1, int((weights > 0).sum(axis=1).max()))
        return cls(weights[:, :used], means[:, :used], scales[:, :used])

    def choose(self, X: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.int64]:
        """Return the (n, n_genes) mode of each value, drawn from the modes that it may be from."""
        out = np.empty(X.shape, dtype=np.int64)
        for i, row in enumerate(X):
            share, _ = _shares(row[None].astype(np.float64), self.weights.T, self.means.T, self.scales.T)
            out[i] = (share[:-1, 0].cumsum(axis=0) < rng.random(len(row))).sum(axis=0)
        return out

    def forward(self, X: NDArray[np.float32], mode: NDArray[np.int64]) -> Array:
        """Return (n, n_genes) distances from the mean of the mode, in its spreads; 0 for a constant gene."""
        mean, scale = self._at(mode)
        out: Array = np.divide(X - mean, scale, out=np.zeros(X.shape), where=scale > 0)
        return out

    def back(self, distance: Array, mode: NDArray[np.int64]) -> Array:
        """Return the (n, n_genes) values that lie so many spreads from the means of their modes."""
        mean, scale = self._at(mode)
        return mean + scale * distance

    def _at(self, mode: NDArray[np.int64]) -> tuple[Array, Array]:
        genes = np.arange(len(self.means))
        return self.means[genes, mode], self.scales[genes, mode]


def _fit_best(X: Array, most: int, apart: float) -> tuple[Array, Array, Array]:
    """Return weights, means and scales, each (n_genes, most), of the modes apart that have the best BIC per gene."""
    best = np.full(X.shape[1], np.inf)
    weights, means, scales = kept = tuple(np.zeros((3, X.shape[1], most)))
    for modes in range(1, most + 1):
        *fitted, bic = _fit(X, modes)
        better = (bic < best) & (_separation(*fitted[1:]) >= apart)
        best[better] = bic[better]
        for whole, part in zip(kept, fitted, strict=True):
            whole[better, :modes] = part[:, better].T
    return weights, means, scales


def _fit(X: Array, modes: int) -> tuple[Array, Array, Array, Array]:
    """Return weights, means and scales (modes, n_genes) by expectation and maximisation, and BIC (n_genes,)."""
    spread = X.std(axis=0)
    spread[spread <= 1e-6 * np.maximum(np.abs(X.mean(axis=0)), 1)] = 0  # constant up to rounding
    means = np.quantile(X, (np.arange(modes) + 0.5) / modes, axis=0) if modes > 1 else X.mean(axis=0)[None]
    weights, scales = np.full(means.shape, 1 / modes), np.repeat(spread[None] / modes, modes, axis=0)
    for _ in range(_ROUNDS if modes > 1 else 0):
        share, _ = _shares(X, weights, means, scales)
        mass = share.sum(axis=1) + 1e-9
        weights = mass / mass.sum(axis=0)
        means = (share * X).sum(axis=1) / mass
        square = (share * (X - means[:, None]) ** 2).sum(axis=1) / mass
        scales = np.maximum(np.sqrt(square), _NARROWEST * spread)
    _, density = _shares(X, weights, means, scales)
    return weights, means, scales, (3 * modes - 1) * np.log(len(X)) - 2 * density.sum(axis=0)


def _separation(means: Array, scales: Array) -> Array:
    """Return Ashman's D of the two closest modes of each gene, (n_genes,); infinite for one mode.

    Two equal Gaussians have two peaks where it is above 2.
    """
    closest = np.full(means.shape[1], np.inf)
    for i, j in itertools.combinations(range(len(means)), 2):
        spread = np.sqrt((scales[i] ** 2 + scales[j] ** 2) / 2)
        gap = np.abs(means[i] - means[j])
        closest = np.minimum(closest, np.divide(gap, spread, out=np.zeros_like(gap), where=spread > 0))
    return closest


def _shares(X: Array, weights: Array, means: Array, scales: Array) -> tuple[Array, Array]:
    """Return the share of each mode in each value (modes, n, n_genes), and the values' log-densities (n, n_genes)."""
    scale = np.where(scales > 0, scales, 1.0)  # a constant gene's only value: any spread will do
    with np.errstate(divide="ignore"):
        height = np.log(weights / scale)
    log = height[:, None] - 0.5 * ((X - means[:, None]) / scale[:, None]) ** 2
    top = log.max(axis=0)
    share = np.exp(log - top)
    total = share.sum(axis=0)
    return share / total, top + np.log(total)
