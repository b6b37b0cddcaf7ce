"""Nearest haplotype: whether the release comes nearer to a person than the population does."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench import AttackView, attack

from ._people import Calls, Floats, seen, sequences

_BLOCK = 512  # sequences whose distances are held at once


@attack(
    "nearest_haplotype",
    modalities=("variants",),
    access="black-box + reference",
    family="distance",
    doi="10.1145/3372297.3417238",
)
@dataclass(kw_only=True)
class NearestHaplotype:
    """Score a target by how much nearer the nearest synthetic haplotype is than the nearest reference haplotype.

    Threat model: the attacker holds people of the population who are no members. Distances are numbers of sites that
    differ (for genotypes, of alleles); each of a person's two haplotypes is looked for on its own, and the better one
    counts, since a release that copies one haplotype of a person has given it away.

    GAN-leaks (Chen, Yu, Zhang and Fritz 2020), calibrated, with Hamming distances.
    """

    calibrate: bool = True  # False reads the distance to the release alone

    def score(self, view: AttackView, *, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return (n_targets,) differences of distances, in sites."""
        people = seen(view, "nearest_haplotype")
        targets = sequences(people.targets)
        gain = -nearest(targets, sequences(people.synthetic))
        if self.calibrate:
            gain += nearest(targets, sequences(people.reference))
        best: Floats = gain.reshape(len(people.targets), -1).max(axis=1)
        return best


def nearest(some: Calls, others: Calls) -> Floats:
    """Return (n,) the number of alleles by which each sequence differs from the nearest of the others."""
    found = np.empty(len(some))
    parts = [others >= level for level in range(1, int(max(some.max(initial=1), others.max(initial=1))) + 1)]
    sets = [(part.astype(np.float32), part.sum(axis=1, dtype=np.float32)) for part in parts]
    for start in range(0, len(some), _BLOCK):
        rows = some[start : start + _BLOCK]
        apart = np.zeros((len(rows), len(others)), dtype=np.float32)
        for level, (bits, sizes) in enumerate(sets, start=1):  # |a - b| is the number of levels that one alone reaches
            mine = (rows >= level).astype(np.float32)
            apart += mine.sum(axis=1, keepdims=True) + sizes - 2 * (mine @ bits.T)
        found[start : start + _BLOCK] = apart.min(axis=1)
    return found
