"""Mosaics of real haplotypes, as recombination makes them: the field's strong baseline, which copies people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from bench import PluginError, Variants, generator

from ._sequences import drawn_classes, people_of, sequences_of


@generator("mosaic", family="resampling", modalities=("variants",), doi="10.1093/genetics/165.4.2213")
@dataclass(kw_only=True)
class Mosaic:
    """Copy each synthetic sequence from training sequences of its class, changing the one that is copied now and then.

    A change comes with the chance that grows with the distance to the last site, `switches` times in a sequence on
    average; whom it is copied from then is drawn anew. Sites of other chromosomes are unlinked. Between two changes the
    release *is* a stretch of a real person: nothing here is private, and few switches release whole people.

    References
    ----------
    Li and Stephens (2003), Genetics 165, 2213-2233 (the copying model); Wharrie et al. (2023), HAPNEST, Bioinformatics
    39, btad535 (synthetic genotypes by resampling stretches of haplotypes).
    """

    switches: float = 8.0  # of the copied person, on average in a sequence
    mutation: float = 0.0  # chance that a copied call is drawn anew from the calls at its site

    def fit(self, cohort: Variants, *, rng: np.random.Generator) -> Self:
        """Keep the training sequences."""
        if not (self.switches >= 0 and 0 <= self.mutation <= 1):
            raise PluginError(
                f"mosaic: switches is {self.switches} and mutation {self.mutation}; expected 0 or more, and 0 to 1."
            )
        self.sequences_ = sequences_of(cohort, rng)
        self.like_, self.labels_ = cohort.take([]), self.sequences_.labels
        self.change_ = changes(cohort, self.switches)
        return self

    def sample(self, n: int, *, rng: np.random.Generator) -> Variants:
        """Return n people, classes at their training rates."""
        classes = drawn_classes(self.sequences_.counts, n, rng)
        source = self._sources(np.repeat(classes, self.sequences_.copies), rng)  # (n * copies, n_sites)
        calls = np.take_along_axis(self.sequences_.calls, source, axis=0)
        if self.mutation > 0:
            anew = rng.random(calls.shape) < self.mutation
            others = rng.integers(len(self.sequences_.calls), size=calls.shape)
            calls = np.where(anew, np.take_along_axis(self.sequences_.calls, others, axis=0), calls)
        return people_of(self.like_, calls, self.labels_[classes])

    def _sources(self, classes: NDArray[np.intp], rng: np.random.Generator) -> NDArray[np.intp]:
        """Return which training sequence each call is copied from."""
        source = np.empty((len(classes), self.like_.n_sites), dtype=np.intp)
        for k in range(len(self.labels_)):
            mine, own = np.flatnonzero(classes == k), np.flatnonzero(self.sequences_.classes == k)
            now = np.zeros(len(mine), dtype=np.intp)
            for site, chance in enumerate(self.change_):
                fresh = np.flatnonzero(rng.random(len(mine)) < chance)
                now[fresh] = rng.choice(own, size=len(fresh))
                source[mine, site] = now
        return source


def changes(people: Variants, switches: float) -> NDArray[np.float64]:
    """Return (n_sites,) the chance that another sequence is copied from this site on; 1 where a chromosome begins."""
    positions, chromosomes = people.positions, people.chromosomes
    apart = np.maximum(np.diff(positions, prepend=positions[:1]), 0).astype(np.float64)
    first = np.append(True, chromosomes[1:] != chromosomes[:-1])
    apart[first] = 0
    whole = apart.sum()
    chance = -np.expm1(-switches * apart / whole) if whole > 0 else np.zeros(len(apart))
    chance[first] = 1.0
    return chance
