"""A run can be asked to end: politely, at once, or after too many failures; and a killed run leaves no process behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from planted import generator
from runs import alive, plan, run, scope_of, toy_dataset, until

from bench import Cohort
from bench.core.cohort_file import write_npz
from bench.core.errors import StoppedError
from bench.execution import Executor, LocalProcesses, Serial
from bench.execution.runner import Limits, execute, pending

DRIVER = """
import logging, sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from runs import plan, scope_of, toy_dataset
from bench import read_cohort
from bench.core.errors import BenchError
from bench.registry.finding import add_plugin_file
from bench.execution.runner import Limits, execute, pending
folder = Path({folder!r})
for path in folder.glob("*.py"): add_plugin_file(path)
scope = scope_of(toy_dataset(read_cohort(folder / "toy.npz")), folder)
cells = plan(scope, sys.argv[1], folds=(1, 2, 3))
try:
    outcome = execute(cells, pending(cells, scope.store), scope.store, Limits(1, 1), lambda p, r: print(r.status, flush=True))
except BenchError as error:
    print(error)
    sys.exit(77)
print("the end", outcome.lost)
"""
WAITS = """
with open({mark!r}, 'a') as file: file.write(f'{{os.getpid()}}\\n')
if os.fork() == 0:
    os.setsid()
    with open({mark!r}, 'a') as file: file.write(f'{{os.getpid()}}\\n')
    while True: time.sleep(600)
while not os.path.exists({go!r}): time.sleep(0.02)
"""


class Driver:
    """A run in a process of its own whose first sample waits until it may go on."""

    def __init__(self, folder: Path, cohort: Cohort) -> None:
        self.mark, self.go = folder / "pids", folder / "go"
        self.name = generator(folder, "waits", WAITS.format(mark=str(self.mark), go=str(self.go)))
        write_npz(folder / "toy.npz", cohort)
        self.code = DRIVER.format(tests=str(Path(__file__).parents[1]), folder=str(folder))

    @contextmanager
    def run(self) -> Iterator[subprocess.Popen[str]]:
        command = [sys.executable, "-W", "error", "-c", self.code, self.name]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            try:
                until(lambda: len(self.pids()) == 2 or process.poll() is not None, "the sample to begin")
                yield process
            finally:
                process.kill()

    def pids(self) -> list[int]:
        return [int(line) for line in self.mark.read_text().split()] if self.mark.exists() else []


@pytest.fixture
def driver(tmp_path: Path, toy_cohort: Cohort) -> Driver:
    return Driver(tmp_path, toy_cohort)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_asked_once_a_run_finishes_what_is_under_way_and_says_what_is_kept(driver: Driver, number: int) -> None:
    with driver.run() as process:
        process.send_signal(number)
        assert process.stderr is not None
        while "no new task starts" not in (line := process.stderr.readline()):
            assert line, "it ended without waiting"
        driver.go.touch()
        out, _ = process.communicate(timeout=120)
    why = "Ctrl-C" if number == signal.SIGINT else "SIGTERM"
    assert out == f"ok\nStopped by {why}. 1 of 9 tasks are in the store and kept.\n"
    assert process.returncode == 77
    until(lambda: not any(map(alive, driver.pids())), "the end of the children")


def test_asked_twice_a_run_stops_at_once(driver: Driver) -> None:
    with driver.run() as process:
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        while "no new task starts" not in (line := process.stderr.readline()):
            assert line
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=120)
    assert "StoppedNow" in err  # a KeyboardInterrupt
    assert out == ""
    until(lambda: not any(map(alive, driver.pids())), "the end of the children")


def test_no_child_outlives_a_run_that_was_killed(driver: Driver) -> None:
    with driver.run() as process:
        process.kill()
        process.wait()
        assert len(driver.pids()) == 2
        until(lambda: not any(map(alive, driver.pids())), "the end of the children")


@pytest.mark.parametrize("executor", [LocalProcesses(), Serial()], ids=["local", "serial"])
def test_after_too_many_failures_no_task_starts_and_the_rows_say_so(
    toy_cohort: Cohort, tmp_path: Path, executor: Executor
) -> None:
    scope = scope_of(toy_dataset(toy_cohort), tmp_path)
    name = generator(tmp_path, "fails", "raise ValueError('no')")
    cells = plan(scope, f"noise,{name}", folds=(1, 2, 3, 4, 5))
    limits = Limits(1, 1, max_failures=2)
    outcome = execute(cells, pending(cells, scope.store), scope.store, limits, lambda *_: None, executor)
    assert outcome.stopped == "2 tasks failed (--max-failures)"
    rows = outcome.rows.drop_duplicates("key")
    assert (rows["status"] == "failed").sum() == 2
    late = rows[rows["reason"] == "not started: 2 tasks failed (--max-failures)"]
    assert set(late["status"]) == {"skipped"}
    assert {2, 3, 4, 5} >= set(late["fold"]) >= {4, 5}
    assert outcome.computed + outcome.cached + outcome.lost == 30
    resumed = run(scope, cells)
    assert (resumed.cached, resumed.computed) == (outcome.computed, 15 - outcome.computed)


def test_a_run_outside_the_main_thread_leaves_signals_alone(toy_cohort: Cohort, tmp_path: Path) -> None:
    scope, lost = scope_of(toy_dataset(toy_cohort), tmp_path), []
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=lambda: lost.append(run(scope, plan(scope, "noise")).lost))
    thread.start()
    thread.join()
    assert lost == [0]
    assert before == (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM))


def test_a_stopped_run_raises_with_what_is_kept(toy_cohort: Cohort, tmp_path: Path) -> None:
    scope = scope_of(toy_dataset(toy_cohort), tmp_path)
    cells = plan(scope, "noise", folds=(1, 2, 3))
    asked: list[None] = []

    def ask(*_: object) -> None:
        if not asked:  # to ask twice is to stop at once, and the next task may be under way already
            asked.append(os.kill(os.getpid(), signal.SIGTERM))

    with pytest.raises(StoppedError, match=r"[12] of 9 tasks are in the store and kept") as caught:
        execute(cells, pending(cells, scope.store), scope.store, Limits(1, 1), ask)
    assert caught.value.signal == signal.SIGTERM
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    sample = scope.store.read_sample(cells[0].cell.sample_key)
    assert sample is not None
    assert np.isfinite(sample.X).all()
