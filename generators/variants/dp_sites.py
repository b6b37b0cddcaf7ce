"""Every site on its own, from noisy counts: private from the first look at the data to the last."""

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
_TRUST = 0.1  # standard deviations of noise that equal chances weigh: a site that nobody varies at stays so


@generator("dp_sites", family="moments", modalities=("variants",))
@dataclass(kw_only=True)
class DpSites:
    """Release noisy counts of the calls at every site, and draw each call on its own.

    The unit is the person with both haplotypes: the counts of all sites together move by at most 2 * sqrt(n_sites) if a
    person is added or removed, and Gaussian noise covers that. Frequencies are those of all people, whatever their
    class; classes have noisy counts of their own. Nothing else is taken from the people; their number is not used.
    Public are the list of sites and the set of classes. On data whose sites were chosen by looking at people, the claim
    lists that as a step outside.
    """

    epsilon: float = 10.0
    delta: float = 1e-5
    class_share: float = 0.02  # of the budget mu**2, for the number of people of each class

    def fit(self, cohort: Variants, *, rng: np.random.Generator) -> Self:
        """Spend the budget on counts of classes and calls."""
        check_budget("dp_sites", self.epsilon, self.delta)
        if not 0 < self.class_share < 1:
            raise PluginError(f"dp_sites: class_share is {self.class_share}; expected a number between 0 and 1.")
        self.mu_ = gaussian_mu(self.epsilon, self.delta)
        for_classes, for_contexts = split_mu(self.mu_, (self.class_share, 1 - self.class_share))
        self.like_, self.labels_ = cohort.take([]), np.unique(cohort.y)
        noisy = noisy_counts(cohort.y, [str(label) for label in self.labels_], _COUNTS / for_classes, rng)
        self.rates_ = counts_to_rates(noisy)
        self.noise_ = sensitivity(cohort) / for_contexts
        exact = context_counts(cohort, 0)
        self.chain_ = NoisyChain(exact + rng.normal(0, self.noise_, exact.shape), self.noise_, _TRUST)
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
        """Return the guarantee of the counts of classes and calls together."""
        return PrivacyClaim(
            mechanism="Gaussian mechanism on counts of classes and of the calls at each site",
            unit="one person, with both haplotypes",
            neighbours="add-remove",
            epsilon=gaussian_epsilon(self.mu_, self.delta),
            delta=self.delta,
            accountant=EXACT_GAUSSIAN,
        )
