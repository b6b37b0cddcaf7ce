"""The main job: do what is missing from a plan, and let no failure stop the rest."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.core.errors import StoppedError
from bench.engine.plan import PlannedCell
from bench.engine.results import rows_of
from bench.engine.stopping import Stop
from bench.engine.tasks import Report
from bench.execution import Executor, Limits, LocalProcesses, Todo
from bench.store.rows import table
from bench.store.store import Store

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Done", "Limits", "Outcome", "Todo", "Watch", "do_tasks", "execute", "pending"]
Watch = Callable[[PlannedCell, Report], None]


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a run produced: the rows of its plan, and how many tasks were computed, kept and lost.

    `stopped` says why it ended before its time; it is empty otherwise.
    """

    rows: pd.DataFrame
    computed: int
    cached: int
    lost: int
    stopped: str = ""


def pending(plan: Sequence[PlannedCell], store: Store) -> Todo:
    """Return the cells that have tasks to do, with those tasks."""
    todo = [(planned, planned.missing(store)) for planned in plan]
    return [(planned, tasks) for planned, tasks in todo if tasks]


def execute(
    plan: Sequence[PlannedCell],
    todo: Todo,
    store: Store,
    limits: Limits,
    watch: Watch,
    executor: Executor | None = None,
) -> Outcome:
    """Do the missing tasks of a plan, as `pending` gives them, and return all its rows; failures are rows too.

    Without an executor, child processes on this machine do the work.

    Raises
    ------
    StoreError
        If results cannot be written; what was finished before is kept.
    StoppedError
        If the user or the cluster asked the run to stop.
    """
    done = do_tasks(plan, todo, store, limits, watch, executor)
    rows = table(row for planned in plan for row in rows_of(planned, store, done.reports))
    lost = len({r.task.key for r in done.reports.values() if r.lost})
    computed = sum(r.status == "ok" for r in done.reports.values())
    return Outcome(rows, computed, _total(plan) - len(done.reports), lost, done.stopped)


@dataclass(frozen=True, eq=False)
class Done:
    """How every task that was to be done ended, by its key, and why the work ended before its time, if it did."""

    reports: Mapping[str, Report]
    stopped: str = ""


def do_tasks(
    plan: Sequence[PlannedCell],
    todo: Todo,
    store: Store,
    limits: Limits,
    watch: Watch,
    executor: Executor | None = None,
) -> Done:
    """Do the missing tasks of a plan, as `execute` does, and leave their results in the store."""
    if todo:
        store.check_writable()
    reports: dict[str, Report] = {}
    stop = Stop()
    with stop.on_signals(), closing((executor or LocalProcesses()).run(todo, limits, stop)) as coming:
        for planned, report in coming:
            reports[report.task.key] = report
            watch(planned, report)
            if limits.max_failures and _failures(reports) >= limits.max_failures:
                stop.ask(f"{limits.max_failures} tasks failed (--max-failures)")
    if stop.signal is not None:
        raise StoppedError(stop.why, stop.signal, kept=_kept(plan, store), total=_total(plan))
    return Done(_not_started(todo, stop.why) | reports if stop.asked else reports, stop.why)


def _failures(reports: Mapping[str, Report]) -> int:
    return sum(report.lost and report.status != "skipped" for report in reports.values())


def _not_started(todo: Todo, why: str) -> dict[str, Report]:
    return {task.key: Report(task, "skipped", f"not started: {why}") for _, tasks in todo for task in tasks}


def _total(plan: Sequence[PlannedCell]) -> int:
    return len({task.key for planned in plan for task in planned.tasks})


def _kept(plan: Sequence[PlannedCell], store: Store) -> int:
    return sum(store.has(key) for key in {task.key for planned in plan for task in planned.tasks})
