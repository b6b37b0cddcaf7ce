"""The user's cache: what takes a while to make and is made again wherever it is missing, never a result."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

from bench.core.errors import BenchError
from bench.core.files import write_beside


def cache_home() -> Path:
    """Return the folder of the cache: ``omics-bench`` in ``$XDG_CACHE_HOME``, or in ``.cache`` of the user's home."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "omics-bench"


def keep(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file of the cache, whole or not at all; where the cache cannot be written, it stays as it is."""
    with contextlib.suppress(OSError, BenchError), write_beside(path) as temporary:
        write(temporary)
