"""Whatever carries out a run, its rows are the same; few share the GPU, and nobody else waits for it."""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd
import pytest
from planted import ALONE, WAIT, generator
from runs import numbers, planned, run, toy_dataset

from bench import BenchError
from bench.cli.run import command
from bench.core.cohort import Cohort
from bench.core.errors import MissingExtraError
from bench.datasets import Dataset
from bench.execution import DaskCluster, Executor, Limits, LocalProcesses, Serial, SlurmArrays
from bench.execution.clusters.slurm_config import SlurmConfig
from bench.execution.runner import execute, pending

FOUR = Limits(4, 1)


@pytest.fixture(scope="session")
def dataset(toy_cohort: Cohort) -> Dataset:
    return toy_dataset(toy_cohort)


def test_one_process_gives_the_rows_that_child_processes_give(dataset: Dataset, tmp_path: Path) -> None:
    name = generator(tmp_path, "fails", fit="raise ValueError('no')")
    outcomes = []
    for executor in (LocalProcesses(), Serial()):
        scope, cells = planned(dataset, tmp_path / type(executor).__name__, f"multivariate,noise,{name}", (1, 2))
        outcomes.append(run(scope, cells, FOUR, executor))
    assert [outcome.lost for outcome in outcomes] == [6, 6]
    pd.testing.assert_frame_equal(*(numbers(outcome.rows) for outcome in outcomes), check_exact=True)


def test_a_time_limit_that_cannot_be_kept_is_refused(dataset: Dataset, tmp_path: Path) -> None:
    scope, cells = planned(dataset, tmp_path, "noise")
    with pytest.raises(BenchError, match="--timeout cannot be kept by --executor serial"):
        run(scope, cells, Limits(1, 1, 60), Serial())


def test_fits_queue_for_the_gpu(dataset: Dataset, tmp_path: Path) -> None:
    names = [generator(tmp_path, f"trains_{i}", fit=ALONE.format(work="time.sleep(0.05)"), gpus=1) for i in range(3)]
    scope, cells = planned(dataset, tmp_path, ",".join(names), folds=(1, 2))
    outcome = run(scope, cells, FOUR, LocalProcesses(gpu_jobs=1, has_gpu=lambda: True))
    assert set(outcome.rows["status"]) == {"ok"}


def test_cells_without_need_of_a_gpu_pass_those_that_wait(dataset: Dataset, tmp_path: Path) -> None:
    waits = WAIT.format(ready='(folder / "done").exists()')
    names = [generator(tmp_path, f"trains_{i}", fit=f"{waits}\n{ALONE.format(work='0')}", gpus=1) for i in range(3)]
    last = generator(tmp_path, "needs_none", fit='(folder / "done").touch()')
    scope, cells = planned(dataset, tmp_path, ",".join([*names, last]))
    outcome = run(scope, cells, Limits(2, 1, None), LocalProcesses(gpu_jobs=1, has_gpu=lambda: True))
    assert set(outcome.rows["status"]) == {"ok"}


def test_as_many_share_the_gpu_as_may(dataset: Dataset, tmp_path: Path) -> None:
    meet = '(folder / f"here_{id}").touch()\n' + WAIT.format(ready='len(list(folder.glob("here_*"))) == 2')
    names = [generator(tmp_path, f"meets_{i}", fit=meet.replace("{id}", str(i)), gpus=1) for i in range(2)]
    scope, cells = planned(dataset, tmp_path, ",".join(names))
    assert run(scope, cells, FOUR, LocalProcesses(gpu_jobs=2, has_gpu=lambda: True)).lost == 0


def test_a_failed_fit_frees_the_gpu_and_skips_what_needs_its_sample(dataset: Dataset, tmp_path: Path) -> None:
    names = [generator(tmp_path, f"fails_{i}", fit="raise ValueError('no')", gpus=1) for i in range(3)]
    scope, cells = planned(dataset, tmp_path, ",".join(names))
    outcome = run(scope, cells, FOUR, LocalProcesses(gpu_jobs=1, has_gpu=lambda: True))
    assert outcome.lost == 9
    assert set(outcome.rows[outcome.rows["measure"] == "mmd"]["reason"]) == {"no sample: ValueError: no"}


def test_without_a_gpu_or_with_device_cpu_nobody_waits(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    meet = '(folder / f"{tag}_{id}").touch()\n' + WAIT.format(ready='len(list(folder.glob("{tag}_*"))) == 2')
    for tag, device, has_gpu in (("a", "auto", False), ("b", "cpu", True)):
        monkeypatch.setenv("BENCH_DEVICE", device)
        bodies = [meet.replace("{id}", str(i)).replace("{tag}", tag) for i in range(2)]
        names = ",".join(generator(tmp_path, f"meets_{tag}{i}", fit=body, gpus=1) for i, body in enumerate(bodies))
        scope, cells = planned(dataset, tmp_path, names)
        executor = LocalProcesses(gpu_jobs=1, has_gpu=lambda has_gpu=has_gpu: has_gpu)
        assert run(scope, cells, FOUR, executor).lost == 0


def test_what_came_into_the_store_meanwhile_is_not_done_again(dataset: Dataset, tmp_path: Path) -> None:
    name = generator(tmp_path, "once", fit='(folder / "fitted").touch(exist_ok=False)')
    scope, cells = planned(dataset, tmp_path, name)
    todo = pending(cells, scope.store)
    for _ in range(2):
        outcome = execute(cells, todo, scope.store, Limits(1, 1, None), lambda *_: None)
        assert outcome.lost == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--scheduler", "tcp://a:1"], "--scheduler belongs to --executor dask, not to local"),
        (["--executor", "dask"], "--executor dask needs --scheduler ADDRESS"),
        (
            ["--executor", "dask", "--scheduler", "tcp://a:1", "--gpu-jobs", "2"],
            "--gpu-jobs belongs to --executor local",
        ),
        (["--executor", "serial", "--slurm-config", "x.yaml"], "--slurm-config belongs to --executor slurm"),
    ],
)
def test_options_that_belong_elsewhere_are_refused(options: list[str], words: str) -> None:
    with pytest.raises(BenchError, match=words):
        command.main([*options, "--dry-run"], standalone_mode=False)


@pytest.mark.parametrize(
    ("executor", "library", "extra"),
    [(DaskCluster("tcp://a:1"), "distributed", "dask"), (SlurmArrays(SlurmConfig()), "submitit", "slurm")],
)
def test_a_missing_extra_is_named(
    executor: Executor, library: str, extra: str, dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    scope, cells = planned(dataset, tmp_path, "noise")
    with pytest.raises(MissingExtraError, match=rf"omics-bench\[{extra}\]"):
        run(scope, cells, FOUR, executor)
