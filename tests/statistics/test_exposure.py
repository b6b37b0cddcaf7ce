"""Readings of classes and outliers, and the honest choice of the strongest attack."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from bench.statistics.exposure import EXPOSURE_MEASURES, exposure_measures, outlying
from bench.statistics.strongest_attack import strongest_attack


def _rows(values: dict[str, list[float]], status: dict[tuple[str, int], str] | None = None) -> pd.DataFrame:
    """One row per attack and fold; folds are 1, 2, ..."""
    common = {"dataset": "d", "seed": 42, "generator": "g", "params": "", "measure": "auc"}
    return pd.DataFrame(
        {
            **common,
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


def test_each_fold_is_read_with_the_attack_that_was_strongest_on_the_others():
    # worked by hand: without fold 1, "a" has mean 0.5 and "b" 0.7; without fold 2 or 3, "a" has 0.7 and "b" 0.65
    found = strongest_attack(_rows({"a": [0.9, 0.5, 0.5], "b": [0.6, 0.7, 0.7]}))
    assert found["attack"].tolist() == ["b", "a", "a"]
    assert found["value"].tolist() == [0.6, 0.5, 0.5]
    assert found["low"].tolist() == pytest.approx([0.5, 0.4, 0.4])


def test_the_choice_never_sees_the_fold_that_it_is_read_on():
    before = strongest_attack(_rows({"a": [0.5, 0.6, 0.6], "b": [0.5, 0.5, 0.5]}))
    after = strongest_attack(_rows({"a": [0.0, 0.6, 0.6], "b": [1.0, 0.5, 0.5]}))
    assert before["attack"][0] == after["attack"][0] == "a"


def test_attacks_without_signal_stay_at_chance_where_the_best_of_them_would_not():
    rng = np.random.default_rng(0)
    honest, greedy = [], []
    for _ in range(200):
        values = {f"a{j}": list(0.5 + 0.02 * rng.normal(size=5)) for j in range(20)}
        honest.append(strongest_attack(_rows(values))["value"].mean())
        greedy.append(np.max([values[a] for a in values], axis=0).mean())
    assert abs(np.mean(honest) - 0.5) < 4 * np.std(honest) / np.sqrt(200)
    assert np.mean(greedy) > 0.53


def test_releases_are_chosen_for_one_by_one():
    both = pd.concat([_rows({"a": [0.9, 0.9], "b": [0.6, 0.6]}), _rows({"a": [0.5, 0.5], "b": [0.8, 0.8]})])
    both["generator"] = ["g"] * 4 + ["h"] * 4
    found = strongest_attack(both)
    assert found.groupby("generator")["attack"].agg(list).to_dict() == {"g": ["a", "a"], "h": ["b", "b"]}


def test_only_the_attacks_that_take_part_are_chosen():
    rows = _rows({"mc": [0.6, 0.6], "mc_official": [0.9, 0.9]})
    assert set(strongest_attack(rows, attacks=["mc"])["attack"]) == {"mc"}


def test_one_fold_alone_gives_a_reason_instead_of_a_number():
    found = strongest_attack(_rows({"a": [0.9], "b": [0.6]}))
    assert math.isnan(found["value"][0])
    assert "other folds" in found["reason"][0]


def test_an_attack_that_failed_on_another_fold_is_not_chosen_and_one_that_failed_here_is_missing():
    failed = {("a", 2): "failed", ("a", 3): "failed"}
    found = strongest_attack(_rows({"a": [0.9, math.nan, math.nan], "b": [0.6, 0.7, 0.7]}, failed))
    assert found["attack"].tolist() == ["b", "b", "b"]
    found = strongest_attack(_rows({"a": [math.nan, 0.9, 0.9], "b": [0.6, 0.6, 0.6]}, {("a", 1): "failed"}))
    assert found["attack"].tolist() == ["a", "b", "b"]
    assert math.isnan(found["value"][0])
    assert "failed on this one" in found["reason"][0]


def test_outliers_are_those_far_from_everybody_and_their_share_is_as_asked():
    rng = np.random.default_rng(1)
    people = rng.normal(size=(200, 30)).astype(np.float32)
    people[[3, 50, 120]] += 5 * rng.normal(size=(3, 30)).astype(np.float32)
    mask = outlying(people)
    assert mask.sum() == 20
    assert mask[[3, 50, 120]].all()
    distances = np.sort(np.linalg.norm(people[:, None] - people, axis=2), axis=1)[:, 1:11].mean(axis=1)
    assert set(np.flatnonzero(mask)) == set(np.argsort(-distances)[:20])


def test_a_class_that_is_memorised_shows_although_the_average_hides_it():
    rng = np.random.default_rng(2)
    member, labels = rng.random(600) < 0.8, np.repeat(["a", "b", "c", "d", "e", "f"], 100)
    scores = rng.normal(size=600) + 5 * (member & (labels == "e"))
    readings = {r.measure: r for r in exposure_measures(scores, member, labels, np.arange(600) >= 540)}
    assert tuple(readings) == EXPOSURE_MEASURES
    assert readings["auc_worst_class"].value > 0.99
    assert readings["auc_outliers"].low < 0.5 < readings["auc_outliers"].high  # all of them in class f


def test_the_interval_of_the_worst_class_admits_chance_where_there_is_no_signal():
    rng = np.random.default_rng(3)
    labels, missed = np.repeat(np.arange(12), 60).astype(str), 0
    for _ in range(100):
        member = rng.random(720) < 0.8
        missed += exposure_measures(rng.normal(size=720), member, labels, np.ones(720, bool))[0].low > 0.5
    assert missed <= 10


def test_groups_too_small_to_read_give_nan():
    readings = exposure_measures([1.0, 2.0, 3.0], [True, False, True], ["a", "a", "b"], [True, True, False])
    assert all(math.isnan(r.value) for r in readings)
