"""Runs the tasks of a cell in child processes, so that a plugin that hangs, crashes or eats memory harms nobody else.

Each generator gets a child of its own, which makes its peak memory its own too; the measures and attacks of a cell
share one, so that they share what they have in common. A child is a guard with its worker (see
`bench.execution.guard`). A task that ends its worker is a report, and the tasks after it go on in a new one; a task
whose worker was lost to no fault of its own is done again.
"""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Iterable, Iterator
from multiprocessing.connection import Connection
from typing import Any

from bench.core.errors import StoreError
from bench.engine.stopping import Stop
from bench.engine.tasks import Cell, Report, Task, set_threads
from bench.execution.guard import Bounds, guard
from bench.execution.processes import kill_descendants
from bench.registry.declarations import PluginInfo
from bench.registry.digests import libraries_of

log = logging.getLogger(__name__)
# what many a plugin needs and takes long to import: done once, in the process that children are forked from
_PRELOADED = ("sklearn.decomposition", "sklearn.linear_model", "sklearn.metrics", "sklearn.neighbors")
_live: set[Connection] = set()  # the lifelines of all guards
_start = threading.Lock()
_GRACE = 10.0  # seconds in which a guard that was let go has killed everything and ended
# SIGKILL comes from the kernel that runs out of memory or from a person, SIGTERM from a cluster; no plugin asks for it
_FROM_OUTSIDE = (signal.SIGKILL, signal.SIGTERM)


class _LostError(Exception):
    """A child process ended through no fault of its task, for example killed from outside."""


def prepare(threads: int, plugins: Iterable[PluginInfo] | None = None) -> None:
    """Set the threads of every child and load the common libraries once, in the process that children fork from.

    Parameters
    ----------
    plugins : those that will run; None: any may. The libraries take seconds to load, and are where one needs them
    """
    set_threads(threads)
    os.environ["PYTHONSAFEPATH"] = "1"  # a folder called bench in the working folder must not hide this package
    wanted = plugins is None or any("sklearn" in libraries_of(info) for info in plugins)
    modules = ["bench.execution.guard", *(_PRELOADED if wanted else ())]
    multiprocessing.get_context("forkserver").set_forkserver_preload(modules)


def run_isolated(
    cell: Cell, tasks: list[Task], bounds: Bounds, *, retries: int = 0, stop: Stop | None = None
) -> Iterator[Report]:
    """Do the tasks of a cell in order and yield a report for each; later tasks are skipped if the sample fails.

    Once `stop.asked`, the task under way finishes and no further one starts.

    Raises
    ------
    StoreError
        If a result cannot be written.
    """
    stop = stop or Stop()
    samples = [task for task in tasks if task.step == "sample"]
    others = [task for task in tasks if task.step != "sample"]
    for report in _run_all(cell, samples, bounds, retries, stop):
        yield report
        if report.status != "ok":
            for task in others:
                yield Report(task, "skipped", f"no sample: {report.reason}")
            return
    yield from _run_all(cell, others, bounds, retries, stop)


def _run_all(cell: Cell, tasks: list[Task], bounds: Bounds, retries: int, stop: Stop) -> Iterator[Report]:
    """Do the tasks in one child, or in another after each one that lost its child."""
    tried = 0  # times that the first of the tasks was lost
    while tasks and not stop.asked:
        done, lost = 0, None
        try:
            for report in _run_child(cell, tasks, bounds, stop):
                done += 1
                yield report
        except _LostError as error:
            lost, tried = error, 1 if done else tried + 1
        tasks = tasks[done:]
        if lost is None:
            tried = 0
        elif tried <= retries:
            _wait(tasks[0], lost, 4.0 ** (tried - 1), stop)
        else:
            yield Report(tasks[0], "failed", str(lost) + (f" ({tried} times)" if tried > 1 else ""))
            tasks, tried = tasks[1:], 0


def _wait(task: Task, lost: _LostError, seconds: float, stop: Stop) -> None:
    log.warning("%s %s: %s; it is done again in %g s", task.step, task.plugin.name, lost, seconds)
    stop.wait(seconds)


def _run_child(cell: Cell, tasks: list[Task], bounds: Bounds, stop: Stop) -> Iterator[Report]:
    """Yield a report for each task until one ends the child or the run shall stop; that one is the last."""
    with _child(cell, tasks, bounds) as receiver:
        finished = 0
        while finished < len(tasks):
            try:
                event, current, reason = receiver.recv()
            except (EOFError, OSError) as error:
                raise _LostError("the process that watches over the task was lost") from error
            if event == "start":
                continue
            if event == "store":
                raise StoreError(reason)
            finished += 1
            yield Report(tasks[current], *((event, reason) if event != "died" else ("failed", _cause(int(reason)))))
            if stop.asked or event in ("died", "timeout", "memory"):
                return


def _cause(code: int) -> str:
    """Return why a worker ended, from its exit status; or raise what says that it was no fault of its own."""
    if -code in _FROM_OUTSIDE:
        hint = "; it may have run out of memory" if code == -signal.SIGKILL else ""
        raise _LostError(f"the process died of {signal.Signals(-code).name}{hint}")
    if code < 0:
        return f"the process died of {signal.Signals(-code).name}"
    return f"the process ended without a word (exit status {code})"


@contextlib.contextmanager
def _child(cell: Cell, tasks: list[Task], bounds: Bounds) -> Iterator[Connection]:
    """Yield what a new guard reports through; after the block it is gone with all it started."""
    context = multiprocessing.get_context("forkserver")
    receiver, sender = context.Pipe(duplex=False)
    theirs, lifeline = context.Pipe(duplex=False)
    scratch = tempfile.mkdtemp(prefix="bench-task-")
    process = context.Process(target=guard, args=(cell, tasks, bounds, scratch, sender, theirs))
    try:
        _begin(process)
        for end in (sender, theirs):
            end.close()  # so that only the guard holds them
        _live.add(lifeline)
        yield receiver
    finally:
        _live.discard(lifeline)
        for end in (receiver, sender, theirs, lifeline):
            end.close()
        _bury(process)
        shutil.rmtree(scratch, ignore_errors=True)


def _begin(process: Any) -> None:
    try:
        with _start:  # starting a process also polls its siblings, which must not happen twice at once
            process.start()
    except (OSError, EOFError) as error:  # what children are forked from was lost; the next start brings it back
        raise _LostError(f"no process could be started ({error})") from error


def _bury(process: Any) -> None:
    if process.pid is None:
        return
    process.join(_GRACE)
    if process.is_alive():
        kill_descendants(process.pid)
        process.kill()
        process.join()


def kill_all() -> None:
    """Stop every child and what it started, at once."""
    for lifeline in list(_live):
        with contextlib.suppress(OSError):
            lifeline.send_bytes(b"stop")
