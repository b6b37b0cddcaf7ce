"""What a task prints, kept in a file of bounded size: the first part and the last, whatever lies between."""

from __future__ import annotations

import contextlib
from collections import deque
from pathlib import Path
from typing import BinaryIO

PART = 1 << 20  # bytes of the first part, and of the last


class TaskLog:
    """A file that takes any amount of output; it is made at the first byte, in place of an older one.

    A disk that is full loses the output and nothing else.
    """

    def __init__(self, path: Path, part: int = PART) -> None:
        self._path, self._part = path, part
        self._file: BinaryIO | None = None
        self._room, self._last, self._kept, self._dropped = part, deque[bytes](), 0, 0
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)

    def write(self, data: bytes) -> None:
        """Add output: the first part goes to the file at once, of the rest the end is remembered."""
        first, rest = data[: self._room], data[self._room :]
        self._room -= len(first)
        self._put(first)
        if rest:
            self._last.append(rest)
            self._kept += len(rest)
        while self._last and self._kept - len(self._last[0]) >= self._part:
            gone = len(self._last.popleft())
            self._kept -= gone
            self._dropped += gone

    def close(self) -> None:
        """Write the last part and close the file."""
        last = b"".join(self._last)
        dropped = self._dropped + max(len(last) - self._part, 0)
        if dropped:
            self._put(f"\n[... {dropped:,} bytes left out ...]\n".encode())
        self._put(last[-self._part :])
        self._last.clear()
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close()

    def _put(self, data: bytes) -> None:
        if not data:
            return
        with contextlib.suppress(OSError):
            if self._file is None:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._file = self._path.open("wb", buffering=0)
            self._file.write(data)
