"""The study of private generators against their budget: which cells it plans, what it reads, what it shows."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from PIL import Image

from bench import BenchError, DataError
from bench.cli.study import study_group
from bench.datasets import load_dataset
from bench.registry.selection import choose, positive_numbers
from bench.report.studies.epsilon import write_epsilon_study
from bench.statistics.dp_bounds import auc_ceiling
from bench.store.store import Store
from bench.studies.epsilon import READINGS, UNLIMITED, frontier, plan_epsilons, real_values


def _row(method: str, budget: float, fold: int, **values: object) -> dict[str, object]:
    row = {"dataset": "toy", "fold": fold, "seed": 42, "generator": method, "params": f"epsilon={budget}"}
    row |= {"family": "utility", "measure": "", "attack": "", "value": 0.0, "low": math.nan, "high": math.nan}
    return {**row, "status": "ok", "reason": "", "delta": math.nan, "method": method, "budget": budget, **values}


def _attack(budget: float, fold: int, name: str, auc: float) -> dict[str, object]:
    found = {"family": "privacy", "measure": "auc", "attack": name}
    return _row("a", budget, fold, **found, value=auc, low=auc - 0.02, high=auc + 0.02)


@pytest.fixture
def rows() -> pd.DataFrame:
    """Two budgets on two folds, one generator without a budget, and one cell that failed."""
    found = []
    for budget, worth in ((1.0, 0.6), (10.0, 0.8)):
        for fold in (1, 2):
            more = worth + fold / 100
            found += [_row("a", budget, fold, measure="accuracy_synthetic", value=more)]
            found += [_row("a", budget, fold, measure="accuracy_real", value=0.9)]
            found += [_row("a", budget, fold, family="claim", measure="epsilon", value=budget, delta=1e-5)]
            found += [_attack(budget, fold, "tracing", 0.5 + budget / 50), _attack(budget, fold, "mc", 0.5)]
    found += [_row("free", UNLIMITED, 1, measure="accuracy_synthetic", value=0.85)]
    found += [_row("free", UNLIMITED, 1, family="claim", measure="epsilon", value=math.nan, reason="claims nothing")]
    found += [_row("free", UNLIMITED, 2, measure="mmd", value=math.nan, status="failed", reason="it broke")]
    return pd.DataFrame(found)


def test_the_frontier_has_means_folds_the_strongest_attack_and_the_ceiling_of_the_claim(rows: pd.DataFrame) -> None:
    found = frontier(rows).set_index(["method", "budget"])
    strict, loose, free = found.loc[("a", 1.0)], found.loc[("a", 10.0)], found.loc[("free", UNLIMITED)]
    accuracy = [strict[f"accuracy_synthetic{end}"] for end in ("_low", "", "_high")]
    assert accuracy == pytest.approx([0.61, 0.615, 0.62])
    assert (loose["attack"], round(loose["auc"], 1)) == ("tracing", 0.7)
    assert loose["auc_low"] < loose["auc"] < loose["auc_high"]
    assert loose["ceiling"] == pytest.approx(auc_ceiling(10, 1e-5))
    assert strict["ceiling"] == pytest.approx(auc_ceiling(1, 1e-5))
    assert math.isnan(free["ceiling"])
    assert (free["ok"], free["planned"], free["attack"]) == (1, 2, "")
    assert real_values(rows)["accuracy_synthetic"] == pytest.approx(0.9)


def test_the_page_and_the_picture_show_every_budget_real_people_and_what_failed(
    rows: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_DATA_HOME", str(tmp_path))
    page = write_epsilon_study(tmp_path, load_dataset("brca"), rows, "bench study epsilon")
    text = page.read_text()
    assert page.name == "brca-simulated_epsilon.md"
    assert "SIMULATED DATA" in text
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()]
    assert ["`a`", "1", "0.615"] in [line[:3] for line in lines]
    assert ["`free`", "-", "0.850"] in [line[:3] for line in lines]
    assert ["real people", "-", "0.900"] in [line[:3] for line in lines]
    assert "- `free`, epsilon inf, 1 steps: it broke" in text
    assert len(pd.read_csv(page.with_suffix(".csv"))) == len(rows)
    with Image.open(page.with_suffix(".png")) as image:
        assert image.width > 800
        assert len(np.unique(np.asarray(image.convert("RGB")).reshape(-1, 3), axis=0)) > 10


def test_every_generator_is_planned_at_every_budget_and_those_beside_once(tmp_path: Path) -> None:
    data, store = load_dataset("brca"), Store(tmp_path / "store").open()
    generators, beside = choose("generator", "private_pgm,p_nmf"), choose("generator", "multivariate")
    plan = plan_epsilons(data, store, [1.0, 10.0], generators, beside, [], [], seed=42, folds=[1, 3])
    assert len(plan.cells) == (2 * 2 + 1) * 2
    assert plan.budgets == {
        "multivariate": ("multivariate", UNLIMITED),
        "private_pgm[epsilon=1.0]": ("private_pgm", 1.0),
        "private_pgm": ("private_pgm", 10.0),  # its default, and so the very cell of an ordinary run
        "p_nmf[epsilon=1.0]": ("p_nmf", 1.0),
        "p_nmf": ("p_nmf", 10.0),
    }
    for wrong, words in (("multivariate", "no parameter epsilon"), ("p_nmf[epsilon=4]", "has an epsilon already")):
        with pytest.raises(DataError, match=words):
            plan_epsilons(data, store, [1.0], choose("generator", wrong), [], [], [], seed=42, folds=[1])
    with pytest.raises(DataError, match="no fold was named"):
        plan_epsilons(data, store, [1.0], generators, [], [], [], seed=42, folds=[7])


def test_budgets_are_positive_numbers_each_once_and_rising() -> None:
    assert positive_numbers("10,0.3, 1,10", "epsilons") == [0.3, 1.0, 10.0]
    for wrong in ("1,,2", "0", "-1", "inf", "nan", "ten"):
        with pytest.raises(BenchError, match="expected positive numbers"):
            positive_numbers(wrong, "epsilons")


@pytest.mark.full
def test_the_command_writes_the_study_and_a_second_one_computes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_DATA_HOME", str(tmp_path))
    words = ["epsilon", "--dataset", "brca", "--generators", "private_pgm", "--beside", "multivariate", "--folds", "1"]
    words += ["--epsilons", "1,10", "--attacks", "mc,tracing", "--jobs", "1", "--threads", "1"]
    words += ["--out", str(tmp_path / "out")]
    done = CliRunner().invoke(study_group, words, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    table = pd.read_csv(tmp_path / "out/studies/brca-simulated_epsilon.csv")
    assert {reading.measure for reading in READINGS} <= set(table["measure"])
    assert sorted(table["budget"].unique()) == [1.0, 10.0, math.inf]
    again = CliRunner().invoke(study_group, words, catch_exceptions=False)
    assert "3 cells; 0 tasks to do" in again.output
