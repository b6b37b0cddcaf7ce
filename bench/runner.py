"""The main job: do what is missing from a plan, and let no failure stop the rest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass

import pandas as pd

from bench.executors import Executor, Limits, LocalProcesses, Todo
from bench.plan import PlannedCell
from bench.rows import rows_of, table
from bench.store import Store
from bench.tasks import Report

__all__ = ["Limits", "Outcome", "Todo", "Watch", "execute", "pending"]
Watch = Callable[[PlannedCell, Report], None]


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
    """
    reports: dict[str, Report] = {}
    with closing((executor or LocalProcesses()).run(todo, limits)) as coming:
        for planned, report in coming:
            reports[report.task.key] = report
            watch(planned, report)
    rows = table(row for planned in plan for row in rows_of(planned, store, reports))
    lost = len({r.task.key for r in reports.values() if r.lost})
    total = len({task.key for planned in plan for task in planned.tasks})
    computed = sum(r.status == "ok" for r in reports.values())
    return Outcome(rows, computed, total - len(reports), lost)
