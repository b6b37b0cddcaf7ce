"""A Dask cluster gives the rows that one machine gives, whatever dies on the way."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue

import numpy as np
import pandas as pd
import pytest
from dask_processes import Processes, dask_processes
from distributed import Client
from planted import ALONE, WAIT, generator
from runs import alive, numbers, planned, run, toy_dataset, until

from bench.core.cohort import Cohort
from bench.datasets import Dataset
from bench.engine.stopping import Stop
from bench.execution import DaskCluster, Limits, LocalProcesses
from bench.execution.base import Stage, stages
from bench.execution.clusters import dask_cluster
from bench.execution.clusters.remote import Job, set_up
from bench.execution.clusters.ticket import ClusterError, ticket
from bench.execution.runner import pending

TWO = Limits(2, 1)
KILLS = 6
KILL_WORKER = "os.kill(ancestor('spawn_main'), 9); time.sleep(600)"
COUNT = '(folder / "fits").open("a").write(f"{type(self).__module__} {cohort.digest}\\n")'
ONCE = 'if not (folder / "mark").exists(): (folder / "mark").touch(); '


@pytest.fixture(scope="session")
def dataset(toy_cohort: Cohort) -> Dataset:
    return toy_dataset(toy_cohort)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processes]:
    """Two worker processes, each watched by a nanny that starts it again."""
    with dask_processes(tmp_path_factory.mktemp("dask"), DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES="1") as found:
        found.add_workers(2)
        yield found


def fits(folder: Path) -> list[int]:
    """Return how often each fit was begun."""
    lines = (folder / "fits").read_text().splitlines()
    return sorted(lines.count(line) for line in set(lines))


def test_a_cluster_gives_the_rows_of_one_machine(cluster: Processes, dataset: Dataset, tmp_path: Path) -> None:
    fails = generator(tmp_path, "fails", fit="raise ValueError('no')")
    outcomes = []
    for executor in (LocalProcesses(), DaskCluster(cluster.address)):
        scope, cells = planned(dataset, tmp_path / type(executor).__name__, f"multivariate,noise,{fails}", (1, 2, 3))
        outcomes.append(run(scope, cells, TWO, executor))
        assert not list((scope.store.root / "tickets").glob("*"))
    assert [outcome.lost for outcome in outcomes] == [9, 9]
    pd.testing.assert_frame_equal(*(numbers(outcome.rows) for outcome in outcomes), check_exact=True)


@pytest.mark.full
def test_killed_workers_lose_no_row_and_finished_work_is_not_done_again(
    cluster: Processes, dataset: Dataset, tmp_path: Path
) -> None:
    steady = generator(tmp_path, "steady", fit=COUNT)
    deadly = generator(tmp_path, "deadly", fit=f"{COUNT}\n{ONCE}{KILL_WORKER}")
    scope, cells = planned(dataset, tmp_path, f"{steady},{deadly},noise", (1, 2, 3, 4))
    outcome = run(scope, cells, TWO, DaskCluster(cluster.address))
    assert set(outcome.rows["status"]) == {"ok"}
    counts = fits(tmp_path)
    assert len(counts) == 8
    assert counts[:-2] == [1] * 6  # the worker's death ends one fit, and at most one more that shared its process
    (tmp_path / "fits").unlink()
    scope, cells = planned(dataset, tmp_path / "again", f"{steady},{deadly},noise", (1, 2, 3, 4))
    again = run(scope, cells, TWO, LocalProcesses())
    pd.testing.assert_frame_equal(numbers(outcome.rows), numbers(again.rows), check_exact=True)


@pytest.mark.full
def test_answers_that_die_with_their_worker_are_made_again(dataset: Dataset, tmp_path: Path) -> None:
    counts = generator(tmp_path, "counts", fit=COUNT)
    scope, cells = planned(dataset, tmp_path, counts, (1, 2, 3))
    with dask_processes(tmp_path / "dask") as own:
        own.add_workers(1)
        coming = DaskCluster(own.address).run(pending(cells, scope.store), TWO, Stop())
        first = next(coming)  # nobody takes the other answers yet
        until(lambda: not pending(cells, scope.store), "the end of the work")
        time.sleep(2)  # until the worker has said so
        (worker,) = own.workers()
        os.kill(worker, signal.SIGKILL)
        reports = [report for _, report in (first, *coming)]
    assert [report.status for report in reports] == ["ok"] * 9
    assert fits(tmp_path) == [1, 1, 1]  # the work itself was in the store


@pytest.mark.full
def test_workers_that_are_killed_at_random_moments_change_no_row(dataset: Dataset, tmp_path: Path) -> None:
    names, rng, ended = "multivariate,noise,copy_train,shuffled_genes", np.random.default_rng(6), SimpleQueue[object]()

    def kill_some() -> None:
        for _ in range(KILLS):  # each a while after another cell has ended, so that the run gets on
            if ended.get(timeout=300) is None:
                return
            time.sleep(rng.uniform(0, 1))
            until(own.workers, "a worker to kill")
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(rng.choice(own.workers())), signal.SIGKILL)

    with dask_processes(tmp_path / "dask", DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES="1000") as own:
        own.add_workers(2)
        killer = threading.Thread(target=kill_some)
        killer.start()
        scope, cells = planned(dataset, tmp_path, names, (1, 2, 3, 4, 5))
        outcome = run(scope, cells, TWO, DaskCluster(own.address), lambda *end: ended.put(end))
        ended.put(None)
        killer.join()
    scope, cells = planned(dataset, tmp_path / "undisturbed", names, (1, 2, 3, 4, 5))
    expected = numbers(run(scope, cells, TWO, LocalProcesses()).rows)
    assert outcome.lost == 0
    pd.testing.assert_frame_equal(numbers(outcome.rows), expected, check_exact=True)


@pytest.mark.full
def test_a_run_that_is_closed_kills_what_its_workers_do(cluster: Processes, dataset: Dataset, tmp_path: Path) -> None:
    name = generator(tmp_path, "hangs", fit='(folder / "pid").write_text(str(os.getpid())); time.sleep(600)')
    scope, cells = planned(dataset, tmp_path, f"noise,{name}")
    coming = DaskCluster(cluster.address).run(pending(cells, scope.store), TWO, Stop())
    assert next(coming)[0].cell.generator == "noise"
    until((tmp_path / "pid").exists, "the task to begin")
    coming.close()
    until(lambda: not alive(int((tmp_path / "pid").read_text())), "the end of the task")


def test_a_run_that_is_asked_to_stop_finishes_what_is_under_way(
    cluster: Processes, dataset: Dataset, tmp_path: Path
) -> None:
    stop, begun = Stop(), '(folder / f"begun_{cohort.digest}").touch()\n'
    name = generator(tmp_path, "waits", fit=begun + WAIT.format(ready='(folder / "go").exists()'))
    scope, cells = planned(dataset, tmp_path, name, (1, 2, 3, 4, 5))

    def watch() -> None:
        until(lambda: len(list(tmp_path.glob("begun_*"))) == 2, "two tasks to begin")
        stop.ask("the test")
        until(
            lambda: not any(path.stat().st_size for path in (scope.store.root / "tickets").iterdir()),
            "the withdrawn ticket",
        )
        (tmp_path / "go").touch()

    watcher = threading.Thread(target=watch)
    watcher.start()
    done = [report for _, report in DaskCluster(cluster.address).run(pending(cells, scope.store), TWO, stop)]
    watcher.join()
    assert [(report.task.step, report.status) for report in done] == [("sample", "ok")] * 2
    assert len(list(tmp_path.glob("begun_*"))) == 2


def test_a_worker_does_not_wait_for_the_ticket_of_a_run_that_is_over(
    cluster: Processes, dataset: Dataset, tmp_path: Path
) -> None:
    scope, cells = planned(dataset, tmp_path, "noise")
    todo = pending(cells, scope.store)
    with ticket(todo, TWO) as asked:
        (stage,) = stages(*todo[0])
    with Client(scheduler_file=cluster.address, set_as_default=False) as client:
        client.wait_for_workers(2, timeout=120)
        (here, *_) = client.scheduler_info()["workers"]
        late = client.submit(dask_cluster._do, Job(asked, stage, TWO), [], workers=[here], pure=False)
        under_way = lambda dask_worker: dask_worker.state.executing_count  # noqa: E731  # sent as it is, unlike a function
        until(lambda: client.run(under_way, workers=[here])[here], "the late job to begin")
        late.cancel()
        assert client.submit(int, workers=[here], pure=False).result(timeout=40) == 0  # well before it gives up


@pytest.mark.full
def test_a_scheduler_that_dies_ends_the_run_and_the_rest_is_done_later(dataset: Dataset, tmp_path: Path) -> None:
    waits = WAIT.format(ready='(folder / "go").exists()')
    name = generator(tmp_path, "waits", fit=f'(folder / "here").touch()\n{waits}')
    scope, cells = planned(dataset, tmp_path, f"noise,{name}", (1, 2))
    with dask_processes(tmp_path / "dask", DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT="5s") as own:
        own.add_workers(1)

        def kill() -> None:
            until((tmp_path / "here").exists, "the task to begin")
            os.kill(own.scheduler.pid, signal.SIGKILL)

        killer = threading.Thread(target=kill)
        killer.start()
        with pytest.raises(ClusterError, match="the Dask scheduler is gone"):
            run(scope, cells, TWO, DaskCluster(own.address))
        killer.join()
    (tmp_path / "go").touch()
    rest = run(scope, cells, TWO, LocalProcesses())
    assert rest.lost == 0
    assert rest.cached >= 3  # the first cell


@pytest.mark.full
def test_fits_take_turns_on_the_gpu_that_a_worker_declares(dataset: Dataset, tmp_path: Path) -> None:
    names = [generator(tmp_path, f"trains_{i}", fit=ALONE.format(work="time.sleep(0.05)"), gpus=1) for i in range(2)]
    scope, cells = planned(dataset, tmp_path, ",".join(names), (1, 2))
    with dask_processes(tmp_path / "dask") as own:
        own.add_workers(1, "--nthreads", "3", "--resources", "GPU=1,MEMORY=4e9")
        assert run(scope, cells, TWO, DaskCluster(own.address)).lost == 0


def test_more_than_any_worker_declares_is_refused_and_what_none_declares_is_not_asked(
    dataset: Dataset, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    _, (cell,) = planned(dataset, tmp_path, generator(tmp_path, "trains", gpus=2))
    fit, *rest = stages(cell, cell.tasks)
    assert dask_cluster._needs(fit, [{"GPU": 2.0}, {}]) == {"GPU": 2.0}
    assert [dask_cluster._needs(stage, [{"GPU": 2.0}]) for stage in rest] == [{}]
    assert dask_cluster._needs(fit, [{}, {}]) == {}
    dask_cluster._say_what_is_not_declared([[fit, *rest]], [{"GPU": 2.0}, {}])
    assert caplog.messages == []
    dask_cluster._say_what_is_not_declared([[fit, *rest]], [{}, {}])
    assert caplog.messages[0].startswith("no Dask worker declares the resource GPU")
    with pytest.raises(ClusterError, match="asks for GPU 2, but no worker declares more than 1"):
        dask_cluster._needs(fit, [{"GPU": 1.0}])


def test_a_worker_that_was_set_up_for_other_threads_is_refused(
    cluster: Processes, dataset: Dataset, tmp_path: Path
) -> None:
    scope, cells = planned(dataset, tmp_path, "noise")
    run(scope, cells, TWO, DaskCluster(cluster.address))
    scope, cells = planned(dataset, tmp_path / "other", "noise")
    with pytest.raises(ClusterError, match="Restart the workers"):
        run(scope, cells, Limits(2, 2), DaskCluster(cluster.address))


# the last of those that share the cluster: whoever comes after it waits for new workers
def test_a_cell_that_kills_every_worker_is_a_row_with_a_reason(
    cluster: Processes, dataset: Dataset, tmp_path: Path
) -> None:
    deadly = generator(tmp_path, "deadly", fit=KILL_WORKER)
    scope, cells = planned(dataset, tmp_path, f"{deadly},noise", (1,))
    outcome = run(scope, cells, TWO, DaskCluster(cluster.address))
    bad, good = (outcome.rows[outcome.rows["generator"] == name] for name in (deadly, "noise"))
    assert set(bad["status"]) == {"failed"}
    assert bad["reason"].str.contains("the workers that did it died").all()
    assert set(good["status"]) == {"ok"}


def test_a_scheduler_that_is_not_there_is_named(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask_cluster, "_CONNECT", "1s")
    scope, cells = planned(dataset, tmp_path, "noise")
    with pytest.raises(ClusterError, match=r"no Dask scheduler answers at 'tcp://127.0.0.1:9'"):
        run(scope, cells, TWO, DaskCluster("tcp://127.0.0.1:9"))


def test_a_machine_that_differs_is_refused_with_the_difference(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.execution.clusters.ticket._PATIENCE", 0.0)
    name = generator(tmp_path, "mine", gpus=1)
    scope, cells = planned(dataset, tmp_path, name)
    with ticket(pending(cells, scope.store), TWO) as asked:
        own = [(info, digest) for info, digest in asked.plugins if info.name == name]
        for problem, words in (
            (replace(asked, versions={**asked.versions, "numpy": "1.0"}), "numpy is .*, but 1.0 where the run was"),
            (replace(asked, plugins=[(info, "0" * 64) for info, _ in asked.plugins]), "is of another version"),
            (replace(asked, plugins=[(replace(own[0][0], path=tmp_path / "x.py"), "")]), "there is no file"),
            (replace(asked, plugins=[(replace(own[0][0], module="no_such_module"), "")]), "there is no module"),
            (replace(asked, proof=tmp_path / "elsewhere"), "the store .* is not what it is where the run was started"),
        ):
            with pytest.raises(ClusterError, match=words):
                set_up(problem)


def test_only_fits_hold_the_gpu(dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, (cell,) = planned(dataset, tmp_path, generator(tmp_path, "trains", gpus=1))

    def shape(found: list[Stage]) -> list[tuple[list[str], bool]]:
        return [([task.step for task in stage.tasks], stage.gpu) for stage in found]

    assert shape(stages(cell, cell.tasks)) == [(["sample"], True), (["metric", "attack"], False)]
    monkeypatch.setenv("BENCH_DEVICE", "cpu")
    assert shape(stages(cell, cell.tasks)) == [(["sample", "metric", "attack"], False)]
