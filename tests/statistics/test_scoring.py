"""The readings of an attack: hand-worked cases, an independent implementation, and what an interval must hold."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import mannwhitneyu
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from bench import DataError, PluginError
from bench.statistics.membership import (
    MEASURES,
    advantage,
    auc,
    average_precision,
    clopper_pearson,
    grouped_measures,
    membership_measures,
    official_tpr_at_fpr,
    roc,
    tied_share,
    tpr_at_fpr,
)


def _case(seed: int, n: int = 400, shift: float = 0.5, levels: int | None = None):
    rng = np.random.default_rng(seed)
    member = rng.random(n) < 0.8
    scores = rng.normal(size=n) + shift * member
    return (scores if levels is None else np.round(scores * levels) / levels), member


def _values(scores, member):
    return {r.measure: r for r in membership_measures(scores, member)}


def test_auc_of_six_candidates_worked_by_hand():
    # members 3, 2, 2; others 2, 1, 0: of nine pairs seven are right and two are tied
    reading = auc([3, 2, 2, 2, 1, 0], [True, True, True, False, False, False])
    assert reading.value == pytest.approx((7 + 2 / 2) / 9)


def test_average_precision_of_four_candidates_worked_by_hand():
    assert average_precision([4, 3, 2, 1], [True, False, True, False]) == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)


@pytest.mark.parametrize("levels", [None, 4, 1])
def test_auc_and_average_precision_agree_with_scikit_learn_also_under_ties(levels):
    for seed in range(5):
        scores, member = _case(seed, levels=levels)
        assert auc(scores, member).value == pytest.approx(roc_auc_score(member, scores), abs=1e-12)
        assert average_precision(scores, member) == pytest.approx(average_precision_score(member, scores), abs=1e-12)


def test_auc_is_the_mann_whitney_statistic_over_all_pairs():
    scores, member = _case(3, levels=2)
    statistic = mannwhitneyu(scores[member], scores[~member]).statistic
    assert auc(scores, member).value == pytest.approx(statistic / (member.sum() * (~member).sum()), abs=1e-12)


def test_delong_interval_of_a_small_case_equals_the_sum_over_pairs():
    scores, member = _case(11, n=40, levels=3)
    inside, outside = scores[member], scores[~member]
    wins = (inside[:, None] > outside).astype(float) + 0.5 * (inside[:, None] == outside)
    variance = wins.mean(axis=1).var(ddof=1) / len(inside) + wins.mean(axis=0).var(ddof=1) / len(outside)
    reading = auc(scores, member)
    assert reading.high - reading.value == pytest.approx(1.959964 * math.sqrt(variance), rel=1e-6)


def test_auc_interval_covers_the_true_area_about_as_often_as_it_says():
    truth, covered = 0.6381632, 0  # P(N(0.5, 1) > N(0, 1)) = Phi(0.5 / sqrt 2)
    for seed in range(300):
        reading = auc(*_case(seed, n=200))
        covered += reading.low <= truth <= reading.high
    assert 0.91 <= covered / 300 <= 0.98


def test_perfect_separation_does_not_pretend_to_be_certain():
    reading = auc([3.0, 2.0, 1.0, 0.0], [True, True, False, False])
    assert reading.value == reading.high == 1.0
    assert reading.low < 0.9
    many = auc(np.r_[np.ones(800), np.zeros(200)], np.r_[np.ones(800), np.zeros(200)] == 1)
    assert 0.98 < many.low < 1.0


def test_every_announced_measure_is_returned_in_order():
    assert tuple(r.measure for r in membership_measures(*_case(0))) == MEASURES


def test_equal_scores_for_everybody_are_chance_in_the_strict_reading_and_certainty_in_the_official_one():
    values = _values(np.zeros(100), np.arange(100) < 80)
    assert values["auc"].value == 0.5
    assert values["tpr_at_fpr_01"].value == values["tpr_at_fpr_10"].value == 0.0
    assert values["tpr_at_fpr_01_official"].value == values["tpr_at_fpr_10_official"].value == 1.0
    assert values["ties"].value == 1.0
    assert values["advantage"].value == 0.0
    assert values["pr_auc"].value == pytest.approx(values["pr_auc_chance"].value)


def test_strict_tpr_stops_at_the_last_point_at_or_below_the_target():
    # ten others; the 2nd best score is one of them, so at FPR 10 % exactly one false alarm is allowed
    scores = np.array([9.0, 8.0, 7.0, 6.0, *np.linspace(5, 1, 9)])
    member = np.array([True, False, True, True] + [False] * 9)
    curve = roc(scores, member)
    assert tpr_at_fpr(curve, 0.05).value == pytest.approx(1 / 3)
    assert tpr_at_fpr(curve, 0.10).value == 1.0
    tied = np.where(scores == 7.0, 5.0, scores)  # tied with another person beyond the target
    assert tpr_at_fpr(roc(tied, member), 0.10).value == pytest.approx(2 / 3)


def test_strict_tpr_survives_a_target_that_is_an_exact_multiple_in_floating_point():
    n_out = 300  # 0.01 * 300 is exactly three false alarms, whatever floating point says
    scores = np.r_[np.full(5, 2.0), np.full(3, 2.0), np.zeros(n_out - 3), np.zeros(5)]
    member = np.r_[np.ones(5), np.zeros(n_out), np.ones(5)].astype(bool)
    assert tpr_at_fpr(roc(scores, member), 0.01).value == 0.5


@pytest.mark.parametrize("levels", [None, 8, 2, 1])
def test_official_tpr_is_the_first_point_of_scikit_learns_curve_at_or_beyond_the_target(levels):
    for seed in range(10):
        scores, member = _case(seed, levels=levels)
        fpr, tpr, _ = roc_curve(member, scores)
        for target in (0.01, 0.1):
            assert official_tpr_at_fpr(scores, member, target) == pytest.approx(tpr[(fpr >= target).argmax()])


def test_clopper_pearson_matches_published_values():
    # zero false alarms among 218: the upper limit is 1 - (0.025)^(1/218)
    assert clopper_pearson(0, 218) == (0.0, pytest.approx(1 - 0.025 ** (1 / 218)))
    assert clopper_pearson(4, 10) == (pytest.approx(0.1216, abs=1e-4), pytest.approx(0.7376, abs=1e-4))
    assert clopper_pearson(10, 10)[1] == 1.0


def test_advantage_is_the_largest_gap_and_its_interval_admits_chance_for_random_scores():
    reading = advantage(roc([4, 3, 2, 1], [True, True, False, True]))
    assert reading.value == pytest.approx(2 / 3)
    low = [advantage(roc(*_case(seed, shift=0.0))).low for seed in range(50)]
    assert max(low) == 0.0
    strong = advantage(roc(*_case(0, n=4000, shift=3.0)))
    assert 0.5 < strong.low < strong.value < strong.high


def test_scores_may_be_minus_infinity_and_only_their_order_counts():
    scores, member = _case(1)
    scores[:20] = -np.inf
    plain = _values(scores, member)
    moved = _values(np.exp(scores / 3) - 7, member)
    assert {k: r.value for k, r in plain.items()} == {k: r.value for k, r in moved.items()}
    assert plain["ties"].value == tied_share(scores) == 20 / 400


def test_readings_do_not_depend_on_the_order_of_candidates():
    scores, member = _case(5, levels=3)
    order = np.random.default_rng(0).permutation(len(scores))
    for one, other in zip(
        membership_measures(scores, member), membership_measures(scores[order], member[order]), strict=True
    ):
        assert one.measure == other.measure
        assert (other.value, other.low, other.high) == pytest.approx((one.value, one.low, one.high), nan_ok=True)


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_a_score_that_is_no_number_is_an_error_that_names_it(wrong):
    scores, member = _case(0)
    scores[7] = wrong
    with pytest.raises(PluginError, match=f"returned {wrong} for 1 of 400"):
        membership_measures(scores, member)


def test_wrong_shapes_and_missing_groups_are_errors():
    with pytest.raises(PluginError, match="expected one per candidate"):
        membership_measures([1.0, 2.0], [True, False, True])
    with pytest.raises(DataError, match="at least one member and one other"):
        membership_measures([1.0, 2.0], [True, True])


def test_groups_without_members_or_without_others_are_left_out():
    groups = np.array(["a", "a", "b", "b", "c"])
    found = grouped_measures([2.0, 1.0, 1.0, 2.0, 0.0], [True, False, True, False, True], groups)
    assert {name: readings[0].value for name, readings in found.items()} == {"a": 1.0, "b": 0.0}
