"""`bench release` as a data steward types it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from runs import bench

from bench.conformance import people
from bench.datasets.importing import import_dataset
from bench.datasets.readers.matrices import Layout
from bench.release.ledger import Ledger

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
    assert out.splitlines()[-3].startswith(f"ledger   {place}/home/ledgers/")
    assert out.splitlines()[-2].startswith(
        f"key      {place}/settings/omics-bench/release_key.pem, made just now: with"
    )
    assert out.splitlines()[-1] == "Next: bench release verify first"
    assert release(place, "verify", "first")[:2] == (0, "first: signature and files are right\n")
    (place / "first/CARD.md").write_text("changed")
    assert release(place, "verify", "first")[:2] == (1, "first: CARD.md was changed\n")
    _, listed, _ = release(place, "ledger", "--dataset", "mine")
    assert listed.splitlines()[1].endswith(f"  multivariate  published  {place}/first")
    assert listed.splitlines()[-1].endswith(
        "1 release: epsilon 0, delta 0 together (sums); 1 claims nothing, so that no epsilon bounds it"
    )
    assert [path.parent.name for path in (place / "home").rglob("*.jsonl")] == ["ledgers"]
    assert (place / "settings/omics-bench/release_key.pem").exists()


def test_a_ledger_lists_what_was_begun_and_never_ended(place: Path) -> None:
    written = {"epsilon": 4.0, "delta": 1e-5, "neighbours": "add-remove"}
    Ledger(place / "book.jsonl").write("0f", "begun", generator="private_pgm[epsilon=4.0]", claim=written)
    _, listed, _ = release(place, "ledger", "--dataset", "mine", "--ledger", "book.jsonl")
    path, line, total = listed.splitlines()
    assert path == "book.jsonl"
    assert line.endswith(
        "private_pgm[epsilon=4.0]  epsilon 4  begun and never ended; its epsilon is spent all the same"
    )
    assert total == "1 release: epsilon 4, delta 1e-05 together (sums)"


def test_a_parameter_that_cannot_be_spends_nothing_and_is_listed(place: Path) -> None:
    wrong = ("--dataset", "mine", "--generator", "private_pgm[epsilon=-1]", "--unbenchmarked", "--out", "first")
    status, _, err = release(place, *wrong)
    assert status == 2
    assert "epsilon is -1.0 and delta is 1e-05; expected 0 < epsilon" in err
    _, listed, _ = release(place, "ledger", "--dataset", "mine")
    _, line, total = listed.splitlines()
    assert line.endswith("private_pgm[epsilon=-1.0]  failed, whoever is in it; nothing is spent")
    assert total == "0 releases: epsilon 0, delta 0 together (sums)"


def test_no_folder_of_the_steward_is_in_a_release(place: Path) -> None:
    assert release(place, *MULTIVARIATE, "--out", "first")[0] == 0
    assert "imported from mine.csv" in (place / "first/certificate.json").read_text()
    for path in (place / "first").iterdir():
        assert str(place) not in path.read_text(), path.name


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--seed", "1"), "--seed and --not-for-publication go together"),
        (("--not-for-publication",), "--seed and --not-for-publication go together"),
        (
            ("--formats", "csv,xls"),
            "--formats 'xls' is not known of expression; expected some of csv, tsv, parquet, h5ad",
        ),
        (("--generator", "multivariate,smote"), "names 2 generators; expected one"),
        (("--generator", "no_such"), "there is no generator 'no_such'"),
        (("--dataset", "no_such"), "there is no dataset 'no_such'"),
        (("--least", "131"), "mine has 130 people; fewer than 131 hide nobody"),
        (("--budget", "3"), "multivariate claims no epsilon"),
        (("--hold-out", "0.9"), "0.9 is not in the range"),
        (("--hold-out", "0.001"), "--hold-out 0.001 leaves nobody out, or nobody of a class in; choose another share."),
        (("--rows", "0"), "0 is not in the range x>=1"),
        (("--rows", "10" + 10 * "0"), "features take about "),
        (
            ("--hold-out", "0.1", "--attacks", "none"),
            "--attacks leaves none that see the release alone. Name one, such as",
        ),
        (("--hold-out", "0.1", "--attacks", "white_box_loss"), "--attacks leaves none that see the release alone."),
        (("--generator", "noise"), "noise is a control, made to bracket the tables."),
        (("--generator", "markov"), "mine is expression, and markov serves variants."),
        (("--generator", "logistic", "--rows", "5"), "logistic releases a model, which has no rows; leave --rows out."),
        (("--generator", "logistic", "--class-rates", "equal"), "which has no rows; leave --class-rates out."),
        (("--class-rates", "no_such=1"), "--class-rates names the class 'no_such', which no person has. The classes"),
        (("--attacks", "no_such"), "there is no attack 'no_such'"),
        (("--key", "mine.csv"), "mine.csv is no private key"),
        (("--ledger", "mine.csv"), "line 1 of the ledger mine.csv cannot be read"),
        (("--ledger", "mine.csv/ledger"), "Name a place that can be written with --ledger"),
        (("--out", "mine.csv"), "mine.csv exists already. Name another folder with --out, or move it away."),
        (("--out", "mine.csv/first"), "mine.csv is no folder that can be written into. Name another one with --out."),
        (("--duo", "anybody"), "--duo 'anybody' is no DUO code; expected seven digits, such as DUO:0000042."),
    ],
)
def test_what_cannot_be_released_is_one_clear_sentence(place: Path, words: tuple[str, ...], message: str) -> None:
    status, _, err = release(place, *MULTIVARIATE, "--out", "first", *words)
    assert status == 2, err
    assert message in err
    assert "Traceback" not in err
    assert not (place / "first").exists()


def test_what_was_never_attacked_is_refused_with_the_command_that_attacks_it(place: Path) -> None:
    status, _, err = release(place, "--dataset", "mine", "--generator", "multivariate", "--out", "first")
    assert status == 2
    assert 'First `bench run --dataset mine --generators "multivariate" --out results`, or --unbenchmarked' in err


def test_a_budget_is_no_use_after_a_release_that_claims_nothing(place: Path) -> None:
    assert release(place, *MULTIVARIATE, "--out", "first")[0] == 0
    claims = ("--dataset", "mine", "--generator", "private_pgm", "--unbenchmarked", "--budget", "99")
    status, _, err = release(place, *claims, "--out", "second")
    assert status == 2
    assert "of 1 earlier release of this cohort 1 claims no epsilon, so that nothing bounds what was spent" in err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("verify", "no_such"), "no_such holds no certificate.json; expected a folder that `bench release` wrote."),
        (("verify", "home", "--key", "no_such.pem"), "'no_such.pem' does not exist"),
        (("predict", "home", "mine.csv"), "home holds no certificate.json"),
        (("verify", "home", "--key", "mine.csv"), "home holds no certificate.json"),
        (("home",), "no command 'home'; expected ledger, make, predict, verify, as in `bench release verify home`"),
        (("ledger", "--dataset", "no_such"), "there is no dataset 'no_such'"),
        (("ledger", "--dataset", "mine", "--ledger", "no_such"), "there is no ledger no_such; name the file that"),
        (("ledger", "--dataset", "mine", "--ledger", "mine.csv"), "line 1 of the ledger mine.csv cannot be read"),
    ],
)
def test_what_is_no_release_is_one_clear_sentence(place: Path, words: tuple[str, ...], message: str) -> None:
    status, _, err = release(place, *words)
    assert status == 2, err
    assert message in err
    assert "Traceback" not in err
