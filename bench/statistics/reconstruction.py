"""How often an adversary who knows all but one record can name it: bounds, whatever he does, and a matched filter.

Reconstruction robustness (Balle, Cherubin and Hayes 2022): a mechanism is (eta, gamma)-ReRo if no adversary, informed
of everybody else and of a prior of the record, comes within eta of it with probability above gamma. Here the prior is
uniform on n candidates and eta is 0, so that guessing alone succeeds with probability kappa = 1 / n.

References
----------
Balle, Cherubin and Hayes (2022), Reconstructing training data with informed adversaries, IEEE S&P.
Hayes, Mahloujifar and Balle (2023), Bounding training data reconstruction in DP-SGD, NeurIPS.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

Floats = NDArray[np.float64]


def full_batch_bound(kappa: float, sigma: float, steps: int) -> float:
    """Return the most that any reconstruction of DP-SGD succeeds, with everybody in each of the steps.

    ``Phi(Phi^-1(kappa) + sqrt(steps) / sigma)``, with noise of standard deviation ``sigma`` times the clipping norm.

    >>> round(full_batch_bound(0.1, sigma=10.0, steps=25), 3)
    0.217
    """
    return 1.0 if sigma == 0 else float(ndtr(ndtri(kappa) + math.sqrt(steps) / sigma))


def sampled_bound(
    kappa: float, sigma: float, steps: int, rate: float, *, draws: int, rng: np.random.Generator
) -> float:
    """Return the same for Poisson batches of this rate, by simulation: `draws` worlds without the record and with it.

    The largest probability under ``N(B, sigma^2)`` (B the coins of the record) of an event that has probability kappa
    under ``N(0, sigma^2)``: by Neyman and Pearson, that the likelihood ratio is above its 1 - kappa quantile.
    """
    if sigma == 0:  # who was in no batch can only be guessed
        return 1 - (1 - rate) ** steps * (1 - kappa)

    def ratios(coins: Floats) -> Floats:
        seen = coins + rng.normal(0, sigma, coins.shape)
        found: Floats = np.log1p(rate * np.expm1((seen - 0.5) / sigma**2)).sum(axis=1)
        return found

    without, inside = np.zeros((draws, steps)), (rng.random((draws, steps)) < rate).astype(np.float64)
    return float((ratios(inside) > np.quantile(ratios(without), 1 - kappa)).mean())


def renyi_bound(kappa: float, alpha: float, epsilon: float) -> float:
    """Return the bound of a mechanism of Renyi divergence `epsilon` at order `alpha` (Balle et al. 2022).

    >>> renyi_bound(0.1, alpha=2.0, epsilon=0.0)  # the root of kappa: not tight
    0.31622776601683794
    """
    return min(1.0, float((kappa * math.exp(epsilon)) ** ((alpha - 1) / alpha)))


@dataclass(frozen=True, eq=False)
class Training:
    """DP-SGD of a softmax regression, whose every noisy gradient is published.

    Parameters
    ----------
    sigma : noise multiplier
    steps : number of steps
    rate : of Poisson sampling; 1 takes everybody each time
    lr : of gradient descent
    clip : norm to which the gradient of a record is shortened
    """

    sigma: float
    steps: int
    rate: float = 1.0
    lr: float = 1.0
    clip: float = 0.5


def softmax_errors(weights: Floats, X: Floats, codes: NDArray[np.intp]) -> Floats:
    """Return (n, n_classes) probabilities less the truth; the gradient of a record is its outer product with x."""
    scores = X @ weights
    p = np.exp(scores - scores.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    p[np.arange(len(X)), codes] -= 1
    found: Floats = p
    return found


def matched_filter(
    known: tuple[Floats, NDArray[np.intp]], candidates: tuple[Floats, NDArray[np.intp]], target: int,
    training: Training, n_classes: int, rng: np.random.Generator,
) -> int:  # fmt: skip
    """Return which candidate the adversary names after a training on the known records and one of the candidates.

    In each step he takes the known records' part, whose coins he knows, from the published gradient, and sums for each
    candidate the product of its own clipped gradient with what remains: the prior-aware attack of Hayes et al. (2023).

    Parameters
    ----------
    known, candidates : records (n, d) with their class codes (n,); a column of ones may be among the d
    target : the candidate that is in the data
    """
    (X, codes), (Z, labels) = known, candidates
    weights = np.zeros((X.shape[1], n_classes))
    found = np.zeros(len(Z))
    size = training.rate * (len(X) + 1)
    for _ in range(training.steps):
        mine = _shortened(softmax_errors(weights, Z, labels), Z, training.clip)  # (n_candidates, n_classes)
        there = rng.random() < training.rate
        remains = rng.normal(0, training.sigma * training.clip, weights.shape)
        if there:
            remains = remains + np.outer(Z[target], mine[target])
        found += np.einsum("nd,dk,nk->n", Z, remains, mine)
        coins = rng.random(len(X)) < training.rate
        others = _shortened(softmax_errors(weights, X[coins], codes[coins]), X[coins], training.clip)
        weights -= training.lr * (X[coins].T @ others + remains) / size
    return int(np.argmax(found))


def _shortened(errors: Floats, X: Floats, clip: float) -> Floats:
    """Return errors scaled such that their outer products with x have norm `clip` at most."""
    norms = np.linalg.norm(errors, axis=1) * np.linalg.norm(X, axis=1)
    shortened: Floats = errors * np.minimum(1, clip / np.maximum(norms, 1e-300))[:, None]
    return shortened
