"""People as sequences of calls along the genome, and back; shared by every generator of variants.

A phased person gives two sequences of 0 and 1, a person of unknown phase one sequence of 0, 1 and 2. The sequences of a
person are neighbours, so that row ``i`` belongs to person ``i // copies``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench import Variants

from .._labels import class_counts

Calls = NDArray[np.int8]
Codes = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Sequences:
    """Sequences of calls, none missing, and the class of each.

    Parameters
    ----------
    calls : (n_people * copies, n_sites) int8 in 0 .. alphabet - 1
    classes : (n_people * copies,) number of the label of each
    labels : (n_classes,) the labels, sorted
    copies : sequences a person, 2 or 1
    """

    calls: Calls
    classes: Codes
    labels: NDArray[np.str_]
    copies: int

    @property
    def alphabet(self) -> int:
        """Number of values of a call: 2 for haplotypes, 3 for genotypes."""
        return 4 - self.copies

    @property
    def counts(self) -> NDArray[np.int64]:
        """(n_classes,) number of people of each label."""
        return np.bincount(self.classes[:: self.copies], minlength=len(self.labels))


def sequences_of(people: Variants, rng: np.random.Generator, labels: NDArray[np.str_] | None = None) -> Sequences:
    """Return the sequences of people; each missing call is drawn from those that were made at its site.

    Parameters
    ----------
    people : with labels
    rng : for the missing calls
    labels : the labels to number by; those of the people if None
    """
    copies = people.calls.shape[1]
    known = np.unique(people.y) if labels is None else labels
    calls = filled(people.calls.reshape(len(people) * copies, people.n_sites), rng)
    return Sequences(calls, np.repeat(np.searchsorted(known, people.y), copies), known, copies)


def filled(calls: Calls, rng: np.random.Generator) -> Calls:
    """Return (n, n_sites) calls whose missing ones (-1) are drawn from the others at the site, 0 if all are."""
    missing = calls < 0
    if not missing.any():
        return calls
    complete = calls.copy()
    for site in np.flatnonzero(missing.any(axis=0)):
        gaps = missing[:, site]
        seen = calls[~gaps, site]
        complete[gaps, site] = rng.choice(seen, size=int(gaps.sum())) if len(seen) else 0
    return complete


def people_of(like: Variants, calls: Calls, labels: NDArray[np.str_]) -> Variants:
    """Return synthetic people at the sites of `like` from (n * copies, n_sites) sequences and (n,) labels."""
    copies = like.calls.shape[1]
    return like.synthetic(calls.reshape(len(labels), copies, like.n_sites), labels)


def drawn_classes(counts: NDArray[np.int64], n: int, rng: np.random.Generator) -> Codes:
    """Return (n,) class numbers in random order, in proportion to the counts."""
    return rng.permutation(np.repeat(np.arange(len(counts)), class_counts(counts, n)))
