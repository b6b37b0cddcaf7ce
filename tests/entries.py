"""A good blue-team entry for the toy cohort, as the members of its zip file, and ways to spoil it."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from bench import Cohort
from bench.challenge.archive import RefusedError
from bench.challenge.blue_entry import read_submission
from bench.datasets import home
from bench.datasets.folds import make_splits, splits_yaml

SEED = 7
NAME = "blueteam_Tigers_toy.zip"
Members = dict[str, bytes]


@pytest.fixture
def data_home(toy_cohort: Cohort, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data home that holds the toy cohort as the dataset `toy`."""
    place = tmp_path / "home"
    place.mkdir()
    manifest = home.describe("toy", toy_cohort, None, title="Toy", label="kind", source="made up", files=[])
    home.store(place, manifest, toy_cohort, None)
    monkeypatch.setenv("BENCH_DATA_HOME", str(place))
    return place


@pytest.fixture
def members(toy_cohort: Cohort, data_home: Path) -> Members:
    """The members of a good entry for the dataset `toy`."""
    splits = make_splits(toy_cohort, seed=SEED)
    rng = np.random.default_rng(1)
    found = {
        "toy_splits.yaml": splits_yaml(splits).encode(),
        "config.yaml": yaml.safe_dump(config(), sort_keys=False).encode(),
        "environment.yaml": b"name: tigers\ndependencies: [python=3.11]\n",
        "blue_team.py": b"raise SystemExit('somebody ran me')\n",
    }
    for split in splits:
        X = split.train.X + rng.normal(size=split.train.X.shape)
        table = pd.DataFrame(X, columns=list(toy_cohort.genes))
        found[f"synthetic_data_split_{split.fold}.csv"] = table.to_csv(index=False).encode()
        labels = pd.DataFrame({"kind": split.train.y})
        found[f"synthetic_labels_split_{split.fold}.csv"] = labels.to_csv(index=False).encode()
    return found


def config(**changes: object) -> dict[str, object]:
    dataset = {
        "name": "toy",
        "count_file": "X.tsv",
        "annot_file": "y.csv",
        "sample_col_name": "samplesID",
        "subtype_col_name": "kind",
        "num_splits": 5,
        "random_seed": SEED,
    }
    folders = dict.fromkeys(("home", "meta", "processed_data", "data_save_dir", "split_save_dir"), ".")
    whole = {
        "dir_list": folders,
        "dataset_config": dataset,
        "generator_name": "claw",
        "generate": True,
        "train": True,
        "load_from_checkpoint": False,
        "claw_config": {"random_seed": SEED},
    }
    return {**whole, **changes}


def pack(folder: Path, members: Members, name: str = NAME) -> Path:
    path = folder / name
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as z:
        for member, content in members.items():
            z.writestr(member, content)
    return path


def refusal(path: Path) -> str:
    """Return why an entry is refused, one line per problem."""
    with pytest.raises(RefusedError) as caught:
        read_submission(path)
    assert all(len(problem) < 700 and "\n" not in problem for problem in caught.value.problems)
    return "\n".join(caught.value.problems)


def edit(name: str, old: bytes, new: bytes) -> Callable[[Members], Members]:
    def change(members: Members) -> Members:
        assert old in members[name]
        return {**members, name: members[name].replace(old, new, 1)}

    return change


def put(name: str, content: bytes) -> Callable[[Members], Members]:
    return lambda members: {**members, name: content}


def without(name: str) -> Callable[[Members], Members]:
    return lambda members: {n: c for n, c in members.items() if n != name}


def with_config(**changes: object) -> Callable[[Members], Members]:
    return put("config.yaml", yaml.safe_dump(config(**changes)).encode())


def cell(text: str, gene: int = 3, line: int = 5) -> Callable[[Members], Members]:
    def change(members: Members) -> Members:
        rows = members["synthetic_data_split_1.csv"].decode().splitlines()
        cells = rows[line - 1].split(",")
        cells[gene] = text
        rows[line - 1] = ",".join(cells)
        return {**members, "synthetic_data_split_1.csv": "\n".join(rows).encode()}

    return change


def label(text: bytes) -> Callable[[Members], Members]:
    return edit("synthetic_labels_split_1.csv", b"kind\n", b"kind\n" + text + b"\n")
