"""One gene at a time: gaps between synthetic values, and histograms with edges recovered from the release."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def log_spacing(values: Floats, points: Floats, m: int) -> Floats:
    """Return the log length of the interval from the m-th value below to the m-th value above each point.

    Parameters
    ----------
    values : (n,) sorted
    points : (n_points,) where to look; beyond the values the length is the distance from them, if that is longer
    """
    last = len(values) - 1
    at = np.searchsorted(values, points)
    low, high = values[np.clip(at - m, 0, last)], values[np.clip(at + m - 1, 0, last)]
    length = np.maximum(high - low, np.maximum(low - points, points - high))
    rounding = (values[-1] - values[0]) * 1e-7 + np.finfo(np.float32).tiny
    log_length: Floats = np.log(length + rounding)
    return log_length


def recovered_edges(values: Floats, population: Floats, n_bins: int) -> Floats:
    """Return inner bin edges of a gene: those of the generator if the release gives them away, else quantiles.

    A generator that discretised the gene releases few distinct values, one per bin. How often each occurs says at which
    quantile its bin ends; the same quantile of the population is the edge. A gene with more distinct values than
    `n_bins` gets n_bins quantile bins of the population.

    Parameters
    ----------
    values : (n,) sorted values of the release
    population : (n_people,) sorted
    """
    starts = np.flatnonzero(np.append(True, np.diff(values) > 0))  # where each distinct value begins
    grid = np.linspace(0, 1, len(population))
    if len(starts) > n_bins:
        edges: Floats = np.interp(np.arange(1, n_bins) / n_bins, grid, population)
        return edges
    edges = np.interp(starts[1:] / len(values), grid, population)
    return np.clip(edges, values[starts[:-1]], values[starts[1:]])  # an edge lies between the values of its two bins


def log_ratio(release: NDArray[np.float32], population: NDArray[np.float32], n_bins: int, prior: float) -> Floats:
    """Return, for each person of the population, the mean over genes of log p_release(bin) / p_population(bin).

    Parameters
    ----------
    release : (n_release, n_genes)
    population : (n, n_genes); a person is part of the population that he is compared with
    n_bins : most bins of a gene
    prior : pseudo-count of each bin
    """
    values, people = np.sort(release, axis=0).astype(float), population.astype(float)
    order = np.argsort(people, axis=0)
    total = np.zeros(len(people))
    for gene in range(values.shape[1]):
        ranked = people[order[:, gene], gene]
        edges = recovered_edges(values[:, gene], ranked, n_bins)
        theirs = np.searchsorted(edges, ranked)
        counts = np.bincount(np.searchsorted(edges, values[:, gene]), minlength=len(edges) + 1) + prior
        expected = np.bincount(theirs, minlength=len(edges) + 1) + prior
        total[order[:, gene]] += np.log(counts / counts.sum() * expected.sum() / expected)[theirs]
    mean: Floats = total / values.shape[1]
    return mean
