"""A small language model of haplotypes, trained by per-person DP-SGD from a private prior."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from bench import PluginError, PrivacyClaim, Variants, generator

from .._dpsgd import PrivateSteps, calibrated
from .._privacy import check_budget, clip_rows, compose_mu, counts_to_rates, gaussian_mu, noisy_counts, split_mu
from ._local_model import Floats, LocalModel, People, Weights
from ._sequences import people_of

_COUNTS = 1.0  # a person is in one class


@generator(
    "dp_minigpt",
    family="language model",
    modalities=("variants",),
    needs=("torch", "opacus"),
    quick={"steps": 5, "reach": 8},
    memory_gb=2,
    minutes=5,
)
@dataclass(kw_only=True)
class DpMiniGpt:
    """Release noisy counts of alleles, and train what each call owes to those written before it by DP-SGD.

    The unit is the person: the gradients of both haplotypes are summed before they are clipped, people enter each batch
    by their own coin (Poisson sampling), and PRV accounts for all steps together with the counts of classes and
    alleles that the training starts from. Nothing else is taken from the people; their number is not used, only the sum
    of the noisy counts of classes. Public are the list of sites and the set of classes.

    At a few thousand people the noise of DP-SGD drowns a network of `minigpt`'s size (3 million weights). This one is
    causal as that is and reads the `reach` sites before each site, but has no hidden layer: each site weighs them by
    itself, about n_sites * (reach + classes) weights. It needs far less noise than `dp_markov`, because a clipped
    gradient holds only what is still unexpected of a person: few sites, where a person enters a table of counts
    at every site. Steps are as long as the noise allows (`stride`), and weights are drawn to 0 by as much as noise
    alone would move them (`shrink`), both without a further look at people.

    Hyper-parameters were chosen on the simulated people that are shipped, not on the people of the tables.

    References
    ----------
    Abadi et al. (2016), Deep learning with differential privacy, CCS; Belfiore, Passerat-Palmbach and Usynin (2025),
    arXiv 2511.07503, train the language model whose place this takes.
    """

    epsilon: float = 10.0
    delta: float = 1e-5
    reach: int = 48  # sites
    steps: int = 60
    rate: float = 0.5  # of Poisson sampling; 1 takes everybody in each step
    clip: float = 0.35  # norm of a person's gradient, times sqrt(n_sites)
    lr: float = 1.0  # of a step, over the number of sequences, at most
    stride: float = 2.5  # how far noise alone may move a weight, times sqrt(steps)
    shrink: float = 0.75  # standard deviations of noise by which each weight is drawn to 0
    momentum: float = 0.9
    class_share: float = 0.02  # of the budget mu**2, for the number of people of each class
    site_share: float = 0.1  # for the frequencies of alleles
    count_clip: float = 0.6  # norm of a person's counts of alleles, times sqrt(n_sites)

    def fit(self, cohort: Variants, *, rng: np.random.Generator) -> Self:
        """Spend the budget on counts of classes, counts of alleles, and steps."""
        self._check()
        shares = (self.class_share, self.site_share, 1 - self.class_share - self.site_share)
        for_classes, for_sites, _ = split_mu(gaussian_mu(self.epsilon, self.delta), shares)
        self.released_ = compose_mu((for_classes, for_sites))
        self.plan_ = calibrated(self.epsilon, self.delta, steps=self.steps, rate=self.rate, released_mu=self.released_)
        self.like_, self.labels_ = cohort.take([]), np.unique(cohort.y)
        noisy = noisy_counts(cohort.y, [str(label) for label in self.labels_], _COUNTS / for_classes, rng)
        self.rates_, alleles = counts_to_rates(noisy), 2 * max(float(np.maximum(noisy, 1).sum()), 1.0)
        copies = int(cohort.calls.shape[1])
        self.model_ = LocalModel(
            expected=self._frequencies(cohort, alleles, for_sites, rng), chromosomes=cohort.chromosomes,
            n_classes=len(self.labels_), reach=self.reach, copies=copies,
        )  # fmt: skip
        people = self.model_.people(cohort.calls, np.searchsorted(self.labels_, cohort.y))
        train(self.model_, people, self.plan_, self, alleles * copies / 2, rng)
        return self

    def sample(self, n: int, *, rng: np.random.Generator) -> Variants:
        """Return n people, classes drawn at their noisy rates."""
        drawn = rng.choice(len(self.labels_), size=n, p=self.rates_)
        calls = self.model_.draw(drawn, rng)
        return people_of(self.like_, calls.reshape(-1, self.like_.n_sites), self.labels_[drawn])

    def losses(self, cohort: Variants, *, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return (n, 1) negative log-likelihoods of people, in nats."""
        people = self.model_.people(cohort.calls, np.searchsorted(self.labels_, cohort.y))
        return self.model_.losses(people)[:, None]

    def claim(self) -> PrivacyClaim:
        """Return the guarantee of the counts and of all steps together."""
        return PrivacyClaim(
            mechanism=f"Gaussian mechanism on counts of classes and alleles (mu {self.released_:.3g}), then DP-SGD "
            f"(noise multiplier {self.plan_.sigma:.4g}, clip {self.clip * math.sqrt(self.like_.n_sites):.3g})",
            unit="one person, with both haplotypes",
            neighbours="add-remove",
            epsilon=self.plan_.epsilon(self.delta, self.released_),
            delta=self.delta,
            accountant=self.plan_.account,
        )

    def _check(self) -> None:
        check_budget("dp_minigpt", self.epsilon, self.delta)
        shares = min(self.class_share, self.site_share) > 0 and self.class_share + self.site_share < 1
        if not (self.reach >= 1 and shares and 0 <= self.momentum < 1 and self.shrink >= 0):
            raise PluginError(
                f"dp_minigpt: reach is {self.reach}, class_share {self.class_share}, site_share {self.site_share}, "
                f"momentum {self.momentum} and shrink {self.shrink}; expected 1 or more, shares above 0 that leave "
                "something of 1, 0 to below 1, and 0 or more."
            )
        if min(self.clip, self.count_clip, self.lr, self.stride) <= 0:
            raise PluginError("dp_minigpt: clip, count_clip, lr and stride must be above 0.")

    def _frequencies(
        self, cohort: Variants, alleles: float, mu: float, rng: np.random.Generator
    ) -> NDArray[np.float64]:
        """Return (n_sites,) noisy frequencies of the alternate allele, kept off 0 and 1 by a quarter of the noise."""
        radius = self.count_clip * math.sqrt(cohort.n_sites)
        noise = radius / mu
        carried = clip_rows(np.maximum(cohort.calls, 0).sum(axis=1), radius).sum(axis=0)
        found = (carried + rng.normal(0, noise, cohort.n_sites)) / alleles
        least = min(0.25, max(0.002, noise / alleles / 4))
        kept: NDArray[np.float64] = np.clip(found, least, 1 - least)
        return kept


def train(
    model: LocalModel, people: People, plan: PrivateSteps, how: DpMiniGpt, sequences: float, rng: np.random.Generator
) -> None:
    """Train the model in place by the planned steps.

    Each step sums the clipped gradients of the people whose coins fell so, adds noise of ``plan.sigma`` times the clip
    and moves the weights; what follows the noise looks at nobody. `sequences` is the public size of the cohort.
    """
    clip = how.clip * math.sqrt(len(model.expected))
    noise = plan.sigma * clip / plan.rate  # in a sum that is scaled to all people
    step = min(how.lr / sequences, how.stride * (1 - how.momentum) / (noise * plan.steps))
    towards_0 = step * how.shrink * noise / math.sqrt(plan.steps) / (1 - how.momentum)
    speed = [np.zeros_like(a) for a in model.weights.arrays()]
    reading = model.reading(people)
    for _ in range(plan.steps):
        rows = np.flatnonzero(rng.random(len(people.calls)) < plan.rate)
        exact = model.clipped_sum(people.take(rows), reading[rows], clip)
        fresh = model.noise(plan.sigma * clip, rng)
        for moved, summed, noisy in zip(speed, exact.arrays(), fresh.arrays(), strict=True):
            moved *= how.momentum
            moved += (summed + noisy) / np.float32(plan.rate)
        calls, classes, bias = (w + np.float32(step) * v for w, v in zip(model.weights.arrays(), speed, strict=True))
        model.weights = Weights(shrunk(calls, towards_0), shrunk(classes, towards_0), bias)


def shrunk(weights: Floats, by: float) -> Floats:
    """Return the weights drawn to 0 by so much, 0 where they are less."""
    found: Floats = np.sign(weights) * np.maximum(np.abs(weights) - np.float32(by), 0)
    return found
