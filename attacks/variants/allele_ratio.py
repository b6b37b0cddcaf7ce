"""Allele ratio: whether a person's alleles are likelier at the release's frequencies than at the population's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench import AttackView, attack

from ._people import allele_counts, frequencies, seen


@attack(
    "allele_ratio",
    modalities=("variants",),
    access="black-box + reference",
    family="density",
    doi="10.1038/ng.436",
)
@dataclass(kw_only=True)
class AlleleRatio:
    """Score a target by the log likelihood ratio of its alleles, at the frequencies of release and reference.

    Threat model: the attacker holds people of the population who are no members. Of the release only the frequency of
    the alternate allele at each site is read; sites count as independent. With x alternate alleles of g that were
    called at a site, p and q the frequencies in release and reference::

        sum over sites of  x * log(p / q) + (g - x) * log((1 - p) / (1 - q))

    The most powerful test for membership in a pool whose frequencies are published, and so a bound for what any
    frequency gives away. Half a pseudo-count of each allele keeps frequencies off 0 and 1.

    Sankararaman, Obozinski, Jordan and Halperin 2009, Nature Genetics 41, 965-967; on synthetic genomes as by Oprisanu,
    Ganev and De Cristofaro 2022.
    """

    def score(self, view: AttackView, *, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return (n_targets,) log likelihood ratios."""
        people = seen(view, "allele_ratio")
        p, q = frequencies(people.synthetic), frequencies(people.reference)
        x, called = allele_counts(people.targets)
        found: NDArray[np.float64] = x @ np.log(p / q) + (called - x) @ np.log((1 - p) / (1 - q))
        return found
