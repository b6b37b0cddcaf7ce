"""The frame in which a private generator models samples: class rates, class means and gene spreads, all with noise.

Everything here is a Gaussian release in the convention of `_privacy`: one sample more or less, in whichever class,
moves a sum by at most its radius. Radii are chosen from noisy histograms of row lengths on a public grid, so the
only public facts are the classes and the range that the units allow. The number of samples is not one of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ._nets import Standardiser
from ._privacy import compose_mu, counts_to_rates, noisy_class_sums, noisy_counts, noisy_sum

# Parts of the frame's own budget mu**2, chosen on public tissue profiles by benchmarks/choose_dp_diffusion.py.
SHARES: Mapping[str, float] = {"counts": 0.01, "lengths": 0.03, "centre": 0.05, "class means": 0.6, "spreads": 0.31}
_GRID = 1.15  # ratio of neighbouring lengths on the grid
_GRID_SIZE = 60  # covers a factor of 4,000
_FEWEST = 5.0  # samples that a class is taken to have at least, where its noisy count is divided by


@dataclass(frozen=True)
class PrivateFrame:
    """Class counts, class means and gene spreads that were released with noise of total strength `mu`."""

    counts: NDArray[np.float64]  # (n_classes,), noisy; at least a few each
    means: NDArray[np.float64]  # (n_classes, n_genes)
    spreads: NDArray[np.float64]  # (n_genes,)
    mu: float

    @property
    def total(self) -> float:
        """The number of samples, noisy like the counts."""
        return float(self.counts.sum())

    @property
    def rates(self) -> NDArray[np.float64]:
        """Class rates (n_classes,) that sum to 1."""
        return counts_to_rates(self.counts)

    def forward(self, X: NDArray[np.float64], codes: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return (n, n_genes) residuals from the class means in units of the spreads."""
        residuals: NDArray[np.float32] = ((X - self.means[codes]) / self.spreads).astype(np.float32)
        return residuals

    def back(self, z: NDArray[np.float32], codes: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the genes' values of residuals."""
        values: NDArray[np.float64] = self.means[codes] + z * self.spreads
        return values


def release_frame(
    X: NDArray[np.float64], y: NDArray[np.str_], classes: NDArray[np.str_], bounds: tuple[float, float], mu: float,
    rng: np.random.Generator,
) -> PrivateFrame:  # fmt: skip
    """Return the frame of samples (n, n_genes) inside public bounds, at a total cost of `mu`."""
    strength = {name: mu * share**0.5 for name, share in SHARES.items()}
    sigma = {name: 1 / m for name, m in strength.items()}
    sigma["length"] = sigma["lengths"] * 3**0.5  # three choices of a radius
    start, longest = (bounds[0] + bounds[1]) / 2, X.shape[1] ** 0.5 * (bounds[1] - bounds[0]) / 2
    counts = np.maximum(noisy_counts(y, list(classes), sigma["counts"], rng), _FEWEST)  # (n_classes,)

    radius = private_length(X - start, longest, 0.9, sigma["length"], rng)
    centre = start + noisy_sum(X - start, radius, sigma["centre"], rng) / counts.sum()  # (n_genes,)
    radius = private_length(X - centre, longest, 0.8, sigma["length"], rng)
    sums = noisy_class_sums(X - centre, y, list(classes), radius, sigma["class means"], rng)  # (n_classes, n_genes)
    means = np.clip(centre + _shrunken(sums, counts, radius * sigma["class means"]), *bounds)

    codes = np.searchsorted(classes, y)
    squares = (X - means[codes]) ** 2
    radius = private_length(squares, longest**2, 0.7, sigma["length"], rng)
    variances = noisy_sum(squares, radius, sigma["spreads"], rng) / counts.sum()
    spreads = _steadied(variances, radius * sigma["spreads"] / counts.sum(), (bounds[1] - bounds[0]) ** 2) ** 0.5
    return PrivateFrame(counts, means, spreads, compose_mu(list(strength.values())))


def exact_frame(X: NDArray[np.float64], y: NDArray[np.str_]) -> PrivateFrame:
    """Return exact class counts and, the same for all classes, each gene's mean and standard deviation: not private."""
    _, counts = np.unique(y, return_counts=True)
    scale = Standardiser.of(X.astype(np.float32))
    return PrivateFrame(counts.astype(np.float64), np.tile(scale.mean, (len(counts), 1)), scale.scale, 0.0)


def private_length(
    rows: NDArray[np.float64], longest: float, quantile: float, sigma: float, rng: np.random.Generator
) -> float:
    """Return about the quantile of the row lengths, from a histogram on a public grid up to `longest` with noise."""
    edges = longest * _GRID ** np.arange(-_GRID_SIZE + 1.0, 1.0)  # (grid,)
    cells = np.searchsorted(edges, np.minimum(np.linalg.norm(rows, axis=1), longest))
    histogram = np.bincount(np.minimum(cells, _GRID_SIZE - 1), minlength=_GRID_SIZE) + rng.normal(0, sigma, _GRID_SIZE)
    below = np.cumsum(histogram)
    return float(edges[np.argmax(below >= quantile * max(below[-1], 1.0))])


def _shrunken(sums: NDArray[np.float64], counts: NDArray[np.float64], sd: float) -> NDArray[np.float64]:
    """Return class means (n_classes, n_genes), each drawn to the overall mean as far as its noise demands.

    The noise of each mean is known, so this uses the released sums only.
    """
    overall = sums.sum(axis=0) / counts.sum()
    effects = sums / counts[:, None] - overall
    noise = (sd / counts) ** 2  # variance of each class mean
    signal = np.maximum((effects**2).mean(axis=1) - noise, 1e-3 * noise)
    means: NDArray[np.float64] = overall + effects * (signal / (signal + noise))[:, None]
    return means


def _steadied(variances: NDArray[np.float64], sd: float, largest: float) -> NDArray[np.float64]:
    """Return positive variances, drawn to their mean as far as noise of this standard deviation demands."""
    mean = float(np.clip(variances.mean(), 1e-6 * largest, largest))
    signal = max(float(variances.var()) - sd**2, 1e-3 * sd**2)
    drawn: NDArray[np.float64] = np.maximum(mean + (variances - mean) * (signal / (signal + sd**2)), 0.1 * mean)
    return drawn
