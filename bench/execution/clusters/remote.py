"""Jobs for other machines: a stage as it is sent, how it is done there, and the reports that come back."""

from __future__ import annotations

import multiprocessing
import os
import platform
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from bench.core.errors import BenchError
from bench.engine.stopping import Stop
from bench.engine.tasks import Report, Task
from bench.execution.base import Limits, Stage, run_cell, skipped
from bench.execution.clusters.ticket import ClusterError, Ticket, difference
from bench.execution.isolation import kill_all, prepare

_LOOK_EVERY = 2.0  # seconds between looks at a ticket
Ending = tuple[str, Literal["ok", "failed", "timeout", "memory", "skipped"], str]


@dataclass(frozen=True, eq=False)
class Job:
    """A stage to do elsewhere."""

    ticket: Ticket
    stage: Stage
    limits: Limits


@dataclass(frozen=True)
class Done:
    """How the tasks of a job ended, and what stopped it if it did not come to the end."""

    endings: list[Ending]
    error: BenchError | None = None


def at_absolute_paths(stage: Stage) -> Stage:
    """Return a stage whose files are named in a way that does not depend on the working folder."""
    cell = stage.planned.cell
    reference, foreign = (path.absolute() if path else None for path in (cell.data.reference, cell.data.foreign))
    data = replace(cell.data, cohort=cell.data.cohort.absolute(), reference=reference, foreign=foreign)
    planned = replace(stage.planned, cell=replace(cell, store=cell.store.absolute(), data=data))
    return replace(stage, planned=planned)


def reports(tasks: Sequence[Task], done: Done) -> Iterator[Report]:
    """Yield the reports of a job that came back.

    Raises
    ------
    BenchError
        What stopped it.
    """
    by_key = {task.key: task for task in tasks}
    yield from (Report(by_key[key], status, reason) for key, status, reason in done.endings)
    if done.error:
        raise done.error


# -- on the other machine --------------------------------------------------------------------------------------------

_set_up: tuple[int, str] | None = None  # threads and device of this process and its children, once for all
_under_way: list[Path] = []  # the proofs of what this process does now


class _TicketStop(Stop):
    """The request to stop of the run that sent a job, read from its ticket."""

    def __init__(self, asked: Ticket) -> None:
        super().__init__()
        self._ticket = asked

    @property
    def asked(self) -> bool:
        return not self._ticket.wanted


def do_job(job: Job, before: Sequence[Done] = (), wanted: Callable[[], bool] = lambda: True) -> Done:
    """Do the tasks of a job here, unless the stage before it failed or nobody wants it any more.

    Parameters
    ----------
    before : how the stages before it ended
    wanted : whether who handed the job out still wants it, asked while its ticket is not to be seen
    """
    endings: list[Ending] = []
    try:
        set_up(job.ticket, wanted)
        if gone := _without_sample(job, before):
            return Done([(report.task.key, report.status, report.reason) for report in gone])
        with _stopped_with(job.ticket):
            coming = run_cell(job.stage.planned, job.stage.tasks, job.limits, _TicketStop(job.ticket))
            endings.extend((report.task.key, report.status, report.reason) for report in coming)
    except BenchError as error:
        return Done(endings, error)
    return Done(endings)


def _without_sample(job: Job, before: Sequence[Done]) -> list[Report]:
    """Return the reports of a job whose sample did not come about, if so."""
    samples = {task.key: task for task in job.stage.planned.tasks if task.step == "sample"}
    for key, status, reason in (ending for done in before for ending in done.endings):
        if status != "ok" and key in samples:
            return skipped(job.stage.tasks, Report(samples[key], status, reason))
    return []


@contextmanager
def _stopped_with(asked: Ticket) -> Iterator[None]:
    """Watch over work, and kill it once nobody waits for it; other runs that share this process are spared."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(_LOOK_EVERY):
            if asked.void and set(_under_way) == {asked.proof}:
                kill_all()

    _under_way.append(asked.proof)
    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()
        _under_way.remove(asked.proof)


def set_up(asked: Ticket, wanted: Callable[[], bool] = lambda: True) -> None:
    """Make this process ready for work, or say what it lacks.

    Raises
    ------
    ClusterError
        If the store is not there, or something here is of another version than asked.
    """
    global _set_up
    if problem := difference(asked, _set_up, wanted):
        raise ClusterError(f"{platform.node()} (process {os.getpid()}): {problem}")
    if _set_up is None:
        os.environ["BENCH_DEVICE"] = asked.device
        multiprocessing.current_process().daemon = False  # may have children; they die with it by themselves
        prepare(asked.threads)
        _set_up = asked.threads, asked.device
