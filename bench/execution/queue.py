"""The waiting line of a machine: any stage goes on as soon as there is room for it, GPU stages a few at a time."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from threading import Condition

from bench.execution.base import Stage

Stages = list[Stage]


class WaitingLine:
    """Cells, each a list of stages, in order; a cell that needs a GPU is passed over while all slots are taken."""

    def __init__(self, cells: Iterable[Stages], gpu_slots: int) -> None:
        self._cells, self._free, self._changed = list(cells), gpu_slots, Condition()
        self.closed = False

    def take(self) -> Stages | None:
        """Return the first cell whose next stage may start, waiting for one; None once none is left."""
        with self._changed:
            while self._cells:
                for i, (first, *_) in enumerate(self._cells):
                    if not first.gpu or self._free:
                        self._free -= first.gpu
                        return self._cells.pop(i)
                self._changed.wait()
            return None

    def finish(self, stage: Stage, rest: Stages) -> None:
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


def finds_gpu() -> bool:
    """Return whether torch trains on a GPU here; where there is none, this is found out without loading torch."""
    wanted = os.environ.get("BENCH_DEVICE", "auto")
    if wanted != "auto":
        return wanted == "cuda"
    if not any(Path(pattern).exists() for pattern in ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")):
        return False
    asked = [sys.executable, "-c", "import torch; print(torch.cuda.is_available())"]
    return "True" in subprocess.run(asked, capture_output=True, text=True, check=False).stdout  # noqa: S603
