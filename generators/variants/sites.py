"""Every site on its own: allele frequencies are kept, and nothing between sites."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from bench import Variants, generator
from bench.statistics.contexts import Contexts

from ._sequences import drawn_classes, people_of, sequences_of


@generator("sites", family="moments", modalities=("variants",))
@dataclass(kw_only=True)
class Sites:
    """Draw each call on its own, at the frequency that it has at its site in the people of the class.

    The baseline that keeps every allele frequency and no linkage. What is left of linkage in the release comes from
    populations that differ in frequency.
    """

    by_class: bool = True  # False draws every class from the frequencies of all people
    strength: float = 1.0  # sequences' weight of the frequencies of all people against those of the class

    def fit(self, cohort: Variants, *, rng: np.random.Generator) -> Self:
        """Count the calls at each site."""
        sequences = sequences_of(cohort, rng)
        self.like_, self.labels_, self.counts_ = cohort.take([]), sequences.labels, sequences.counts
        self.contexts_ = Contexts(
            sequences.calls, alphabet=sequences.alphabet, order=0, strength=self.strength,
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
