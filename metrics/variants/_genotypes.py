"""Allele counts, correlations and distances of people at sites; shared by every measure of variants."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bench import Variants

Floats = NDArray[np.float64]
MOST_SITES = 2000  # a matrix of correlations is computed at no more sites, evenly chosen


def frequencies(people: Variants) -> Floats:
    """Return (n_sites,) frequencies of the alternate allele; NaN where nobody was called or there is nobody."""
    return people.frequencies


def minor(frequency: Floats) -> Floats:
    """Return the frequency of the rarer allele."""
    return np.minimum(frequency, 1 - frequency)


def correlation(a: Floats, b: Floats) -> float:
    """Return Pearson's r of two arrays over the places where both are known; NaN if one of them does not vary."""
    known = np.isfinite(a) & np.isfinite(b)
    a, b = a[known], b[known]
    if len(a) < 2 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1])


def some_sites(people: Variants, most: int = MOST_SITES) -> NDArray[np.intp]:
    """Return the numbers of at most so many sites, evenly chosen along the list."""
    if people.n_sites <= most:
        return np.arange(people.n_sites)
    return np.linspace(0, people.n_sites - 1, most).astype(np.intp)


def linkage(people: Variants, sites: NDArray[np.intp]) -> Floats:
    """Return (n, n) signed correlations r between sites: of haplotypes, or of genotypes where the phase is not known.

    Missing calls are left out pair by pair. A site that does not vary is correlated with nothing: its r is 0.
    """
    calls = people.calls[:, :, sites].reshape(-1, len(sites))
    known = calls >= 0
    x = np.where(known, calls, 0).astype(np.float32)
    if known.all():
        n, sums = float(len(x)), x.sum(axis=0, dtype=np.float64)
        product = (x.T @ x).astype(np.float64)
        covariance = n * product - np.outer(sums, sums)
        variance = np.outer(np.diag(covariance), np.diag(covariance))
    else:
        k = known.astype(np.float32)
        pairs, sums = (k.T @ k).astype(np.float64), (x.T @ k).astype(np.float64)  # of site i, where j was called too
        squares, product = ((x * x).T @ k).astype(np.float64), (x.T @ x).astype(np.float64)
        covariance = pairs * product - sums * sums.T
        own = pairs * squares - sums**2
        variance = own * own.T
    return np.divide(covariance, np.sqrt(np.maximum(variance, 0)), out=np.zeros_like(covariance), where=variance > 0.5)


def above_diagonal(matrix: Floats) -> Floats:
    """Return the entries above the diagonal, in one row."""
    return matrix[np.triu_indices(len(matrix), 1)]


def dosages(people: Variants) -> Floats:
    """Return (n, n_sites) numbers of alternate alleles; a missing one is twice the frequency at the site."""
    counts = people.genotypes.astype(np.float64)
    expected = np.nan_to_num(2 * people.frequencies)
    return np.where(counts < 0, expected, counts)


def sequences(people: Variants) -> NDArray[np.int8]:
    """Return (n * copies, n_sites) haplotypes, or genotypes; a missing call is taken as 0."""
    return np.maximum(people.calls, 0).reshape(-1, people.n_sites)


def apart(some: NDArray[np.int8], others: NDArray[np.int8], *, itself: bool = False) -> NDArray[np.float32]:
    """Return (n,) the number of alleles by which each sequence differs from the nearest of the others.

    Parameters
    ----------
    some, others : (n, n_sites) calls
    itself : True if both are the same sequences; none is then its own neighbour
    """
    found = np.empty(len(some), dtype=np.float32)
    levels = range(1, int(max(some.max(initial=1), others.max(initial=1))) + 1)
    sets = [(others >= level).astype(np.float32) for level in levels]
    for start in range(0, len(some), 512):
        rows = some[start : start + 512]
        block = np.zeros((len(rows), len(others)), dtype=np.float32)
        for level, bits in zip(levels, sets, strict=True):  # |a - b| is the number of levels that one alone reaches
            mine = (rows >= level).astype(np.float32)
            block += mine.sum(axis=1, keepdims=True) + bits.sum(axis=1) - 2 * (mine @ bits.T)
        if itself:
            block[np.arange(len(rows)), np.arange(start, start + len(rows))] = np.inf
        found[start : start + 512] = block.min(axis=1)
    return found
