"""Reads all that is in files of HDF5, in a process of its own: from some damage its C library never comes back.

A file that was read here to its end is safe to open in the process that works with it. The process is started with
this file as its program: it is told paths, a line of JSON each, and answers each of them, ``""`` or what is wrong.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self

_START = 120.0  # seconds until the process is there, on a machine that is busy
_LEAST, _RATE = 30.0, 2e6  # seconds of the processor that any file may take, and bytes that are read in another one
_PATIENCE = 20.0  # seconds of the clock for one of the processor
_BLOCK = 2**22  # values that are read at once
_MOST_VALUES = 2**33  # of one array: more says a damaged header, and no cohort
_MEMORY = 2**34  # bytes of address space that the reading process may ask for


class Probe:
    """A process that reads files of HDF5, one after another, and is ended when one takes too long."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def wrong_with(self, path: Path, seconds: float | None = None) -> str:
        """Return what is wrong with a file, or nothing if all of it could be read.

        Parameters
        ----------
        path : the file
        seconds : of the processor that it may take; by default they follow from its size
        """
        seconds = _LEAST + path.stat().st_size / _RATE if seconds is None else seconds
        process = self._process = self._process or _started()
        with contextlib.suppress(OSError):  # it has ended: no answer says so
            process.stdin.write(json.dumps([str(path.resolve()), seconds]).encode() + b"\n")  # type: ignore[union-attr]
        answer = _answer(process, _PATIENCE * seconds)
        if answer is not None:
            return str(json.loads(answer))
        alone = process.poll()  # the status of a process that ended by itself
        self._end()
        if alone in (None, -signal.SIGPROF):
            return f"reading it did not come to an end in {seconds:g} s"
        return f"reading it ends the process (exit status {alone})"

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for stream in (self._process.stdin, self._process.stdout):
                assert stream is not None
                stream.close()
            self._process = None


def _started() -> subprocess.Popen[bytes]:
    command = [sys.executable, "-P", __file__]
    process = subprocess.Popen(  # noqa: S603 - this very file, which runs nothing that it is told
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0
    )
    _answer(process, _START)
    return process


def _answer(process: subprocess.Popen[bytes], seconds: float) -> bytes | None:
    """Return the next line of a process, or None if it takes too long or has ended."""
    assert process.stdout is not None
    if not select.select([process.stdout], [], [], seconds)[0]:
        return None
    if line := process.stdout.readline():
        return line
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_START)  # it is about to end
    return None


def wrong_with(path: Path) -> str:
    """Return what is wrong with a file of HDF5, or nothing; a file that stays the same is read once."""
    about = path.stat()
    return _wrong_with(path.resolve(), about.st_mtime_ns, about.st_size)


@lru_cache(maxsize=16)
def _wrong_with(path: Path, changed: int, size: int) -> str:
    with Probe() as probe:
        return probe.wrong_with(path)


# -- in the process ----------------------------------------------------------------------------------------------------


def _read(path: str) -> str:
    import h5py

    def look(_: str, item: Any) -> None:
        dict(item.attrs)
        if isinstance(item, h5py.Dataset):
            _read_array(item)

    try:
        with h5py.File(path, "r") as file:
            look("", file)
            file.visititems(look)
    except Exception as error:  # a damaged file makes HDF5 raise nearly anything
        return f"{error!r}"
    return ""


def _read_array(array: Any) -> None:
    if array.shape is None or array.size == 0:
        return
    if array.size > _MOST_VALUES:
        raise ValueError(f"{array.name} says that it holds {array.size} values")
    if array.shape == ():
        array[()]
        return
    step = max(1, _BLOCK * array.shape[0] // array.size)
    for start in range(0, array.shape[0], step):
        array[start : start + step]


def _serve() -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, resource.getrlimit(resource.RLIMIT_AS)[1]))
    answers = os.fdopen(os.dup(1), "wb", buffering=0)  # nobody else's words come between
    os.dup2(2, 1)
    answers.write(b"ready\n")
    for line in sys.stdin.buffer:
        path, seconds = json.loads(line)
        signal.setitimer(signal.ITIMER_PROF, seconds)  # which ends the process, whatever it does then
        answer = _read(path)
        signal.setitimer(signal.ITIMER_PROF, 0)
        answers.write(json.dumps(answer).encode() + b"\n")


if __name__ == "__main__":
    _serve()
