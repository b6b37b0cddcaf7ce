"""One gene at a time: gaps between synthetic values, and histograms with edges recovered from the release."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ._memo import shared

Floats = NDArray[np.float64]
_DISCRETE = 32  # a gene with at most this many distinct values was discretised


@dataclass(frozen=True, eq=False)
class Ranked:
    """People sorted gene by gene: ``values[i, g]`` is the i-th smallest value of gene g, ``order[i, g]`` who has it."""

    order: NDArray[np.intp]
    values: NDArray[np.float32]

    @property
    def nbytes(self) -> int:
        """The bytes it holds."""
        return self.order.nbytes + self.values.nbytes


def ranked(people: NDArray[np.float32]) -> Ranked:
    """Return the people sorted gene by gene, shared by every attack that asks for the same ones."""

    def compute() -> Ranked:
        order = np.argsort(people, axis=0)
        return Ranked(order, np.take_along_axis(people, order, axis=0))

    return shared("ranked", (people,), compute)


def crowding(values: Floats, points: Floats, near: int, around: int) -> Floats:
    """Return how much denser values are right at each point than around it, as a log ratio of gaps.

    A gap reaches from the m-th value below the point to the m-th above it, with m = near and m = around; beyond the
    values it is as long as the distance from them, if that is longer.

    Parameters
    ----------
    values : (n,) sorted
    points : (n_points,) sorted, which makes the search quick
    """
    at, last = np.searchsorted(values, points), len(values) - 1
    beyond = np.maximum(values[0] - points, points - values[-1])
    rounding = (values[-1] - values[0]) * 1e-7 + np.finfo(np.float32).tiny
    gaps = []
    for m in (near, around):
        gap = values[np.minimum(at + m - 1, last)] - values[np.maximum(at - m, 0)]
        gaps.append(np.log(np.maximum(gap, beyond) + rounding))
    ratio: Floats = gaps[1] - gaps[0]
    return ratio


def recovered_edges(values: Floats, population: Floats, n_bins: int) -> Floats:
    """Return inner bin edges of a gene: those of the generator if the release gives them away, else quantiles.

    A generator that discretised the gene releases few distinct values, one per bin. If they are equally spaced they are
    the centres of a grid, and the edges lie half-way. Otherwise each is the mean of its bin, and the edges are those at
    which the population has these means. (How often each value occurs is left alone: it is what the attack reads.)
    A gene with more distinct values than 32 gets n_bins quantile bins of the population.

    Parameters
    ----------
    values : (n,) sorted values of the release
    population : (n_people,) sorted
    """
    distinct = values[np.append(True, np.diff(values) > 0)]
    if len(distinct) > _DISCRETE:
        grid = np.linspace(0, 1, len(population))
        quantiles: Floats = np.interp(np.arange(1, n_bins) / n_bins, grid, population)
        return quantiles
    steps: Floats = np.diff(distinct)
    if len(steps) < 2 or np.ptp(steps) < 1e-3 * steps.mean():
        middle: Floats = distinct[:-1] + steps / 2
        return middle
    return np.clip(_edges_of_means(distinct, population), distinct[:-1], np.nextafter(distinct[1:], -np.inf))


def _edges_of_means(means: Floats, population: Floats) -> Floats:
    """Return edges between which a sorted population has these means: from both ends inwards, to keep errors small."""
    sums, n, half = np.append(0, np.cumsum(population)), len(population), len(means) // 2
    edges, start, end = np.empty(len(means) - 1), 0, len(population)
    for k in range(half):
        stops = np.arange(start + 1, n + 1)
        running = (sums[stops] - sums[start]) / (stops - start)  # rises with the stop
        start = min(start + 1 + int(np.searchsorted(running, means[k])), n - 1)
        edges[k] = population[start - 1]
    for k in range(len(means) - 1, half, -1):
        starts = np.arange(end)
        running = (sums[end] - sums[starts]) / (end - starts)  # rises with the start
        end = max(1, min(int(np.searchsorted(running, means[k])), n - 1))
        edges[k - 1] = population[end - 1]
    return edges


def log_ratio(release: NDArray[np.float32], population: NDArray[np.float32], n_bins: int, prior: float) -> Floats:
    """Return, for each person of the population, the mean over genes of log p_release(bin) / p_population(bin).

    Parameters
    ----------
    release : (n_release, n_genes)
    population : (n, n_genes); a person is part of the population that he is compared with
    n_bins : most bins of a gene
    prior : pseudo-count of each bin
    """
    values, people = np.sort(release, axis=0), ranked(population)
    total = np.zeros(len(population))
    for gene in range(values.shape[1]):
        mine, theirs = values[:, gene].astype(float), people.values[:, gene].astype(float)
        edges = recovered_edges(mine, theirs, n_bins)
        bins = np.searchsorted(edges, theirs)
        counts = np.bincount(np.searchsorted(edges, mine), minlength=len(edges) + 1) + prior
        expected = np.bincount(bins, minlength=len(edges) + 1) + prior
        total[people.order[:, gene]] += np.log(counts / counts.sum() * expected.sum() / expected)[bins]
    mean: Floats = total / values.shape[1]
    return mean
