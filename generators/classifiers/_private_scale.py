"""Puts people on a common scale and at unit length, privately: public means and spreads, and a centre with noise.

A row of unit length bounds what one person can do to a gradient without looking at anybody else. It needs a centre:
rows that all point from zero to the cohort's mean would be nearly the same. Where other people's public profiles give
means and spreads of the genes, the centre lies near a line in the public means; only how far off it is has to be
measured.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .._privacy import compose_mu, noisy_sum, split_mu
from .._private_frame import private_length
from .._public_prior import PriorOnGenes

Array = NDArray[np.float64]
_SPREADS = 0.3  # without a prior: the part of mu**2 that goes to the spreads of the genes
_LENGTHS = 0.05  # the part that goes to choosing the radii of sums
_LINE, _FIRST = 0.1, 0.3  # with a prior: the parts for the line and for the first of two rounds of centring
_FEWEST = 5.0  # people that a cohort is taken to have at least


@dataclass(frozen=True)
class PrivateScale:
    """Where the genes lie and how far they spread, (n_genes,) each, released with noise of total strength `mu`."""

    centre: Array
    spread: Array
    mu: float


def unit_rows(X: NDArray[np.float32], centre: Array, spread: Array) -> Array:
    """Return rows ``(x - centre) / spread`` divided by their lengths; one at the centre stays there."""
    z = (X - centre) / spread
    lengths: Array = np.linalg.norm(z, axis=1, keepdims=True)
    rows: Array = z / np.maximum(lengths, 1e-12)
    return rows


def release_scale(
    X: Array, total: float, bounds: tuple[float, float], prior: PriorOnGenes | None, mu: float, rng: np.random.Generator
) -> PrivateScale:
    """Return the scale of people (n, n_genes) inside public bounds at a total cost of `mu`.

    Parameters
    ----------
    X : the people
    total : their number, with noise, paid for before
    bounds : public range of a gene
    prior : public means and spreads of genes, or None
    """
    total = max(total, _FEWEST)
    if prior is None:
        return _measured(X, total, bounds, mu, rng)
    spread = np.where(prior.known, prior.spread, np.median(prior.spread[prior.known]))
    start = np.where(prior.known, prior.mean, np.mean(prior.mean[prior.known]))
    shape = np.linalg.qr(np.stack([1 / spread, start / spread], axis=1))[0]  # a line in the genes' own units
    z = (X - start) / spread
    longest = float(np.linalg.norm(np.maximum(bounds[1] - start, start - bounds[0]) / spread))
    shares = [_LENGTHS / 3, _LINE, _LENGTHS / 3, _FIRST, _LENGTHS / 3, 1 - _LENGTHS - _LINE - _FIRST]
    line_radius, line, first_radius, first, second_radius, second = split_mu(mu, shares)

    shift = shape @ _mean(z @ shape, longest, total, line_radius, line, rng)[0]
    rough, noise = _mean(z - shift, longest, total, first_radius, first, rng)
    shift = shift + _drawn(rough, noise)
    finer, noise = _mean(z - shift, longest, total, second_radius, second, rng)
    shift = shift + _drawn(finer, noise)
    return PrivateScale(np.clip(start + spread * shift, *bounds), spread, compose_mu(split_mu(mu, shares)))


def _mean(
    rows: Array, longest: float, total: float, radius_mu: float, mu: float, rng: np.random.Generator
) -> tuple[Array, float]:
    """Return the mean row with noise, and the standard deviation of that noise; the radius is measured first."""
    radius = private_length(rows, longest, 0.9, 1 / radius_mu, rng)
    return noisy_sum(rows, radius, 1 / mu, rng) / total, radius / mu / total


def _drawn(values: Array, noise: float) -> Array:
    """Return values drawn to zero as far as noise of this standard deviation demands."""
    signal = max(float((values**2).mean()) - noise**2, 1e-3 * noise**2)
    drawn: Array = values * (signal / (signal + noise**2))
    return drawn


def _measured(X: Array, total: float, bounds: tuple[float, float], mu: float, rng: np.random.Generator) -> PrivateScale:
    """Return a scale that is measured on the people alone."""
    lengths, spreads, centring = split_mu(mu, [_LENGTHS, _SPREADS, 1 - _LENGTHS - _SPREADS])
    start, half = (bounds[0] + bounds[1]) / 2, (bounds[1] - bounds[0]) / 2
    longest, sigma = X.shape[1] ** 0.5 * half, 2**0.5 / lengths  # two choices of a radius
    radius = private_length(X - start, longest, 0.9, sigma, rng)
    centre = start + noisy_sum(X - start, radius, 1 / centring, rng) / total
    squares = (X - centre) ** 2
    radius = private_length(squares, longest**2, 0.8, sigma, rng)
    variances = noisy_sum(squares, radius, 1 / spreads, rng) / total
    noise, mean = radius / spreads / total, max(float(variances.mean()), 1e-6 * half**2)
    signal = max(float(variances.var()) - noise**2, 1e-3 * noise**2)
    drawn = np.maximum(mean + (variances - mean) * (signal / (signal + noise**2)), 0.1 * mean)
    return PrivateScale(np.clip(centre, *bounds), drawn**0.5, compose_mu([lengths, spreads, centring]))
