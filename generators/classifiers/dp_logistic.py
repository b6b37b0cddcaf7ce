"""Differentially private multinomial logistic regression by noisy gradient descent on everybody at once."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from bench import Cohort, PluginError, PrivacyClaim, ReleasedModel, generator

from .._discretise import public_range
from .._privacy import EXACT_GAUSSIAN, check_budget, compose_mu, gaussian_mu, noisy_counts, split_mu
from .._public_prior import PriorOnGenes, public_words, read_prior
from ._private_scale import release_scale, unit_rows

Array = NDArray[np.float64]
_FEWEST = 50  # genes that the prior must have, and ...
_COVERAGE = 0.5  # ... the part of all genes; with less, the prior is not used
_LEAST = 5.0  # people that a class is taken to have at least


@generator(
    "dp_logistic", family="classifier", releases="model", opt_in=True, files=("prior",), doi="10.1109/FOCS.2014.56"
)
@dataclass(kw_only=True)
class DpLogistic:
    """Release a multinomial logistic regression trained by noisy gradient descent, private end to end.

    Rows are centred, scaled and put at unit length (`_private_scale`); then every step sums everybody's clipped
    gradient and adds Gaussian noise, so that the accounting is exact: no sampling, no bound. The model is the mean of
    the iterates of the second half, which averages much of the noise away.

    With ``balance`` above 0 a person's gradient is weighted by the class's (noisy) size to the power ``-balance``: rare
    classes are told apart better, frequent ones worse.

    Public are the set of class labels, the genes and their order, the range that the units allow, and the prior: means
    and spreads of genes in 989 normal and tumour profiles of 14 tissues, none of them breast. ``prior=FILE`` names
    another, made by ``benchmarks/make_prior.py``; ``prior=none`` takes none and measures the spreads too. A cohort with
    a sample or a donor who is in the prior is refused. The number of people is not public: sums are divided by a noisy
    count. Learning rate, steps and shares were chosen on tissue profiles of other people
    (``benchmarks/choose_classifiers.py``).

    After Bassily, Smith and Thakurta (2014); per-example clipping as in Abadi et al. (2016).
    """

    epsilon: float = 10.0
    delta: float = 1e-5
    prior: str | None = "shipped"  # or a file, or none
    balance: float = 0.0  # 0: everybody weighs the same; 1: every class does
    steps: int = 120
    lr: float = 1.0  # learning rate, at most
    heat: float = 0.05  # noise that one step may add to a coefficient; above it the learning rate is lowered
    momentum: float = 0.9
    clip: float = 1.0  # length to which a person's gradient is shortened
    sizes: float = 0.02  # share of the budget for class sizes
    centring: float = 0.3  # share of the budget for where the genes lie
    low: float | None = None  # public range of a gene; None is the usual one of the units
    high: float | None = None

    def fit(self, cohort: Cohort, *, rng: np.random.Generator) -> Self:
        """Measure sizes and scale with noise, then descend."""
        self._check()
        self.features_ = cohort.features
        labels, codes = np.unique(cohort.y, return_inverse=True)
        self.classes_ = tuple(map(str, labels))
        shares = [self.sizes, self.centring, 1 - self.sizes - self.centring]
        sizes, scale, steps = split_mu(gaussian_mu(self.epsilon, self.delta), shares)
        self.counts_ = np.maximum(noisy_counts(cohort.y, list(self.classes_), 1 / sizes, rng), _LEAST)
        bounds = public_range(cohort.units, self.low, self.high)
        X = np.clip(cohort.X.astype(np.float64), *bounds)
        self.scale_ = release_scale(X, float(self.counts_.sum()), bounds, self._public(cohort), scale, rng)
        rows = unit_rows(cohort.X, self.scale_.centre, self.scale_.spread)
        self.weights_ = self._descend(rows, codes, math.sqrt(self.steps) / steps, rng)
        self.mus_ = (
            ("class sizes", sizes), ("where genes lie", self.scale_.mu), ("gradients of the whole cohort", steps),
        )  # fmt: skip
        return self

    def _public(self, cohort: Cohort) -> PriorOnGenes | None:
        """Return the prior on the cohort's genes, or None if it has too few of them."""
        self.words_: tuple[str, ...] = ()
        if self.prior is None:
            return None
        prior = read_prior(self.prior)
        prior.refuse(cohort)
        found = prior.on(cohort.genes)
        known = int(found.known.sum())
        if known < max(_FEWEST, _COVERAGE * cohort.n_genes):
            self.words_ = (f"none: the prior has {known} of {cohort.n_genes} genes, too few to use it",)
            return None
        self.words_ = public_words(prior, known / cohort.n_genes)
        return found

    def _descend(self, rows: Array, codes: NDArray[np.intp], sigma: float, rng: np.random.Generator) -> Array:
        """Return the averaged coefficients (n_genes + 1, n_classes), the intercepts last."""
        total, n_classes = self.counts_.sum(), len(self.classes_)
        X = np.hstack([rows, np.ones((len(rows), 1))])
        truth = np.eye(n_classes)[codes]
        person = (self.counts_.max() / self.counts_)[codes] ** self.balance
        weights, speed, mean = (np.zeros((X.shape[1], n_classes)) for _ in range(3))
        averaged = self.steps - self.steps // 2
        lr = min(self.lr, self.heat * total / (sigma * self.clip))
        for step in range(self.steps):
            error = (softmax(X @ weights, axis=1) - truth) * person[:, None]  # the gradient is row x error
            noisy = clipped_sum(X, error, self.clip) + rng.normal(0, sigma * self.clip, weights.shape)
            speed = self.momentum * speed - noisy / total
            weights = weights + lr * speed
            if step >= self.steps - averaged:
                mean += weights / averaged
        return mean

    def release(self, *, rng: np.random.Generator) -> ReleasedModel:
        """Return coefficients, intercepts and scale."""
        arrays = {
            "weights": self.weights_[:-1], "bias": self.weights_[-1], "centre": self.scale_.centre,
            "spread": self.scale_.spread,
        }  # fmt: skip
        return ReleasedModel(arrays, self.classes_, self.features_)

    def predict_proba(self, model: ReleasedModel, X: NDArray[np.float32]) -> Array:
        """Return class probabilities (n, n_classes)."""
        a = model.arrays
        rows = unit_rows(X, a["centre"], a["spread"])
        answers: Array = softmax(rows @ a["weights"] + a["bias"], axis=1)
        return answers

    def claim(self) -> PrivacyClaim:
        """Return the guarantee, and the public data that it does not cover."""
        return PrivacyClaim(
            mechanism=f"Gaussian noise on {', '.join(name for name, _ in self.mus_)} ({self.steps} steps)",
            unit="one sample",
            neighbours="add-remove",
            epsilon=self.epsilon,
            delta=self.delta,
            accountant=EXACT_GAUSSIAN,
            public=self.words_,
        )

    def spent(self) -> float:
        """Return the strength mu of everything released, together."""
        return compose_mu([mu for _, mu in self.mus_])

    def _check(self) -> None:
        check_budget("dp_logistic", self.epsilon, self.delta)
        above = {name: getattr(self, name) for name in ("steps", "lr", "heat", "clip", "sizes", "centring")}
        for name, value in above.items():
            if not value > 0:
                raise PluginError(f"dp_logistic: {name} is {value}; expected more than 0.")
        if not self.sizes + self.centring < 1:
            raise PluginError(
                f"dp_logistic: sizes and centring take {self.sizes + self.centring:g} of the budget; leave some for "
                "the training."
            )
        if not 0 <= self.momentum < 1 or not 0 <= self.balance <= 1:
            raise PluginError(
                f"dp_logistic: momentum is {self.momentum} and balance is {self.balance}; expected 0 <= momentum < 1 "
                "and 0 <= balance <= 1."
            )


def clipped_sum(X: Array, error: Array, clip: float) -> Array:
    """Return the sum over people of ``outer(x, error)``, each shortened to norm `clip`; one person moves it by that.

    The norm of an outer product is the product of the norms, so that no person's gradient is ever written down.

    Parameters
    ----------
    X, error : (n, d), (n, n_classes)
    """
    sizes = np.linalg.norm(X, axis=1) * np.linalg.norm(error, axis=1)
    total: Array = X.T @ (error * np.minimum(1, clip / np.maximum(sizes, 1e-12))[:, None])
    return total
