"""`bench release` as a data steward types it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from runs import bench

from bench.conformance import people
from bench.datasets.importing import import_dataset
from bench.datasets.matrices import Layout

pytest.importorskip("cryptography")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with 130 people as the dataset `mine`."""
    monkeypatch.setenv("BENCH_DATA_HOME", str(tmp_path / "home"))
    cohort = people(130, "steward")
    frame = cohort.to_frame("kind")
    frame.to_csv(tmp_path / "mine.csv", index_label="sample")
    import_dataset("mine", tmp_path / "mine.csv", units=cohort.units, layout=Layout(label_columns=("kind",)))
    return tmp_path


def release(place: Path, *words: str) -> tuple[int, str, str]:
    settings = {"XDG_CONFIG_HOME": str(place / "settings"), "BENCH_DATA_HOME": str(place / "home"), "COLUMNS": "200"}
    done = bench(place, "release", *words, env={**os.environ, **settings})
    return done.returncode, done.stdout, done.stderr


MULTIVARIATE = ("--dataset", "mine", "--generator", "multivariate", "--unbenchmarked", "--threads", "1")


def test_a_release_is_made_verified_and_listed(place: Path) -> None:
    status, out, err = release(place, *MULTIVARIATE, "--out", "first", "--formats", "csv,parquet")
    assert status == 0, err
    assert "first/synthetic.parquet" in out
    assert release(place, "verify", "first")[:2] == (0, "first: signature and files are right\n")
    (place / "first/CARD.md").write_text("changed")
    assert release(place, "verify", "first")[:2] == (1, "first: CARD.md was changed\n")
    _, listed, _ = release(place, "ledger", "--dataset", "mine")
    assert listed.splitlines()[-1].startswith("1 releases: epsilon 0, delta 0 together (sums); 1 claim nothing")
    assert [path.parent.name for path in (place / "home").rglob("*.jsonl")] == ["ledgers"]
    assert (place / "settings/omics-bench/release_key.pem").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--seed", "1"), "--seed and --not-for-publication go together"),
        (("--not-for-publication",), "--seed and --not-for-publication go together"),
        (("--formats", "csv,xls"), "--formats 'xls' is not known; expected some of csv, tsv, parquet, h5ad"),
        (("--generator", "multivariate,smote"), "names 2 generators; expected one"),
        (("--generator", "no_such"), "there is no generator 'no_such'"),
        (("--dataset", "no_such"), "there is no dataset 'no_such'"),
        (("--least", "131"), "mine has 130 people; fewer than 131 hide nobody"),
        (("--budget", "3"), "multivariate claims no epsilon"),
        (("--hold-out", "0.9"), "0.9 is not in the range"),
    ],
)
def test_what_cannot_be_released_is_one_clear_sentence(place: Path, words: tuple[str, ...], message: str) -> None:
    status, _, err = release(place, *MULTIVARIATE, "--out", "first", *words)
    assert status == 2, err
    assert message in err
    assert "Traceback" not in err
    assert not (place / "first").exists()
