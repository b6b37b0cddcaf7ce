"""Shows a run as it goes: live bars on a terminal, plain lines everywhere else, and a file for `bench status`."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from bench.core.formatting import about, duration
from bench.engine.costs import Costs, Todo, learn
from bench.engine.plan import PlannedCell
from bench.engine.progress import Count, Tracker, place_of
from bench.engine.tasks import Report, log_of
from bench.store.heartbeat import Heartbeat
from bench.store.store import Store

_EVERY = 10.0  # seconds between two plain lines, unless there is something to say
_REDRAW = 0.5  # seconds between two looks at how long the rest takes


class RunProgress:
    """A context that counts finished tasks, names each that did not end well, and says how long the rest will take."""

    def __init__(
        self,
        plan: Sequence[PlannedCell],
        todo: Todo,
        store: Store,
        jobs: int,
        console: Console,
        costs: Costs | None = None,
        command: str | None = None,
    ) -> None:
        costs = costs or (learn(plan, store) if todo else Costs())
        self._tracker = Tracker(plan, todo, store, costs, jobs)
        self._total = sum(len(tasks) for _, tasks in todo)
        self._keys = {key for p in plan for key in (p.cell.sample_key, *(task.key for task in p.tasks))}
        facts = {"argv": [command] if command else ["bench", *sys.argv[1:]], "folder": os.getcwd(), "jobs": jobs}  # noqa: PTH109
        facts["dataset"] = plan[0].cell.dataset if plan else ""
        self._heart = Heartbeat(store, facts, self._state)
        self._console, self._spoken = console, time.monotonic()
        self._bars: _Bars | None = None

    def __enter__(self) -> Self:
        if self._total:
            self._heart.start(self._keys)
            if self._console.is_terminal:
                self._bars = _Bars(self._console, self._tracker)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self._bars:
            self._bars.stop()
        if self._total:
            self._heart.stop("finished" if error is None and not self._tracker.total().left else "stopped")

    def __call__(self, planned: PlannedCell, report: Report) -> None:
        """Count one finished task."""
        self._tracker.note(planned, report)
        if report.status not in ("ok", "skipped"):
            step = f"{report.task.step} {report.task.plugin.name}"
            log = log_of(planned.cell, report.task)
            where = f"; its output: {log}" if log.exists() else ""
            self._say(f"{report.status}: {place_of(planned)}, {step}: {report.reason}{where}")
        if self._bars:
            self._bars.show()
        else:
            self._line(planned, report)

    def _line(self, planned: PlannedCell, report: Report) -> None:
        finished = self._total - self._tracker.total().left
        if report.task.step == "sample" or time.monotonic() - self._spoken > _EVERY or finished == self._total:
            left = self._tracker.left_s() if finished < self._total else None
            rest = "" if left is None else f"; {about(left)} left"
            where = f"{place_of(planned)}: {report.task.plugin.name} {report.status}"
            self._say(f"[{finished}/{self._total}] {where}{rest}")

    def _say(self, text: str) -> None:
        self._spoken = time.monotonic()
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def _state(self) -> dict[str, Any]:
        tracker = self._tracker
        return {
            "counts": {label: vars(count) for label, count in list(tracker.counts.items())},
            "left_s": tracker.left_s(),
            "under_way": tracker.running(),
        }


class _Bars:
    """One bar for the run, and one for each generator that has begun and is not done."""

    def __init__(self, console: Console, tracker: Tracker) -> None:
        columns = (TextColumn("{task.description}", markup=False), BarColumn(), TextColumn("{task.fields[words]}"))
        self._progress = Progress(*columns, TimeElapsedColumn(), console=console)
        self._tracker, self._shown = tracker, 0.0
        self._whole = self._add("all", tracker.total())
        self._bars = {label: self._add(label, count) for label, count in tracker.counts.items()}
        self._progress.start()
        self.show()

    def _add(self, label: str, count: Count) -> TaskID:
        return self._progress.add_task(label, total=count.planned - count.stored, words="", visible=False)

    def show(self) -> None:
        """Bring the bars up to date, not more often than an eye can follow."""
        whole = self._tracker.total()
        if time.monotonic() - self._shown < _REDRAW and whole.left:
            return
        self._shown = time.monotonic()
        left = f"{duration(self._tracker.left_s())} left"
        self._update(self._whole, whole, left, True)
        for label, count in self._tracker.counts.items():
            begun = 0 < count.left < count.planned - count.stored
            words = f"{duration(self._tracker.left_s(label))} of work left" if begun else ""
            self._update(self._bars[label], count, words, begun)

    def _update(self, bar: TaskID, count: Count, left: str, visible: bool) -> None:
        lost = f", {count.lost} lost" if count.lost else ""
        done = f"{count.done + count.lost}/{count.planned - count.stored}{lost}"
        self._progress.update(bar, completed=count.done + count.lost, words=f"{done}  {left}".rstrip(), visible=visible)

    def stop(self) -> None:
        """Leave the last state on the screen."""
        self._shown = 0.0
        self.show()
        self._progress.stop()
