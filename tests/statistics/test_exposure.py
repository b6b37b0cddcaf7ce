"""Readings of classes and outliers, and of the strongest of many attacks."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import pandas as pd
import pytest
from depth import in_depth
from scipy.stats import norm

from bench.statistics.exposure import EXPOSURE_MEASURES, exposure_measures, outlying
from bench.statistics.membership import auc, chance_of_tpr, roc, tpr_at_fpr
from bench.statistics.strongest_attack import strongest_attack, strongest_by_fold

COMMON = {"dataset": "d", "seed": 42, "generator": "g", "params": "", "measure": "auc"}


def _rows(values: dict[str, list[float]], status: dict[tuple[str, int], str] | None = None) -> pd.DataFrame:
    """One row per attack and fold; folds are 1, 2, ..."""
    return pd.DataFrame(
        {
            **COMMON,
            "fold": fold,
            "attack": attack,
            "value": value,
            "low": value - 0.1,
            "high": value + 0.1,
            "status": (status or {}).get((attack, fold), "ok"),
        }
        for attack, line in values.items()
        for fold, value in enumerate(line, 1)
    )


# -- the strongest of many attacks -------------------------------------------------------------------------------------

PEOPLE, FOLDS, ATTACKS = 1089, 5, 20
WORLDS = {  # which part of a score an attack has from the person, the same on every fold, and not from the release
    "person": 1.0,
    "half": 0.5,
    "release": 0.0,
}


@lru_cache(maxsize=8)
def _meaningless(world: str, planted: float = 0.0, repetitions: int = 30) -> tuple[pd.DataFrame, ...]:
    """Return AUC rows of twenty attacks on five folds of one split; one gains `planted` for members, all else is noise."""
    rng, share = np.random.default_rng(0), WORLDS[world]
    found = []
    for _ in range(repetitions):
        fold, rows = rng.permutation(PEOPLE) % FOLDS, []
        for j in range(ATTACKS):
            person = rng.normal(size=PEOPLE)
            for k in range(FOLDS):
                noise = math.sqrt(share) * person + math.sqrt(1 - share) * rng.normal(size=PEOPLE)
                read = auc(noise + (planted if j == 7 else 0) * (fold != k), fold != k)
                rows.append({"attack": f"a{j:02}", "fold": k, "value": read.value, "low": read.low, "high": read.high})
        found.append(pd.DataFrame(rows).assign(**COMMON, status="ok"))
    return tuple(found)


def _on_other_folds(rows: pd.DataFrame) -> float:
    """Return what was reported before: on each fold the attack with the best mean on the others of the same split."""
    values = rows.pivot_table(index="fold", columns="attack", values="value")
    return float(np.mean([line[values.drop(index=fold).mean().idxmax()] for fold, line in values.iterrows()]))


def test_to_choose_on_other_folds_of_one_split_is_biased_towards_privacy() -> None:
    before = [_on_other_folds(rows) for rows in _meaningless("person")]
    assert np.mean(before) == pytest.approx(0.459, abs=0.003)


@pytest.mark.parametrize("world", in_depth(WORLDS, list(WORLDS)[:1]))
def test_twenty_meaningless_attacks_are_at_chance_and_inside_their_interval(world: str) -> None:
    found = pd.concat(strongest_attack(rows) for rows in _meaningless(world))
    assert found["value"].mean() == pytest.approx(0.5, abs=0.005)
    assert ((found["low"] <= 0.5) & (found["high"] >= 0.5)).sum() >= 28  # of 30, at 95 %
    assert (found["p_value"] < 0.05).sum() <= 3
    assert found["mean"].mean() >= 0.4999  # as observed it lies above, where folds are independent
    assert (found["n_attacks"] == 20).all()


@pytest.mark.parametrize("world", in_depth(WORLDS, list(WORLDS)[:1]))
def test_an_attack_of_0_56_among_twenty_is_found_and_read_as_such(world: str) -> None:
    shift = math.sqrt(2) * float(norm.ppf(0.56))
    found = pd.concat(strongest_attack(rows) for rows in _meaningless(world, shift))
    assert set(found["attack"]) == {"a07"}
    assert (found["low"] > 0.5).mean() >= 0.9
    assert (found["p_value"] < 0.05).mean() >= 0.9
    assert found["value"].mean() == pytest.approx(0.56, abs=0.006)
    assert ((found["low"] <= 0.56) & (found["high"] >= 0.56)).sum() >= 28


def test_the_interval_and_the_p_value_are_those_worked_by_hand() -> None:
    # a mean of 0.7 with error 0.1 / 1.96 / sqrt(2) = 0.03608; two attacks, so 2.2365 instead of 1.96 (Sidak)
    found = strongest_attack(_rows({"a": [0.6, 0.8], "b": [0.45, 0.55]})).iloc[0]
    assert (found["attack"], found["mean"], found["value"], found["n_folds"]) == ("a", 0.7, 0.7, 2)
    assert not found["reversed"]
    assert (found["low"], found["high"]) == pytest.approx((0.7 - 2.2365 * 0.03608, 0.7 + 2.2365 * 0.03608), abs=1e-4)
    two_sided = 2 * norm.sf(0.2 / 0.03608)
    assert found["p_value"] == pytest.approx(1 - (1 - two_sided) ** 2, rel=0.01)


def test_an_attack_that_ranks_members_last_is_read_with_its_sign_turned_around() -> None:
    rows = _rows({"a": [0.1, 0.3], "b": [0.6, 0.6]})
    found = strongest_attack(rows).iloc[0]
    assert (found["attack"], found["reversed"], found["mean"]) == ("a", True, pytest.approx(0.8))
    assert found["low"] == pytest.approx(0.8 - 2.2365 * 0.03608, abs=1e-4)
    assert found["p_value"] < 1e-9
    assert strongest_by_fold(rows, strongest_attack(rows))["value"].tolist() == pytest.approx([0.9, 0.7])


def test_a_rate_is_turned_around_by_its_own_reading_and_rows_without_one_have_one_sign() -> None:
    plain = _rows({"a": [0.01] * 4, "b": [0.01] * 4}).assign(measure="tpr_at_fpr_01")
    plain["low"], plain["high"] = 0.0, 0.02
    turned = plain.assign(measure="tpr_at_fpr_01_reversed")
    turned.loc[turned["attack"] == "b", ["value", "low", "high"]] = 0.2, 0.18, 0.22
    asked = {"measure": "tpr_at_fpr_01", "candidates": (871, 218)}
    both = pd.concat([plain, turned])
    found = strongest_attack(both, **asked).iloc[0]
    assert (found["attack"], found["reversed"], found["mean"]) == ("b", True, pytest.approx(0.2))
    assert strongest_by_fold(both, strongest_attack(both, **asked), "tpr_at_fpr_01")["value"].tolist() == [0.2] * 4
    alone = strongest_attack(plain, **asked).iloc[0]
    assert (bool(alone["reversed"]), alone["p_value"] > 0.5) == (False, True)


def test_the_luck_of_being_the_best_is_taken_off_where_there_are_rivals_only() -> None:
    alone = strongest_attack(_rows({"a": [0.9], "b": [0.6]})).iloc[0]
    assert alone["value"] == 0.9
    rivals = strongest_attack(_rows({"a": [0.9], "b": [0.9]})).iloc[0]
    assert rivals["value"] == pytest.approx(0.9 - norm.ppf(0.5 ** (1 / 2)) * 0.1 / 1.95996, abs=1e-4)
    certain = strongest_attack(_rows({"a": [1.0], "b": [1.0]}).assign(high=1.0)).iloc[0]
    assert certain["value"] == 1.0  # luck lifts nothing above


def test_guessing_is_an_attack_too_so_that_nothing_reads_below_chance() -> None:
    found = strongest_attack(_rows({"a": [0.51], "b": [0.49]})).iloc[0]
    assert (found["mean"], found["value"]) == (0.51, 0.5)
    assert found["p_value"] > 0.9
    rows = _rows({"a": [0.005] * 4}).assign(measure="tpr_at_fpr_01", low=0.0, high=0.02)
    below = strongest_attack(rows, measure="tpr_at_fpr_01", candidates=(871, 218)).iloc[0]
    assert (below["mean"], below["value"]) == (0.005, chance_of_tpr(0.01, 218))
    tied = strongest_attack(_rows({"a": [0.5]}).assign(low=0.5, high=0.5)).iloc[0]
    assert (tied["value"], tied["low"], tied["p_value"]) == (0.5, 0.5, pytest.approx(1))


def test_values_by_fold_have_the_reading_as_their_mean() -> None:
    rows = _rows({"a": [0.9, 0.5, 0.7], "b": [0.6, 0.7, 0.7]})
    found = strongest_attack(rows)
    by_fold = strongest_by_fold(rows, found)
    assert by_fold["fold"].tolist() == [1, 2, 3]
    assert set(by_fold["attack"]) == {"a"}
    assert by_fold["value"].mean() == pytest.approx(found["value"][0])
    assert by_fold["value"].diff().tolist()[1:] == pytest.approx([-0.4, 0.2])


def test_seeds_are_read_together() -> None:
    rows = _rows({"a": [0.6, 0.8]})
    both = pd.concat([rows, rows.assign(seed=7)])
    found = strongest_attack(both)
    assert len(found) == 1
    assert found["n_folds"][0] == 4
    assert len(strongest_by_fold(both, found)) == 4


def test_releases_are_read_one_by_one() -> None:
    both = pd.concat([_rows({"a": [0.9, 0.9], "b": [0.6, 0.6]}), _rows({"a": [0.5, 0.5], "b": [0.8, 0.8]})])
    both["generator"] = ["g"] * 4 + ["h"] * 4
    found = strongest_attack(both)
    assert found.set_index("generator")["attack"].to_dict() == {"g": "a", "h": "b"}


def test_only_the_attacks_that_take_part_are_read() -> None:
    rows = _rows({"mc": [0.6, 0.6], "mc_official": [0.9, 0.9]})
    assert set(strongest_attack(rows, attacks=["mc"])["attack"]) == {"mc"}


def test_an_attack_that_failed_on_a_fold_is_read_on_the_others_and_one_that_never_succeeded_has_a_reason() -> None:
    failed = {("a", 2): "failed", ("a", 3): "failed"}
    rows = _rows({"a": [0.9, math.nan, math.nan], "b": [0.6, 0.7, 0.7]}, failed)
    found = strongest_attack(rows).iloc[0]
    assert (found["attack"], found["n_folds"]) == ("a", 1)
    assert strongest_by_fold(rows, strongest_attack(rows))["value"].notna().sum() == 1  # missing is missing
    nothing = strongest_attack(_rows({"a": [math.nan]}, {("a", 1): "failed"})).iloc[0]
    assert math.isnan(nothing["value"])
    assert nothing["reason"] == "no attack succeeded"


def test_rows_without_intervals_give_a_reason_instead_of_a_number() -> None:
    found = strongest_attack(_rows({"a": [0.9], "b": [0.6]}).assign(low=math.nan)).iloc[0]
    assert (found["attack"], found["mean"]) == ("a", 0.9)
    assert math.isnan(found["value"])
    assert "no intervals" in found["reason"]


def _rates(others: int, members: int, repetitions: int) -> list[float]:
    """Return the strict TPR at an FPR of 1 % of scores that know nothing."""
    rng, member = np.random.default_rng(1), np.arange(others + members) < members
    return [tpr_at_fpr(roc(rng.normal(size=len(member)), member), 0.01).value for _ in range(repetitions)]


def test_the_chance_level_of_a_strict_rate_is_above_its_target() -> None:
    assert chance_of_tpr(0.01, 218) == pytest.approx(3 / 219)
    assert chance_of_tpr(0.001, 218) == pytest.approx(1 / 219)
    assert np.mean(_rates(218, 871, 1000)) == pytest.approx(3 / 219, abs=4 * 0.0087 / math.sqrt(1000))


def test_rates_of_attacks_that_know_nothing_are_explained_by_luck_and_a_true_one_is_not() -> None:
    rates = np.array(_rates(218, 871, 20 * 5 * 30)).reshape(30, 20, 5)
    found = []
    for world in rates:
        rows = _rows({f"a{j}": list(line) for j, line in enumerate(world)}).assign(measure="tpr_at_fpr_01")
        ends = {"low": (rows["value"] - 0.01).clip(0), "high": rows["value"] + 0.01}
        found.append(strongest_attack(rows.assign(**ends), measure="tpr_at_fpr_01", candidates=(871, 218)).iloc[0])
    table = pd.DataFrame(found)
    assert (table["p_value"] < 0.05).sum() <= 4  # 1.5 are expected
    assert table["value"].mean() == pytest.approx(3 / 219, abs=0.004)
    assert (table["mean"] > 0.018).mean() > 0.9  # as observed, the best of twenty looks better
    true = _rows({"a": [0.05] * 5, **{f"b{j}": [0.012] * 5 for j in range(19)}}).assign(measure="tpr_at_fpr_01")
    ends = {"low": (true["value"] - 0.01).clip(0), "high": true["value"] + 0.01}
    assert strongest_attack(true.assign(**ends), measure="tpr_at_fpr_01", candidates=(871, 218))["p_value"][0] < 0.001


def test_a_measure_without_a_known_chance_level_is_refused() -> None:
    with pytest.raises(ValueError, match="no known chance"):
        strongest_attack(_rows({"a": [0.5]}).assign(measure="tpr_at_fpr_01"), measure="tpr_at_fpr_01")


@pytest.mark.parametrize("genes", [30, 300])  # fewer than people, and more
def test_outliers_are_those_far_from_their_class_and_their_share_is_as_asked(genes):
    rng = np.random.default_rng(1)
    labels = np.repeat(["a", "b"], 100)
    people = rng.normal(size=(200, genes)) * np.linspace(0.2, 3, genes) + 9 * (labels == "b")[:, None]
    people = people.astype(np.float32)
    people[[3, 120], 0] += 4  # twenty standard deviations of a gene that hardly varies: far, but not by Euclid
    mask = outlying(people, labels)
    assert mask.sum() == 20
    if genes == 30:
        assert mask[[3, 120]].all()
    centred = people - np.array([people[labels == label].mean(axis=0) for label in labels])
    covariance = centred.T @ centred / 200
    covariance += 0.3 * np.trace(covariance) / genes * np.eye(genes)
    squared = np.einsum("ij,ij->i", centred, np.linalg.solve(covariance, centred.T).T)
    assert set(np.flatnonzero(mask)) == set(np.argsort(-squared)[:20])


def test_people_who_are_all_the_same_have_outliers_too():
    assert outlying(np.ones((20, 3), np.float32), ["a"] * 20).sum() == 2


def test_a_class_that_is_memorised_shows_although_the_average_hides_it():
    rng = np.random.default_rng(2)
    member, labels = rng.random(600) < 0.8, np.repeat(["a", "b", "c", "d", "e", "f"], 100)
    scores = rng.normal(size=600) + 5 * (member & (labels == "e"))
    readings = {r.measure: r for r in exposure_measures(scores, member, labels, np.arange(600) >= 540)}
    assert tuple(readings) == EXPOSURE_MEASURES
    assert readings["auc_worst_class"].value > 0.99
    assert 0.97 < readings["auc_easiest_class"].value < readings["auc_worst_class"].value
    assert readings["auc_easiest_class"].low > 0.8
    assert readings["auc_easiest_class_reversed"].low < 0.5
    assert all(math.isfinite(r.value) for r in exposure_measures(member.astype(float), member, labels, labels == "a"))
    turned = {r.measure: r for r in exposure_measures(-scores, member, labels, np.arange(600) >= 540)}
    assert turned["auc_easiest_class_reversed"].value == pytest.approx(readings["auc_easiest_class"].value)
    assert readings["auc_outliers"].low < 0.5 < readings["auc_outliers"].high  # all of them in class f


def test_the_interval_of_the_worst_class_admits_chance_where_there_is_no_signal():
    rng = np.random.default_rng(3)
    labels, missed = np.repeat(np.arange(12), 60).astype(str), 0
    for _ in range(100):
        member = rng.random(720) < 0.8
        missed += exposure_measures(rng.normal(size=720), member, labels, np.ones(720, bool))[0].low > 0.5
    assert missed <= 10


SIZES = {"a": 500, "b": 260, "c": 180, "d": 110, "e": 39}


def _by_class(planted: float, repetitions: int = 12) -> pd.DataFrame:
    """Return how the strongest of eight attacks is read in its easiest class; one gains `planted` in class e."""
    rng, labels = np.random.default_rng(5), np.repeat(list(SIZES), list(SIZES.values()))
    fold, found = np.concatenate([np.arange(n) % FOLDS for n in SIZES.values()]), []
    for _ in range(repetitions):
        rows = [
            {"attack": f"a{j}", "fold": k, "measure": r.measure, "value": r.value, "low": r.low, "high": r.high}
            for j in range(8)
            for k in range(FOLDS)
            for gain in [planted * ((fold != k) & (labels == "e")) * (j == 3)]
            for r in exposure_measures(rng.normal(size=PEOPLE) + gain, fold != k, labels, labels == "a")[1:3]
        ]
        whole = pd.DataFrame(rows).assign(**{**COMMON, "status": "ok", "measure": [r["measure"] for r in rows]})
        found.append(strongest_attack(whole, measure="auc_easiest_class"))
    return pd.concat(found)


def test_the_easiest_class_of_attacks_that_know_nothing_is_at_chance() -> None:
    found = _by_class(0)
    assert found["value"].mean() == pytest.approx(0.5, abs=0.01)
    assert (found["p_value"] < 0.05).sum() <= 2
    assert (found["low"] > 0.5).sum() == 0


@pytest.mark.parametrize("planted", [2.0, -2.0])
def test_a_small_class_that_leaks_is_found_whatever_the_sign(planted: float) -> None:
    found = _by_class(planted, 3)
    assert set(found["attack"]) == {"a3"}
    assert (found["reversed"] == (planted < 0)).all()
    assert (found["p_value"] < 0.001).all()
    assert found["value"].between(0.75, 0.93).all()  # in truth 0.921, less luck


def test_scores_that_are_all_tied_are_at_chance_in_the_easiest_class_too() -> None:
    member, labels = np.arange(100) % 5 != 0, np.repeat(["a", "b"], 50)
    assert [r.value for r in exposure_measures(np.zeros(100), member, labels, labels == "a")[:4]] == [0.5] * 4


def test_groups_too_small_to_read_give_nan():
    readings = exposure_measures([1.0, 2.0, 3.0], [True, False, True], ["a", "a", "b"], [True, True, False])
    assert all(math.isnan(r.value) for r in readings)
