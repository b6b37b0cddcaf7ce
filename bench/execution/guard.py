"""The guard of a cell's tasks: a small process that starts a worker, enforces its limits, keeps its log and reaps it.

It runs no plugin, so nothing a plugin does stops it: neither a crash nor code that never lets go of the interpreter.
When the worker ends, overruns a limit, or the run is gone - which closes the lifeline - everything that was started
is killed, and nothing lives on.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import select
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection, Pipe
from typing import NoReturn

from bench.core.errors import BenchError
from bench.engine.tasks import Cell, Task, log_of, run_tasks
from bench.execution.processes import (
    GB,
    adopt_orphans,
    can_measure,
    descendants,
    die_with_parent,
    held,
    kill_children,
)
from bench.execution.task_log import TaskLog

_PAUSE = 0.1  # seconds between two looks at the clock and at the memory
_BOOT = 60.0  # seconds a worker may take before its first task starts; not counted against the task
_CHUNK = 1 << 16
Event = tuple[str, int, str]


@dataclass(frozen=True)
class Bounds:
    """What a task may take: seconds, and GB of memory together with everything it started; None: no limit."""

    timeout: float | None = None
    memory: float | None = None

    def __post_init__(self) -> None:
        if self.memory is not None and not can_measure():
            raise BenchError("--memory reads /proc, which this system does not have; leave it out.")


def guard(
    cell: Cell, tasks: list[Task], bounds: Bounds, scratch: str, sender: Connection, lifeline: Connection
) -> None:
    """Do the tasks in a worker and send ``(event, i, reason)`` for what happens to each.

    `scratch` is the folder for temporary files; whoever of this process and its parent lives longer removes it.

    The events are "start", "ok", "failed", "store", "timeout", "memory", and "died" with the signal or exit status.
    """
    os.setsid()  # Ctrl-C in the terminal is for the run, not for its children
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    adopt_orphans()
    (channel, theirs), (output, printed) = Pipe(), os.pipe()
    os.environ["TMPDIR"] = tempfile.tempdir = scratch
    me = os.getpid()
    pid = os.fork()
    if pid == 0:
        _work(cell, tasks, theirs, printed, me)
    theirs.close()
    os.close(printed)
    try:
        _Watch(pid, channel, output, bounds, lambda i: TaskLog(log_of(cell, tasks[i])), sender).until_the_end(lifeline)
    finally:
        kill_children()
        shutil.rmtree(scratch, ignore_errors=True)  # what is killed leaves no temporary files


class _Watch:
    """Looks after one worker."""

    def __init__(
        self,
        pid: int,
        channel: Connection,
        output: int,
        bounds: Bounds,
        new_log: Callable[[int], TaskLog],
        sender: Connection,
    ) -> None:
        self._pid, self._channel, self._output, self._bounds = pid, channel, output, bounds
        self._new_log, self._sender = new_log, sender
        self._log: TaskLog | None = None
        self._task = 0
        self._deadline = time.monotonic() + (bounds.timeout or 0) + _BOOT
        self._look = 0.0

    def until_the_end(self, lifeline: Connection) -> None:
        """Return when the worker has ended, has to be stopped, or nobody waits for it any more."""
        sources = {lifeline.fileno(), self._channel.fileno(), self._output}
        try:
            while lifeline.fileno() not in (ready := select.select(sources, [], [], _PAUSE)[0]):
                status = self._reap()  # before the last words are read, so that none is missed
                if self._output in ready and not self._read():
                    sources.discard(self._output)
                if not self._listen():
                    sources.discard(self._channel.fileno())
                if status is not None or self._too_much():
                    if status is not None:
                        self._drain()
                        self._say(("died", self._task, str(status)))
                    return
        finally:
            if self._log:
                self._log.close()

    def _reap(self) -> int | None:
        """Reap every child that has ended; return the worker's exit status (minus the signal) once it has."""
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                if ended[0] == self._pid:
                    return os.waitstatus_to_exitcode(ended[1])
        return None

    def _read(self) -> bool:
        data = os.read(self._output, _CHUNK)
        if self._log:
            self._log.write(data)
        return bool(data)

    def _drain(self) -> None:
        while select.select([self._output], [], [], 0)[0] and self._read():
            pass

    def _listen(self) -> bool:
        """Pass on what the worker says; it goes on when it is answered. Return False when it says no more."""
        try:
            while self._channel.poll():
                event: Event = self._channel.recv()
                self._drain()  # what was printed before belongs to the task before
                if event[0] == "start":
                    self._begin(event[1])
                self._say(event)
                self._channel.send(None)
        except (EOFError, OSError):
            return False
        return True

    def _say(self, event: Event) -> None:
        with contextlib.suppress(OSError):  # who no longer listens is about to let go of the lifeline
            self._sender.send(event)

    def _begin(self, task: int) -> None:
        if self._log:
            self._log.close()
        self._task, self._log = task, self._new_log(task)
        self._deadline = time.monotonic() + (self._bounds.timeout or 0)

    def _too_much(self) -> bool:
        """Say so if the task has overrun a limit."""
        now, bounds = time.monotonic(), self._bounds
        if bounds.timeout is not None and now > self._deadline:
            self._say(("timeout", self._task, f"stopped after {bounds.timeout:g} s (--timeout)"))
            return True
        if bounds.memory is None or now < self._look:
            return False
        self._look = now + _PAUSE
        found = held(descendants(os.getpid()), bounds.memory * GB) / GB
        if found > bounds.memory:
            self._say(("memory", self._task, f"stopped above {bounds.memory:g} GB of memory (--memory)"))
            return True
        return False


# -- in the worker ---------------------------------------------------------------------------------------------------


def _work(cell: Cell, tasks: list[Task], channel: Connection, printed: int, parent: int) -> NoReturn:
    status = 1
    try:
        os.setsid()
        die_with_parent()
        for number, handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGTERM, signal.SIG_DFL)):
            signal.signal(number, handler)
        _print_to(printed)
        if os.getppid() == parent:  # it may have died before the kernel was told
            run_tasks(cell, tasks, _reporter(channel))
            status = 0
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else 1
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


def _print_to(printed: int) -> None:
    os.dup2(printed, 1)
    os.dup2(printed, 2)
    sys.stdout, sys.stderr = (
        os.fdopen(number, "w", buffering=1, encoding="utf-8", errors="replace", closefd=False) for number in (1, 2)
    )
    faulthandler.enable(2)  # a crash says where


def _reporter(channel: Connection) -> Callable[[str, int, str], None]:
    streams = sys.stdout, sys.stderr  # a plugin may put others in their place

    def report(event: str, task: int, reason: str) -> None:
        for stream in streams:
            with contextlib.suppress(ValueError, OSError):  # a plugin may have closed it
                stream.flush()
        channel.send((event, task, reason))
        channel.recv()

    return report
