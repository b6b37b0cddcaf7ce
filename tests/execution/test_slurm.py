"""A run on Slurm asks for what each generator needs, and goes on in another job when a job's time is up."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest
from planted import ANCESTOR, generator
from runs import alive, numbers, planned, run, toy_dataset, until

from bench import BenchError, DataError
from bench.core.cohort import Cohort
from bench.datasets import Dataset
from bench.engine.stopping import Stop
from bench.execution import Limits, LocalProcesses, SlurmArrays
from bench.execution.clusters.slurm_config import SlurmConfig, read_slurm_config
from bench.execution.runner import pending
from bench.registry.finding import add_plugin_file

TWO = Limits(2, 1)
LOCAL = SlurmConfig(cluster="local")
SHORT = SlurmConfig(cluster="local", requeues=1, defaults={"minutes": 5})  # too short to be called preempted
CONFIG = """
cluster: slurm
at_once: 7
defaults:
  partition: short
  account: lab
  memory_gb: 2
  setup: [module load python]
gpu: {partition: gpus, more: {licenses: big}}
generators:
  multivariate: {minutes: 5, memory_gb: 0.5}
"""
JOB = "ancestor('submitit.core._submit')"
COUNT = '(folder / "fits").open("a").write("fit\\n")'


SLOW_METRIC = '''
import os, time
from dataclasses import dataclass
from pathlib import Path
from bench import Measure, metric
ANCESTOR
@metric("slow_metric", family="fidelity", measures=(Measure("slowness"),))
@dataclass(kw_only=True)
class Slow:
    """Take longer than the first job's time."""

    def __call__(self, train, holdout, synthetic, *, rng):
        tries = Path("FOLDER") / "tries"
        tries.open("a").write("try\\n")
        if tries.read_text() == "try\\n":
            os.kill(JOB, 12)  # SIGUSR2: Slurm says that the time is nearly up
            time.sleep(600)
        return {"slowness": 1.0}
'''


@pytest.fixture(scope="session")
def dataset(toy_cohort: Cohort) -> Dataset:
    return toy_dataset(toy_cohort)


def config(folder: Path, text: str = CONFIG, name: str = "slurm.yaml") -> SlurmConfig:
    (folder / name).write_text(text)
    return read_slurm_config(folder / name)


def test_jobs_give_the_rows_of_one_machine(dataset: Dataset, tmp_path: Path) -> None:
    fails = generator(tmp_path, "fails", fit="raise ValueError('no')")
    outcomes = []
    for executor in (LocalProcesses(), SlurmArrays(LOCAL)):
        scope, cells = planned(dataset, tmp_path / type(executor).__name__, f"multivariate,{fails}")
        outcomes.append(run(scope, cells, Limits(1, 1), executor))  # one waits until the other has ended
    assert [outcome.lost for outcome in outcomes] == [3, 3]
    pd.testing.assert_frame_equal(*(numbers(outcome.rows) for outcome in outcomes), check_exact=True)
    assert list((scope.store.root / "slurm").iterdir()) == []


@pytest.mark.full
def test_a_job_whose_time_is_up_goes_on_in_another_and_does_nothing_twice(dataset: Dataset, tmp_path: Path) -> None:
    swift = generator(tmp_path, "swift", fit=COUNT)
    path = tmp_path / "slow_metric.py"
    path.write_text(SLOW_METRIC.replace("FOLDER", str(tmp_path)).replace("ANCESTOR", ANCESTOR).replace("JOB", JOB))
    scope, cells = planned(dataset, tmp_path, swift, metrics=f"mmd,{add_plugin_file(path).name}")
    outcome = run(scope, cells, TWO, SlurmArrays(SHORT))
    assert set(outcome.rows["status"]) == {"ok"}
    assert (tmp_path / "fits").read_text() == "fit\n"
    assert (tmp_path / "tries").read_text() == "try\n" * 2


@pytest.mark.full
def test_a_job_that_never_gets_done_in_its_time_is_a_row_with_advice(dataset: Dataset, tmp_path: Path) -> None:
    name = generator(tmp_path, "endless", fit=f"{COUNT}; os.kill({JOB}, 12); time.sleep(600)")
    scope, cells = planned(dataset, tmp_path, name)
    outcome = run(scope, cells, TWO, SlurmArrays(SHORT))
    assert set(outcome.rows["status"]) == {"timeout"}
    assert outcome.rows["reason"].str.contains("raise minutes or requeues").all()
    assert (tmp_path / "fits").read_text() == "fit\n" * 2


@pytest.mark.full
def test_a_job_that_is_killed_loses_only_what_it_had_not_finished(dataset: Dataset, tmp_path: Path) -> None:
    name = generator(tmp_path, "deadly", fit=f"os.kill({JOB}, 9); time.sleep(600)")
    scope, cells = planned(dataset, tmp_path, f"{name},noise")
    outcome = run(scope, cells, TWO, SlurmArrays(LOCAL))
    states = outcome.rows.groupby("generator")["status"].unique()
    assert states[name].tolist() == ["failed"]
    assert states["noise"].tolist() == ["ok"]
    assert outcome.rows["reason"].str.contains("brought nothing back").any()


@pytest.mark.full
def test_a_run_that_is_closed_cancels_its_jobs(dataset: Dataset, tmp_path: Path) -> None:
    body = f'(folder / "pid").write_text(str({JOB})); time.sleep(600)'
    scope, cells = planned(dataset, tmp_path, f"noise,{generator(tmp_path, 'hangs', fit=body)}")
    coming = SlurmArrays(LOCAL).run(pending(cells, scope.store), TWO, Stop())
    assert next(coming)[0].cell.generator == "noise"
    until((tmp_path / "pid").exists, "the task to begin")
    coming.close()
    until(lambda: not alive(int((tmp_path / "pid").read_text())), "the end of the task")
    assert not list((scope.store.root / "tickets").iterdir())


@pytest.mark.full
def test_a_run_that_is_asked_to_stop_submits_nothing_more(dataset: Dataset, tmp_path: Path) -> None:
    stop = Stop()
    scope, cells = planned(dataset, tmp_path, generator(tmp_path, "counts", fit=COUNT), (1, 2, 3, 4, 5))
    for _, report in SlurmArrays(LOCAL).run(pending(cells, scope.store), Limits(1, 1), stop):
        stop.ask("the test")
        assert report.status == "ok"
    assert len((tmp_path / "fits").read_text().splitlines()) < 5


def test_the_script_asks_for_what_file_and_decorator_say(dataset: Dataset, tmp_path: Path) -> None:
    trains = generator(tmp_path, "trains", gpus=2)
    scope, cells = planned(dataset, tmp_path, f"multivariate,noise,{trains}", (1, 2))
    text = SlurmArrays(config(tmp_path)).preview(pending(cells, scope.store), Limits(1, 3))
    first, second, third = re.split(r"(?=#!/bin/bash)", text)[1:]
    for script, expected in (
        (first, ["--partition=short", "--time=5", "--mem=500M", "--array=0-1%2", "--cpus-per-task=3"]),
        (second, ["--partition=short", "--time=60", "--mem=2000M", "--account=lab", "module load python", "--requeue"]),
        (third, ["--partition=gpus", "--gpus-per-node=2", "--licenses=big", "# 2 jobs: trains fold 1 seed 42; trains"]),
    ):
        assert [line for line in expected if line not in script] == []
    assert "gpus" not in first + second


def test_a_generator_can_be_kept_off_the_gpu(dataset: Dataset, tmp_path: Path) -> None:
    scope, cells = planned(dataset, tmp_path, "cvae")
    text = SlurmArrays(config(tmp_path, f"{CONFIG}  cvae: {{gpus: 0}}\n")).preview(pending(cells, scope.store), TWO)
    assert "gpu" not in text
    assert "--mem=4000M" in text  # the decorator's, not the default


def test_device_cpu_asks_for_no_gpu(dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_DEVICE", "cpu")
    scope, cells = planned(dataset, tmp_path, generator(tmp_path, "trains", gpus=2))
    text = SlurmArrays(config(tmp_path)).preview(pending(cells, scope.store), TWO)
    assert "gpu" not in text
    assert "--partition=short" in text


def test_toml_says_the_same_as_yaml(tmp_path: Path) -> None:
    toml = """
cluster = "slurm"
at_once = 7
[defaults]
partition = "short"
account = "lab"
memory_gb = 2
setup = ["module load python"]
[gpu]
partition = "gpus"
more = {licenses = "big"}
[generators.multivariate]
minutes = 5
memory_gb = 0.5
"""
    assert config(tmp_path, toml, "slurm.toml") == config(tmp_path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("clustre: slurm", "says 'clustre'.*Did you mean 'cluster'"),
        ("cluster: pbs", "cluster is 'pbs'; expected 'slurm' or 'local'"),
        ("at_once: many", "at_once is 'many'; expected a whole number"),
        ("defaults: {partitoin: x}", "defaults: 'partitoin' is not known.*Did you mean 'partition'"),
        ("gpu: {gpus: 0.5}", "gpu: gpus=0.5; expected a whole number"),
        ("defaults: {minutes: long}", "defaults: minutes='long'; expected a number above 0"),
        ("defaults: {setup: module}", "setup is 'module'; expected a list"),
        ("defaults: {partition: 3}", "partition is 3; expected text"),
        ("generators: {multivariat: {minutes: 5}}", "there is no generator 'multivariat'. Did you mean 'multivariate'"),
        ("generators: [cvae]", "expected a section for each generator"),
        ("- a", "holds no sections"),
        ("a: [", "cannot be read"),
    ],
)
def test_a_file_that_says_something_unknown_is_refused(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(DataError, match=words):
        config(tmp_path, text)


def test_a_file_that_is_not_there_or_of_no_known_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        read_slurm_config(tmp_path / "none.yaml")
    with pytest.raises(DataError, match=r"expected .toml, .yaml or .yml"):
        config(tmp_path, "", "slurm.ini")


def test_without_slurm_a_run_says_so(dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    scope, cells = planned(dataset, tmp_path, "noise")
    with pytest.raises(BenchError, match="there is no Slurm on this machine"):
        run(scope, cells, TWO, SlurmArrays(SlurmConfig()))
