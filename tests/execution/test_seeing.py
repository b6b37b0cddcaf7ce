"""A plan says what it will take, a run shows how far it is, and another terminal sees it, alive or dead."""

from __future__ import annotations

import io
import json
import math
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console
from runs import bench, environment, make_home, planned, small, toy_dataset

from bench import Cohort
from bench.cli.plan_table import show_plan
from bench.core.formatting import duration, size
from bench.engine.costs import Costs, Work, learn, makespan, work_of
from bench.engine.plan import PlannedCell
from bench.engine.progress import Tracker
from bench.engine.results import rows_of
from bench.engine.tasks import Report, Task
from bench.execution.display import RunProgress
from bench.execution.runner import Limits, execute, pending
from bench.store.heartbeat import SILENT, Heartbeat, runs_seen
from bench.store.rows import table, write_rows
from bench.store.store import Store

DATA = {"data": {"samples": 60, "genes": 16}}
WAITING = '''
import time
from dataclasses import dataclass
from pathlib import Path
from bench import generator

@generator("waiting")
@dataclass(kw_only=True)
class Waiting:
    """Wait for a file."""

    def fit(self, cohort, *, rng):
        Path({begun!r}).touch()
        while not Path({go!r}).exists():
            time.sleep(0.02)
        self.cohort_ = cohort
        return self

    def sample(self, n, *, rng):
        return self.cohort_.synthetic(self.cohort_.X[:n], self.cohort_.y[:n])
'''


def task_of(cell: PlannedCell, step: str) -> Task:
    return next(task for task in cell.tasks if task.step == step)


def known(*works: Work, wall_s: float = 10.0, **sizes: int) -> Costs:
    costs = Costs({name.replace("_", " "): n for name, n in sizes.items()})
    for work in works:
        costs.add(work, wall_s, 100.0)
    return costs


def test_the_nearest_earlier_run_says_what_a_task_takes(toy_cohort: Cohort, tmp_path: Path) -> None:
    cell = planned(toy_dataset(toy_cohort), tmp_path, "multivariate[noise=0.25]", folds=(1, 2))[1][0]
    sample, metric = task_of(cell, "sample"), task_of(cell, "metric")
    same, other = work_of(cell, sample), work_of(cell, sample)._replace(params="noise=0.1")
    assert known(same).of(cell, sample) == (10.0, 100.0, "other folds")
    assert known(other).of(cell, sample) == (10.0, 100.0, "other parameters")
    both = known(other)
    both.add(same, 4.0, 50.0)
    both.add(same, 6.0, 70.0)
    assert both.of(cell, sample) == (5.0, 70.0, "other folds")
    stranger = work_of(cell, metric)._replace(generator="smote", params="")
    assert known(stranger).of(cell, metric) == (10.0, 100.0, "other generators")
    assert known(work_of(cell, sample)._replace(plugin="smote", generator="smote")).of(cell, sample) is None


def test_another_cohort_is_scaled_by_its_size_and_says_so(toy_cohort: Cohort, tmp_path: Path) -> None:
    cell = planned(toy_dataset(toy_cohort), tmp_path, "multivariate", folds=(1, 2))[1][0]
    sample = task_of(cell, "sample")
    work = work_of(cell, sample)
    costs = known(work._replace(dataset="small"), toy=960, small=480, large=96000)
    costs.add(work._replace(dataset="large"), 5.0, 10.0)
    assert costs.of(cell, sample) == (20.0, 200.0, "small, scaled")  # the nearest in size, not the first
    assert known(work._replace(dataset="small")).of(cell, sample) is None  # sizes unknown: no number is made up


def test_lost_work_teaches_nothing(toy_cohort: Cohort, tmp_path: Path) -> None:
    cell = planned(toy_dataset(toy_cohort), tmp_path, "multivariate", folds=(1, 2))[1][0]
    sample = task_of(cell, "sample")
    assert known(work_of(cell, sample), wall_s=math.nan).of(cell, sample) is None


def test_a_plan_learns_from_rows_and_from_a_run_that_was_cut_off(toy_cohort: Cohort, tmp_path: Path) -> None:
    cells = planned(toy_dataset(toy_cohort), tmp_path, "multivariate", folds=(1, 2))[1]
    store = Store(tmp_path / "store")
    for task in cells[0].tasks:
        body = {"metric": {"values": {m.name: 0.5 for m in task.plugin.measures}}, "sample": {"n": 1, "claim": None}}
        cost = {"wall_s": 7.0, "peak_mb": 80.0}
        store.write(task.key, {**body.get(task.step, {"readings": [["auc", 0.5, 0.4, 0.6]]}), **cost})
    learnt = learn(cells, store)
    assert [learnt.of(cells[1], task) for task in cells[1].tasks] == [(7.0, 80.0, "other folds")] * 3
    write_rows(tmp_path / "rows/toy.csv", table(rows_of(cells[0], store, {})), DATA)
    for task in cells[0].tasks:
        store.path(task.key, ".json").unlink()
    learnt = learn(cells, store)
    assert [learnt.of(cells[1], task) for task in cells[1].tasks] == [(7.0, 80.0, "other folds")] * 3
    larger = replace(cells[1], cell=replace(cells[1].cell, dataset="twice"))
    learnt = learn(cells, store, {"twice": (2 * 60, 16)})
    assert learnt.of(larger, cells[1].tasks[0]) == (14.0, 160.0, "toy, scaled")


def test_the_time_of_a_whole_is_that_of_its_longest_queue() -> None:
    assert makespan([], 3) == 0
    assert makespan([4, 1, 1, 1], 1) == 7
    assert makespan([4, 1, 1, 1], 2) == 4
    assert makespan([1, 1, 1, 4], 2) == 5  # in this order


def shown(cells: list[PlannedCell], costs: Costs, store: Store) -> str:
    buffer = io.StringIO()
    show_plan(cells, pending(cells, store), costs, 2, Console(file=buffer))
    return buffer.getvalue()


def test_the_table_of_a_plan_counts_and_adds_up_and_makes_up_no_number(toy_cohort: Cohort, tmp_path: Path) -> None:
    cells = planned(toy_dataset(toy_cohort), tmp_path, "multivariate[noise=0.25],noise", folds=(1, 2))[1]
    store = Store(tmp_path / "store")
    text = shown(cells, Costs(), store)
    assert "No earlier run says how long this takes." in text
    lines = {line.split()[0]: line.split() for line in text.splitlines() if "noise" in line}
    assert lines["multivariate[noise=0.25]"][1:] == ["6", "0", "6", "unknown", "unknown"]
    works = [work_of(cells[0], task) for task in cells[0].tasks]
    text = shown(cells, known(*works, wall_s=60.0), store)
    lines = {line.split()[0]: line.split() for line in text.splitlines() if "noise" in line}
    assert lines["multivariate[noise=0.25]"][4:8] == ["6", "min", "100", "MB"]
    assert " ".join(lines["noise"][4:]) == "4 min, 2 unknown 100 MB other generators"
    assert "At least 5 min and up to 200 MB with 2 at once; 2 tasks are unknown and not in it." in text


def test_the_time_left_follows_what_the_run_itself_finds(toy_cohort: Cohort, tmp_path: Path) -> None:
    cells = planned(toy_dataset(toy_cohort), tmp_path, "multivariate", folds=(1, 2))[1]
    store = Store(tmp_path / "store")
    tracker = Tracker(cells, pending(cells, store), store, Costs(), jobs=1)
    assert tracker.left_s() is None
    works = [work_of(cells[0], task) for task in cells[0].tasks]
    expected = known(*works, wall_s=50.0)
    tracker = Tracker(cells, pending(cells, store), store, expected, jobs=1)
    assert tracker.left_s() == pytest.approx(300.0)
    for task in cells[0].tasks:
        store.write(task.key, {"wall_s": 1.0, "peak_mb": 10.0})
        tracker.note(cells[0], Report(task, "ok"))
    assert tracker.left_s() == pytest.approx(3.0)  # three tasks of the other fold, at a second each
    assert tracker.running() == ["multivariate fold 2 seed 42: multivariate"]
    tracker.note(cells[1], Report(cells[1].tasks[0], "failed", "bad luck"))
    assert vars(tracker.total()) == {"planned": 6, "stored": 0, "done": 3, "lost": 1}
    assert tracker.total().left == 2


def test_a_run_on_a_terminal_shows_bars_and_elsewhere_lines(toy_cohort: Cohort, tmp_path: Path) -> None:
    for terminal in (True, False):
        buffer = io.StringIO()
        console = Console(file=buffer, force_terminal=terminal, width=120)
        folder = tmp_path / str(terminal)
        cells = planned(toy_dataset(toy_cohort), folder, "multivariate,noise")[1]
        store = Store(folder / "store")
        todo = pending(cells, store)
        with RunProgress(cells, todo, store, 1, console) as progress:
            outcome = execute(cells, todo, store, Limits(1, 1, 60), progress)
        assert outcome.lost == 0
        assert ("6/6  < 1 s left" in buffer.getvalue()) == terminal
        assert ("[6/6] noise fold 1 seed 42: mc ok" in buffer.getvalue()) == (not terminal)
        assert [run.state for run in runs_seen(store)] == ["finished"]
        assert runs_seen(store)[0].claims() == frozenset()


def test_an_interrupted_run_is_stopped_and_keeps_its_keys(toy_cohort: Cohort, tmp_path: Path) -> None:
    cells = planned(toy_dataset(toy_cohort), tmp_path, "multivariate")[1]
    store = Store(tmp_path / "store")
    with (
        pytest.raises(KeyboardInterrupt),
        RunProgress(cells, pending(cells, store), store, 1, Console(file=io.StringIO())),
    ):
        raise KeyboardInterrupt
    (run,) = runs_seen(store)
    assert run.state == "stopped"
    assert run.claims() >= {task.key for task in cells[0].tasks}


def test_a_run_elsewhere_is_silent_after_a_while(tmp_path: Path) -> None:
    store = Store(tmp_path).open()
    heart = Heartbeat(store, {"argv": ["bench"], "dataset": "toy"}, lambda: {"counts": {}})
    heart.start([])
    (path,) = (tmp_path / "status").glob("*.json")
    facts = json.loads(path.read_text())
    assert runs_seen(store)[0].state == "running"
    heart.stop("finished")
    for age, state in ((5, "running"), (SILENT + 60, "silent")):
        then = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(time.time() - age))
        path.write_text(json.dumps({**facts, "host": "elsewhere", "updated": then}))
        assert runs_seen(store)[0].state == state
    path.write_text(json.dumps({**facts, "born": 1}))  # the number of the process now belongs to another
    assert runs_seen(store)[0].state == "dead"
    path.write_text("{")
    assert runs_seen(store) == []


def test_a_store_that_takes_no_heartbeat_stops_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "status").write_text("in the way")
    heart = Heartbeat(Store(tmp_path), {}, dict)
    heart.start(["ab"])
    heart.stop("finished")
    assert caplog.text.count("cannot follow this run") == 1


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not true():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.02)


def n_done(store: Store) -> int:
    return sum(count["done"] for run in runs_seen(store) for count in run.facts["counts"].values())


def test_another_terminal_sees_a_run_alive_then_killed_then_finished(toy_cohort: Cohort, tmp_path: Path) -> None:
    make_home(tmp_path, toy_cohort)
    begun, go = tmp_path / "begun", tmp_path / "go"
    (tmp_path / "waiting.py").write_text(WAITING.format(begun=str(begun), go=str(go)))
    assert bench(tmp_path, *small("--generators", "noise", "--folds", "1")).returncode == 0  # else `waiting` goes first
    words = small("--generators", "noise,waiting", "--plugin", "waiting.py", "--folds", "1")
    command = [sys.executable, "-m", "bench", *words]
    with subprocess.Popen(command, cwd=tmp_path, env=environment(tmp_path), stderr=subprocess.DEVNULL) as process:
        wait_until(lambda: begun.exists() and n_done(Store(tmp_path / "results/store")) == 3)
        alive = bench(tmp_path, "status")
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert "running: bench run --dataset toy" in alive.stdout, alive.stderr
    assert "6 tasks: 3 were in the store, 0 done, 0 lost, 3 left" in alive.stdout
    assert "now: waiting fold 1 seed 42: waiting" in alive.stdout
    killed = bench(tmp_path, "status")
    assert "dead: bench run --dataset toy" in killed.stdout
    assert f"process {process.pid} on" in killed.stdout
    assert "killed: its process is gone" in killed.stdout
    go.touch()
    assert bench(tmp_path, *words).returncode == 0
    states = json.loads(bench(tmp_path, "status", "--json").stdout)
    assert [run["state"] for run in states] == ["finished", "dead", "finished"]
    assert "6 tasks: 3 were in the store, 3 done, 0 lost" in bench(tmp_path, "status").stdout


def test_status_without_a_store_says_so(tmp_path: Path) -> None:
    done = bench(tmp_path, "status")
    assert done.returncode == 2
    assert "there is no result store in results" in done.stderr
    assert not (tmp_path / "results").exists()


def test_a_dry_run_lists_every_task_for_programs(toy_cohort: Cohort, tmp_path: Path) -> None:
    make_home(tmp_path, toy_cohort)
    assert bench(tmp_path, *small("--generators", "noise", "--folds", "1")).returncode == 0
    (tmp_path / "waiting.py").write_text(WAITING.format(begun="begun", go="go"))
    chosen = ("--plugin", "waiting.py", "--generators", "noise,multivariate,waiting")
    done = bench(tmp_path, *small(*chosen, "--dry-run", "--verbose"))
    header, *lines = (line.split("\t") for line in done.stdout.splitlines())
    tasks = [dict(zip(header, line, strict=True)) for line in lines]
    assert len(tasks) == 15
    of_noise = [task for task in tasks if task["generator"] == "noise"]
    assert {task["learned_from"] for task in of_noise} == {"other folds"}
    assert float(of_noise[0]["wall_s"]) > 0
    samples = {t["generator"]: (t["wall_s"], t["learned_from"]) for t in tasks if t["step"] == "sample"}
    assert samples["multivariate"][1] == "shipped estimate"
    assert samples["waiting"] == ("", "")


def test_times_and_sizes_are_written_for_people() -> None:
    times = [duration(s) for s in (None, 0.2, 8.4, 59.6, 3599, 7500, 3600 * 49)]
    assert times == ["unknown", "< 1 s", "8 s", "1 min", "1 h", "2 h 5 min", "2 d 1 h"]
    assert [size(n) for n in (12, 3456, 12_300_000, 4.2e9, 5e12)] == ["12 B", "3.5 kB", "12 MB", "4.2 GB", "5.0 TB"]
