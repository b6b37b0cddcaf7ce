"""What every executor shares: its interface, its limits, and how one cell is done."""

from __future__ import annotations

import os
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Protocol

from bench.boundary.views import WITH_CODE
from bench.engine.plan import PlannedCell, unavailable
from bench.engine.stopping import Stop
from bench.engine.tasks import Report, Task, is_done
from bench.execution.guard import Bounds
from bench.execution.isolation import run_isolated
from bench.registry.resources import Resources
from bench.store.store import Store

Todo = list[tuple[PlannedCell, list[Task]]]
Reports = Generator[tuple[PlannedCell, Report], None, None]


@dataclass(frozen=True)
class Limits:
    """How much is done at once, and how much one task and one run may cost.

    Parameters
    ----------
    jobs, threads : cells at once, and threads of each
    timeout : seconds a task may take; None: no limit
    memory : GB a task may hold together with everything it started; None: no limit
    retries : how often a task is done again whose process was lost to no fault of its own
    max_failures : no new task starts after so many failed; None: no limit
    """

    jobs: int
    threads: int
    timeout: float | None = None
    memory: float | None = None
    retries: int = 2
    max_failures: int | None = None


class Executor(Protocol):
    """Does the tasks of cells somewhere."""

    def run(self, todo: Todo, limits: Limits, stop: Stop) -> Reports:
        """Yield a report for every task, as they come; closing the iterator stops what is under way.

        Once `stop.asked`, no new task starts; those under way finish, are reported, and the iterator ends.

        Raises
        ------
        StoreError
            If results cannot be written; what was finished before is kept.
        """
        ...

    def where(self, limits: Limits) -> str:
        """Return where the work is done, in words."""
        ...

    def preview(self, todo: Todo, limits: Limits) -> str:
        """Return what would be handed to somebody else's scheduler, for people to read; empty if nothing is."""
        ...


def run_cell(
    planned: PlannedCell, tasks: Sequence[Task], limits: Limits, stop: Stop | None = None
) -> Generator[Report, None, None]:
    """Do tasks of one cell in child processes on this machine, within the limits; yield a report for each.

    What came into the store since the run was planned is not done again. `bench.execution.isolation.prepare` was called
    in this process before. Without `stop` nothing asks it to end early.
    """
    reason = unavailable(planned) if any(task.step == "sample" for task in tasks) else None
    if reason:
        yield from (Report(task, "skipped", reason) for task in tasks)
        return
    store, bounds = Store(planned.cell.store), Bounds(limits.timeout, limits.memory)
    todo = []
    for task in tasks:
        if is_done(store, task):
            yield Report(task, "ok")
        else:
            todo.append(task)
    yield from run_isolated(planned.cell, todo, bounds, retries=limits.retries, stop=stop)


def resources(planned: PlannedCell) -> Resources:
    """Return what a cell asks of its machine; with ``--device cpu`` that is no GPU."""
    if planned.cell.maker is None:
        return Resources(gpus=0)
    asked = planned.cell.maker.plugin.resources
    return Resources(gpus=0).or_else(asked) if os.environ.get("BENCH_DEVICE") == "cpu" else asked


@dataclass(frozen=True, eq=False)
class Stage:
    """Tasks of one cell that are done together, and whether they keep a GPU busy."""

    planned: PlannedCell
    tasks: tuple[Task, ...]
    gpu: bool


def stages(planned: PlannedCell, tasks: Sequence[Task]) -> list[Stage]:
    """Return the tasks of a cell in the order they are done in; only what fits the generator holds a GPU.

    Those are the sample and the attacks that are given the generator's code or model.
    """
    if not resources(planned).gpus:
        return [Stage(planned, tuple(tasks), gpu=False)]
    fits = [t for t in tasks if t.step == "attack" and t.plugin.option("access") in WITH_CODE]
    samples = [t for t in tasks if t.step == "sample"]
    plain = [t for t in tasks if t not in samples and t not in fits]
    parts = ((samples, True), (plain, False), (fits, True))
    return [Stage(planned, tuple(part), gpu) for part, gpu in parts if part]


def skipped(tasks: Sequence[Task], sample: Report) -> list[Report]:
    """Return the reports of tasks whose sample did not come about."""
    return [Report(task, "skipped", f"no sample: {sample.reason}") for task in tasks]


def default_jobs(jobs: int | None, threads: int) -> int:
    """Return how many cells run at once: what was asked, or as many as the usable cores carry."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return jobs or max(cores // threads, 1)
