"""The mean and the principal variances of a set of people, and how far others lie from it, in log space.

A covariance of n people in more genes than people has n - 1 directions; a member of the training data lies in them,
another person does not. So nothing here is inverted blindly: the part of a target inside the span and the part outside
it are kept apart, and a ridge says how much the second counts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ._memo import frozen, shared

# added to every variance, relative to the mean variance inside the span: from "the span is everything" to "ignore it"
RIDGES = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)
_EDGE = 0.02  # a split must leave this share of the targets on each side


@dataclass(frozen=True, eq=False)
class Spectrum:
    """The principal axes of a set of people.

    Parameters
    ----------
    mean : (n_genes,)
    variances : (rank,) falling, all above rounding
    directions : (n_genes, rank) orthonormal
    """

    mean: NDArray[np.float64]
    variances: NDArray[np.float64]
    directions: NDArray[np.float64]

    @property
    def nbytes(self) -> int:
        """The bytes it holds."""
        return self.directions.nbytes + self.variances.nbytes + self.mean.nbytes

    @property
    def full(self) -> bool:
        """True if the span is the whole space, so that nobody can lie outside it."""
        return len(self.variances) == len(self.mean)

    def coordinates(self, people: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the coordinates inside the span, (n, rank), and the squared distance from it, (n,); change neither."""
        found = shared("coordinates", (self.mean, self.directions, people), lambda: self._coordinates(people))
        return found.inside, found.outside

    def _coordinates(self, people: NDArray[np.float32]) -> Coordinates:
        centred = people - self.mean
        inside: NDArray[np.float64] = centred @ self.directions
        outside = np.einsum("ij,ij->i", centred, centred) - np.einsum("ij,ij->i", inside, inside)
        return Coordinates(inside, np.zeros(len(people)) if self.full else np.maximum(outside, 0.0))

    def squared_distance(self, people: NDArray[np.float32], added: float) -> NDArray[np.float64]:
        """Return the squared Mahalanobis distance, (n,), with `added` on every variance."""
        inside, outside = self.coordinates(people)
        distance: NDArray[np.float64] = inside**2 @ (1 / (self.variances + added)) + outside / added
        return distance

    def ridge_path(self, people: NDArray[np.float32], ridges: tuple[float, ...] = RIDGES) -> NDArray[np.float64]:
        """Return minus the log Mahalanobis distance, relative to that of the people themselves, per ridge.

        With variances v, ridge r and coordinates c the squared distance is sum(c^2 / (v + r)) + outside / r; for the
        people who span the axes it averages sum(v / (v + r)), their degrees of freedom. So 0 means "as far as one of
        them", at every ridge and for every class. Returns (n, n_ridges).
        """
        inside, outside = self.coordinates(people)
        added = np.array(ridges) * self.variances.mean()
        weights = 1 / (self.variances[:, None] + added)  # (rank, n_ridges)
        squared = inside**2 @ weights + (0 if self.full else outside[:, None] / added)
        freedom = self.variances @ weights
        path: NDArray[np.float64] = -np.log(np.maximum(squared / freedom, np.finfo(np.float64).tiny))
        return path


@dataclass(frozen=True, eq=False)
class Coordinates:
    """Where people lie in a span: inside, (n, rank), and their squared distance from it, (n,)."""

    inside: NDArray[np.float64]
    outside: NDArray[np.float64]

    @property
    def nbytes(self) -> int:
        """The bytes it holds."""
        return self.inside.nbytes + self.outside.nbytes


def spectrum(people: NDArray[np.float32]) -> Spectrum:
    """Return the principal axes of at least two people, shared by every attack that asks for the same ones."""
    return shared("spectrum", (people,), lambda: _spectrum(people))


def _spectrum(people: NDArray[np.float32]) -> Spectrum:
    mean = people.mean(axis=0, dtype=np.float64)
    centred = people - mean
    wide = len(people) < people.shape[1]
    squares, vectors = np.linalg.eigh(centred @ centred.T if wide else centred.T @ centred)
    rank = min(int((squares > squares[-1] * 1e-13).sum()), len(people) - 1)
    squares, vectors = squares[::-1][:rank], vectors[:, ::-1][:, :rank]
    directions = centred.T @ vectors / np.sqrt(squares) if wide else vectors
    return Spectrum(frozen(mean), squares / (len(people) - 1), frozen(directions))


def sharpest_split(scores: NDArray[np.float64]) -> tuple[int, float, float]:
    """Return the column that falls most clearly into two groups, where it splits, and how clearly (0 to 1).

    Clear is the share of the variance that lies between the groups at the best threshold (Otsu's criterion,
    doi:10.1109/TSMC.1979.4310076). It knows nobody's membership: it is how an attacker picks the ridge.

    Parameters
    ----------
    scores : (n_targets, n_columns)
    """
    n = len(scores)
    ordered = np.sort(scores, axis=0)
    below = np.arange(1, n)[:, None]  # how many lie below each possible split
    sums = np.cumsum(ordered, axis=0)
    gap = sums[:-1] / below - (sums[-1] - sums[:-1]) / (n - below)
    between = below * (n - below) / n**2 * gap**2  # (n - 1, n_columns)
    edge = int(_EDGE * n)
    between = between[edge : n - 1 - edge]
    clear = between.max(axis=0) / np.maximum(scores.var(axis=0), np.finfo(np.float64).tiny)
    column = int(np.argmax(clear))
    at = edge + int(np.argmax(between[:, column]))
    return column, float(ordered[at : at + 2, column].mean()), float(clear[column])
