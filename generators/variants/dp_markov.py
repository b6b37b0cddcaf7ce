"""A Markov chain along the genome from noisy counts: private from the first look at the data to the last."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from bench import PluginError, PrivacyClaim, Variants, generator

from .._privacy import (
    EXACT_GAUSSIAN,
    check_budget,
    counts_to_rates,
    gaussian_epsilon,
    gaussian_mu,
    noisy_counts,
    split_mu,
)
from ._noisy_contexts import NoisyChain, context_counts, sensitivity
from ._sequences import people_of

_COUNTS = 1.0  # a person is in one class


@generator("dp_markov", family="chain", modalities=("variants",))
@dataclass(kw_only=True)
class DpMarkov:
    """Release noisy counts of contexts at every site, and draw sequences from the chain that they make.

    The unit is the person with both haplotypes: the counts of all sites together move by at most 2 * sqrt(n_sites) if a
    person is added or removed, and Gaussian noise covers that. Classes have noisy counts of their own; sequences are
    drawn from one chain for all classes, since dividing the people would multiply the noise. Nothing else is taken from
    the people; their number is not used. Public are the list of sites and the set of classes. On data whose sites were
    chosen by looking at people, the claim lists that as a step outside.

    Each chance is backed off to shorter contexts by as much as the noise allows (`trust`).
    """

    epsilon: float = 10.0
    delta: float = 1e-5
    order: int = 4  # sites
    trust: float = 1.0  # standard deviations of noise that shorter contexts weigh
    class_share: float = 0.02  # of the budget mu**2, for the number of people of each class

    def fit(self, cohort: Variants, *, rng: np.random.Generator) -> Self:
        """Spend the budget on counts of classes and contexts."""
        check_budget("dp_markov", self.epsilon, self.delta)
        if not (0 <= self.order <= 12 and self.trust > 0 and 0 < self.class_share < 1):
            raise PluginError(
                f"dp_markov: order is {self.order}, trust {self.trust} and class_share {self.class_share}; expected "
                "0 to 12, above 0, and between 0 and 1."
            )
        self.mu_ = gaussian_mu(self.epsilon, self.delta)
        for_classes, for_contexts = split_mu(self.mu_, (self.class_share, 1 - self.class_share))
        self.like_, self.labels_ = cohort.take([]), np.unique(cohort.y)
        noisy = noisy_counts(cohort.y, [str(label) for label in self.labels_], _COUNTS / for_classes, rng)
        self.rates_ = counts_to_rates(noisy)
        self.noise_ = sensitivity(cohort) / for_contexts
        exact = context_counts(cohort, self.order)
        self.chain_ = NoisyChain(exact + rng.normal(0, self.noise_, exact.shape), self.noise_, self.trust)
        return self

    def sample(self, n: int, *, rng: np.random.Generator) -> Variants:
        """Return n people, classes drawn at their noisy rates."""
        labels = rng.choice(self.labels_, size=n, p=self.rates_)
        return people_of(self.like_, self.chain_.draw(n * self.like_.calls.shape[1], rng), labels)

    def losses(self, cohort: Variants, *, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return (n, 1) negative log-likelihoods of people, in nats."""
        found = self.chain_.losses(cohort.calls.reshape(-1, cohort.n_sites))
        whole: NDArray[np.float64] = found.reshape(len(cohort), -1).sum(axis=1, keepdims=True)
        return whole

    def claim(self) -> PrivacyClaim:
        """Return the guarantee of the counts of classes and contexts together."""
        return PrivacyClaim(
            mechanism=f"Gaussian mechanism on counts of classes and of contexts of {self.order} sites",
            unit="one person, with both haplotypes",
            neighbours="add-remove",
            epsilon=gaussian_epsilon(self.mu_, self.delta),
            delta=self.delta,
            accountant=EXACT_GAUSSIAN,
        )
