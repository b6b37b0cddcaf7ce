"""Surrogate releases: four ways in which a generator can leak, played through with people whose membership is known.

An attacker who holds candidates can choose some of them, release something made of these with a generator of his own,
and watch how his attacks react. Nothing here needs the attacked generator, or anybody's true membership.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from ._distances import distances_within
from ._marginals import ordered
from ._spectra import spectrum

Floats = NDArray[np.float64]
_NOISE = 0.5  # extra variance of a drawn person, as in the published multivariate baseline
_NEIGHBOURS = 5  # as in SMOTE
_KNOWN = 32  # neighbours of a candidate that are looked through for members
_LATENT = 64  # dimensions of the challenge's autoencoders


@dataclass(frozen=True, eq=False)
class Players:
    """Candidates who play the members of a release that the attacker makes.

    Parameters
    ----------
    candidates : (n_candidates, n_genes) float32
    chosen : (n,) which of them play, in the order in which they do
    clusters : (n,) the cluster of each
    """

    candidates: NDArray[np.float32]
    chosen: NDArray[np.intp]
    clusters: NDArray[np.int64]

    @functools.cached_property
    def people(self) -> NDArray[np.float32]:
        """Their values, (n, n_genes)."""
        return self.candidates[self.chosen]

    def neighbours(self, k: int) -> NDArray[np.intp]:
        """Return (n, k) who of the players are nearest to each, nearest first.

        The candidates' neighbours are known in every world; where too few of these play, all players are compared.
        """
        k = min(k, len(self.chosen) - 1)
        place = np.full(len(self.candidates), -1)
        place[self.chosen] = np.arange(len(self.chosen))
        there = place[distances_within(self.candidates).nearest(_KNOWN)[1][self.chosen]]  # (n, _KNOWN)
        playing = np.argsort(there < 0, axis=1, kind="stable")[:, :k]
        found = np.take_along_axis(there, playing, axis=1)
        if found.shape[1] < k or (found < 0).any():
            return distances_within(self.people).nearest(k)[1]
        return found


World = Callable[[Players, int, np.random.Generator], Floats]


def gaussian(players: Players, n: int, rng: np.random.Generator) -> Floats:
    """Return n draws from one Gaussian per cluster: keeps the span and the covariance of the members."""
    drawn = []
    for cluster, size in zip(*np.unique(players.clusters, return_counts=True), strict=True):
        people = players.people[players.clusters == cluster].astype(np.float64)
        mean = people.mean(axis=0)
        z = rng.standard_normal((max(1, round(n * size / len(players.people))), size))
        drawn.append(mean + np.sqrt((1 + _NOISE) / max(size - 1, 1)) * z @ (people - mean))
    return np.concatenate(drawn)


def interpolated(players: Players, n: int, rng: np.random.Generator) -> Floats:
    """Return n points between a member and one of its nearest members: keeps their neighbourhoods."""
    members, neighbours = players.people, players.neighbours(_NEIGHBOURS)
    first = rng.integers(len(members), size=n)
    second = neighbours[first, rng.integers(neighbours.shape[1], size=n)]
    step = rng.random((n, 1))
    return (1 - step) * members[first] + step * members[second]


def latent(players: Players, n: int, rng: np.random.Generator) -> Floats:
    """Return n members rebuilt from their leading axes with noise: keeps them near a surface, as autoencoders do."""
    members, axes = players.people, spectrum(players.people)
    directions, spread = axes.directions[:, :_LATENT], np.sqrt(axes.variances[:_LATENT])
    who = rng.integers(len(members), size=n)
    codes = (members[who] - axes.mean) @ directions + 0.3 * spread * rng.standard_normal((n, len(spread)))
    rest = np.sqrt(axes.variances[_LATENT:].sum() / len(axes.mean)) if len(axes.variances) > _LATENT else 0.0
    return axes.mean + codes @ directions.T + 0.1 * rest * rng.standard_normal((n, len(axes.mean)))


def quantiles(players: Players, n: int, rng: np.random.Generator) -> Floats:
    """Return n draws mapped back through the quantiles of each gene: keeps every single value of the members."""
    members, drawn = players.people, gaussian(players, n, rng)
    drawn += np.sqrt(_NOISE) * members.std(axis=0) * rng.standard_normal(drawn.shape)
    known, grid = ordered(members), np.linspace(0, 1, len(members))
    return np.array([through(values, own, grid) for values, own in zip(drawn.T, known, strict=True)]).T


def through(values: Floats, known: NDArray[np.float32], grid: Floats) -> Floats:
    """Return the known values, rising, at the mid-rank of each value among its fellows, interpolated on the grid."""
    order = np.argsort(values)
    if (values[order[1:]] == values[order[:-1]]).any():
        tied: Floats = np.interp((rankdata(values) - 0.5) / len(values), grid, known)
        return tied
    found = np.empty(len(values))
    found[order] = np.interp((np.arange(1, len(values) + 1) - 0.5) / len(values), grid, known)
    return found


WORLDS: tuple[World, ...] = (gaussian, interpolated, latent, quantiles)
