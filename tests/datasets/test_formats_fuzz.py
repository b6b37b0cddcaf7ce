"""Damaged files of every format: read or refused in words, never a crash and never another error."""

from __future__ import annotations

import gzip
import logging
import os
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from cohort_files import FILES, HDF5, OTHERS, write
from damage import damaged, with_other_bytes
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench import DataError
from bench.datasets.formats import hdf5_probe, read_matrix
from bench.datasets.readers.matrices import Layout

CASES = [case for case in [*FILES, *OTHERS] if case not in ("star, a folder a sample", "gct, 1.3")]
FEW, MANY = 15, 10_000  # damaged inputs of each format
MANY_SLOW = int(os.environ.get("BENCH_FUZZ_INPUTS", "500"))  # where another process reads, and hangs now and then


def spoil(path: Path, whole: bytes, luck: random.Random) -> None:
    """Damage one file, inside or outside of its packing, or lose it."""
    if luck.random() < 0.02:
        path.unlink()
        return
    if path.suffix in (".h5ad", ".loom", ".h5"):
        path.write_bytes(damaged(whole, luck) if luck.random() < 0.3 else with_other_bytes(whole, luck))
        return
    inside = path.suffix == ".gz" and luck.random() < 0.8
    new = gzip.compress(damaged(gzip.decompress(whole), luck), 1, mtime=0) if inside else damaged(whole, luck)
    path.write_bytes(new)


class Place:
    """A small cohort in one format, which is damaged and made whole again."""

    def __init__(self, case: str, folder: Path) -> None:
        self.path = write(case, folder)
        if self.path.is_dir() and case.startswith(("star", "htseq", "featurecounts", "salmon", "kallisto", "gdc")):
            for other in sorted(self.path.iterdir())[3:]:  # of twenty samples; fewer are faster
                shutil.rmtree(other) if other.is_dir() else None if "sheet" in other.name else other.unlink()
        found = sorted(p for p in self.path.rglob("*") if p.is_file()) if self.path.is_dir() else [self.path]
        self.whole = {path: path.read_bytes() for path in found}
        self.layers = [None, "counts", "raw", "forward", "TPM", "tpm", "GPL96", "mrna_seq_v2_rsem"]

    def trial(self, seed: int) -> bool:
        """Return whether the files were read after the damage of a seed; they are made whole again."""
        luck = random.Random(seed)
        hit = luck.choice(sorted(self.whole))
        spoil(hit, self.whole[hit], luck)
        layout = Layout(layer=luck.choice(self.layers) if luck.random() < 0.1 else None, missing=luck.random() < 0.3)
        try:
            matrix = read_matrix(self.path, layout, labels_inside=False)
        except DataError:
            return False
        finally:
            hit.write_bytes(self.whole[hit])
        assert matrix.values.shape == (len(matrix.samples), len(matrix.genes))
        assert np.isfinite(matrix.values).all() or layout.missing
        assert len(set(matrix.samples)) == len(matrix.samples)
        assert len(set(matrix.genes)) == len(matrix.genes)
        assert all(len(column) == len(matrix.samples) for column in matrix.columns.values())
        return True


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    logging.disable(logging.WARNING)
    with hdf5_probe.Probe() as probe:  # one for all files: to start one for each would take seconds
        monkeypatch.setattr(hdf5_probe, "_wrong_with", lambda path, changed, size: probe.wrong_with(path, 3.0))
        yield
    logging.disable(logging.NOTSET)


def _fuzz(case: str, folder: Path, times: int) -> None:
    if case.startswith(HDF5):
        pytest.importorskip("anndata")
    place = Place(case, folder)
    read = {True: 0, False: 0}
    if case != "cbioportal, two tables":  # which asks for one of them
        assert read_matrix(place.path, Layout(), labels_inside=False).samples

    @settings(
        max_examples=times, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
    )
    @given(st.integers(0, 2**48))
    def every(seed: int) -> None:
        read[place.trial(seed)] += 1

    every()
    assert read[False] > 0.2 * times  # the damage is felt


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", CASES)
def test_a_damaged_file_is_read_or_refused_in_words(case: str, tmp_path: Path, quiet: None) -> None:
    _fuzz(case, tmp_path, FEW)


@pytest.mark.full
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", CASES)
def test_many_damaged_files_are_read_or_refused_in_words(case: str, tmp_path: Path, quiet: None) -> None:
    _fuzz(case, tmp_path, MANY_SLOW if case.startswith(HDF5) else MANY)


def test_every_format_is_damaged() -> None:
    from bench.datasets.formats import FORMATS

    assert {case.partition(",")[0] for case in CASES} == set(FORMATS)
