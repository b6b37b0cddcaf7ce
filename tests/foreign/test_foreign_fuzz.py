"""Damaged releases of every format: read or refused in words, never a crash and never another error."""

from __future__ import annotations

import gzip
import random
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench import Cohort, DataError
from bench.datasets import Dataset
from bench.foreign.reader import Form, read_release

TOKENS = [
    b",",
    b"\n",
    b"\t",
    b'"',
    b"\xff",
    b"\x00",
    b"NA",
    b"inf",
    b"1e400",
    b"e4002969594",
    b"-",
    b"GENE1",
    b"kind",
    b"fold",
]
TOKENS += [b"a", b"=1+1", b";", b"\r", b"1_0", b"\xef\xbb\xbf", b"0x10", b"1,5"]


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    X = np.random.default_rng(0).normal(8, 2, size=(20, 6))
    names = tuple(f"s{i}" for i in range(20))
    cohort = Cohort(X=X, y=np.resize(["a", "b", "c"], 20), genes=tuple(f"GENE{i}" for i in range(6)), samples=names, units="vst")  # fmt: skip
    return Dataset("toy", "A toy", "kind", cohort, None, False, "made up")


def releases(dataset: Dataset, folder: Path) -> dict[str, bytes]:
    frame = pd.DataFrame(dataset.cohort.X + np.float32(0.1), columns=list(dataset.cohort.genes))
    table = frame.assign(kind=dataset.cohort.y)
    table.to_parquet(folder / "fold1.parquet")
    text = table.to_csv(index=False).encode()
    return {
        "fold1.csv": text,
        "fold1.tsv": table.assign(fold=1).to_csv(sep="\t").encode(),
        "fold1.txt": frame.T.to_csv(sep="\t").encode(),
        "fold1.csv.gz": gzip.compress(text, mtime=0),
        "fold1.parquet": (folder / "fold1.parquet").read_bytes(),
    }


def damaged(data: bytes, luck: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(luck.choice([1, 1, 2, 5])):
        at = luck.randrange(len(changed) + 1)
        kind = luck.randrange(4)
        if kind == 0:
            changed[at : at + luck.choice([0, 1, 3])] = luck.choice(TOKENS)
        elif kind == 1:
            del changed[at : at + luck.randrange(1, 200)]
        elif kind == 2:
            changed[at:at] = luck.randbytes(3)
        else:
            changed[at:at] = changed[: luck.randrange(300)]
    return bytes(changed)


def test_a_damaged_release_is_read_or_refused_in_words(dataset: Dataset, tmp_path: Path) -> None:
    whole, luck = releases(dataset, tmp_path), random.Random(4)
    read = refused = 0
    for _ in range(800):
        name = luck.choice(sorted(whole))
        path = tmp_path / name
        path.write_bytes(damaged(whole[name], luck))
        form = Form(
            labelled=luck.random() < 0.7, genes=luck.choice(["exact", "common"]), units=luck.choice([None, "vst"])
        )  # type: ignore[arg-type]
        try:
            release = read_release(path, dataset, form)
        except DataError:
            refused += 1
        else:
            read += 1
            assert all(np.isfinite(cohort.X).all() for cohort in release.given.values())
    assert refused > 500
    assert read > 5
