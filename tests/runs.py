"""Tiny runs that test files share: planned and done in this process, or by the command in a home of its own."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pandas as pd
import pytest

from bench import Cohort, cli
from bench.datasets import Dataset
from bench.datasets.folds import make_splits
from bench.datasets.known import providers
from bench.engine.plan import PlannedCell, Scope, plan_generators
from bench.execution import Executor, Limits
from bench.execution.runner import Outcome, Watch, execute, pending
from bench.registry import finding
from bench.registry.selection import choose
from bench.store.rows import IDENTITY
from bench.store.store import Store

TWO = Limits(2, 1, 60)


def toy_dataset(cohort: Cohort) -> Dataset:
    """Return a cohort as the dataset `toy`."""
    return Dataset("toy", "toy people", "label", cohort, None, False, "the tests")


# -- in this process ---------------------------------------------------------------------------------------------------


def scope_of(dataset: Dataset, folder: Path, seeds: Sequence[int] = (42,)) -> Scope:
    """Return a scope with a store in the folder."""
    splits = [split for seed in seeds for split in make_splits(dataset.cohort, seed=seed)]
    return Scope(dataset, splits, Store(folder / "store").open())


def plan(
    scope: Scope, generators: str, folds: Sequence[int] = (1,), metrics: str = "mmd", attacks: str = "mc"
) -> list[PlannedCell]:
    """Return the cells of some folds."""
    scoring = choose("metric", metrics), choose("attack", attacks)
    cells = plan_generators(scope, choose("generator", generators), *scoring)
    return [cell for cell in cells if cell.cell.fold in folds]


def planned(
    dataset: Dataset, folder: Path, generators: str, folds: Sequence[int] = (1,), metrics: str = "mmd"
) -> tuple[Scope, list[PlannedCell]]:
    """Return a scope with a store in the folder, and the cells of some folds."""
    scope = scope_of(dataset, folder)
    return scope, plan(scope, generators, folds, metrics)


def run(
    scope: Scope,
    cells: list[PlannedCell],
    limits: Limits = TWO,
    executor: Executor | None = None,
    watch: Watch = lambda *_: None,
) -> Outcome:
    """Do what is missing."""
    return execute(cells, pending(cells, scope.store), scope.store, limits, watch, executor)


def numbers(rows: pd.DataFrame) -> pd.DataFrame:
    """Return what must not depend on how a run was carried out."""
    return rows[rows["family"] != "cost"].drop(columns=["wall_s", "peak_mb"]).sort_values(IDENTITY, ignore_index=True)


def sample_row(rows: pd.DataFrame, name: str) -> pd.Series[str]:
    """Return the row that says how the sample of a generator came out."""
    return rows[(rows["generator"] == name) & (rows["measure"] == "n_synthetic")].iloc[0]


# -- by the command ----------------------------------------------------------------------------------------------------


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


def bench(folder: Path, *words: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command to its end in `folder`, in this process, which is afterwards as it was.

    The data home is in the folder unless the environment says otherwise. What is about the process itself (signals,
    imports, who is left behind) asks for `bench_program`.
    """
    out, err, status = io.StringIO(), io.StringIO(), 0
    with _another_process(folder, ["bench", *words], environment(folder) if env is None else env, out, err):
        try:
            cli.main()
        except SystemExit as ended:
            status = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    return subprocess.CompletedProcess(["bench", *words], status, out.getvalue(), err.getvalue())


@contextlib.contextmanager
def _another_process(
    folder: Path, argv: list[str], env: dict[str, str], out: io.StringIO, err: io.StringIO
) -> Iterator[None]:
    """Give this process the arguments, the working folder, the environment and the streams of another."""
    root = logging.getLogger()
    before = dict(os.environ), root.handlers[:], root.level
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(sys, "argv", argv)
        patch.setattr(finding, "_files", dict(finding._files))
        patch.setattr(providers, "_files", dict(providers._files))
        for name, module in list(sys.modules.items()):
            if name.startswith("bench.cli.") and hasattr(module, "console"):
                patch.setattr(module.console, "_width", int(env["COLUMNS"]) if "COLUMNS" in env else None)
        os.environ.clear()
        os.environ.update(env)
        root.handlers = []  # the command makes its own
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                yield
        finally:
            os.environ.clear()
            os.environ.update(before[0])
            root.handlers = before[1]
            root.setLevel(before[2])


def bench_program(folder: Path, *words: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command to its end in `folder`, as a program of its own; it takes seconds only to start."""
    return subprocess.run(
        [sys.executable, "-m", "bench", *words],
        cwd=folder,
        env=environment(folder) if env is None else env,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def small(*words: str) -> list[str]:
    """Return the words of a run that takes seconds."""
    fixed = "run --dataset toy --folds 1,2 --metrics mmd --attacks mc --threads 1 --jobs 1"
    return [*fixed.split(), *words]


# -- processes ---------------------------------------------------------------------------------------------------------


def alive(pid: int) -> bool:
    """Return whether a process runs, that is, is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def until(condition: Callable[[], object], what: str, seconds: float = 120) -> None:
    """Wait for a condition, generously, since machines that test are busy; or fail."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"waited {seconds:g} s for: {what}")
        time.sleep(0.02)
