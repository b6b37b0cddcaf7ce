"""The study of exposure against cohort size: who trains at which size, and what is read from the scores."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from PIL import Image

from bench import Cohort, DataError
from bench.cli.study import study_group
from bench.datasets import Dataset
from bench.datasets.folds import make_splits
from bench.execution.runner import Limits
from bench.registry.selection import choose
from bench.report.studies.cohort_size import write_study
from bench.store.store import Store
from bench.studies.cohort_size import (
    carry_out,
    curves,
    falls_off,
    nested_order,
    plan_sizes,
    resampled,
    sizes_of,
    with_genes,
)

SIZES = [20, 96]
ATTACKS = "gan_leaks,span_residual,mahalanobis"


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    """120 people of two classes, 40 genes."""
    rng = np.random.default_rng(0)
    y = np.array(["a", "b"])[np.arange(120) % 2]
    X = 8 + (y == "a")[:, None] + rng.normal(size=(120, 40)) @ rng.normal(size=(40, 40)) / 4
    names = tuple(f"g{i}" for i in range(40)), tuple(f"s{i}" for i in range(120))
    return Dataset("tiny", "tiny people", "kind", Cohort(X, y, *names, units="log2"), None, True, "the tests")


@pytest.fixture(scope="module")
def study(dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> tuple[pd.DataFrame, Store]:
    store = Store(tmp_path_factory.mktemp("study") / "store").open()
    generators, attacks = choose("generator", "multivariate,copy_train"), choose("attack", ATTACKS)
    plans = plan_sizes(dataset, store, SIZES, generators, attacks, seed=42, folds=[1, 2])
    return carry_out(plans, store, Limits(2, 1, None), lambda planned, report: None), store


def test_each_training_set_holds_the_smaller_ones_and_the_people_held_out_stay(dataset: Dataset) -> None:
    split = make_splits(dataset.cohort, seed=42)[1]
    small, large = resampled(split, 20), resampled(split, 60)
    assert (len(small.train), len(large.train)) == (20, 60)
    assert set(small.train.samples) < set(large.train.samples) < set(split.train.samples)
    assert small.holdout.samples == large.holdout.samples == split.holdout.samples
    assert np.unique(small.train.y, return_counts=True)[1].tolist() == [10, 10]
    assert resampled(split, len(split.train)).train.samples == split.train.samples


def test_a_rare_class_has_three_people_in_the_smallest_set_and_its_share_in_a_large_one() -> None:
    labels = np.array(["rare"] * 5 + ["common"] * 95)
    order = nested_order(labels, np.random.default_rng(0))
    assert np.unique(labels[order[:6]], return_counts=True)[1].tolist() == [3, 3]
    assert (labels[order[:50]] == "rare").sum() == 3
    assert sorted(order) == list(range(100))


def test_genes_are_drawn_in_their_order_and_give_the_dataset_a_name_of_its_own(dataset: Dataset) -> None:
    few = with_genes(dataset, 10)
    assert few.name == "tiny-10genes"
    positions = [dataset.cohort.genes.index(gene) for gene in few.cohort.genes]
    assert positions == sorted(positions)
    assert np.array_equal(few.cohort.X, dataset.cohort.X[:, positions])
    with pytest.raises(DataError, match="expected 2 to 39"):
        with_genes(dataset, 40)


def test_sizes_reach_from_an_eighth_of_the_genes_to_four_folds_of_five(dataset: Dataset) -> None:
    assert sizes_of(dataset, 42, None) == [10, 20, 30, 40, 60, 80, 96]
    assert sizes_of(dataset, 42, [50, 20]) == [20, 50]
    for wrong in (5, 97):
        with pytest.raises(DataError, match=rf"training set of {wrong} .* 6 \(3 per class\) to 96"):
            sizes_of(dataset, 42, [wrong])


def test_a_study_needs_a_fold_an_attack_and_generators_that_are_fitted_on_the_training_people(
    dataset: Dataset, tmp_path: Path
) -> None:
    store, attacks = Store(tmp_path / "store").open(), choose("attack", "mc")
    with pytest.raises(DataError, match="at least one"):
        plan_sizes(dataset, store, SIZES, choose("generator", "smote"), attacks, seed=42, folds=[])
    with pytest.raises(DataError, match="no attack"):
        plan_sizes(dataset, store, SIZES, choose("generator", "smote"), [], seed=42, folds=[1, 2])
    with pytest.raises(DataError, match="not fitted on the training people"):
        plan_sizes(dataset, store, SIZES, choose("generator", "real_holdout"), attacks, seed=42, folds=[1, 2])


def test_a_gaussian_gives_all_members_away_below_the_number_of_genes_and_not_above(
    study: tuple[pd.DataFrame, Store],
) -> None:
    found = curves(study[0])
    gaussian = found[found["generator"] == "multivariate"].set_index("n_train")["auc"]
    assert gaussian[20] >= 0.99  # 20 people, 40 genes
    assert gaussian[96] < 0.97  # 96 people, 48 in each class
    copies = found[found["generator"] == "copy_train"]
    assert (copies["auc"] == 1.0).all()
    assert (copies["ok"] == 2).all()


def test_what_is_stored_is_not_computed_again(dataset: Dataset, study: tuple[pd.DataFrame, Store]) -> None:
    rows, store = study
    generators, attacks = choose("generator", "multivariate,copy_train"), choose("attack", ATTACKS)
    plans = plan_sizes(dataset, store, SIZES, generators, attacks, seed=42, folds=[1, 2])

    def watch(planned: object, report: object) -> None:
        raise AssertionError("nothing was left to do")

    pd.testing.assert_frame_equal(carry_out(plans, store, Limits(1, 1, None), watch), rows)


def _curve(**auc_at: float) -> pd.DataFrame:
    return pd.DataFrame([{"n_train": int(n[1:]), "auc": value} for n, value in auc_at.items()])


def test_exposure_falls_off_between_the_last_total_size_and_the_next() -> None:
    assert falls_off(_curve(n10=1.0, n20=0.995, n40=0.8, n80=0.99)) == (20, 40)
    assert falls_off(_curve(n10=0.9, n20=1.0)) == (None, 10)
    assert falls_off(_curve(n10=1.0, n20=1.0)) == (20, None)
    assert falls_off(_curve(n10=float("nan"), n20=1.0)) == (None, 10)


def test_the_page_the_table_and_the_picture_say_where_it_falls(
    dataset: Dataset, study: tuple[pd.DataFrame, Store], tmp_path: Path
) -> None:
    rows = study[0].copy()
    failed = (rows["generator"] == "copy_train") & (rows["n_train"] == 96)
    rows.loc[failed, ["value", "status", "reason"]] = [np.nan, "failed", "it broke"]
    page = write_study(tmp_path, dataset, rows, "bench study cohort-size")
    text = page.read_text()
    assert page.name == "tiny-simulated_cohort_size.md"
    assert "SIMULATED DATA" in text
    assert "`multivariate`: AUC 0.99 or more up to n = 20 (0.50 x genes)" in text
    rows_of_table = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()]
    assert ["`copy_train`", "96", "2.40", "-", "-", "-", "-", "0 / 2", "-"] in rows_of_table
    assert "- `copy_train`, n = 96, 3 attacks: it broke" in text
    table = pd.read_csv(page.with_suffix(".csv"))
    assert len(table) == len(rows) == 2 * 2 * 2 * 3 * 3  # generators, sizes, folds, attacks, measures
    assert set(table["n_genes"]) == {40}
    with Image.open(page.with_suffix(".png")) as image:
        assert image.width > 500


def test_the_command_writes_the_study_of_a_simulated_cohort(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_DATA_HOME", str(tmp_path))
    words = ["--dataset", "brca", "--genes", "30", "--sizes", "20,40", "--folds", "1,2", "--attacks", "gan_leaks,mc"]
    words += ["--generators", "multivariate", "--out", str(tmp_path / "out"), "--jobs", "1", "--threads", "1"]
    done = CliRunner().invoke(study_group, ["cohort-size", *words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    page = tmp_path / "out/studies/brca-30genes-simulated_cohort_size.md"
    assert re.search(r"\| +40 \| +1\.33 \|", page.read_text())
