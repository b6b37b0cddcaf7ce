"""Shows a run as it goes: a live bar on a terminal, plain lines everywhere else."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from bench.plan import PlannedCell
from bench.tasks import Report


class RunProgress:
    """A context that counts finished tasks and names each that did not end well."""

    def __init__(self, total: int, console: Console) -> None:
        self._console, self._total, self._done, self._lost = console, total, 0, 0
        self._started = self._spoken = time.monotonic()
        self._bar: Progress | None = None

    def __enter__(self) -> Self:
        if self._console.is_terminal and self._total:
            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
            self._bar = Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=self._console)
            self._bar.start()
            self._task = self._bar.add_task("starting", total=self._total)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self._bar:
            self._bar.stop()

    def __call__(self, planned: PlannedCell, report: Report) -> None:
        """Count one finished task."""
        self._done += 1
        cell = planned.cell
        where = f"{cell.generator}{f'[{planned.params}]' if planned.params else ''} fold {cell.fold} seed {cell.seed}"
        if report.status in ("failed", "timeout"):
            self._say(f"{report.status}: {where}, {report.task.step} {report.task.plugin.name}: {report.reason}")
        if self._bar:
            self._bar.update(self._task, advance=1, description=where)
        elif report.task.step == "sample" or time.monotonic() - self._spoken > 10 or self._done == self._total:
            self._say(f"[{self._done}/{self._total}] {where}: {report.task.plugin.name} {report.status}")

    def _say(self, text: str) -> None:
        self._spoken = time.monotonic()
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)
