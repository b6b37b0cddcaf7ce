"""`bench compare`: equal results say nothing, moved numbers are told from noise, and nothing that vanished is hidden."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner

from bench.cli.repeat import compare as command
from bench.core.errors import StoreError
from bench.report.changes import changes, only_in
from bench.store.rows import table, write_rows

ABOUT = {"data": {"digest": "a" * 64}}


def line(fold: int, value: float, **others: Any) -> dict[str, Any]:
    named = {"dataset": "brca", "fold": fold, "seed": 42, "generator": "smote", "params": "", "family": "utility"}
    rest = {"measure": "mmd", "attack": "", "low": math.nan, "high": math.nan, "status": "ok", "reason": ""}
    return {**named, **rest, "value": value, "wall_s": 0.1, "peak_mb": 1.0, "key": "k", **others}


def rows(values: list[float], **others: Any) -> pd.DataFrame:
    return table(line(i + 1, v, **others) for i, v in enumerate(values))


OLD = [0.10, 0.12, 0.11, 0.13, 0.12]


def test_equal_results_have_no_changes() -> None:
    assert changes(rows(OLD), rows(OLD)) == []
    assert only_in(rows(OLD), rows(OLD)) == []


def test_a_shift_on_every_fold_moved_and_scatter_did_not() -> None:
    shifted = changes(rows(OLD), rows([v + 0.05 for v in OLD]))[0]
    assert shifted.moved
    assert shifted.difference.mean == pytest.approx(0.05)
    scattered = changes(rows(OLD), rows([0.12, 0.10, 0.13, 0.11, 0.12]))[0]
    assert not scattered.moved


def test_one_fold_never_says_that_a_number_moved() -> None:
    assert not changes(rows(OLD[:1]), rows([0.5]))[0].moved


def test_what_moved_comes_first_and_time_does_not_count() -> None:
    before = pd.concat([rows(OLD), rows(OLD, generator="nmf"), rows(OLD, measure="wall_s")])
    after = pd.concat(
        [
            rows([v + 0.05 for v in OLD]),
            rows([0.12, 0.1, 0.13, 0.11, 0.12], generator="nmf"),
            rows([9] * 5, measure="wall_s"),
        ]
    )
    assert [(c.generator, c.moved) for c in changes(before, after)] == [("smote", True), ("nmf", False)]


def test_what_vanished_or_failed_is_named() -> None:
    before = pd.concat([rows(OLD), rows(OLD, generator="nmf", params="k=2"), rows(OLD, measure="auc", attack="mc")])
    after = rows(OLD).assign(status="failed", value=math.nan)
    assert only_in(before, after) == ["nmf[k=2]: 5 numbers (mmd)", "smote: 10 numbers (mc, mmd)"]


@pytest.fixture
def two(tmp_path: Path) -> tuple[Path, Path]:
    for name, values in (("old", OLD), ("new", [v + 0.05 for v in OLD])):
        write_rows(tmp_path / name / "rows/brca.csv", rows(values), ABOUT)
    return tmp_path / "old", tmp_path / "new"


def test_the_command_lists_what_moved(two: tuple[Path, Path]) -> None:
    done = CliRunner().invoke(command, list(map(str, two)))
    assert done.exit_code == 0
    assert "1 numbers moved beyond noise, 0 within it" in done.output
    assert "+0.05" in done.output
    same = CliRunner().invoke(command, [str(two[0]), str(two[0])])
    assert "0 numbers moved beyond noise" in same.output


def test_other_data_are_said_and_folders_without_a_common_dataset_refused(
    two: tuple[Path, Path], tmp_path: Path
) -> None:
    write_rows(two[1] / "rows/brca.csv", rows(OLD), {"data": {"digest": "b" * 64}})
    assert "The data differ" in CliRunner().invoke(command, list(map(str, two))).output
    write_rows(tmp_path / "else/rows/mirna12.csv", rows(OLD), ABOUT)
    done = CliRunner().invoke(command, [str(two[0]), str(tmp_path / "else")])
    assert isinstance(done.exception, StoreError)
