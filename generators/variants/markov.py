"""A Markov chain along the genome: each call follows from the calls before it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from bench import PluginError, Variants, generator
from bench.statistics.contexts import Contexts

from ._sequences import drawn_classes, people_of, sequences_of

_BITS = 62  # a context is kept as one whole number


@generator("markov", family="chain", modalities=("variants",), doi="10.48550/arXiv.2102.03314")
@dataclass(kw_only=True)
class Markov:
    """Draw each call given the `order` calls before it, as often as it followed them in training.

    Contexts that are rare in training are backed off to shorter ones, of all people and of the class, so that every
    sequence has a likelihood. A long order copies: a context that one person alone has is followed as in that person.

    References
    ----------
    Oprisanu, Ganev and De Cristofaro (2022), On utility and privacy in synthetic genomic data, NDSS (recombination
    models and their leaks); the backing off is Witten and Bell's kind with a fixed strength.
    """

    order: int = 20  # sites
    strength: float = 3.0  # sequences' weight of the shorter context
    by_class: bool = True  # whether the contexts of the class are counted too

    def fit(self, cohort: Variants, *, rng: np.random.Generator) -> Self:
        """Count what follows each context at each site."""
        sequences = sequences_of(cohort, rng)
        longest = int((_BITS - np.log2(len(sequences.labels))) / np.log2(sequences.alphabet))
        if not (0 <= self.order <= longest and self.strength > 0):
            raise PluginError(
                f"markov: order is {self.order} and strength {self.strength}; expected an order of 0 to {longest} on "
                "these data and a strength above 0."
            )
        self.like_, self.labels_, self.counts_ = cohort.take([]), sequences.labels, sequences.counts
        self.contexts_ = Contexts(
            sequences.calls, alphabet=sequences.alphabet, order=self.order, strength=self.strength,
            classes=sequences.classes if self.by_class else None,
        )  # fmt: skip
        return self

    def sample(self, n: int, *, rng: np.random.Generator) -> Variants:
        """Return n people, classes at their training rates."""
        classes = drawn_classes(self.counts_, n, rng)
        each = np.repeat(classes, self.like_.calls.shape[1])
        calls = self.contexts_.draw(len(each), each, rng)
        return people_of(self.like_, calls, self.labels_[classes])

    def losses(self, cohort: Variants, *, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return (n, 1) negative log-likelihoods of people, in nats."""
        sequences = sequences_of(cohort, rng, self.labels_)
        found = self.contexts_.losses(sequences.calls, sequences.classes)
        whole: NDArray[np.float64] = found.reshape(len(cohort), -1).sum(axis=1, keepdims=True)
        return whole
