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
    """
    distinct, counts = np.unique(values, return_counts=True)
    if len(distinct) > n_bins:
        return np.unique(np.quantile(population, np.arange(1, n_bins) / n_bins))
    shares = np.cumsum(counts)[:-1] / len(values)
    edges = np.quantile(population, shares)
    return np.clip(edges, distinct[:-1], distinct[1:])  # an edge lies between the values of its two bins


def log_ratio(release: NDArray[np.float32], population: NDArray[np.float32], n_bins: int, prior: float) -> Floats:
    """Return, for each person of the population, the mean over genes of log p_release(bin) / p_population(bin).

    Parameters
    ----------
    release : (n_release, n_genes)
    population : (n, n_genes); a person is part of the population that he is compared with
    n_bins : most bins of a gene
    prior : pseudo-count of each bin
    """
    total = np.zeros(len(population))
    for gene in range(release.shape[1]):
        values, people = release[:, gene].astype(float), population[:, gene].astype(float)
        edges = recovered_edges(values, people, n_bins)
        theirs = np.searchsorted(edges, people)
        counts = np.bincount(np.searchsorted(edges, values), minlength=len(edges) + 1) + prior
        expected = np.bincount(theirs, minlength=len(edges) + 1) + prior
        total += np.log(counts / counts.sum() * expected.sum() / expected)[theirs]
    mean: Floats = total / release.shape[1]
    return mean
