"""Lets a process that lives long, such as a notebook, start task processes that are right for the run at hand.

Task processes are forked from a server that is started once, with the environment and the folder of that moment, and
`multiprocessing` runs the main script of its parent again in each of them. A command lives for one run and has neither
trouble; a notebook or a script that imports this package has both.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from multiprocessing import forkserver
from pathlib import Path

from bench.engine.tasks import set_threads

_started_with: dict[str, str] = {}


def fresh_server(threads: int) -> None:
    """Stop the server if it was started with other settings than now; the next task starts it again."""
    set_threads(threads)
    now = {name: text for name, text in os.environ.items() if name.startswith("BENCH_") or name.endswith("_THREADS")}
    now["cwd"] = str(Path.cwd())
    if _started_with != now:
        forkserver._forkserver._stop()  # type: ignore[attr-defined]  # nothing public stops it; harmless if it is not running
    _started_with.clear()
    _started_with.update(now)


@contextlib.contextmanager
def main_script_hidden() -> Iterator[None]:
    """Hide which file the main module came from, so that no task process runs it."""
    main = vars(sys.modules["__main__"])
    hidden = {name: main[name] for name in ("__file__", "__spec__") if main.get(name) is not None}
    main.pop("__file__", None)
    main["__spec__"] = None
    try:
        yield
    finally:
        main.update(hidden)
