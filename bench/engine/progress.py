"""Counts a run as it goes: what is done, what is under way and how long the rest will take.

The clock of this run decides, not that of the earlier runs that the estimates come from: they only say how much of the
work is done. What this run itself took for the same work on other folds replaces them.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from bench.core.secret_seeds import shown_seed
from bench.engine.costs import Costs, Todo, makespan, work_of
from bench.engine.plan import PlannedCell, label_of
from bench.engine.tasks import Report, Task
from bench.store.store import Store

_LEAST = 2.0  # seconds of a run before its own speed says anything


@dataclass
class Count:
    """How many tasks of one generator are planned, were there before, went well, and were lost."""

    planned: int = 0
    stored: int = 0
    done: int = 0
    lost: int = 0

    @property
    def left(self) -> int:
        """The tasks that have still to be done."""
        return self.planned - self.stored - self.done - self.lost


def place_of(planned: PlannedCell) -> str:
    """Return the generator, fold (of an audit: training) and seed of a cell in words."""
    what = "training" if planned.cell.audit else "fold"
    return f"{label_of(planned)} {what} {planned.cell.fold} seed {shown_seed(planned.cell.seed)}"


class Tracker:
    """The counts of a run per generator; safe to read from another thread."""

    def __init__(self, plan: Sequence[PlannedCell], todo: Todo, store: Store, costs: Costs, jobs: int) -> None:
        self._lock, self._store, self._jobs = threading.RLock(), store, jobs
        self._left = {id(planned): (planned, list(tasks)) for planned, tasks in todo}
        self._expected = {t.key: c.wall_s for p, tasks in todo for t in tasks if (c := costs.of(p, t))}
        self._own, self._begun = Costs(), set[int]()
        self._work_done, self._began = 0.0, time.monotonic()
        self.counts: dict[str, Count] = {}
        for planned in plan:
            missing = len(self._left[id(planned)][1]) if id(planned) in self._left else 0
            count = self.counts.setdefault(label_of(planned), Count())
            count.planned += len(planned.tasks)
            count.stored += len(planned.tasks) - missing

    def note(self, planned: PlannedCell, report: Report) -> None:
        """Count one finished task."""
        body = self._store.read(report.task.key) if report.status == "ok" else None
        with self._lock:
            count = self.counts[label_of(planned)]
            count.done, count.lost = count.done + (report.status == "ok"), count.lost + (report.status != "ok")
            if body:
                self._own.add(work_of(planned, report.task), body["wall_s"], body["peak_mb"])
            self._work_done += self._weight(planned, report.task) or 0.0
            self._strike(planned, report.task)

    def _strike(self, planned: PlannedCell, task: Task) -> None:
        """Take a task off the list of its cell."""
        _, tasks = self._left.get(id(planned), (planned, []))
        tasks[:] = [other for other in tasks if other.key != task.key]
        self._begun.add(id(planned))
        if not tasks:
            self._left.pop(id(planned), None)

    def running(self) -> list[str]:
        """Return what should be under way: begun cells, then the next of the plan; their tasks are done in order."""
        with self._lock:
            begun = sorted(self._left, key=lambda cell: cell not in self._begun)
            first = [self._left[cell] for cell in begun[: self._jobs]]
            return [f"{place_of(planned)}: {tasks[0].plugin.name}" for planned, tasks in first]

    def total(self) -> Count:
        """Return the counts of all generators together."""
        with self._lock:
            columns = zip(*(vars(count).values() for count in self.counts.values()), strict=True)
            return Count(*map(sum, columns))

    def left_s(self, label: str | None = None) -> float | None:
        """Return how many seconds the rest, or that of one generator, will take; None if half of it is unknown.

        For one generator that is the work itself: the others are in its way.
        """
        with self._lock:
            cells = [
                [self._weight(planned, task) for task in tasks]
                for planned, tasks in self._left.values()
                if label in (None, label_of(planned))
            ]
            known = [weight for cell in cells for weight in cell if weight is not None]
            n_tasks = sum(map(len, cells))
            if 2 * len(known) < n_tasks:
                return None
            mean = sum(known) / len(known) if known else 0.0
            rest = [sum(mean if weight is None else weight for weight in cell) for cell in cells]
            return makespan(rest, self._jobs) * self._pace()

    def _pace(self) -> float:
        """Return how much longer the work done so far took than its tasks themselves: starts, crowded cores."""
        elapsed, expected = time.monotonic() - self._began, self._work_done / self._jobs
        return elapsed / expected if min(elapsed, expected) > _LEAST else 1.0

    def _weight(self, planned: PlannedCell, task: Task) -> float | None:
        own = self._own.same(work_of(planned, task))
        if own is None:
            own = self._expected.get(task.key)
        if own is None and (similar := self._own.of(planned, task)):
            own = similar.wall_s
        return own
