"""Whether another sample of a donor tells that the donor took part: known answers by tier."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from bench import Cohort, DataError
from bench.cli import study as module
from bench.datasets import Dataset
from bench.execution import Serial
from bench.execution.runner import Limits
from bench.registry.selection import choose
from bench.report.studies.donors import write_donor_study
from bench.store.store import Store
from bench.studies.donors import TIERS, carry_out, found_by_tier, linked, plan_tiers

DONORS, GENES = 100, 60


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    """A hundred donors: two tumour samples that are alike and, of most, a normal one that shares nothing with them.

    The first ten have no tumour sample, the last ten no normal one; two donors in three have a second aliquot.
    """
    rng = np.random.default_rng(0)
    own = rng.normal(size=(DONORS, GENES))
    rows, donors, kinds = [], [], []
    for d in range(DONORS):
        tumours = 0 if d < 10 else 2 if d % 3 else 1
        for kind, n in (("tumour", tumours), ("normal", d < 90)):
            for _ in range(n):
                signal = own[d] if kind == "tumour" else rng.normal(size=GENES)
                rows.append(8 + signal + 0.3 * rng.normal(size=GENES))
                donors.append(f"d{d}")
                kinds.append(kind)
    order = rng.permutation(len(rows))
    cohort = Cohort(
        X=np.array(rows)[order],
        y=np.where(np.array([int(d[1:]) for d in donors])[order] % 2, "a", "b"),
        genes=tuple(f"g{i}" for i in range(GENES)),
        samples=tuple(f"s{i}" for i in range(len(rows))),
        units="log2",
        donors=np.array(donors)[order],
        obs={"tissue": np.array(kinds)[order]},
    )
    return Dataset("toy", "toy people", "class", cohort, None, False, "the tests")


def expression(dataset: Dataset) -> Cohort:
    return dataset.expression


def test_one_sample_of_each_donor_is_trained_on_and_it_is_of_the_usual_kind(dataset: Dataset) -> None:
    cohort = expression(dataset)
    found = linked(cohort, "tissue", 42)
    assert cohort.donors is not None
    assert sorted(cohort.donors[found.trained]) == sorted(set(cohort.donors))
    kinds = cohort.obs["tissue"]
    first = np.isin(cohort.donors[found.trained], [f"d{d}" for d in range(10)])
    assert set(kinds[found.trained][~first]) == {"tumour"}
    assert set(kinds[found.trained][first]) == {"normal"}
    aliquots, tissues = (found.others[tier] for tier in TIERS[1:])
    assert not set(found.trained) & {*aliquots, *tissues}
    assert set(kinds[aliquots]) == {"tumour"}
    assert set(kinds[tissues]) == {"normal"}
    assert len(set(cohort.donors[aliquots])) == len(aliquots) == 60
    assert len(set(cohort.donors[tissues])) == len(tissues) == 80


def test_without_a_kind_every_other_sample_is_another_aliquot(dataset: Dataset) -> None:
    found = linked(expression(dataset), None, 42)
    assert len(found.others["other tissue"]) == 0
    assert len(found.others["other aliquot"]) > 80


@pytest.fixture(scope="module")
def rows(dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    store = Store(tmp_path_factory.mktemp("donors") / "store").open()
    chosen = choose("generator", "copy_train"), choose("attack", "gan_leaks,mc")
    plans = plan_tiers(dataset, store, *chosen, kind="tissue", seed=42, folds=[1, 2, 3, 4, 5])
    assert len({p.cell.sample_key for plan in plans for p in plan.cells}) == 5  # one release a fold for all tiers
    return carry_out(plans, store, Limits(1, 1), lambda *_: None, Serial())


def test_copies_give_the_donor_away_by_his_sample_and_by_another_aliquot_and_not_by_another_tissue(
    rows: pd.DataFrame,
) -> None:
    found = found_by_tier(rows).set_index("tier")
    assert found.loc["own sample", "value"] == 1.0
    assert found.loc["other aliquot", "value"] > 0.95
    assert found.loc["other aliquot", "p_value"] < 1e-6
    assert found.loc["other tissue", "low"] <= 0.5
    assert found.loc["other tissue", "p_value"] > 0.05
    assert (found["n_folds"] == 5).all()
    assert found.loc["own sample", "n_members"] == 4 * 86  # donors with another sample, each in four folds of five


def test_a_study_needs_donors_attacks_folds_and_a_column_that_is_there(dataset: Dataset, tmp_path: Path) -> None:
    store, (generators, attacks) = (
        Store(tmp_path / "store").open(),
        (choose("generator", "noise"), choose("attack", "mc")),
    )
    lone = Dataset.from_cohort("lone", expression(dataset).take(linked(expression(dataset), None, 1).trained))
    with pytest.raises(DataError, match="no donor has two samples"):
        plan_tiers(lone, store, generators, attacks, kind=None, seed=42, folds=[1])
    with pytest.raises(DataError, match=r"no column 'tisue' beside the labels\. Did you mean 'tissue'"):
        plan_tiers(dataset, store, generators, attacks, kind="tisue", seed=42, folds=[1])
    with pytest.raises(DataError, match="no attack was named"):
        plan_tiers(dataset, store, generators, [], kind=None, seed=42, folds=[1])
    with pytest.raises(DataError, match="no fold was named"):
        plan_tiers(dataset, store, generators, attacks, kind=None, seed=42, folds=[9])
    with pytest.raises(DataError, match="not fitted on the training people"):
        plan_tiers(dataset, store, choose("generator", "real_holdout"), attacks, kind=None, seed=42, folds=[1])


def test_the_page_names_the_tiers_and_those_that_were_not_asked_about(
    dataset: Dataset, rows: pd.DataFrame, tmp_path: Path
) -> None:
    store = Store(tmp_path / "store").open()
    plans = plan_tiers(
        dataset, store, choose("generator", "noise"), choose("attack", "mc"), kind=None, seed=42, folds=[1]
    )
    text = write_donor_study(tmp_path, dataset, plans, rows, "bench study donors").read_text()
    assert "fewer than 5 donors on a side have such a sample: other tissue." in text
    assert "| own sample" in text
    assert "1.000" in text
    assert (tmp_path / "toy_donors.csv").exists()


def test_the_command_writes_the_study(dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "load_dataset", lambda name: dataset)
    words = [
        "donors",
        "--dataset",
        "toy",
        "--generators",
        "copy_train",
        "--kind",
        "tissue",
        "--attacks",
        "mc",
        "--folds",
        "1",
    ]
    done = CliRunner().invoke(module.study_group, [*words, "--executor", "serial", "--out", str(tmp_path)])
    assert done.exit_code == 0, done.output
    assert "other aliquot" in (tmp_path / "studies/toy_donors.md").read_text()
