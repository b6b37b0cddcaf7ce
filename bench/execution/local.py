"""The default: several cells at once on this machine, each task in a child process."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from queue import SimpleQueue

from bench.engine.plan import PlannedCell
from bench.engine.stopping import Stop
from bench.engine.tasks import Report
from bench.execution.base import Limits, Reports, Stage, Todo, run_cell, skipped, stages
from bench.execution.isolation import kill_all, prepare
from bench.execution.queue import WaitingLine, finds_gpu
from bench.registry.declarations import PluginInfo

_Queue = SimpleQueue[tuple[PlannedCell, Report] | Future[None]]


class LocalProcesses:
    """Does `limits.jobs` cells at once; the threads only watch over child processes, which do the work.

    Parameters
    ----------
    gpu_jobs : how many of them may have a GPU at once; the others wait for it, and cells that need none pass them
    has_gpu : says whether there is a GPU to wait for; asked once, if a cell could use one
    """

    def __init__(self, gpu_jobs: int = 1, has_gpu: Callable[[], bool] = finds_gpu) -> None:
        self._gpu_jobs, self._has_gpu = gpu_jobs, has_gpu

    def run(self, todo: Todo, limits: Limits, stop: Stop) -> Reports:
        """Yield reports as they come; closing the iterator kills what is under way."""
        prepare(limits.threads, _plugins(todo))
        reports: _Queue = SimpleQueue()
        line = self._line(todo)
        with ThreadPoolExecutor(limits.jobs) as pool:
            try:
                for _ in range(limits.jobs):
                    pool.submit(_work, line, limits, stop, reports).add_done_callback(reports.put)
                waiting = limits.jobs
                while waiting:
                    item = reports.get()
                    if isinstance(item, Future):
                        item.result()  # raises what stopped the work
                        waiting -= 1
                    else:
                        yield item
            except BaseException:
                stop.ask("an error")  # nothing that is killed now is done again
                line.close()
                kill_all()
                raise

    def where(self, limits: Limits) -> str:
        """Return where the work is done, in words."""
        return f"{limits.jobs} at once on {limits.threads} threads each"

    def preview(self, todo: Todo, limits: Limits) -> str:
        """Return nothing: no scheduler is asked."""
        return ""

    def _line(self, todo: Todo) -> WaitingLine:
        cells = [stages(planned, tasks) for planned, tasks in todo]
        if not (any(stage.gpu for cell in cells for stage in cell) and self._has_gpu()):
            cells = [[Stage(planned, tuple(tasks), gpu=False)] for planned, tasks in todo]
        return WaitingLine(cells, self._gpu_jobs)


def _plugins(todo: Todo) -> list[PluginInfo]:
    """Return what the tasks run, each once."""
    return list({str(task.plugin.path): task.plugin for _, tasks in todo for task in tasks}.values())


def _work(line: WaitingLine, limits: Limits, stop: Stop, reports: _Queue) -> None:
    """Do one stage after the other until none is left, the line is closed or the run shall stop."""
    while (cell := line.take()) is not None and not stop.asked:
        stage, *rest = cell
        with closing(run_cell(stage.planned, stage.tasks, limits, stop)) as coming:
            for report in coming:
                reports.put((stage.planned, report))
                if line.closed:
                    return
                if rest and report.task.step == "sample" and report.status != "ok":
                    for other in skipped([task for later in rest for task in later.tasks], report):
                        reports.put((stage.planned, other))
                    rest = []
        line.finish(stage, rest)
    if stop.asked:
        line.close()  # for those that wait in it
