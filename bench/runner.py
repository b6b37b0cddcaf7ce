"""The main job: do what is missing from a plan, and let no failure stop the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from queue import SimpleQueue

import pandas as pd

from bench.isolation import kill_all, prepare, run_isolated
from bench.plan import PlannedCell, unavailable
from bench.rows import rows_of, table
from bench.store import Store
from bench.tasks import Report, Task

Todo = list[tuple[PlannedCell, list[Task]]]
Watch = Callable[[PlannedCell, Report], None]


@dataclass(frozen=True)
class Limits:
    """How many cells run at once, on how many threads each, and how long a task may take (seconds; None: no limit)."""

    jobs: int
    threads: int
    timeout: float | None


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a run produced: the rows of its plan, and how many tasks were computed, kept and lost."""

    rows: pd.DataFrame
    computed: int
    cached: int
    lost: int


def pending(plan: Sequence[PlannedCell], store: Store) -> Todo:
    """Return the cells that have tasks to do, with those tasks."""
    todo = [(planned, planned.missing(store)) for planned in plan]
    return [(planned, tasks) for planned, tasks in todo if tasks]


def execute(plan: Sequence[PlannedCell], todo: Todo, store: Store, limits: Limits, watch: Watch) -> Outcome:
    """Do the missing tasks of a plan, as `pending` gives them, and return all its rows; failures are rows too.

    Raises
    ------
    StoreError
        If results cannot be written; what was finished before is kept.
    """
    reports: dict[str, Report] = {}
    prepare(limits.threads)
    for planned, report in _run(todo, limits):
        reports[report.task.key] = report
        watch(planned, report)
    rows = table(row for planned in plan for row in rows_of(planned, store, reports))
    lost = len({r.task.key for r in reports.values() if r.status != "ok"})
    total = len({task.key for planned in plan for task in planned.tasks})
    computed = sum(r.status == "ok" for r in reports.values())
    return Outcome(rows, computed, total - computed - lost, lost)


def _run(todo: Todo, limits: Limits) -> Iterator[tuple[PlannedCell, Report]]:
    """Yield reports as they come; the threads only watch over child processes, which do the work."""
    reports: SimpleQueue[tuple[PlannedCell, Report] | Future[None]] = SimpleQueue()
    with ThreadPoolExecutor(limits.jobs) as pool:
        try:
            for planned, tasks in todo:
                future = pool.submit(_run_cell, planned, tasks, limits.timeout, reports)
                future.add_done_callback(reports.put)
            waiting = len(todo)
            while waiting:
                item = reports.get()
                if isinstance(item, Future):
                    item.result()  # raises what stopped the cell
                    waiting -= 1
                else:
                    yield item
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            kill_all()
            raise


def _run_cell(
    planned: PlannedCell,
    tasks: list[Task],
    timeout: float | None,
    reports: SimpleQueue[tuple[PlannedCell, Report] | Future[None]],
) -> None:
    reason = unavailable(planned) if any(task.step == "sample" for task in tasks) else None
    done = (
        [Report(task, "skipped", reason) for task in tasks]
        if reason
        else run_isolated(planned.cell, tasks, timeout=timeout)
    )
    for report in done:
        reports.put((planned, report))
