"""Runs the tasks of a cell in child processes, so that a plugin that hangs, crashes or eats memory harms nobody else.

Each generator gets a child of its own, which makes its peak memory its own too; the measures and attacks of a cell
share one, so that they share what they have in common. A child that overruns the time limit is killed with everything
it started, and the tasks after it go on in a new one.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from bench.errors import StoreError
from bench.stopping import Stop
from bench.tasks import Cell, Report, Task, run_tasks, set_threads

_live: set[int] = set()
_start = threading.Lock()
_BOOT = 60.0  # seconds a child may take before its first task starts; not counted against the task


def prepare(threads: int) -> None:
    """Set the threads of every child and load the common libraries once, in the process that children fork from."""
    set_threads(threads)
    os.environ["PYTHONSAFEPATH"] = "1"  # a folder called bench in the working folder must not hide this package
    multiprocessing.get_context("forkserver").set_forkserver_preload(["bench.tasks", "bench.preload"])


def run_isolated(cell: Cell, tasks: list[Task], *, timeout: float | None, stop: Stop) -> Iterator[Report]:
    """Do the tasks of a cell in order and yield a report for each; later tasks are skipped if the sample fails.

    Once `stop.asked`, the task under way finishes and no further one starts.

    Raises
    ------
    StoreError
        If a result cannot be written.
    """
    samples = [task for task in tasks if task.step == "sample"]
    others = [task for task in tasks if task.step != "sample"]
    for report in _run_all(cell, samples, timeout, stop):
        yield report
        if report.status != "ok":
            for task in others:
                yield Report(task, "skipped", f"no sample: {report.reason}")
            return
    yield from _run_all(cell, others, timeout, stop)


def _run_all(cell: Cell, tasks: list[Task], timeout: float | None, stop: Stop) -> Iterator[Report]:
    """Do the tasks in one child, or in another after each one that killed its child."""
    while tasks and not stop.asked:
        done = 0
        for report in _run_child(cell, tasks, timeout, stop):
            done += 1
            yield report
        assert done > 0, "a child that was started reports at least one task"
        tasks = tasks[done:]


def _run_child(cell: Cell, tasks: list[Task], timeout: float | None, stop: Stop) -> Iterator[Report]:
    """Yield a report for each task until one kills the child, or the run shall stop; that one is the last."""
    scratch = tempfile.mkdtemp(prefix="bench-task-")
    receiver, process = _spawn(cell, tasks, scratch)
    assert process.pid is not None
    current, finished = 0, 0
    deadline = None if timeout is None else time.monotonic() + timeout + _BOOT
    try:
        while finished < len(tasks):
            left = None if deadline is None else max(deadline - time.monotonic(), 0)
            if not receiver.poll(left):
                yield Report(tasks[current], "timeout", f"stopped after {timeout:g} s (--timeout)")
                return
            try:
                event, current, reason = receiver.recv()
            except EOFError:
                yield Report(tasks[current], "failed", _how_it_died(process))
                return
            if event == "start":
                deadline = None if timeout is None else time.monotonic() + timeout
            elif event == "store":
                raise StoreError(reason)
            else:
                finished += 1
                yield Report(tasks[current], event, reason)
                if stop.asked:
                    return
    finally:
        _kill(process.pid)
        process.kill()  # in case it had no group of its own yet
        receiver.close()
        process.join()
        _live.discard(process.pid)
        shutil.rmtree(scratch, ignore_errors=True)


def _spawn(cell: Cell, tasks: list[Task], scratch: str) -> tuple[Connection, Any]:
    context = multiprocessing.get_context("forkserver")
    receiver, sender = context.Pipe(duplex=False)
    lifeline, ours = context.Pipe(duplex=False)
    log = cell.store / "logs" / f"{cell.sample_key[:16]}.log"
    process = context.Process(target=_child, args=(cell, tasks, sender, lifeline, log, scratch))
    with _start:  # starting a process also polls its siblings, which must not happen twice at once
        process.start()
    sender.close()
    lifeline.close()
    process.lifeline = ours  # type: ignore[attr-defined]  # closed with this process, however it ends
    assert process.pid is not None
    _live.add(process.pid)
    return receiver, process


def _how_it_died(process: Any) -> str:
    process.join(5)
    code = process.exitcode
    if code is not None and code < 0:
        hint = "; it may have run out of memory" if code == -signal.SIGKILL else ""
        return f"the process died of {signal.Signals(-code).name}{hint}"
    return f"the process ended without a word (exit status {code})"


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def kill_all() -> None:
    """Stop every child and what it started, at once."""
    for pid in list(_live):
        _kill(pid)


# -- in the child ----------------------------------------------------------------------------------------------------


def _child(cell: Cell, tasks: list[Task], sender: Connection, lifeline: Connection, log: Path, scratch: str) -> None:
    os.setsid()  # a group of its own, so that the whole family can be stopped
    os.environ["TMPDIR"] = tempfile.tempdir = scratch  # a plugin that is killed leaves no temporary files
    threading.Thread(target=_die_with_parent, args=(lifeline,), daemon=True).start()
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a", buffering=1, encoding="utf-8") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
        sys.stdout = sys.stderr = file
        run_tasks(cell, tasks, lambda event, i, reason: sender.send((event, i, reason)))


def _die_with_parent(lifeline: Connection) -> None:
    with contextlib.suppress(EOFError, OSError):
        lifeline.recv_bytes()
    os.killpg(os.getpgid(0), signal.SIGKILL)
