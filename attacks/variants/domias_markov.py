"""DOMIAS with likelihoods of chains along the genome: overfitting seen as local density of the release."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench import AttackView, attack
from bench.statistics.contexts import Contexts

from ._people import Calls, Floats, Seen, seen, sequences


@attack(
    "domias_markov",
    modalities=("variants",),
    access="black-box + reference",
    family="density",
    doi="10.48550/arXiv.2302.12580",
)
@dataclass(kw_only=True)
class DomiasMarkov:
    """Score a target by the log ratio of its likelihoods under chains of the release and of the reference.

    Threat model: the attacker holds people of the population who are no members. Two Markov chains of one order are
    counted, one in the release and one in the reference; the ratio is high where the release is denser than the
    population, as it is around people whom a generator has learnt by heart. Kernel densities, as in the paper, do not
    work at hundreds of sites.

    van Breugel, Sun, Qian and van der Schaar 2023 (DOMIAS).
    """

    order: int = 20  # sites
    strength: float = 1.0  # sequences' weight of shorter contexts

    def score(self, view: AttackView, *, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return (n_targets,) log ratios, in nats."""
        people = seen(view, "domias_markov")
        return self._losses(people, people.reference) - self._losses(people, people.synthetic)

    def _losses(self, people: Seen, known: Calls) -> Floats:
        chain = Contexts(sequences(known), alphabet=people.alphabet, order=self.order, strength=self.strength)
        found: Floats = chain.losses(sequences(people.targets)).reshape(len(people.targets), -1).sum(axis=1)
        return found
