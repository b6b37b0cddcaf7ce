"""Sequences by their last calls: the chance of each call after a context, backed off to shorter contexts.

At each site, contexts of several lengths are counted in all people and, if asked for, in the people of a class. The
chance of a call starts at equal chances and is mixed with the counts of ever longer contexts::

    p = (count of the call after the context + strength * p) / (count of the context + strength)

so that a context that was seen often speaks for itself and one that was never seen leaves what shorter ones said.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Calls = NDArray[np.int8]
Codes = NDArray[np.intp]


def lengths_up_to(order: int) -> tuple[int, ...]:
    """Return the lengths of contexts that are counted for an order: 0, 1, 2, 4, 8 ... and the order itself."""
    doubled = [1 << i for i in range(order.bit_length())]
    return tuple(sorted({0, order, *(length for length in doubled if length < order)}))


@dataclass(frozen=True, eq=False)
class _Table:
    """The contexts of one length that were seen at a site, sorted, with how often each call followed them."""

    seen: NDArray[np.int64]  # (n_seen,)
    counts: Floats  # (n_seen, alphabet)

    def after(self, contexts: NDArray[np.int64]) -> Floats:
        """Return (n, alphabet) counts of the calls after these contexts, 0 for those that were never seen."""
        at = np.minimum(np.searchsorted(self.seen, contexts), len(self.seen) - 1)
        found: Floats = self.counts[at] * (self.seen[at] == contexts)[:, None]
        return found


class Contexts:
    """Counts of calls after contexts at every site.

    Parameters
    ----------
    sequences : (n, n_sites) calls in 0 .. alphabet - 1, none missing
    alphabet : number of values of a call
    order : the longest context, in sites
    strength : weight of shorter contexts, in sequences
    classes : (n,) class number of each sequence, whose contexts are counted too; None for contexts of all alone

    Examples
    --------
    After 0 comes 1, after 1 comes 0 in three of four sequences:

    >>> import numpy as np
    >>> from bench.statistics.contexts import Contexts
    >>> seen = np.array([[0, 1], [1, 0], [1, 0], [1, 1]], dtype=np.int8)
    >>> chain = Contexts(seen, alphabet=2, order=1, strength=0.001)
    >>> chain.chances(np.array([[0, 0], [1, 0]], dtype=np.int8), None, site=1).round(2).tolist()
    [[0.0, 1.0], [0.67, 0.33]]
    """

    def __init__(
        self, sequences: Calls, *, alphabet: int, order: int, strength: float, classes: Codes | None = None
    ) -> None:
        self.alphabet, self.strength, self.n_sites = alphabet, strength, sequences.shape[1]
        self._lengths = lengths_up_to(order)
        n_classes = 1 if classes is None or not len(classes) else int(classes.max()) + 1
        self._groups = (1, n_classes) if n_classes > 1 else (1,)
        if self._groups[-1] * alphabet**order >= 1 << 62:
            raise ValueError(f"contexts of {order} sites and {n_classes} classes have no whole number of 62 bits")
        self._tables = [self._counted(sequences, classes, site) for site in range(self.n_sites)]

    def _counted(self, sequences: Calls, classes: Codes | None, site: int) -> list[_Table]:
        calls = sequences[:, site].astype(np.intp)
        tables = []
        for contexts in self._contexts(sequences, classes, site):
            seen, at = np.unique(contexts, return_inverse=True)
            counts = np.bincount(at * self.alphabet + calls, minlength=len(seen) * self.alphabet)
            tables.append(_Table(seen, counts.reshape(len(seen), -1).astype(np.float64)))
        return tables

    def _contexts(self, calls: Calls, classes: Codes | None, site: int) -> Iterator[NDArray[np.int64]]:
        """Yield (n,) the context of each sequence at a site, from the shortest to the longest, as a number."""
        number, start = np.zeros(len(calls), dtype=np.int64), site
        for length in self._lengths:
            while start > max(0, site - length):
                start -= 1
                number = number + calls[:, start] * np.int64(self.alphabet ** (site - 1 - start))
            for n_groups in self._groups:
                yield number if n_groups == 1 or classes is None else number * n_groups + classes
            if length >= site:
                return

    def chances(self, calls: Calls, classes: Codes | None, site: int) -> Floats:
        """Return (n, alphabet) chances of the call at a site, from the calls (n, n_sites) before it."""
        p = np.full((len(calls), self.alphabet), 1 / self.alphabet)
        for table, contexts in zip(self._tables[site], self._contexts(calls, classes, site), strict=True):
            counts = table.after(contexts)
            p = (counts + self.strength * p) / (counts.sum(axis=1, keepdims=True) + self.strength)
        return p

    def draw(self, n: int, classes: Codes | None, rng: np.random.Generator) -> Calls:
        """Return (n, n_sites) sequences, of these class numbers (n,) if classes were counted."""
        calls = np.zeros((n, self.n_sites), dtype=np.int8)
        for site in range(self.n_sites):
            upto = self.chances(calls, classes, site).cumsum(axis=1)
            calls[:, site] = (rng.random((n, 1)) > upto[:, :-1]).sum(axis=1)
        return calls

    def losses(self, calls: Calls, classes: Codes | None = None) -> Floats:
        """Return (n,) negative log-likelihoods in nats."""
        total = np.zeros(len(calls))
        for site in range(self.n_sites):
            p = self.chances(calls, classes, site)
            total -= np.log(p[np.arange(len(calls)), calls[:, site]])
        return total
