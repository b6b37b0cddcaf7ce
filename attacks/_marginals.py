"""One gene at a time: gaps between synthetic values, and histograms with edges recovered from the release."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._memo import shared

Floats = NDArray[np.float64]
_DISCRETE = 32  # a gene with at most this many distinct values was discretised


@dataclass(frozen=True, eq=False)
class Ranked:
    """People sorted gene by gene: ``values[g, i]`` is the i-th smallest value of gene g, ``order[g, i]`` who has it."""

    order: NDArray[np.intp]
    values: NDArray[np.float32]

    @property
    def nbytes(self) -> int:
        """The bytes it holds."""
        return self.order.nbytes + self.values.nbytes


def ranked(people: NDArray[np.float32]) -> Ranked:
    """Return the people sorted gene by gene, shared by every attack that asks for the same ones."""

    def compute() -> Ranked:
        by_gene = np.ascontiguousarray(people.T)  # (n_genes, n): a gene's values lie side by side
        order = np.argsort(by_gene, axis=1)
        return Ranked(order, np.take_along_axis(by_gene, order, axis=1))

    return shared("ranked", (people,), compute)


def ordered(people: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return (n_genes, n) the values of each gene, rising, shared by every attack that asks for the same people."""
    return shared("ordered", (people,), lambda: np.sort(np.ascontiguousarray(people.T), axis=1))


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


@dataclass(frozen=True, eq=False)
class Binned:
    """A population in quantile bins of its own, gene by gene.

    Parameters
    ----------
    edges : (n_genes, n_bins - 1) inner edges, rising
    bins : (n_genes, n) uint16 or wider, the bin of each person
    counts : (n_genes, n_bins) int32, people in each bin
    """

    edges: Floats
    bins: NDArray[np.unsignedinteger[Any]]
    counts: NDArray[np.int32]

    @property
    def nbytes(self) -> int:
        """The bytes it holds."""
        return self.edges.nbytes + self.bins.nbytes + self.counts.nbytes


def binned(population: NDArray[np.float32], n_bins: int) -> Binned:
    """Return the people in quantile bins, shared by every release that is held against them."""

    def compute() -> Binned:
        people = ranked(population)
        edges = _quantiles(people.values, n_bins)
        counts = _counts(people.values, edges)
        names = np.tile(np.arange(n_bins, dtype=np.min_scalar_type(n_bins)), len(edges))
        bins = np.empty(people.order.shape, dtype=names.dtype)
        np.put_along_axis(bins, people.order, np.repeat(names, counts.ravel()).reshape(bins.shape), axis=1)
        return Binned(edges, bins, counts)

    return shared(f"binned {n_bins}", (population,), compute)


def _quantiles(values: NDArray[np.float32], n_bins: int) -> Floats:
    """Return (n_genes, n_bins - 1) inner quantiles of rising values, (n_genes, n), as `recovered_edges` takes them."""
    known = values.astype(np.float64)
    if known.shape[1] == 1:
        return np.repeat(known, n_bins - 1, axis=1)
    asked, grid = np.arange(1, n_bins) / n_bins, np.linspace(0, 1, known.shape[1])
    below = np.searchsorted(grid, asked, side="right") - 1
    slopes = (known[:, below + 1] - known[:, below]) / (grid[below + 1] - grid[below])
    return slopes * (asked - grid[below]) + known[:, below]


def _counts(values: NDArray[np.float32], edges: Floats) -> NDArray[np.int32]:
    """Return (n_genes, n_edges + 1) how many rising values lie in each bin; one on an edge is in the bin below."""
    below = np.zeros((len(values), edges.shape[1] + 2), dtype=np.int32)
    for row, own, inner in zip(below, values.astype(np.float64), edges, strict=True):
        row[1:-1] = np.searchsorted(own, inner, side="right")
    below[:, -1] = values.shape[1]
    return np.diff(below, axis=1)


def log_ratio(release: NDArray[np.float32], population: NDArray[np.float32], n_bins: int, prior: float) -> Floats:
    """Return, for each person of the population, the mean over genes of log p_release(bin) / p_population(bin).

    Parameters
    ----------
    release : (n_release, n_genes)
    population : (n, n_genes); a person is part of the population that he is compared with
    n_bins : most bins of a gene
    prior : pseudo-count of each bin
    """
    values, usual = ordered(release), binned(population, n_bins)
    discrete = np.count_nonzero(values[:, 1:] > values[:, :-1], axis=1) < _DISCRETE
    ratios = _log_ratios(_counts(values, usual.edges), usual.counts, prior)
    total = np.zeros(len(population))
    for gene, few in enumerate(discrete):
        total += _of_discrete(values[gene], population, gene, prior) if few else ratios[gene][usual.bins[gene]]
    mean: Floats = total / len(values)
    return mean


def _of_discrete(mine: NDArray[np.float32], population: NDArray[np.float32], gene: int, prior: float) -> Floats:
    """Return each person's log ratio in a gene that the release discretised, its values rising."""
    people, ratios = ranked(population), np.empty(len(population))
    theirs = people.values[gene].astype(np.float64)
    edges = recovered_edges(mine.astype(np.float64), theirs, _DISCRETE)
    counts, expected = (_counts(x[None], edges[None]) for x in (mine, people.values[gene]))
    ratios[people.order[gene]] = _log_ratios(counts, expected, prior)[0, np.searchsorted(edges, theirs)]
    return ratios


def _log_ratios(mine: NDArray[np.int32], theirs: NDArray[np.int32], prior: float) -> Floats:
    counts, expected = mine + prior, theirs + prior  # (n_genes, n_bins)
    shares = counts / counts.sum(axis=1, keepdims=True) * expected.sum(axis=1, keepdims=True)
    ratios: Floats = np.log(shares / expected)
    return ratios
