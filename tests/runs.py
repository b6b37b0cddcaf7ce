"""Tiny runs that several test files share: a dataset in a home of its own, planned and done here or by the command."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd

from bench import Cohort
from bench.datasets import Dataset
from bench.folds import make_splits
from bench.plan import PlannedCell, Scope, plan_generators
from bench.selection import choose
from bench.store import Store


def toy_dataset(cohort: Cohort) -> Dataset:
    """Return a cohort as the dataset `toy`."""
    return Dataset("toy", "toy people", "label", cohort, None, False, "the tests")


def planned(dataset: Dataset, folder: Path, generators: str, folds: tuple[int, ...] = (1, 2)) -> list[PlannedCell]:
    """Return the cells of a small plan on a store in `folder`."""
    scope = Scope(dataset, make_splits(dataset.cohort, seed=42), Store(folder / "store").open())
    cells = plan_generators(scope, choose("generator", generators), choose("metric", "mmd"), choose("attack", "mc"))
    return [cell for cell in cells if cell.cell.fold in folds]


def make_home(folder: Path, cohort: Cohort) -> None:
    """Import a cohort as the dataset `toy` into the data home `folder/home`."""
    (folder / "home").mkdir()
    X = pd.DataFrame(cohort.X.T, index=list(cohort.genes), columns=list(cohort.samples))
    X.to_csv(folder / "X.tsv", sep="\t", index_label="gene")
    pd.DataFrame({"samplesID": cohort.samples, "kind": cohort.y}).to_csv(folder / "y.csv", index=False)
    words = "data import toy --counts X.tsv --labels y.csv --label-column kind --units vst"
    done = bench(folder, *words.split())
    assert done.returncode == 0, done.stderr


def environment(folder: Path) -> dict[str, str]:
    """Return the environment of a command that works in `folder`."""
    return {**os.environ, "BENCH_DATA_HOME": str(folder / "home"), "COLUMNS": "200"}


def bench(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end in `folder`."""
    return subprocess.run(
        [sys.executable, "-m", "bench", *words],
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def small(*words: str) -> list[str]:
    """Return the words of a run that takes seconds."""
    fixed = "run --dataset toy --folds 1,2 --metrics mmd --attacks mc --threads 1 --jobs 1"
    return [*fixed.split(), *words]
