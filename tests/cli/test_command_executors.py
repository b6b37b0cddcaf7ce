"""Each command that trains, scores or attacks takes --executor, and its rows are those of one machine."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from bench import Cohort
from bench.cli import _bench
from bench.datasets import home

WORDS = {
    "score": "score --dataset toy --synthetic release.csv --folds 1 --label-column kind --metrics mmd --attacks mc",
    "study": "study cohort-size --dataset toy --generators multivariate --sizes 20 --folds 1,2 --attacks mc",
    "audit": "audit multivariate --dataset toy --epsilon 1 --delta 0 --attacks mc",
}
TABLES = {"score": "rows/toy.csv", "study": "studies/*.csv", "audit": "audits/toy.csv"}
EXECUTORS = ("serial", "slurm")


@pytest.fixture
def place(toy_cohort: Cohort, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with the dataset `toy`, a release of it, and Slurm's work done by submitit in processes here."""
    manifest = home.describe("toy", toy_cohort, None, title="Toy", label="kind", source="made up", files=[])
    home.store(tmp_path / "home", manifest, toy_cohort, None)
    monkeypatch.setenv("BENCH_DATA_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    table = pd.DataFrame(toy_cohort.X[:48] + 0.25, columns=list(toy_cohort.genes))
    table.assign(kind=toy_cohort.y[:48]).to_csv("release.csv", index=False)
    Path("slurm.yaml").write_text("cluster: local\n")
    return tmp_path


@pytest.mark.parametrize(
    "command", [pytest.param(word, marks=[pytest.mark.full] * (word in ("study", "audit"))) for word in WORDS]
)
def test_a_command_gives_the_same_rows_wherever_it_is_done(place: Path, command: str) -> None:
    pytest.importorskip("submitit")
    tables = [table_of(place, command, executor) for executor in EXECUTORS]
    assert len(tables[0])
    pd.testing.assert_frame_equal(*tables)


def table_of(place: Path, command: str, executor: str) -> pd.DataFrame:
    """Return what a command writes, without what it took."""
    more = ["--slurm-config", "slurm.yaml"] if executor == "slurm" else []
    words = [*WORDS[command].split(), "--threads", "1", "--jobs", "1", "--executor", executor, *more, "--out", executor]
    done = CliRunner().invoke(_bench, words)
    assert done.exit_code in (0, 3), f"{done.output}\n{done.exception}"
    table = pd.read_csv(next((place / executor).glob(TABLES[command])))
    table = table[table["family"] != "cost"] if "family" in table else table
    return table.drop(columns=["wall_s", "peak_mb"], errors="ignore").reset_index(drop=True)


@pytest.mark.parametrize(
    "words",
    [
        "submit pack --team T --generator multivariate --dataset toy --seed 5",
        "submit score entries",
        "submit challenge --dataset toy --generators multivariate --out round",
    ],
)
def test_entries_and_rounds_take_an_executor_too(place: Path, words: str) -> None:
    done = CliRunner().invoke(_bench, [*words.split(), "--executor", "dask"])
    assert "--executor dask needs --scheduler ADDRESS" in str(done.exception)
