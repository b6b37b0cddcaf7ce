"""A Dask cluster of real processes on this machine, for tests."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from distributed import Client


class Processes:
    """A scheduler and workers, each a process of its own."""

    def __init__(self, folder: Path, env: dict[str, str]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.address, self._folder, self._env = str(folder / "scheduler.json"), folder, env
        self.scheduler = self._start(
            "scheduler", "--port", "0", "--host", "127.0.0.1", "--scheduler-file", self.address
        )
        self.all = [self.scheduler]
        limit = time.monotonic() + 120
        while not Path(self.address).exists():
            assert time.monotonic() < limit
            time.sleep(0.05)

    def add_workers(self, n: int, *options: str) -> None:
        where = ("--scheduler-file", self.address, "--local-directory", str(self._folder))
        self.all.append(self._start("worker", *where, "--nthreads", "1", "--nworkers", str(n), *options))
        with Client(scheduler_file=self.address, timeout=120, set_as_default=False) as client:
            client.wait_for_workers(n, timeout=120)

    def workers(self) -> list[int]:
        """Return the process numbers of the workers that are up, without the nannies that start them again."""
        found = []
        for path in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):  # it has just ended
                parent = int((path / "stat").read_text().rsplit(")", 1)[1].split()[1])
                if parent in [process.pid for process in self.all] and "spawn_main" in (path / "cmdline").read_text():
                    found.append(int(path.name))
        return found

    def _start(self, what: str, *options: str) -> subprocess.Popen[bytes]:
        with (self._folder / "dask.log").open("ab") as log:
            command = [sys.executable, "-m", "dask", what, "--no-dashboard", *options]
            env = {**os.environ, **self._env, "PYTHONWARNINGS": "ignore"}
            return subprocess.Popen(command, stdout=log, stderr=log, env=env, start_new_session=True)


@contextmanager
def dask_processes(folder: Path, **env: str) -> Iterator[Processes]:
    """Yield a running scheduler; everything is gone afterwards."""
    processes = Processes(folder, env)
    try:
        yield processes
    finally:
        for process in processes.all:
            os.killpg(process.pid, signal.SIGKILL)  # its whole session
            process.wait()
