"""Planted plugins, and tiny runs with them, that the tests of faults share."""

from __future__ import annotations

import textwrap
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
import pytest

from bench import Cohort
from bench.datasets import Dataset
from bench.folds import make_splits
from bench.plan import PlannedCell, Scope, plan_generators
from bench.registry import add_plugin_file
from bench.rows import IDENTITY
from bench.runner import Limits, Outcome, execute, pending
from bench.selection import choose
from bench.store import Store

_GENERATOR = '''
import ctypes, os, random, signal, subprocess, sys, time
from dataclasses import dataclass
from pathlib import Path
import numpy as np
from bench import generator

@generator("{name}")
@dataclass(kw_only=True)
class Planted:
    """A planted fault."""

    def fit(self, cohort, *, rng):
        self.cohort_ = cohort
        return self

    def sample(self, n, *, rng):
{body}
        return self.cohort_.synthetic(self.cohort_.X[:n], self.cohort_.y[:n])
'''
_METRIC = '''
import os, random, sys
from dataclasses import dataclass
import numpy as np
from bench import Measure, metric

@metric("{name}", family="fidelity", measures=(Measure("{name}"),))
@dataclass(kw_only=True)
class Planted:
    """A planted metric."""

    def __call__(self, train, holdout, synthetic, *, rng):
{body}
        return {{"{name}": value}}
'''


def generator(folder: Path, name: str, body: str) -> str:
    """Add a generator that does something before it returns the training people; return its name."""
    return _planted(_GENERATOR, folder, name, body)


def metric(folder: Path, name: str, body: str) -> str:
    """Add a metric whose body sets `value`; return its name."""
    return _planted(_METRIC, folder, name, body)


def _planted(template: str, folder: Path, name: str, body: str) -> str:
    path = folder / f"{name}.py"
    path.write_text(template.format(name=name, body=textwrap.indent(textwrap.dedent(body).strip(), " " * 8)))
    add_plugin_file(path)
    return name


def toy(cohort: Cohort) -> Dataset:
    """Return the toy cohort as a dataset."""
    return Dataset("toy", "toy people", "label", cohort, None, False, "the tests")


def scope_of(dataset: Dataset, folder: Path) -> Scope:
    """Return the scope of seed 42 with a store in the folder."""
    return Scope(dataset, make_splits(dataset.cohort, seed=42), Store(folder / "store").open())


def plan(
    scope: Scope, generators: str, folds: Sequence[int] = (1,), metrics: str = "mmd", attacks: str = "mc"
) -> list[PlannedCell]:
    """Return the cells of some folds."""
    cells = plan_generators(
        scope, choose("generator", generators), choose("metric", metrics), choose("attack", attacks)
    )
    return [cell for cell in cells if cell.cell.fold in folds]


def run(scope: Scope, cells: list[PlannedCell], limits: Limits | None = None) -> Outcome:
    """Do what is missing."""
    limits = limits or Limits(2, 1, 60)
    return execute(cells, pending(cells, scope.store), scope.store, limits, lambda *_: None)


def numbers(rows: pd.DataFrame) -> pd.DataFrame:
    """Return what must not depend on how a run was carried out."""
    return rows[rows["family"] != "cost"].drop(columns=["wall_s", "peak_mb"]).sort_values(IDENTITY, ignore_index=True)


def sample_row(rows: pd.DataFrame, name: str) -> pd.Series[str]:
    """Return the row that says how the sample of a generator came out."""
    return rows[(rows["generator"] == name) & (rows["measure"] == "n_synthetic")].iloc[0]


def alive(pid: int) -> bool:
    """Return whether a process runs, that is, is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def until(condition: Callable[[], object], what: str, seconds: float = 120) -> None:
    """Wait for a condition, or fail."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"waited {seconds:g} s for: {what}")
        time.sleep(0.02)
