"""Times a whole run on 1, 2 and 4 local processes and on a Dask cluster of this machine, side by side.

Run it by hand, on an idle machine::

    OMP_NUM_THREADS=1 python benchmarks/executors.py                       # all fast generators, combined, all measures
    OMP_NUM_THREADS=1 python benchmarks/executors.py --folds 1 --metrics mmd --attacks gan_leaks --repeats 3

Every run starts from an empty store, in turn, so that what else the machine does hits all of them. Each way of working
has done a small run before, so that nobody pays for starting up. `work` is the sum of what the tasks themselves took;
work / (wall x processes) is the share of the time in which the processes had something to do; what is missing to 1 is
what starting children, moving data, the scheduler and the uneven end of a run cost. `slower` is the work over that on
the fewest processes: tasks that run side by side share memory and caches. Speed-up is processes x busy / slower. The
rows of all runs are compared.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import click
import pandas as pd
from distributed import LocalCluster
from rich.console import Console
from rich.table import Table

from bench.datasets import load_dataset
from bench.datasets.folds import make_splits
from bench.engine.plan import PlannedCell, Scope, plan_generators
from bench.execution import DaskCluster, Executor, Limits, LocalProcesses
from bench.execution.runner import execute, pending
from bench.registry.finding import missing_needs
from bench.registry.selection import choose
from bench.store.rows import IDENTITY
from bench.store.store import Store

Way = tuple[str, int, Executor]
Planner = Callable[[Scope], list[PlannedCell]]


def fast_generators() -> str:
    found = [choice.info for choice in choose("generator", "all")]
    return ",".join(info.name for info in found if not info.resources.gpus and not missing_needs(info))


@contextmanager
def ways(processes: list[int], folder: Path) -> Iterator[list[Way]]:
    """Yield the ways to work, with a Dask cluster of one worker for each number of processes."""
    with ExitStack() as stack:
        found: list[Way] = [("local", n, LocalProcesses()) for n in processes]
        for n in processes:
            cluster = LocalCluster(
                n_workers=1, threads_per_worker=n, processes=True, dashboard_address=None, local_directory=str(folder)
            )
            found.append(("dask", n, DaskCluster(stack.enter_context(cluster).scheduler_address)))
        yield found


def one_run(way: Way, scope: Scope, planner: Planner) -> tuple[float, float, pd.DataFrame]:
    """Return the wall time of a run, the sum of its tasks' times, and its rows."""
    _, n, executor = way
    cells = planner(scope)
    started = time.perf_counter()
    outcome = execute(cells, pending(cells, scope.store), scope.store, Limits(n, 1), lambda *_: None, executor)
    wall = time.perf_counter() - started
    lost = outcome.rows[outcome.rows["status"] != "ok"]
    assert lost.empty, lost[["generator", "fold", "reason"]].drop_duplicates().to_string()
    tasks = outcome.rows.drop_duplicates("key")
    return wall, float(tasks["wall_s"].sum()), outcome.rows


def numbers(rows: pd.DataFrame) -> pd.DataFrame:
    kept = rows[rows["family"] != "cost"].drop(columns=["wall_s", "peak_mb"])
    return kept.sort_values(IDENTITY, ignore_index=True)


@click.command()
@click.option("--dataset", default="combined", show_default=True)
@click.option("--generators", help="[default: all that use no GPU]")
@click.option("--folds", default=5, show_default=True, help="How many.")
@click.option("--metrics", default="all", show_default=True)
@click.option("--attacks", default="all", show_default=True)
@click.option("--processes", default="1,2,4", show_default=True)
@click.option("--repeats", default=1, show_default=True)
def main(
    dataset: str, generators: str | None, folds: int, metrics: str, attacks: str, processes: str, repeats: int
) -> None:
    data = load_dataset(dataset)
    splits = make_splits(data.cohort, seed=42)
    scoring = choose("metric", metrics), choose("attack", attacks)
    chosen = choose("generator", generators or fast_generators())

    def planner(scope: Scope) -> list[PlannedCell]:
        return [cell for cell in plan_generators(scope, chosen, *scoring) if cell.cell.fold <= folds]

    def small(scope: Scope) -> list[PlannedCell]:
        return plan_generators(scope, choose("generator", "noise"), choose("metric", "mmd"), [])[:1]

    timings: dict[tuple[str, int], list[tuple[float, float]]] = {}
    tables: list[pd.DataFrame] = []
    with tempfile.TemporaryDirectory() as folder, ways([int(n) for n in processes.split(",")], Path(folder)) as found:
        for i in range(-1, repeats):
            for way in found:
                store = Store(Path(folder) / f"{way[0]}_{way[1]}_{i}").open()
                wall, work, rows = one_run(way, Scope(data, splits, store), planner if i >= 0 else small)
                if i >= 0:
                    print(f"{way[0]} {way[1]}: {wall:.1f} s for {work:.1f} s of work", flush=True)
                    timings.setdefault(way[:2], []).append((wall, work))
                    tables.append(numbers(rows))
    for other in tables[1:]:
        pd.testing.assert_frame_equal(tables[0], other, check_exact=True)
    show(timings, len(tables[0]))


def show(timings: dict[tuple[str, int], list[tuple[float, float]]], n_rows: int) -> None:
    table = Table("where", "processes", "wall s", "work s", "busy", "slower", "speed-up", "wall / local")
    medians = {
        way: [statistics.median(values) for values in zip(*found, strict=True)] for way, found in timings.items()
    }
    first = min(n for _, n in medians)
    alone, work_alone = medians["local", first]
    for (name, n), (wall, work) in medians.items():
        ratios = f"{work / work_alone:.2f}", f"{alone / wall:.2f}", f"{wall / medians['local', n][0]:.3f}"
        table.add_row(name, str(n), f"{wall:.1f}", f"{work:.1f}", f"{work / (wall * n):.0%}", *ratios)
    Console().print(table)
    print(f"{n_rows} rows of {sum(map(len, timings.values()))} runs are equal bit for bit")


if __name__ == "__main__":
    main()
