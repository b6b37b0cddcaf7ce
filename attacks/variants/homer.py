"""Homer's statistic: whether a person's allele frequencies lie nearer to the release's than to the population's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench import AttackView, attack

from ._people import allele_counts, frequencies, seen


@attack(
    "homer",
    modalities=("variants",),
    access="black-box + reference",
    family="distance",
    doi="10.1371/journal.pgen.1000167",
)
@dataclass(kw_only=True)
class Homer:
    """Score a target by how much nearer its allele frequencies are to the release's than to the reference's.

    Threat model: the attacker holds people of the population who are no members. With y the share of a person's alleles
    at a site that are alternate (0, 1/2 or 1)::

        sum over called sites of  |y - frequency in the reference| - |y - frequency in the release|

    The published statistic divides the mean by its standard error over sites, which changes the order of people little;
    the sum is what is scored here.

    Homer, Szelinger, Redman et al. 2008, PLoS Genetics 4, e1000167.
    """

    def score(self, view: AttackView, *, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return (n_targets,) sums of differences of distances."""
        people = seen(view, "homer")
        p, q = frequencies(people.synthetic), frequencies(people.reference)
        x, called = allele_counts(people.targets)
        y = np.divide(x, called, out=np.zeros_like(x), where=called > 0)
        found: NDArray[np.float64] = np.where(called > 0, np.abs(y - q) - np.abs(y - p), 0).sum(axis=1)
        return found
