"""The challenge's files are parsed once, and what is remembered of them is never stale."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from bench.core.cohort import Cohort
from bench.datasets import load_dataset, reading
from bench.datasets.known import remembered

_COUNTS, _LABELS = "TCGA-BRCA_primary_tumor_star_deseq_VST_lmgenes.tsv", "TCGA-BRCA_primary_tumor_subtypes.csv"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("BENCH_DATA_HOME", str(tmp_path / "data"))
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Yield a list that grows whenever files are parsed."""
    times: list[str] = []
    read = reading.read_challenge

    def counted(folder: Path, entry: object, files: object) -> object:
        times.append(folder.name)
        return read(folder, entry, files)  # type: ignore[arg-type]

    monkeypatch.setattr(reading, "read_challenge", counted)
    return times


def _write(home: Path, cohort: Cohort, shift: float = 0.0) -> None:
    lines = ["\t".join(["", *cohort.samples])]
    lines += ["\t".join([gene, *map(str, x)]) for gene, x in zip(cohort.genes, (cohort.X + shift).T, strict=True)]
    (home / _COUNTS).write_text("\n".join(lines) + "\n")
    rows = [f"{name},P{i},{y}" for i, (name, y) in enumerate(zip(cohort.samples, cohort.y, strict=True))]
    (home / _LABELS).write_text("\n".join(["samplesID,patient,Subtype", *rows]) + "\n")


def test_files_are_parsed_once_and_give_the_same_cohort(home: Path, toy_cohort: Cohort, parsed: list[str]) -> None:
    _write(home, toy_cohort)
    first, again = load_dataset("brca"), load_dataset("brca")
    assert len(parsed) == 1
    assert first.digest == again.digest
    assert np.array_equal(first.cohort.X, again.cohort.X)
    assert (first.source, first.outside, first.label) == (again.source, again.outside, again.label)


def test_files_of_another_content_are_parsed_anew(home: Path, toy_cohort: Cohort, parsed: list[str]) -> None:
    _write(home, toy_cohort)
    before = load_dataset("brca").digest
    _write(home, toy_cohort, shift=1.0)
    assert load_dataset("brca").digest != before
    _write(home, toy_cohort)
    assert load_dataset("brca").digest == before
    assert len(parsed) == 2


def test_another_reader_parses_anew(
    home: Path, toy_cohort: Cohort, parsed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _write(home, toy_cohort)
    load_dataset("brca")
    monkeypatch.setattr(remembered, "module_digest", lambda name: "other code")
    load_dataset("brca")
    assert len(parsed) == 2


def test_a_damaged_file_of_the_cache_is_made_again(home: Path, toy_cohort: Cohort, parsed: list[str]) -> None:
    _write(home, toy_cohort)
    before = load_dataset("brca").digest
    (kept,) = (home.parent / "cache").rglob("read-brca-*.npz")
    body = bytearray(kept.read_bytes())
    body[len(body) // 2] ^= 1
    kept.write_bytes(bytes(body))
    assert load_dataset("brca").digest == before
    assert len(parsed) == 2


def test_what_reading_warns_of_is_said_every_time(
    home: Path, toy_cohort: Cohort, parsed: list[str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    _write(home, toy_cohort)
    read = reading.read_challenge

    def warned(*given: object) -> object:
        reading.log.warning("a column was left out")
        return read(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(reading, "read_challenge", warned)
    load_dataset("brca")
    load_dataset("brca")
    assert caplog.text.count("a column was left out") == 2
    assert len(parsed) == 2


def test_without_a_cache_files_are_read_all_the_same(
    home: Path, toy_cohort: Cohort, parsed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _write(home, toy_cohort)
    (home.parent / "no folder").write_text("a file")
    monkeypatch.setenv("XDG_CACHE_HOME", str(home.parent / "no folder"))
    assert load_dataset("brca").digest == load_dataset("brca").digest
    assert len(parsed) == 2
