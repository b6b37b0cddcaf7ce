"""Damaged files of everything but matrices of expression: read or refused in words, never by another error."""

from __future__ import annotations

import gzip
import logging
import os
import random
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd
import pytest
from cohorts import cohort_of
from damage import damaged, with_other_bytes
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from plain_tables import labels, lines

from bench.cli import options
from bench.conformance import haplotypes
from bench.core.errors import BenchError
from bench.datasets import Dataset, home
from bench.datasets.cohorts import build_cohort
from bench.datasets.folds import make_splits, read_splits, write_splits
from bench.datasets.readers.image_files import read_idx_images, read_image_npz, read_png_folder
from bench.datasets.readers.matrices import Layout
from bench.datasets.readers.variant_export import write_bed, write_vcf
from bench.datasets.readers.variant_files import read_variant_file
from bench.foreign.reader import read_release
from bench.registry.command_file import read_command_file
from bench.registry.selection import choose
from bench.statistics.public_prior import ABOUT, PublicPrior
from bench.store.rows import COLUMNS, read_rows

FEW, MANY = 20, int(os.environ.get("BENCH_FUZZ_INPUTS", "1000"))  # damaged inputs of each reader
PEOPLE = cohort_of(20)


@dataclass(frozen=True)
class Case:
    """Files, and what reads them."""

    files: list[Path]
    read: Callable[[], Any]


def variants(folder: Path, name: str) -> Case:
    pytest.importorskip("cyvcf2")
    path = folder / name
    people = haplotypes(12, sites=20)
    write_bed(path, people) if name.endswith("bed") else write_vcf(path, people, source="the tests")
    mates = [path.with_suffix(end) for end in (".bim", ".fam")] if name.endswith("bed") else []
    return Case([path, *mates], lambda: read_variant_file(path))


def npz(folder: Path) -> Case:
    pixels = np.random.default_rng(0).integers(0, 255, (12, 8, 8), dtype=np.uint8)
    np.savez(folder / "x.npz", train_images=pixels, train_labels=np.arange(12)[:, None] % 2)
    return Case([folder / "x.npz"], lambda: read_image_npz(folder / "x.npz"))


def idx(folder: Path) -> Case:
    pixels = np.random.default_rng(0).integers(0, 255, (12, 8, 8), dtype=np.uint8)
    (folder / "x.gz").write_bytes(gzip.compress(b"\0\0\x08\3" + struct.pack(">3I", *pixels.shape) + pixels.tobytes()))
    (folder / "y").write_bytes(b"\0\0\x08\1" + struct.pack(">I", 12) + bytes(np.arange(12, dtype=np.uint8) % 2))
    return Case([folder / "x.gz", folder / "y"], lambda: read_idx_images(folder / "x.gz", folder / "y"))


def png(folder: Path) -> Case:
    (folder / "i").mkdir()
    pixels = np.random.default_rng(0).integers(0, 255, (4, 8, 8), dtype=np.uint8)
    for i, image in enumerate(pixels):
        Image.fromarray(image).save(folder / f"i/{i}.png")
    (folder / "y.csv").write_text("file,label\n" + "".join(f"{i}.png,{'ab'[i % 2]}\n" for i in range(4)))
    files = [folder / "y.csv", *sorted((folder / "i").iterdir())]
    return Case(files, lambda: read_png_folder(folder / "i", folder / "y.csv"))


def labels_file(folder: Path) -> Case:
    (folder / "x.tsv").write_text("\n".join(lines()))
    path = labels(folder)
    return Case([path], lambda: build_cohort(folder / "x.tsv", path, Layout(), "log2"))


def release_labels(folder: Path) -> Case:
    dataset = Dataset("toy", "A toy", "kind", PEOPLE, None, False, "made up")
    frame = pd.DataFrame(PEOPLE.X + np.float32(0.1), columns=list(PEOPLE.genes))
    frame.to_csv(folder / "data_fold1.csv", index=False)
    path = folder / "labels_fold1.csv.gz"
    path.write_bytes(gzip.compress(pd.DataFrame({"kind": PEOPLE.y}).to_csv(index=False).encode()))
    return Case([path], lambda: read_release(folder, dataset))


def splits(folder: Path) -> Case:
    path = folder / "s.yaml"
    write_splits(path, make_splits(PEOPLE, seed=42))
    return Case([path], lambda: read_splits(path, PEOPLE, seed=42))


def rows(folder: Path) -> Case:
    path = folder / "x.csv"
    path.write_text(",".join(COLUMNS) + "\n" + "".join(",".join("1" for _ in COLUMNS) + "\n" for _ in range(5)))
    path.with_suffix(".json").write_text('{"data": {"name": "x"}}')
    return Case([path, path.with_suffix(".json")], lambda: read_rows(path))


def run_file(folder: Path) -> Case:
    path = folder / "run.toml"
    path.write_text('dataset = "brca"\nfolds = "1,2"\ngenerators = ["noise", "smote"]\nthreads = 2\ndry-run = true\n')

    def read() -> None:
        from bench.cli.run import command

        options._read_config(click.Context(command), command.params[0], path)

    return Case([path], read)


def plugin_file(folder: Path) -> Case:
    path = folder / "mine.toml"
    path.write_text(
        'summary = "a method"\nfit = ["python", "m.py", "{train_data}", "{train_labels}", "{model}"]\n'
        'sample = ["s", "{model}", "{n}", "{seed}", "{synthetic_data}", "{synthetic_labels}"]\n[params]\nepochs = 3\n'
    )
    return Case([path], lambda: read_command_file(path))


def imported(folder: Path) -> Case:
    about: dict[str, Any] = {"title": "x", "label": "y", "source": "z", "files": []}
    home.store(folder, home.describe("x", PEOPLE, PEOPLE.take([0, 1]), **about), PEOPLE, PEOPLE.take([0, 1]))
    found = sorted((folder / "x").iterdir())
    return Case(found, lambda: home.read_stored(folder, "x"))


def prior(folder: Path) -> Case:
    """A prior is checked where the parameter enters, and read by the generator."""
    path = folder / "prior.npz"
    genes = np.array([f"g{i}" for i in range(9)])
    values = np.random.default_rng(0).normal(size=(9, 3))
    about = dict.fromkeys(ABOUT, "x")
    PublicPrior(genes, genes, values[:, 0], values[:, 1], values, values[0], frozenset({"a", "b"}), about).write(path)

    def read() -> None:
        choose("generator", f"dp_prior[prior={path}]")
        PublicPrior.read(path.read_bytes(), str(path))

    return Case([path], read)


CASES: dict[str, Callable[[Path], Case]] = {
    "vcf": lambda folder: variants(folder, "x.vcf"),
    "vcf.gz": lambda folder: variants(folder, "x.vcf.gz"),
    "bcf": lambda folder: variants(folder, "x.bcf"),
    "plink": lambda folder: variants(folder, "x.bed"),
    "npz": npz,
    "idx": idx,
    "png": png,
    "labels": labels_file,
    "labels of a release": release_labels,
    "splits": splits,
    "rows": rows,
    "run file": run_file,
    "plugin file": plugin_file,
    "imported dataset": imported,
    "prior": prior,
}


@pytest.fixture
def quiet() -> Iterator[None]:
    logging.disable(logging.WARNING)
    yield
    logging.disable(logging.NOTSET)


def _fuzz(name: str, folder: Path, times: int) -> None:
    case = CASES[name](folder)
    whole = {path: path.read_bytes() for path in case.files}
    refused: list[str] = []
    case.read()

    @settings(
        max_examples=times, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
    )
    @given(st.integers(0, 2**48))
    def every(seed: int) -> None:
        luck = random.Random(seed)
        hit = luck.choice(case.files)
        inside = whole[hit][:2] == b"\x1f\x8b" and luck.random() < 0.7
        plain = gzip.decompress(whole[hit]) if inside else whole[hit]
        spoiled = (damaged if luck.random() < 0.6 else with_other_bytes)(plain, luck)
        hit.write_bytes(gzip.compress(spoiled, 1, mtime=0) if inside else spoiled)
        try:
            case.read()
        except BenchError as error:
            refused.append(str(error))
        finally:
            hit.write_bytes(whole[hit])

    every()
    assert len(refused) > 0.1 * times  # the damage is felt
    assert all(len(text) > 20 for text in refused)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", CASES)
def test_a_damaged_file_is_read_or_refused_in_words(name: str, tmp_path: Path, quiet: None) -> None:
    _fuzz(name, tmp_path, FEW)


@pytest.mark.full
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", CASES)
def test_many_damaged_files_are_read_or_refused_in_words(name: str, tmp_path: Path, quiet: None) -> None:
    _fuzz(name, tmp_path, MANY)
