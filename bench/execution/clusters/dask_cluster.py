"""A run on a Dask cluster: stages are futures, each worker does them in child processes as a single machine would."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from bench.core.errors import MissingExtraError
from bench.core.secret_seeds import shown_seed
from bench.engine.plan import PlannedCell
from bench.engine.stopping import Stop
from bench.engine.tasks import Report, is_done
from bench.execution.base import Limits, Reports, Stage, Todo, resources, stages
from bench.execution.clusters.remote import Done, Job, at_absolute_paths, do_job, reports, set_up
from bench.execution.clusters.ticket import ClusterError, Ticket, ticket
from bench.store.store import Store

if TYPE_CHECKING:
    from distributed import Client, Future

Futures = dict["Future[Done]", Stage]
log = logging.getLogger(__name__)
_CONNECT = "30s"
_LOOK_EVERY = 0.5  # seconds between looks whether the run shall stop


class DaskCluster:
    """Sends the cells of a run to the workers of a Dask scheduler, as many at once as they have threads.

    Parameters
    ----------
    address : of the scheduler, such as ``"tcp://10.0.0.1:8786"``, or the path of its scheduler file (``*.json``)
    """

    def __init__(self, address: str) -> None:
        self._address = address

    def run(self, todo: Todo, limits: Limits, stop: Stop) -> Reports:
        """Yield reports as stages end; closing the iterator cancels the others.

        Raises
        ------
        ClusterError
            If the scheduler cannot be reached, or a worker is not set up like this machine.
        """
        if not todo:
            return
        with _client(self._address) as client, ticket(todo, limits) as asked:
            declared = _look_at_workers(client, asked)
            cells = [stages(planned, tasks) for planned, tasks in todo]
            _say_what_is_not_declared(cells, declared)
            futures: Futures = {}
            try:
                for i, cell in enumerate(cells):
                    futures |= _submit(client, asked, cell, limits, declared, priority=-i)  # in the order given
                yield from _collect(client, asked, futures, stop)
            finally:
                asked.proof.unlink(missing_ok=True)  # kills what is under way
                client.cancel(list(futures))

    def where(self, limits: Limits) -> str:
        """Return where the work is done, in words."""
        return f"on the Dask cluster {self._address}, {limits.threads} threads each"

    def preview(self, todo: Todo, limits: Limits) -> str:
        """Return nothing: a Dask cluster is there before the run."""
        return ""


@contextmanager
def _client(address: str) -> Iterator[Client]:
    try:
        from distributed import Client
    except ModuleNotFoundError as error:
        raise MissingExtraError("--executor dask", error.name or "distributed", "dask") from error
    place = {"scheduler_file": address} if address.endswith(".json") else {"address": address}
    try:
        client = Client(**place, timeout=_CONNECT, set_as_default=False)
    except (OSError, ValueError, ImportError) as error:
        raise ClusterError(
            f"no Dask scheduler answers at {address!r} ({type(error).__name__}: {error}). Start one with `dask "
            "scheduler` and give the address it prints, or its scheduler file."
        ) from error
    with client:
        yield client


def _look_at_workers(client: Client, asked: Ticket) -> list[dict[str, float]]:
    """Check every worker that is there and return the resources that each declares."""
    found = client.run(_inspect, asked, on_error="return")
    for address, answer in found.items():
        if isinstance(answer, BaseException) and not isinstance(answer, OSError):  # OSError: it has just gone
            raise ClusterError(
                f"the Dask worker {address} cannot take part: {type(answer).__name__}: {answer} Mend it or stop it."
            ) from answer
    if not found:
        log.warning("the Dask cluster has no workers yet; the run waits for them")
    return [answer for answer in found.values() if isinstance(answer, dict)]


def _inspect(asked: Ticket, dask_worker: Any) -> dict[str, float]:
    set_up(asked)
    return dict(dask_worker.state.total_resources)


def _do(job: Job, before: Sequence[Done]) -> Done:
    return do_job(job, before, _is_wanted)


def _is_wanted() -> bool:
    """Return whether the scheduler has not cancelled the task of this thread, as it does when a run is over."""
    from distributed import get_worker

    worker = get_worker()
    task = worker.state.tasks.get(worker.get_current_task())
    return task is not None and task.state != "cancelled"


def _submit(
    client: Client,
    asked: Ticket,
    cell: list[Stage],
    limits: Limits,
    declared: list[dict[str, float]],
    priority: int,
) -> Futures:
    """Hand the stages of a cell to the cluster, each after the one before it."""
    futures: Futures = {}
    before: list[Future[Done]] = []
    for i, stage in enumerate(cell):
        job = Job(asked, at_absolute_paths(stage), limits)
        where = stage.planned.cell
        seed = shown_seed(where.seed)
        name = f"{where.generator}-fold{where.fold}-seed{seed}-{i}-{where.sample_key[:8]}-{asked.proof.name}"
        needs = _needs(stage, declared)
        future = client.submit(_do, job, before, key=name, pure=False, resources=needs, priority=priority)
        futures[future] = stage
        before = [future]
    return futures


def _wanted(stage: Stage) -> dict[str, float]:
    """Return what a stage could use of a worker, by Dask's customary names."""
    asked = resources(stage.planned)
    wanted = {"GPU": float((stage.gpu and asked.gpus) or 0), "MEMORY": (asked.memory_gb or 0) * 1e9}
    return {name: amount for name, amount in wanted.items() if amount}


def _say_what_is_not_declared(cells: list[list[Stage]], declared: list[dict[str, float]]) -> None:
    for name in sorted({name for cell in cells for stage in cell for name in _wanted(stage)}):
        if declared and not any(name in worker for worker in declared):
            log.warning(
                "no Dask worker declares the resource %s, which some generators ask for: as many of them run at once "
                "as there are threads. `dask worker --resources` declares it.",
                name,
            )


def _needs(stage: Stage, declared: list[dict[str, float]]) -> dict[str, float]:
    """Return what a stage asks of a worker, of the resources that workers declare at all.

    Raises
    ------
    ClusterError
        If workers declare a resource, but none has enough of it.
    """
    needs = {}
    for name, amount in _wanted(stage).items():
        offers = [worker[name] for worker in declared if name in worker]
        if offers and amount > max(offers):
            raise ClusterError(
                f"generator {stage.planned.cell.generator!r} asks for {name} {amount:g}, but no worker declares more "
                f"than {max(offers):g}. Start one that does (`dask worker --resources '{name}={amount:g}'`)."
            )
        if offers:
            needs[name] = amount
    return needs


def _collect(client: Client, asked: Ticket, futures: Futures, stop: Stop) -> Iterator[tuple[PlannedCell, Report]]:
    """Yield what comes back, until all is there or the run shall stop and nothing is under way."""
    ended: SimpleQueue[Future[Done]] = SimpleQueue()
    for future in futures:
        future.add_done_callback(ended.put)
    left, stopping = len(futures), False
    while left:
        if stop.asked and not stopping:
            asked.ask_to_stop()
            stopping = True
        with contextlib.suppress(Empty):
            future = ended.get(timeout=_LOOK_EVERY)
            left -= 1
            yield from ((futures[future].planned, report) for report in _reports(future, futures[future]))


def _reports(future: Future[Done], stage: Stage) -> Iterator[Report]:
    from distributed import KilledWorker

    if future.status == "cancelled":
        raise ClusterError(
            "the Dask scheduler is gone. What was finished is in the store; the same command does the rest."
        )
    error = future.exception() if future.status == "error" else None
    if error is None:
        done: Done = future.result()  # waits where the answer died with its worker: the scheduler has it made again
        yield from reports(stage.tasks, done)
    elif isinstance(error, KilledWorker):
        store = Store(stage.planned.cell.store)
        reason = "the workers that did it died, one after the other; they may have run out of memory"
        for task in stage.tasks:
            yield Report(task, "ok") if is_done(store, task) else Report(task, "failed", reason)
    else:
        raise ClusterError(f"a Dask worker could not do its work: {type(error).__name__}: {error}") from error
