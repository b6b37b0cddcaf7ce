"""The default: several cells at once on this machine, each task in a child process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from queue import SimpleQueue
from threading import Condition

from bench.engine.plan import PlannedCell
from bench.engine.stopping import Stop
from bench.engine.tasks import Report
from bench.execution.base import Limits, Reports, Stage, Todo, run_cell, skipped, stages
from bench.execution.isolation import kill_all, prepare
from bench.registry.declarations import PluginInfo

_Queue = SimpleQueue[tuple[PlannedCell, Report] | Future[None]]


def finds_gpu() -> bool:
    """Return whether torch trains on a GPU here; where there is none, this is found out without loading torch."""
    wanted = os.environ.get("BENCH_DEVICE", "auto")
    if wanted != "auto":
        return wanted == "cuda"
    if not any(Path(pattern).exists() for pattern in ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")):
        return False
    asked = [sys.executable, "-c", "import torch; print(torch.cuda.is_available())"]
    return "True" in subprocess.run(asked, capture_output=True, text=True, check=False).stdout  # noqa: S603


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


class WaitingLine:
    """Cells, each a list of stages, in order; a cell that needs a GPU is passed over while all slots are taken."""

    def __init__(self, cells: Iterable[list[Stage]], gpu_slots: int) -> None:
        self._cells, self._free, self._changed = list(cells), gpu_slots, Condition()
        self.closed = False

    def take(self) -> list[Stage] | None:
        """Return the first cell whose next stage may start, waiting for one; None once none is left."""
        with self._changed:
            while self._cells:
                for i, (first, *_) in enumerate(self._cells):
                    if not first.gpu or self._free:
                        self._free -= first.gpu
                        return self._cells.pop(i)
                self._changed.wait()
            return None

    def finish(self, stage: Stage, rest: list[Stage]) -> None:
        """Give back what a stage held and put what is left of its cell to the front."""
        with self._changed:
            self._free += stage.gpu
            self._cells[:0] = [rest] if rest else []
            self._changed.notify_all()

    def close(self) -> None:
        """Let nothing more start."""
        with self._changed:
            self.closed = True
            self._cells.clear()
            self._changed.notify_all()


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
