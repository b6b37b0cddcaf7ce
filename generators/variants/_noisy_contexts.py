"""Noisy counts of contexts: what a private chain along the genome knows of people.

One convention holds here. Neighbouring cohorts differ by one *person*, who is added or removed with both haplotypes. A
person enters one cell of the table of each site once for each haplotype, so that the counts of all sites together move
by at most ``copies * sqrt(n_sites)`` in L2 norm: by that if both haplotypes fall into the same cell at every site.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from bench import Variants

from ._sequences import Calls

Floats = NDArray[np.float64]


def sensitivity(people: Variants) -> float:
    """Return by how much one person can move the counts of all sites together, in L2 norm."""
    return int(people.calls.shape[1]) * math.sqrt(people.n_sites)


def context_counts(people: Variants, order: int) -> Floats:
    """Return (n_sites, alphabet ** order, alphabet) exact counts of calls after contexts.

    The first sites of the genome have contexts that begin with calls of 0. A sequence counts at a site only if none of
    the calls that it enters by is missing.
    """
    copies, alphabet = people.calls.shape[1], 4 - people.calls.shape[1]
    calls = people.calls.reshape(len(people) * copies, people.n_sites)
    counts = np.zeros((people.n_sites, alphabet**order * alphabet))
    for site in range(people.n_sites):
        window = calls[:, max(0, site - order) : site + 1]
        whole = window[(window >= 0).all(axis=1)].astype(np.intp)
        cells = whole @ alphabet ** np.arange(window.shape[1] - 1, -1, -1)
        counts[site] = np.bincount(cells, minlength=counts.shape[1])
    return counts.reshape(people.n_sites, -1, alphabet)


class NoisyChain:
    """A chain along the genome made from noisy counts alone; it costs no more than they did.

    Parameters
    ----------
    counts : (n_sites, alphabet ** order, alphabet) counts with noise; they may be negative
    noise : standard deviation of the noise in each
    trust : standard deviations of noise that a context's counts weigh against the shorter context
    """

    def __init__(self, counts: Floats, noise: float, trust: float) -> None:
        self.n_sites, n_contexts, self.alphabet = counts.shape
        self.order = round(math.log(n_contexts, self.alphabet)) if n_contexts > 1 else 0
        self.chances = np.full((self.n_sites, 1, self.alphabet), 1 / self.alphabet)
        for length in range(self.order + 1):
            merged = counts.reshape(self.n_sites, -1, self.alphabet**length, self.alphabet)
            summed = np.maximum(merged.sum(axis=1), 0)  # (n_sites, alphabet ** length, alphabet)
            weight = trust * noise * math.sqrt(merged.shape[1]) + 1e-9
            below = np.tile(self.chances, (1, summed.shape[1] // self.chances.shape[1], 1))  # the shorter context
            self.chances = (summed + weight * below) / (summed.sum(axis=2, keepdims=True) + weight)

    def _context(self, calls: Calls, site: int) -> NDArray[np.intp]:
        number = np.zeros(len(calls), dtype=np.intp)
        for at in range(max(0, site - self.order), site):
            number = number * self.alphabet + calls[:, at]
        return number

    def draw(self, n: int, rng: np.random.Generator) -> Calls:
        """Return (n, n_sites) sequences."""
        calls = np.zeros((n, self.n_sites), dtype=np.int8)
        for site in range(self.n_sites):
            upto = self.chances[site, self._context(calls, site)].cumsum(axis=1)
            calls[:, site] = (rng.random((n, 1)) > upto[:, :-1]).sum(axis=1)
        return calls

    def losses(self, calls: Calls) -> Floats:
        """Return (n,) negative log-likelihoods in nats; a missing call is taken as 0."""
        known, total = np.maximum(calls, 0), np.zeros(len(calls))
        for site in range(self.n_sites):
            p = self.chances[site, self._context(known, site)]
            total -= np.log(p[np.arange(len(calls)), known[:, site]])
        return total
