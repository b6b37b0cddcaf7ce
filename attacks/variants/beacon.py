"""Beacon: membership from the mere presence of a person's alleles in the release."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench import AttackView, PluginError, attack

from ._people import allele_counts, frequencies, seen


@attack(
    "beacon",
    modalities=("variants",),
    access="black-box + reference",
    family="structure",
    doi="10.1016/j.ajhg.2015.09.010",
)
@dataclass(kw_only=True)
class Beacon:
    """Score a target by whether the release holds the alternate alleles that the target carries, rare ones most.

    Threat model: the attacker holds people of the population who are no members, and asks the release one question a
    site, as a genomic beacon answers: does anybody here carry this allele? For a member the answer is yes but for a
    mismatch of probability `mismatch`; for another person it is yes with the probability that one of the release's N
    people carries it, which follows from its frequency f in the reference::

        yes:  log (1 - mismatch * (1 - f)^(2N - 2)) / (1 - (1 - f)^(2N))
        no:   log mismatch * (1 - f)^(2N - 2) / (1 - f)^(2N)

    summed over the sites where the target carries the allele. Common alleles are in every release and say nothing: on
    sites with a minor-allele frequency of 1 % this attack is all but silent.

    Shringarpure and Bustamante 2015, American Journal of Human Genetics 97, 631-646; with the frequency of each site,
    as by Raisaro et al. 2017, instead of a distribution of frequencies.
    """

    mismatch: float = 1e-3

    def score(self, view: AttackView, *, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return (n_targets,) log likelihood ratios."""
        if not 0 < self.mismatch < 1:
            raise PluginError(f"beacon: mismatch is {self.mismatch}; expected a number between 0 and 1.")
        people = seen(view, "beacon")
        n = len(people.synthetic)
        log_absent = np.log1p(-frequencies(people.reference))  # of one allele
        there = (allele_counts(people.synthetic)[0] > 0).any(axis=0)
        yes = np.log1p(-self.mismatch * np.exp((2 * n - 2) * log_absent)) - np.log(-np.expm1(2 * n * log_absent))
        no = np.log(self.mismatch) - 2 * log_absent
        carries = allele_counts(people.targets)[0] > 0
        found: NDArray[np.float64] = carries @ np.where(there, yes, no)
        return found
