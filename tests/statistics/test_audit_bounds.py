"""Lower bounds of epsilon: worked by hand, by another route, and against mechanisms whose epsilon is known."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from jax_privacy.auditing import CanaryScoreAuditor, Explicit, _epsilon_one_run_fdp
from scipy.optimize import brentq
from scipy.stats import binom, norm

from bench.statistics.dp_bounds import (
    auc_ceiling,
    epsilon_of_mu,
    error_rates,
    gaussian_epsilon,
    gaussian_mu,
    gaussian_strength,
    one_run_ceiling,
    one_run_epsilon,
    one_run_mu,
    one_run_p_value,
    pure_one_run_epsilon,
    repeated_ceiling,
    repeated_epsilon,
    runs_to_test,
    share_of_ceiling,
)


def test_perfect_guesses_give_what_can_be_worked_by_hand() -> None:
    # all of m right has probability p^m, p = e^eps / (1 + e^eps); at 5 % p = 0.05 ** (1 / m)
    for m in (10, 100, 1000):
        p = 0.05 ** (1 / m)
        assert one_run_ceiling(m, 0.0) == pytest.approx(math.log(p / (1 - p)), abs=1e-4)


def test_the_binomial_part_agrees_with_a_sum_over_all_outcomes() -> None:
    epsilon, r, v = 0.7, 8, 6
    p = math.exp(epsilon) / (1 + math.exp(epsilon))
    by_hand = sum(
        math.prod(p if hit else 1 - p for hit in hits) for hits in product((0, 1), repeat=r) if sum(hits) >= v
    )
    assert one_run_p_value(50, r, v, epsilon, 0.0) == pytest.approx(by_hand)


def test_the_delta_part_agrees_with_the_theorem_written_out() -> None:
    m, r, v, epsilon, delta = 400, 60, 47, 0.9, 1e-5
    p = math.exp(epsilon) / (1 + math.exp(epsilon))
    worst = max(2 / i * sum(binom.pmf(w, r, p) for w in range(v - i, v)) for i in range(1, v + 1))
    expected = sum(binom.pmf(w, r, p) for w in range(v, r + 1)) + m * delta * worst
    assert one_run_p_value(m, r, v, epsilon, delta) == pytest.approx(expected)


def test_bounds_rise_with_what_is_guessed_right_and_fall_with_delta() -> None:
    right = [one_run_epsilon(200, 100, v, 1e-6) for v in (50, 70, 90, 100)]
    assert right == sorted(right)
    assert right[0] == 0.0
    assert one_run_epsilon(200, 100, 95, 1e-3) < one_run_epsilon(200, 100, 95, 1e-6)
    assert one_run_epsilon(200, 100, 95, 0.0, confidence=0.99) < one_run_epsilon(200, 100, 95, 0.0)


def test_randomised_response_is_refuted_no_more_often_than_stated() -> None:
    """Each canary's bit is told truthfully with probability e^eps / (1 + e^eps): the worst case of pure DP."""
    rng, epsilon, m = np.random.default_rng(0), 1.5, 300
    p = math.exp(epsilon) / (1 + math.exp(epsilon))
    found = np.array([one_run_epsilon(m, m, int(v), 0.0) for v in rng.binomial(m, p, size=400)])
    assert (found > epsilon).mean() <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 400)
    assert np.median(found) > 1.0  # and the bound is of use


def test_error_rates_are_clopper_pearson() -> None:
    fpr, fnr = error_rates(3, 50, 0, 40)
    assert binom.cdf(3, 50, fpr) == pytest.approx(0.025)
    assert fnr == pytest.approx(1 - 0.025 ** (1 / 40))
    assert error_rates(50, 50, 40, 40) == (1.0, 1.0)


def test_a_test_with_known_errors_bounds_epsilon_from_both_sides() -> None:
    assert repeated_epsilon(0.01, 0.5, 0.0) == pytest.approx(math.log(50))
    assert repeated_epsilon(0.5, 0.01, 0.0) == pytest.approx(math.log(50))  # the other error counts as well
    assert repeated_epsilon(0.5, 0.5, 1e-5) == 0.0


@pytest.mark.parametrize("mu", [0.5, 1.0, 3.0])
def test_the_gaussian_bound_returns_the_epsilon_of_a_gaussian_mechanism(mu: float) -> None:
    delta = 1e-5
    exact = brentq(lambda e: norm.cdf(mu / 2 - e / mu) - math.exp(e) * norm.cdf(-mu / 2 - e / mu) - delta, 1e-6, 40)
    for fpr in (0.01, 0.2):
        fnr = float(norm.cdf(norm.ppf(1 - fpr) - mu))  # its best test
        assert gaussian_epsilon(fpr, fnr, delta) == pytest.approx(exact, abs=1e-4)
        assert repeated_epsilon(fpr, fnr, delta) < exact


def test_a_gaussian_mechanism_at_its_true_epsilon_is_not_refuted() -> None:
    """A record of length 1 in a sum with noise of deviation 1 / mu, 200 runs a time, 100 times."""
    rng, mu, delta, refuted = np.random.default_rng(1), 1.0, 1e-5, 0
    exact = gaussian_epsilon(0.2, float(norm.cdf(norm.ppf(0.8) - mu)), delta)
    for _ in range(100):
        inside = rng.random(200) < 0.5
        scores = inside + rng.normal(0, 1 / mu, 200)
        false, missed = int((scores[~inside] > 1.5).sum()), int((scores[inside] <= 1.5).sum())
        rates = error_rates(false, int((~inside).sum()), missed, int(inside.sum()))
        refuted += gaussian_epsilon(*rates, delta) > exact
    assert refuted <= 10


def test_ceilings_rise_with_the_number_of_runs() -> None:
    few, many = repeated_ceiling(10, 10, 1e-5), repeated_ceiling(500, 500, 1e-5)
    assert all(a < b for a, b in zip(few, many, strict=True))
    assert many[0] == pytest.approx(math.log((1 - 1e-5 - (x := 1 - 0.025 ** (1 / 500))) / x))


def test_counts_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="7 right of 5 guesses on 10"):
        one_run_epsilon(10, 5, 7, 0.0)


def test_the_closed_form_without_delta_is_the_bound_found_by_search() -> None:
    guesses, right = np.array([[1], [7], [30], [200]]), np.array([[0, 1, 1], [0, 4, 7], [15, 28, 30], [110, 180, 200]])
    searched = [[one_run_epsilon(500, n, v, 0.0, 0.975) for v in right[i]] for i, n in enumerate(guesses[:, 0])]
    assert pure_one_run_epsilon(guesses, right, 0.975) == pytest.approx(np.array(searched), abs=1e-4)


# -- what a claim allows an attack -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("epsilon", "mu", "ceiling"), [(10, 2.000, 0.921), (4, 0.925, 0.743), (1, 0.268, 0.575), (0.1, 0.0325, 0.509)]
)
def test_the_strength_and_the_largest_area_of_a_claim_are_known(epsilon: float, mu: float, ceiling: float) -> None:
    assert gaussian_strength(epsilon, 1e-5) == pytest.approx(mu, abs=6e-4)
    assert auc_ceiling(epsilon, 1e-5) == pytest.approx(ceiling, abs=6e-4)


@pytest.mark.parametrize("mu", [0.1, 1.0, 5.0, 30.0])
def test_the_strength_is_that_of_the_mechanism_whose_delta_is_written_out(mu: float) -> None:
    epsilon = mu**2 / 2 + mu
    delta = norm.cdf(mu / 2 - epsilon / mu) - math.exp(epsilon + norm.logcdf(-mu / 2 - epsilon / mu))
    assert gaussian_strength(epsilon, delta) == pytest.approx(mu, rel=1e-6)


def test_the_ceiling_is_what_the_best_attack_on_a_noisy_sum_reaches() -> None:
    rng, mu = np.random.default_rng(2), gaussian_strength(10, 1e-5)
    inside, outside = rng.normal(mu, 1, 200_000), rng.normal(0, 1, 200_000)
    assert (inside > outside).mean() == pytest.approx(auc_ceiling(10, 1e-5), abs=0.003)


def test_the_share_of_the_ceiling_begins_at_chance_and_ends_at_one() -> None:
    assert share_of_ceiling(0.47, 4, 1e-5) == 0
    assert share_of_ceiling(0.614, 10, 1e-5) == pytest.approx(0.114 / 0.4214, abs=0.001)
    assert share_of_ceiling(auc_ceiling(4, 1e-5), 4, 1e-5) == pytest.approx(1)


@pytest.mark.parametrize(("epsilon", "delta"), [(-1, 1e-5), (1, 0), (1, 1), (math.nan, 1e-5)])
def test_a_claim_that_cannot_be_has_no_strength(epsilon: float, delta: float) -> None:
    with pytest.raises(ValueError, match="expected epsilon of 0 or more and delta in"):
        gaussian_strength(epsilon, delta)


# -- a published auditor says the same ---------------------------------------------------------------------------------

COUNTS = [(100, 3, 100, 92), (50, 0, 50, 50), (40, 10, 60, 45), (200, 100, 200, 90), (500, 1, 480, 400)]


def published_auditor(n_out: int, false: int, n_in: int, hit: int) -> CanaryScoreAuditor:
    """Scores of 1 for those called members and 0 for the others."""
    return CanaryScoreAuditor(np.repeat([1.0, 0.0], [hit, n_in - hit]), np.repeat([1.0, 0.0], [false, n_out - false]))


@pytest.mark.parametrize("delta", [1e-6, 1e-3])
@pytest.mark.parametrize("counts", COUNTS)
def test_one_run_agrees_with_a_published_auditor(counts: tuple[int, int, int, int], delta: float) -> None:
    n_out, false, n_in, hit = counts
    theirs = published_auditor(*counts).epsilon_one_run(0.05, delta, threshold_strategy=Explicit(0.5))
    assert one_run_epsilon(n_in + n_out, hit + false, hit, delta, 0.95) == pytest.approx(theirs, abs=1e-5)


@pytest.mark.parametrize("delta", [0.0, 1e-3])
@pytest.mark.parametrize("counts", COUNTS)
def test_repeated_runs_agree_with_a_published_auditor(counts: tuple[int, int, int, int], delta: float) -> None:
    n_out, false, n_in, hit = counts
    theirs = published_auditor(*counts).epsilon_clopper_pearson(
        0.05, delta, one_sided=False, threshold_strategy=Explicit(0.5)
    )
    ours = repeated_epsilon(*error_rates(false, n_out, n_in - hit, n_in, 0.95), delta)
    assert ours == pytest.approx(theirs, abs=1e-9)


@pytest.mark.parametrize("counts", COUNTS)
def test_the_gaussian_bound_agrees_with_a_published_auditor(counts: tuple[int, int, int, int]) -> None:
    n_out, false, n_in, hit = counts
    theirs = published_auditor(*counts).epsilon_from_gdp(0.05, 1e-5)
    rates = error_rates(false, n_out, n_in - hit, n_in, 1 - 0.05 / 3)  # theirs corrects for the thresholds 0, 1 and inf
    assert gaussian_epsilon(*rates, 1e-5) == pytest.approx(theirs, abs=1e-5)


@pytest.mark.parametrize("epsilon", [0.5, 1.5])
def test_an_exchange_of_two_records_is_allowed_twice_as_much(epsilon: float) -> None:
    """Randomised response of who of a pair is in, at twice the epsilon: adding or removing one is worth epsilon."""
    rng, refuted, whole = np.random.default_rng(3), 0, 0
    for _ in range(100):
        right = int((rng.random(200) < 1 / (1 + np.exp(-2 * epsilon))).sum())
        refuted += one_run_epsilon(200, 200, right, 1e-9, doubled=True) > epsilon
        whole += one_run_epsilon(200, 200, right, 1e-9) > epsilon
    assert refuted <= 0.05 * 100 + 3 * np.sqrt(0.05 * 0.95 * 100)
    assert whole > 80  # held against the claim as it stands, an honest one would nearly always be refuted
    assert one_run_epsilon(200, 200, 200, 1e-9, doubled=True) > 0.9 * one_run_ceiling(200, 1e-9) / 2


def test_bounds_over_repeated_exchanges_are_half_of_those_over_repeated_additions() -> None:
    assert repeated_epsilon(0.01, 0.02, 0.0, doubled=True) == pytest.approx(repeated_epsilon(0.01, 0.02, 0.0) / 2)
    assert gaussian_mu(0.01, 0.02, doubled=True) == gaussian_mu(0.01, 0.02) / 2
    assert repeated_epsilon(0.01, 0.02, 0.01, doubled=True) < repeated_epsilon(0.01, 0.02, 0.01) / 2
    assert repeated_epsilon(0.6, 0.6, 1e-5, doubled=True) == 0


def test_as_many_runs_as_are_asked_for_exceed_a_mu_and_fewer_do_not() -> None:
    n = runs_to_test(2.0, 0.975) // 2
    assert gaussian_mu(*error_rates(0, n, 0, n, 0.975)) > 2.0
    assert gaussian_mu(*error_rates(0, n - 1, 0, n - 1, 0.975)) <= 2.0
    assert epsilon_of_mu(gaussian_strength(10, 1e-5), 1e-5) == pytest.approx(10, abs=1e-4)


@pytest.mark.parametrize("counts", [(436, 436, 436), (1308, 90, 65), (1308, 21, 21), (40, 38, 36), (1000, 1000, 700)])
def test_the_bound_of_mu_over_many_records_agrees_with_a_published_auditor(counts: tuple[int, int, int]) -> None:
    theirs = _epsilon_one_run_fdp(1e-3, *counts, 0.05, 1e-5)
    assert epsilon_of_mu(one_run_mu(*counts, 0.95), 1e-5) == pytest.approx(theirs, abs=2e-3)


@pytest.mark.parametrize(("plus", "minus"), [(5, 0), (10, 10), (0, 20), (50, 50)])
def test_the_bound_of_mu_over_many_records_holds_for_guesses_on_either_side(plus: int, minus: int) -> None:
    """Each coin shows with Gaussian noise of strength 1: the worst case for a record that nothing else depends on."""
    rng, mu, refuted, found = np.random.default_rng(5), 1.0, 0, []
    for _ in range(100):
        inside = rng.random(100) < 0.5
        by_score = inside[np.argsort(rng.normal(size=100) + mu * inside)]
        right = int(by_score[100 - plus :].sum() + (~by_score[:minus]).sum())
        found.append(one_run_mu(100, plus + minus, right))
        refuted += found[-1] > mu
    assert refuted <= 0.05 * 100 + 3 * np.sqrt(0.05 * 0.95 * 100)
    assert max(found) > 0.05


def test_the_bound_of_mu_over_many_records_is_half_for_an_exchange_and_0_without_guesses_that_tell() -> None:
    assert one_run_mu(100, 50, 50, doubled=True) == one_run_mu(100, 50, 50) / 2 > 0
    assert one_run_mu(100, 50, 25) == 0
    assert one_run_mu(100, 0, 0) == 0
