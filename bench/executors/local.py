"""The default: several cells at once on this machine, each task in a child process."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue

from bench.executors.base import Limits, Reports, Todo, run_cell
from bench.isolation import kill_all, prepare
from bench.plan import PlannedCell
from bench.tasks import Report, Task

_Queue = SimpleQueue[tuple[PlannedCell, Report] | Future[None]]


class LocalProcesses:
    """Does `limits.jobs` cells at once; the threads only watch over child processes, which do the work."""

    def run(self, todo: Todo, limits: Limits) -> Reports:
        """Yield reports as they come; closing the iterator kills what is under way."""
        prepare(limits.threads)
        reports: _Queue = SimpleQueue()
        with ThreadPoolExecutor(limits.jobs) as pool:
            try:
                for planned, tasks in todo:
                    future = pool.submit(_pass_on, planned, tasks, limits, reports)
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


def _pass_on(planned: PlannedCell, tasks: list[Task], limits: Limits, reports: _Queue) -> None:
    for report in run_cell(planned, tasks, limits):
        reports.put((planned, report))
