"""The jobs that submitit was given: handed over as arrays, or a few at a time where they run on this machine."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any, Self

from bench.core.errors import MissingExtraError
from bench.execution.base import Stage, resources
from bench.execution.clusters.remote import Done, Job, do_job
from bench.execution.clusters.slurm_config import SlurmConfig
from bench.execution.clusters.ticket import ClusterError

_PATIENCE = 30.0  # seconds that cancelled processes may take to end


class Resumable:
    """A job that goes on where it was when it is started again: what is in the store is not done twice."""

    def __init__(self, job: Job) -> None:
        self._job = job

    def __call__(self) -> Done:
        """Do what is left."""
        return do_job(self._job)

    def checkpoint(self) -> Any:
        """Return what the next job shall do: the same."""
        return submitit_or_error().helpers.DelayedSubmission(self)


@contextlib.contextmanager
def _children_hear_interrupts() -> Iterator[None]:
    """Start children that SIGINT stops, which is how submitit cancels its local jobs, also under `nohup`.

    A program that was started in the background ignores SIGINT, and so would its children.
    """
    ignored = signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    if not ignored or threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)


class Submission:
    """A context that holds jobs; those that have not ended when it is left are cancelled.

    Parameters
    ----------
    folder : where submitit keeps its files
    at_once : how many run at a time if that is on this machine
    """

    def __init__(self, config: SlurmConfig, folder: Path, at_once: int) -> None:
        self._config, self._folder = config, folder
        self._room = at_once if config.cluster == "local" else None
        self._submitit = submitit_or_error()
        self._waiting: list[tuple[Resumable, Stage]] = []
        self._running: list[tuple[Any, Stage]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        for job, _ in self._running:
            job.cancel(check=False)
        limit = time.monotonic() + _PATIENCE
        while self._room is not None and not all(job.done() for job, _ in self._running) and time.monotonic() < limit:
            time.sleep(0.1)  # our own processes; Slurm looks after its own

    @property
    def open(self) -> bool:
        """Whether any job has not ended."""
        return bool(self._waiting or self._running)

    def add(self, options: dict[str, Any], jobs: Sequence[Resumable], stages: Sequence[Stage]) -> None:
        """Submit jobs that ask for the same."""
        if self._room is None:
            executor = self._slurm(options)
            with executor.batch():
                given = [executor.submit(job) for job in jobs]
            self._running += zip(given, stages, strict=True)
        else:
            self._waiting += zip(jobs, stages, strict=True)
            self._fill()

    def ended(self) -> Iterator[tuple[Any, Stage]]:
        """Yield the jobs that have ended since the last call."""
        running, self._running = self._running, []
        over: list[tuple[Any, Stage]] = []
        for job, stage in running:
            (over if job.done() else self._running).append((job, stage))
        self._fill()
        yield from over

    def drop_waiting(self) -> None:
        """Take back what has not started."""
        self._waiting.clear()
        for job, _ in self._running:
            if self._room is None and job.get_info(mode="force").get("State") == "PENDING":
                job.cancel(check=False)

    def _fill(self) -> None:
        while self._room is not None and self._waiting and len(self._running) < self._room:
            job, stage = self._waiting.pop(0)
            executor = self._submitit.LocalExecutor(self._folder, max_num_timeout=self._config.requeues)
            minutes = self._config.asks(stage.planned, resources(stage.planned))["minutes"]
            executor.update_parameters(timeout_min=minutes, signal_delay_s=self._config.seconds_to_save)
            with _children_hear_interrupts():
                self._running.append((executor.submit(job), stage))

    def _slurm(self, options: dict[str, Any]) -> Any:
        try:
            executor = self._submitit.SlurmExecutor(self._folder, max_num_timeout=self._config.requeues)
        except RuntimeError as error:
            raise ClusterError(
                f"there is no Slurm on this machine ({error}). Start the run where sbatch works, or set "
                "`cluster: local` in the --slurm-config to try it out here."
            ) from error
        executor.update_parameters(**options)
        return executor


def submitit_or_error() -> ModuleType:
    """Return the library, or say how to install it."""
    try:
        import submitit
    except ModuleNotFoundError as error:
        raise MissingExtraError("--executor slurm", error.name or "submitit", "slurm") from error
    return submitit


def is_requeued_too_often(error: Exception) -> bool:
    """Return whether a job ended because it may not go on in a further one."""
    return "timed-out too many times" in str(error)
