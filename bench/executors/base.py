"""What every executor shares: its interface, its limits, and how one cell is done."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Protocol

from bench.isolation import run_isolated
from bench.plan import PlannedCell, unavailable
from bench.tasks import Report, Task

Todo = list[tuple[PlannedCell, list[Task]]]
Reports = Generator[tuple[PlannedCell, Report], None, None]


@dataclass(frozen=True)
class Limits:
    """How many cells run at once, on how many threads each, and how long a task may take (seconds; None: no limit)."""

    jobs: int
    threads: int
    timeout: float | None


class Executor(Protocol):
    """Does the tasks of cells somewhere."""

    def run(self, todo: Todo, limits: Limits) -> Reports:
        """Yield a report for every task, as they come; closing the iterator stops what is under way.

        Raises
        ------
        StoreError
            If results cannot be written; what was finished before is kept.
        """
        ...


def run_cell(planned: PlannedCell, tasks: list[Task], limits: Limits) -> Iterator[Report]:
    """Do tasks of one cell in child processes on this machine, within the limits; yield a report for each.

    `bench.isolation.prepare` was called in this process before.
    """
    reason = unavailable(planned) if any(task.step == "sample" for task in tasks) else None
    if reason:
        yield from (Report(task, "skipped", reason) for task in tasks)
    else:
        yield from run_isolated(planned.cell, tasks, timeout=limits.timeout)
