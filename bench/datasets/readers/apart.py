"""Reads a file in a copy of this process, where a damaged one may crash a library of C and nothing else."""

from __future__ import annotations

import contextlib
import faulthandler
import logging
import os
import pickle
import signal
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from bench.core.errors import BenchError, DataError

T = TypeVar("T")
log = logging.getLogger(__name__)


class _Heard(logging.Handler):
    """Keeps what is said in the copy, for this process to say."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[tuple[int, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append((record.levelno, record.getMessage()))


def read_apart(read: Callable[[], T], path: Path) -> T:
    """Return what a function returns that was called in a copy of this process; its warnings are said here.

    Parameters
    ----------
    read : called without arguments; the libraries that it needs should be loaded by now
    path : what it reads, for messages

    Raises
    ------
    DataError
        If the copy ends without a word; otherwise what the function raised.
    """
    theirs, ours = os.pipe()
    with warnings.catch_warnings():
        for category in (RuntimeWarning, DeprecationWarning):  # JAX's and Python's, in a process with threads
            warnings.filterwarnings("ignore", ".*fork", category)  # the copy reads one file: no thread is asked for
        pid = os.fork()
    if pid == 0:
        _answer(read, path, theirs, ours)
    os.close(ours)
    status = None
    try:
        with os.fdopen(theirs, "rb") as stream, contextlib.suppress(EOFError, pickle.UnpicklingError):
            found, error, said = pickle.load(stream)  # noqa: S301 - from a copy of this very process
        status = os.waitpid(pid, 0)[1]
    finally:
        if status is None:  # somebody pressed Ctrl-C
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    if status:
        name = signal.Signals(status & 127).name if status & 127 else f"status {status >> 8}"
        raise DataError(
            f"{path} is damaged: reading it ends the process ({name}), which was a copy of this one. Download or "
            "export it again."
        )
    for level, text in said:
        log.log(level, "%s", text)
    if error is not None:
        raise error
    return found  # type: ignore[no-any-return]


def _answer(read: Callable[[], T], path: Path, theirs: int, ours: int) -> None:
    """Send through a pipe what a function gives or raises, and end this process."""
    try:
        os.close(theirs)
        faulthandler.disable()  # a crash here is one error of the other process, and no dump of stacks
        heard, root = _Heard(), logging.getLogger()
        root.handlers = [heard]
        found, error = None, None
        try:
            found = read()
        except BenchError as problem:
            error = DataError(str(problem))
        except Exception as problem:  # of a library of C: text that is no UTF-8, numbers beyond any range
            error = DataError(f"{path} is damaged: {problem!r}. Download or export it again.")
        with os.fdopen(ours, "wb") as stream:
            pickle.dump((found, error, heard.said), stream, protocol=5)
        os._exit(0)
    finally:
        os._exit(1)
