"""Lower bounds of epsilon from an attack's guesses, each with the ceiling that perfect guesses would reach.

A bound is valid whatever the attack: if it exceeds the claim, the claim is refuted at the stated confidence. If it does
not, nothing is proved, least of all where the ceiling itself lies below the claim.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import bdtrc, betaincinv, gammaln, log_ndtr, logit, ndtr, ndtri, xlog1py, xlogy

CONFIDENCE = 0.95
_LARGEST = 60.0  # no epsilon above is told apart


def one_run_epsilon(
    canaries: int, guesses: int, right: int, delta: float, confidence: float = CONFIDENCE, *, doubled: bool = False
) -> float:
    """Return a lower bound of epsilon from one training in which each canary was included by a fair coin.

    Parameters
    ----------
    canaries : how many records were included or left out by an independent fair coin
    guesses : for how many of them the attacker guessed, from the release alone; he may abstain, also from all guesses
        on one side ("out", say)
    right : how many guesses were right
    delta : at which epsilon is bounded
    doubled : whether each coin exchanged one record for another, and epsilon and delta are about adding or removing
        one. What is (e, d)-private when a record is added or removed is (2 e, (1 + exp(e)) d)-private when one is
        exchanged, so that the bound is about half of what it is for an exchange

    References
    ----------
    Steinke, Nasr and Jagielski (2023), Privacy auditing with one (1) training run, NeurIPS, Theorem 5.2.

    Examples
    --------
    >>> round(one_run_epsilon(canaries=100, guesses=60, right=58, delta=1e-5), 2)
    2.18
    >>> round(one_run_ceiling(canaries=100, delta=1e-5), 2)  # all right: no more can be shown with a hundred
    3.49
    """
    _check_counts(canaries, guesses, right)
    tested = _exchanged if doubled else _same
    return _largest_rejected(lambda e: one_run_p_value(canaries, guesses, right, *tested(e, delta)) < 1 - confidence)


def pure_one_run_epsilon(guesses: ArrayLike, right: ArrayLike, confidence: float = CONFIDENCE) -> NDArray[np.float64]:
    """Return the lower bounds of `one_run_epsilon` at delta 0, where they have a closed form, for arrays of counts.

    The share of right guesses is at most e^epsilon / (1 + e^epsilon), so its Clopper-Pearson lower end is a bound.
    """
    n, v = np.broadcast_arrays(np.asarray(guesses, dtype=float), np.asarray(right, dtype=float))
    share = np.where(v > 0, betaincinv(np.maximum(v, 1), n - v + 1, 1 - confidence), 0.5)
    found: NDArray[np.float64] = np.maximum(logit(share), 0.0)
    return found


def one_run_p_value(
    canaries: int, guesses: int, right: int, epsilon: float, delta: float, *, doubled: bool = False
) -> float:
    """Return the largest probability of so many right guesses that an (epsilon, delta)-private training allows.

    `doubled` is explained at `one_run_epsilon`.

    Without delta each guess is right with probability at most e^epsilon / (1 + e^epsilon), whatever the others were.
    With it, i guesses more may be right with probability at most 2 m delta / i.
    """
    if doubled:
        epsilon, delta = _exchanged(epsilon, delta)
    rate = 1 / (1 + math.exp(-epsilon))
    tail = float(bdtrc(right - 1, guesses, rate))
    if delta == 0 or right == 0:
        return min(tail, 1.0)
    below = np.cumsum(_binomial(np.arange(right - 1, -1, -1), guesses, rate))  # P(right - i <= W < right)
    worst = float(np.max(below / np.arange(1, right + 1)))
    return min(tail + 2 * canaries * delta * worst, 1.0)


def one_run_ceiling(canaries: int, delta: float, confidence: float = CONFIDENCE, *, doubled: bool = False) -> float:
    """Return the bound of an attacker who guesses every canary right."""
    return one_run_epsilon(canaries, canaries, canaries, delta, confidence, doubled=doubled)


def one_run_mu(
    canaries: int, guesses: int, right: int, confidence: float = CONFIDENCE, *, doubled: bool = False
) -> float:
    """Return a lower bound of the Gaussian strength mu from one training, with the counts of `one_run_epsilon`.

    It holds for every mechanism whose trade-off curve is that of a Gaussian of strength mu or lies above it, and uses
    the whole curve, where the bound of epsilon uses one point of it. By recursion over the number of right guesses: r
    and h are upper ends of the probabilities that so many are right and one of them is the right or a wrong guess on a
    given record, if at least `right` of them were to be right with a probability of 1 - confidence.

    References
    ----------
    Mahloujifar, Melis and Chaudhuri (2024), Auditing f-differential privacy in one run, arXiv 2410.22235; agrees with
    the authors' algorithm as the package jax_privacy has it.

    Examples
    --------
    >>> round(one_run_mu(canaries=436, guesses=436, right=436), 2)
    2.15
    """
    _check_counts(canaries, guesses, right)

    def excess(mu: float) -> float:
        r, h = ((1 - confidence) * k / canaries for k in (right, guesses - right))
        for i in range(right - 1, -1, -1):
            larger = max(h, float(ndtr(ndtri(r) - mu)))
            if larger == h:
                break
            r, h = min(r + i / (guesses - i) * (larger - h), 1.0), larger
        return r + h - guesses / canaries

    return _largest_rejected(lambda mu: excess(mu) > 0) / (2 if doubled else 1)


def error_rates(
    false: int, outside: int, missed: int, inside: int, confidence: float = CONFIDENCE
) -> tuple[float, float]:
    """Return upper ends of the false-positive and false-negative rate that hold together (Clopper-Pearson).

    Parameters
    ----------
    false, outside : in how many of the runs without the record it was called a member
    missed, inside : in how many of the runs with the record it was not
    """
    _check_counts(outside, outside, false)
    _check_counts(inside, inside, missed)
    level = 1 - (1 - confidence) / 2
    return _upper(false, outside, level), _upper(missed, inside, level)


def repeated_epsilon(fpr: float, fnr: float, delta: float, *, doubled: bool = False) -> float:
    """Return the lower bound of epsilon at these error rates: no test of an (epsilon, delta)-private run does better.

    `doubled` is explained at `one_run_epsilon`.

    References
    ----------
    Kairouz, Oh and Viswanath (2015), The composition theorem for differential privacy, ICML.
    """

    def at(delta: float) -> float:
        bounds = [(1 - delta - b) / a for a, b in ((fpr, fnr), (fnr, fpr))]
        return max(0.0, *(math.log(x) if x > 0 else 0.0 for x in bounds))

    return _largest_rejected(lambda e: at(_exchanged(e, delta)[1]) > 2 * e) if doubled else at(delta)


def repeated_p_value(
    false: int, outside: int, missed: int, inside: int, epsilon: float, delta: float, *, doubled: bool = False
) -> float:
    """Return the smallest level at which error rates of so many runs refute (epsilon, delta); 1 if none does.

    Parameters
    ----------
    false, outside, missed, inside : as for `error_rates`
    epsilon, delta, doubled : as for `repeated_epsilon`

    Examples
    --------
    >>> round(repeated_p_value(0, 50, 0, 50, epsilon=1.0, delta=1e-5), 8)  # nobody is wrong in a hundred runs
    3.2e-07
    """

    def refuted(level: float) -> bool:
        rates = error_rates(false, outside, missed, inside, 1 - level)
        return repeated_epsilon(*rates, delta, doubled=doubled) > epsilon

    smallest, largest = 1e-12, 1 - 1e-9
    if not refuted(largest):
        return 1.0
    if refuted(smallest):
        return smallest
    return math.exp(_root(lambda x: refuted(math.exp(x)) - 0.5, math.log(smallest), math.log(largest), 1e-4))


def gaussian_mu(fpr: float, fnr: float, *, doubled: bool = False) -> float:
    """Return the mu of the Gaussian mechanism whose best test has these error rates; 0 if they are those of guessing.

    From upper ends of both rates that hold together it is a lower bound of mu, for every mechanism whose trade-off
    curve is that of a Gaussian of strength mu or lies above it. Where a coin exchanges two records (`doubled`), it is
    half as large: what is mu-private when a record is added or removed is 2 mu-private when one is exchanged.

    References
    ----------
    Dong, Roth and Su (2022), Gaussian differential privacy, JRSS B 84, 3-37; Nasr et al. (2023), Tight auditing of
    differentially private machine learning, USENIX Security (arXiv 2302.07956).

    Examples
    --------
    >>> round(gaussian_mu(0.1587, 0.1587), 2)
    2.0
    """
    mu = float(-ndtri(fpr) - ndtri(fnr))
    return max(mu, 0.0) / (2 if doubled else 1)


def epsilon_of_mu(mu: float, delta: float) -> float:
    """Return the epsilon at delta of a Gaussian mechanism of strength mu.

    Examples
    --------
    >>> round(epsilon_of_mu(2.0, 1e-5), 1)
    10.0
    """
    return _largest_rejected(lambda e: _gaussian_delta(mu, e) > delta) if mu > 0 else 0.0


def gaussian_epsilon(fpr: float, fnr: float, delta: float, *, doubled: bool = False) -> float:
    """Return the epsilon at delta of the Gaussian mechanism whose best test has these error rates (`gaussian_mu`).

    It is a bound for mechanisms whose trade-off curve is Gaussian, as that of noise added to sums is, and only close to
    one for DP-SGD; it is sharper than `repeated_epsilon`, because it uses the shape of the whole curve.
    """
    return epsilon_of_mu(gaussian_mu(fpr, fnr, doubled=doubled), delta)


def runs_to_test(mu: float, confidence: float = CONFIDENCE, *, doubled: bool = False) -> int:
    """Return over how many trainings, with a record and without it in equal parts, mu can be exceeded at all.

    Fewer show no larger mu than this, even to a test that never errs.

    Examples
    --------
    >>> runs_to_test(2.0)
    44
    """
    n = 1
    while gaussian_mu(*error_rates(0, n, 0, n, confidence), doubled=doubled) <= mu:
        n += 1
    return 2 * n


def gaussian_strength(epsilon: float, delta: float) -> float:
    """Return mu, the Gaussian strength of a claim: the largest whose mechanism is (epsilon, delta)-private.

    delta = Phi(mu / 2 - epsilon / mu) - e^epsilon Phi(-mu / 2 - epsilon / mu).

    References
    ----------
    Dong, Roth and Su (2022), Gaussian differential privacy, JRSS B 84, 3-37, corollary 2.13.

    Examples
    --------
    >>> round(gaussian_strength(10, 1e-5), 3)
    2.0
    """
    if not (epsilon >= 0 and 0 < delta < 1):
        raise ValueError(f"epsilon {epsilon:g}, delta {delta:g}; expected epsilon of 0 or more and delta in (0, 1).")
    largest = 20 + 2 * math.sqrt(epsilon)  # mu is about sqrt(2 epsilon) where epsilon is large
    return _root(lambda mu: _gaussian_delta(mu, epsilon) - delta, 1e-9, largest, 1e-10)


def auc_ceiling(epsilon: float, delta: float) -> float:
    """Return the largest AUC that any attack can have on one record of a Gaussian mechanism of this claim.

    It is Phi(mu / sqrt 2): the best test tells N(0, 1) from N(mu, 1). A mechanism with another trade-off curve may
    allow more at the same epsilon and delta.

    Examples
    --------
    >>> round(auc_ceiling(10, 1e-5), 3)
    0.921
    """
    return float(ndtr(gaussian_strength(epsilon, delta) / math.sqrt(2)))


def share_of_ceiling(auc: float, epsilon: float, delta: float) -> float:
    """Return how much of what a claim allows an attack reached: 0 at an AUC of 1/2 or less, 1 at `auc_ceiling`."""
    return max(auc - 0.5, 0.0) / (auc_ceiling(epsilon, delta) - 0.5)


def repeated_ceiling(
    outside: int, inside: int, delta: float, confidence: float = CONFIDENCE, *, doubled: bool = False
) -> tuple[float, float]:
    """Return the two bounds, of `repeated_epsilon` and `gaussian_epsilon`, of an attacker who never errs."""
    rates = error_rates(0, outside, 0, inside, confidence)
    return repeated_epsilon(*rates, delta, doubled=doubled), gaussian_epsilon(*rates, delta, doubled=doubled)


def _same(epsilon: float, delta: float) -> tuple[float, float]:
    return epsilon, delta


def _exchanged(epsilon: float, delta: float) -> tuple[float, float]:
    """Return what an (epsilon, delta)-private mechanism guarantees where one record takes the place of another."""
    return 2 * epsilon, min((1 + math.exp(epsilon)) * delta, 1.0)


def _gaussian_delta(mu: float, epsilon: float) -> float:
    above = log_ndtr(mu / 2 - epsilon / mu)
    below = log_ndtr(-mu / 2 - epsilon / mu) + epsilon
    return float(np.exp(above) * -np.expm1(min(below - above, 0.0)))


def _binomial(k: NDArray[np.intp], n: int, rate: float) -> NDArray[np.float64]:
    """Return the probabilities of k of n successes."""
    ways = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
    found: NDArray[np.float64] = np.exp(ways + xlogy(k, rate) + xlog1py(n - k, -rate))
    return found


def _root(function: Callable[[float], float], low: float, high: float, error: float) -> float:
    from scipy.optimize import brentq  # slow to import, and a page without claims needs none of it

    return float(brentq(function, low, high, xtol=error))


def _upper(k: int, n: int, level: float) -> float:
    return 1.0 if k >= n else float(betaincinv(k + 1, n - k, level))


def _largest_rejected(rejected: Callable[[float], bool]) -> float:
    """Return where a test that rejects small epsilons stops to reject; 0 if it rejects none."""
    if not rejected(0.0):
        return 0.0
    if rejected(_LARGEST):
        return _LARGEST
    return _root(lambda e: 0.5 if rejected(e) else -0.5, 0.0, _LARGEST, 1e-6)


def _check_counts(n: int, guesses: int, right: int) -> None:
    if not 0 <= right <= guesses <= n:
        raise ValueError(
            f"{right} right of {guesses} guesses on {n} records; expected 0 <= right <= guesses <= records."
        )
