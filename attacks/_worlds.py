"""Surrogate releases: four ways in which a generator can leak, played through with people whose membership is known.

An attacker who holds candidates can choose some of them, release something made of these with a generator of his own,
and watch how his attacks react. Nothing here needs the attacked generator, or anybody's true membership.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from ._distances import distances_within
from ._spectra import spectrum

Floats = NDArray[np.float64]
World = Callable[[NDArray[np.float32], NDArray[np.int64], int, np.random.Generator], Floats]
_NOISE = 0.5  # extra variance of a drawn person, as in the published multivariate baseline
_NEIGHBOURS = 5  # as in SMOTE
_LATENT = 64  # dimensions of the challenge's autoencoders


def gaussian(members: NDArray[np.float32], clusters: NDArray[np.int64], n: int, rng: np.random.Generator) -> Floats:
    """Return n draws from one Gaussian per cluster: keeps the span and the covariance of the members."""
    drawn = []
    for cluster, size in zip(*np.unique(clusters, return_counts=True), strict=True):
        people = members[clusters == cluster].astype(np.float64)
        mean = people.mean(axis=0)
        z = rng.standard_normal((max(1, round(n * size / len(members))), size))
        drawn.append(mean + np.sqrt((1 + _NOISE) / max(size - 1, 1)) * z @ (people - mean))
    return np.concatenate(drawn)


def interpolated(members: NDArray[np.float32], clusters: NDArray[np.int64], n: int, rng: np.random.Generator) -> Floats:
    """Return n points between a member and one of its nearest members: keeps their neighbourhoods."""
    neighbours = distances_within(members).nearest(_NEIGHBOURS)[1]
    first = rng.integers(len(members), size=n)
    second = neighbours[first, rng.integers(neighbours.shape[1], size=n)]
    step = rng.random((n, 1))
    return (1 - step) * members[first] + step * members[second]


def latent(members: NDArray[np.float32], clusters: NDArray[np.int64], n: int, rng: np.random.Generator) -> Floats:
    """Return n members rebuilt from their leading axes with noise: keeps them near a surface, as autoencoders do."""
    axes = spectrum(members)
    directions, spread = axes.directions[:, :_LATENT], np.sqrt(axes.variances[:_LATENT])
    who = rng.integers(len(members), size=n)
    codes = (members[who] - axes.mean) @ directions + 0.3 * spread * rng.standard_normal((n, len(spread)))
    rest = np.sqrt(axes.variances[_LATENT:].sum() / len(axes.mean)) if len(axes.variances) > _LATENT else 0.0
    return axes.mean + codes @ directions.T + 0.1 * rest * rng.standard_normal((n, len(axes.mean)))


def quantiles(members: NDArray[np.float32], clusters: NDArray[np.int64], n: int, rng: np.random.Generator) -> Floats:
    """Return n draws mapped back through the quantiles of each gene: keeps every single value of the members."""
    drawn = gaussian(members, clusters, n, rng)
    drawn += np.sqrt(_NOISE) * members.std(axis=0) * rng.standard_normal(drawn.shape)
    ranks = (rankdata(drawn, axis=0) - 0.5) / len(drawn)
    known, grid = np.sort(members, axis=0), np.linspace(0, 1, len(members))
    return np.array([np.interp(ranks[:, g], grid, known[:, g]) for g in range(members.shape[1])]).T


WORLDS: tuple[World, ...] = (gaussian, interpolated, latent, quantiles)
