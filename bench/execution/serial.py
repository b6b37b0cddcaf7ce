"""One task after the other in this very process, where a debugger or profiler sees them."""

from __future__ import annotations

from collections.abc import Iterator

from threadpoolctl import threadpool_limits

from bench.core.errors import BenchError, StoreError
from bench.engine.plan import PlannedCell, unavailable
from bench.engine.stopping import Stop
from bench.engine.tasks import Report, Task, run_tasks, set_threads
from bench.execution.base import Limits, Reports, Todo, skipped


class Serial:
    """Does everything here, without child processes: nothing can be stopped, and a crash ends the run."""

    def run(self, todo: Todo, limits: Limits, stop: Stop) -> Reports:
        """Yield reports as they come.

        Raises
        ------
        BenchError
            If a limit of time or memory is asked for, which cannot be kept here.
        """
        for option, value in (("--timeout", limits.timeout), ("--memory", limits.memory)):
            if value is not None:
                raise BenchError(
                    f"{option} cannot be kept by --executor serial, which works in its own process; leave one of them "
                    "out."
                )
        set_threads(limits.threads)
        with threadpool_limits(limits.threads):
            for planned, tasks in todo:
                for report in _run(planned, tasks):
                    yield planned, report
                    if stop.asked:
                        return

    def where(self, limits: Limits) -> str:
        """Return where the work is done, in words."""
        return f"one after the other in this process on {limits.threads} threads"

    def preview(self, todo: Todo, limits: Limits) -> str:
        """Return nothing: no scheduler is asked."""
        return ""


def _run(planned: PlannedCell, tasks: list[Task]) -> Iterator[Report]:
    reason = unavailable(planned) if any(task.step == "sample" for task in tasks) else None
    if reason:
        yield from (Report(task, "skipped", reason) for task in tasks)
        return
    for i, task in enumerate(tasks):
        report = _do(planned, task)
        yield report
        if task.step == "sample" and report.status != "ok":
            yield from skipped(tasks[i + 1 :], report)
            return


def _do(planned: PlannedCell, task: Task) -> Report:
    events: list[tuple[str, int, str]] = []
    run_tasks(planned.cell, [task], lambda *event: events.append(event))
    status, _, reason = events[-1]
    if status == "store":
        raise StoreError(reason)
    return Report(task, "ok" if status == "ok" else "failed", reason)
