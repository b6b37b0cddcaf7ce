"""Facts of a fold: computed once for all generators, never stale, and the same number as without them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from runs import numbers, planned, run, toy_dataset

from bench import Cohort, Split, fold_fact
from bench.core.fold_facts import recalled_by
from bench.engine import tasks
from bench.engine.fold_facts import FoldFacts, decoded, encoded
from bench.execution import Limits, Serial
from bench.store.inventory import PICTURES, inventory
from bench.store.store import Store

calls: list[str] = []


@dataclass(frozen=True)
class Line:
    slope: np.ndarray
    name: str


@fold_fact
def line(cohort: Cohort, *, power: int = 1) -> Line:
    calls.append("line")
    return Line(cohort.X.mean(axis=0) ** power, "a")


@fold_fact
def unkept(cohort: Cohort) -> object:
    return {1, 2}


@pytest.fixture(autouse=True)
def nothing_called() -> None:
    calls.clear()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store").open()


@pytest.mark.parametrize(
    "fact",
    [
        1, 2.5, "text", True, None, float("inf"),
        np.float64(0.1) + np.float64(0.2), np.int64(3),
        np.arange(6).reshape(2, 3), np.array([], dtype=np.float32), np.array(["a", "long"]), np.array([[True], [False]]),
        (1, [2.0, np.arange(3)], {"a": np.zeros(2), "b": ("x",)}),
    ],
)  # fmt: skip
def test_a_fact_comes_back_as_it_was(fact: Any) -> None:
    again = decoded(json.loads(json.dumps(encoded(fact))))
    np.testing.assert_equal(again, fact)
    if isinstance(fact, np.ndarray):
        assert (again.dtype, again.shape) == (fact.dtype, fact.shape)


def test_a_fact_of_another_kind_is_refused(store: Store, toy_split: Split) -> None:
    with pytest.raises(TypeError, match="a fact of a fold is a set"), recalled_by(FoldFacts(store, toy_split)):
        unkept(toy_split.train)


def test_without_a_run_a_fact_is_computed(toy_split: Split) -> None:
    line(toy_split.train)
    line(toy_split.train)
    assert calls == ["line", "line"]


def test_in_a_run_a_fact_about_real_people_is_computed_once(store: Store, toy_split: Split) -> None:
    found = []
    for _ in range(3):  # three cells, each in a process of its own
        with recalled_by(FoldFacts(store, toy_split)):
            found.append(line(toy_split.train))
    assert calls == ["line"]
    for again in found:
        assert isinstance(again, Line)
        assert again.name == "a"
        np.testing.assert_array_equal(again.slope, toy_split.train.X.mean(axis=0))


def test_other_people_other_values_and_a_release_have_facts_of_their_own(store: Store, toy_split: Split) -> None:
    with recalled_by(FoldFacts(store, toy_split)):
        first, second = line(toy_split.train), line(toy_split.holdout)
        squared = line(toy_split.train, power=2)
        release = toy_split.train.synthetic(toy_split.train.X, toy_split.train.y)
        line(release)
        line(release)
    assert calls == ["line"] * 5
    assert not np.array_equal(first.slope, second.slope)
    np.testing.assert_array_equal(squared.slope, first.slope**2)


def test_a_damaged_fact_is_computed_anew(store: Store, toy_split: Split) -> None:
    with recalled_by(FoldFacts(store, toy_split)):
        line(toy_split.train)
        (file,) = (store.root / "objects").rglob("*.json")
        file.write_text(file.read_text().replace('"a"', '"b"'))
        assert line(toy_split.train).name == "a"
    assert calls == ["line"] * 2


def test_a_run_with_facts_has_the_numbers_of_one_without(
    toy_cohort: Cohort, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    metrics = (
        "tstr,tstr_2026,tstr_trees,classifier_ranking,augmentation,differential_expression,class_modules,mmd_median"
    )
    rows = []
    for name in ("with", "without"):
        if name == "without":
            monkeypatch.setattr(
                tasks, "FoldFacts", lambda store, split: lambda f, cohorts, values: f(*cohorts, **values)
            )
        folder = tmp_path / name
        scope, cells = planned(toy_dataset(toy_cohort), folder, "multivariate,noise", metrics=metrics)
        rows.append(numbers(run(scope, cells, Limits(1, 1), Serial()).rows))
        facts = inventory(scope.store).get(PICTURES)
        assert (facts.results if facts else 0) == (13 if name == "with" else 0)
    assert rows[0].drop(columns="key").equals(rows[1].drop(columns="key"))
