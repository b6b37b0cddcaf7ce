"""The plan: cells of generators and folds, and what is read and written to make them."""

from __future__ import annotations

from pathlib import Path

import pytest
from runs import plan, planned, scope_of, toy_dataset

from bench import Cohort
from bench.datasets.folds import make_splits
from bench.engine.plan import Scope
from bench.store.store import Store


def test_people_in_the_store_are_checked_once_for_all_cells(
    toy_cohort: Cohort, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, keep = [], Store.keep_cohort
    monkeypatch.setattr(Store, "keep_cohort", lambda store, people: kept.append(people.digest) or keep(store, people))
    _, cells = planned(toy_dataset(toy_cohort), tmp_path, "multivariate,noise", folds=(1, 2, 3))
    assert len(cells) == 6
    assert kept.count(toy_cohort.digest) == 1


def test_a_fold_of_the_same_number_and_seed_with_other_people_has_other_keys(
    toy_cohort: Cohort, tmp_path: Path
) -> None:
    dataset, store = toy_dataset(toy_cohort), Store(tmp_path / "store").open()
    keys = []
    for n_folds in (3, 5):
        scope = Scope(dataset, make_splits(toy_cohort, seed=42, n_folds=n_folds), store)
        keys.append([task.key for task in plan(scope, "noise")[0].tasks])
    assert len(keys[0]) == 3  # a sample, a metric, an attack
    assert not set(keys[0]) & set(keys[1])


def test_other_parameters_of_any_plugin_give_other_keys(toy_cohort: Cohort, tmp_path: Path) -> None:
    scope = scope_of(toy_dataset(toy_cohort), tmp_path)

    def keys(generator: str = "smote", metric: str = "prdc", attack: str = "mc") -> list[str]:
        return [task.key for task in plan(scope, generator, metrics=metric, attacks=attack)[0].tasks]

    as_given, sample = keys(), keys(generator="smote[neighbours=2]")
    assert not set(as_given) & set(sample)  # another release: its measures and attacks are others too
    assert [a == b for a, b in zip(as_given, keys(metric="prdc[k=3]"), strict=True)] == [True, False, True]
    assert [a == b for a, b in zip(as_given, keys(attack="mc[quantile=0.2]"), strict=True)] == [True, True, False]
