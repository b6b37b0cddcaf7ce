"""A small run with generators that do something on the side, for the tests of where work is done."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd

from bench.datasets import Dataset
from bench.executors import Executor, Limits
from bench.folds import make_splits
from bench.plan import PlannedCell, Scope, plan_generators
from bench.registry import add_plugin_file
from bench.rows import IDENTITY
from bench.runner import Outcome, Watch, execute, pending
from bench.selection import choose
from bench.store import Store
from bench.types import Cohort

FOUR = Limits(4, 1, None)
# finds the process of the worker or job that this task's process comes from
ANCESTOR = """
def ancestor(word, pid=None):
    pid = pid or os.getpid()
    if word in Path(f"/proc/{pid}/cmdline").read_text():
        return pid
    return ancestor(word, int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1]))
"""
PLANTED = '''
import os, time
from dataclasses import dataclass
from pathlib import Path
from bench import generator

{ancestor}

@generator("{name}", gpus={gpus})
@dataclass(kw_only=True)
class Planted:
    """A generator that leaves marks."""

    def fit(self, cohort, *, rng):
        self.cohort_, folder = cohort, Path({folder!r})
        {body}
        return self

    def sample(self, n, *, rng):
        return self.cohort_.synthetic(self.cohort_.X[:n], self.cohort_.y[:n])
'''
# whoever is on the GPU has made the mark; whoever finds it made is there too many
ALONE = '(folder / "on_gpu").touch(exist_ok=False); {work}; (folder / "on_gpu").unlink()'
WAIT = "limit = time.monotonic() + 60\n        while not {ready}: assert time.monotonic() < limit; time.sleep(0.01)"


def toy_dataset(cohort: Cohort) -> Dataset:
    return Dataset("toy", "toy people", "label", cohort, None, False, "the tests")


def planted(folder: Path, name: str, body: str, gpus: int = 1) -> str:
    path = folder / f"{name}.py"
    path.write_text(PLANTED.format(name=name, body=body, gpus=gpus, folder=str(folder), ancestor=ANCESTOR))
    add_plugin_file(path)
    return name


def plan(
    dataset: Dataset, folder: Path, generators: str, folds: Sequence[int] = (1,), metrics: str = "mmd"
) -> tuple[Scope, list[PlannedCell]]:
    scope = Scope(dataset, make_splits(dataset.cohort, seed=42), Store(folder / "store").open())
    cells = plan_generators(scope, choose("generator", generators), choose("metric", metrics), choose("attack", "mc"))
    return scope, [cell for cell in cells if cell.cell.fold in folds]


def run(
    scope: Scope, cells: list[PlannedCell], executor: Executor, limits: Limits = FOUR, watch: Watch = lambda *_: None
) -> Outcome:
    return execute(cells, pending(cells, scope.store), scope.store, limits, watch, executor)


def numbers(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[rows["family"] != "cost"].drop(columns=["wall_s", "peak_mb"]).sort_values(IDENTITY, ignore_index=True)


def wait_for(there: Callable[[], object]) -> None:
    """Return once it is there; generous, since machines that test are busy."""
    limit = time.monotonic() + 120
    while not there():
        assert time.monotonic() < limit
        time.sleep(0.05)


def alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
