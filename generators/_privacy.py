"""Noise with a proof: the Gaussian mechanism, its exact composition, and the noisy sums that private generators share.

One convention holds in this file. Neighbouring cohorts differ by one sample that is added or removed. A release is
a sum in which one sample moves the result by at most `radius` in L2 norm, and `sigma` is the noise *multiplier*: noise
of standard deviation ``sigma * radius`` is added. Its strength as a Gaussian-differential-privacy parameter is
``mu = 1 / sigma``, and releases compose exactly: ``mu_total = sqrt(mu_1**2 + mu_2**2 + ...)``, in any order and also if
a later one is chosen after seeing an earlier one.

The set of class labels is taken as public; how many samples each class has is not. Noise is drawn in floating
point, so the guarantee is that of the real-valued mechanism.

References
----------
Balle and Wang (2018), Improving the Gaussian mechanism for differential privacy, ICML.
Dong, Roth and Su (2022), Gaussian differential privacy, JRSS B 84, 3-37.
Bun and Steinke (2016), Concentrated differential privacy, TCC; Canonne, Kamath and Steinke (2020), NeurIPS.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq, minimize_scalar
from scipy.special import log_ndtr

from bench import PluginError

EXACT_GAUSSIAN = "Gaussian differential privacy, exact (Balle and Wang 2018)"  # the accountant, as claims name it

# -- how much privacy a Gaussian release costs -------------------------------------------------------------------------


def check_budget(name: str, epsilon: float, delta: float) -> None:
    """Raise a `PluginError` unless 0 < epsilon < infinity and 0 < delta < 1."""
    if not (0 < epsilon < math.inf and 0 < delta < 1):
        raise PluginError(
            f"{name}: epsilon is {epsilon} and delta is {delta}; expected 0 < epsilon < infinity and 0 < delta < 1."
        )


def gaussian_delta(mu: float, epsilon: float) -> float:
    """Return the smallest delta at which Gaussian noise of strength mu (sensitivity / sd) is (epsilon, delta)-DP."""
    above = log_ndtr(mu / 2 - epsilon / mu)
    below = log_ndtr(-mu / 2 - epsilon / mu) + epsilon
    return float(np.exp(above) * -np.expm1(min(below - above, 0.0)))


def gaussian_mu(epsilon: float, delta: float) -> float:
    """Return the largest mu whose release is (epsilon, delta)-private; larger means less noise."""
    high = 1.0
    while gaussian_delta(high, epsilon) < delta:
        high *= 2
    low = high
    while gaussian_delta(low, epsilon) > delta:
        low /= 2
    found = brentq(lambda mu: gaussian_delta(mu, epsilon) - delta, low, high, xtol=1e-12) if low < high else low
    return float(found) * (1 - 1e-9)  # on the private side of the root


def gaussian_sigma(epsilon: float, delta: float, sensitivity: float = 1.0) -> float:
    """Return the noise standard deviation that makes one release of this L2 sensitivity (epsilon, delta)-private."""
    return sensitivity / gaussian_mu(epsilon, delta)


def gaussian_epsilon(mu: float, delta: float) -> float:
    """Return the epsilon that a release of strength mu costs at this delta."""
    if gaussian_delta(mu, 0.0) <= delta:
        return 0.0
    high = 1.0
    while gaussian_delta(mu, high) > delta:
        high *= 2
    return float(brentq(lambda epsilon: gaussian_delta(mu, epsilon) - delta, 0.0, high, xtol=1e-10))


def compose_mu(mus: Sequence[float]) -> float:
    """Return the strength of all these Gaussian releases together; exact."""
    return math.sqrt(math.fsum(mu * mu for mu in mus))


def split_mu(mu: float, shares: Sequence[float]) -> list[float]:
    """Return strengths that compose to mu, with mu**2 divided in proportion to the shares."""
    return [mu * math.sqrt(share / math.fsum(shares)) for share in shares]


# -- zero-concentrated differential privacy, for mechanisms that are accounted in rho ----------------------------------


def epsilon_from_rho(rho: float, delta: float) -> float:
    """Return an epsilon such that every rho-zCDP mechanism is (epsilon, delta)-private (an upper bound, not exact)."""

    def bound(log_excess: float) -> float:
        alpha = 1 + math.exp(log_excess)  # Renyi order
        return alpha * rho + math.log1p(-1 / alpha) - (math.log(delta) + math.log(alpha)) / (alpha - 1)

    found = minimize_scalar(bound, bounds=(-10, 20), method="bounded", options={"xatol": 1e-10})
    return max(float(found.fun), 0.0)


def rho_from(epsilon: float, delta: float) -> float:
    """Return the largest rho for which `epsilon_from_rho` stays within epsilon."""
    high = epsilon + 1.0
    while epsilon_from_rho(high, delta) < epsilon:
        high *= 2
    return float(brentq(lambda rho: epsilon_from_rho(rho, delta) - epsilon, 0.0, high, xtol=1e-12)) * (1 - 1e-9)


# -- noisy releases ----------------------------------------------------------------------------------------------------


def clip_rows(rows: ArrayLike, radius: float) -> NDArray[np.float64]:
    """Return the (n, d) rows, those longer than `radius` shortened to it."""
    values = np.asarray(rows, dtype=np.float64)
    norms = np.linalg.norm(values, axis=1, keepdims=True)
    clipped: NDArray[np.float64] = values * np.minimum(1.0, radius / np.maximum(norms, 1e-300))
    return clipped


def noisy_sum(rows: ArrayLike, radius: float, sigma: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return the (d,) sum of the clipped rows plus noise of standard deviation ``sigma * radius``."""
    total: NDArray[np.float64] = clip_rows(rows, radius).sum(axis=0)
    noisy: NDArray[np.float64] = total + rng.normal(0.0, sigma * radius, total.shape)
    return noisy


def noisy_class_sums(
    rows: ArrayLike, labels: ArrayLike, classes: Sequence[str], radius: float, sigma: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return the noisy sum of the clipped rows of each class, (n_classes, d).

    A sample is in one class, so all sums together have the sensitivity of one, and cost ``mu = 1 / sigma`` once.
    """
    clipped, y = clip_rows(rows, radius), np.asarray(labels)
    sums = np.stack([clipped[y == label].sum(axis=0) for label in classes])  # (n_classes, d)
    noisy: NDArray[np.float64] = sums + rng.normal(0.0, sigma * radius, sums.shape)
    return noisy


def noisy_counts(
    labels: ArrayLike, classes: Sequence[str], sigma: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return the number of samples of each public class plus noise of standard deviation `sigma`, (n_classes,).

    The values may be negative or fractional; `counts_to_rates` makes class rates of them, which costs nothing more.
    """
    y = np.asarray(labels)
    exact = np.array([np.count_nonzero(y == label) for label in classes], dtype=np.float64)
    noisy: NDArray[np.float64] = exact + rng.normal(0.0, sigma, exact.shape)
    return noisy


def counts_to_rates(counts: ArrayLike, floor: float = 1.0) -> NDArray[np.float64]:
    """Return class rates that sum to 1 from noisy counts; a count below `floor` samples is taken as `floor`."""
    positive = np.maximum(np.asarray(counts, dtype=np.float64), floor)
    rates: NDArray[np.float64] = positive / positive.sum()
    return rates
