"""Densities in one shared basis: its axes are fitted once, on one declared set of people, and serve every density."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ._distances import Distances
from ._spectra import spectrum

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Basis:
    """The leading axes of a set of people, scaled so that they have variance 1 along each."""

    mean: Floats
    axes: Floats

    def __call__(self, people: NDArray[np.float32]) -> Floats:
        """Return (n, n_axes) coordinates."""
        coordinates: Floats = (people - self.mean) @ self.axes
        return coordinates


def shared_basis(people: NDArray[np.float32], n_axes: int) -> Basis:
    """Return the whitening basis of the leading axes of these people, fewer if they have fewer."""
    found = spectrum(people)
    return Basis(found.mean, found.directions[:, :n_axes] / np.sqrt(found.variances[:n_axes]))


def log_kde(points: Floats, people: Floats) -> Floats:
    """Return the log density at points, (n_points,), under a Gaussian kernel on people, (n_people, n_axes).

    The bandwidth is Scott's, n^(-1 / (d + 4)) times the covariance of the people: they are whitened first, so that the
    result equals ``scipy.stats.gaussian_kde(people.T).logpdf(points.T)``, but stays finite where that underflows.
    """
    n, d = people.shape
    factor = np.linalg.cholesky(np.cov(people, rowvar=False).reshape(d, d)) * n ** (-1 / (d + 4))
    scaled = np.linalg.solve(factor, np.concatenate([people, points]).T).T
    sums = np.empty(len(points))
    for rows, squared in Distances(scaled[n:], scaled[:n]).blocks():
        sums[rows] = log_sum_exp(-0.5 * squared)
    norm = math.log(n) + 0.5 * d * math.log(2 * math.pi) + float(np.log(np.diag(factor)).sum())
    density: Floats = sums - norm
    return density


def log_sum_exp(values: Floats) -> Floats:
    """Return the logarithm of the sum of exponentials over each row of finite values, which are overwritten."""
    largest = values.max(axis=1, keepdims=True)
    values -= largest
    summed: Floats = np.log(np.exp(values, out=values).sum(axis=1)) + largest[:, 0]
    return summed


def log_density_1d(points: Floats, values: Floats) -> Floats:
    """Return the log of a one-dimensional Gaussian KDE (Scott's bandwidth) at points, from values that differ."""
    return log_kde(points[:, None], values[:, None])
