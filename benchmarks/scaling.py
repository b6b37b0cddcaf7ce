"""Measures how time and memory of every default metric and attack grow with samples or with genes.

Each is run alone, in a process of its own with one thread, at each size; a process that passes the memory limit is
stopped. Run it by hand::

    python benchmarks/scaling.py --samples 4000,8000,16000,32000 --plot samples.svg --csv samples.csv
    python benchmarks/scaling.py --samples 2000,4000,8000,16000 --together           # training samples grow as well
    python benchmarks/scaling.py --samples 2000 --genes 1000,2000,4000,8000
    python benchmarks/scaling.py --samples 100000 --train 3458                       # one size: what it costs
    python benchmarks/scaling.py --samples 5000 --genes 20000 --only mmd,mahalanobis

Time is CPU time. Memory is the highest resident memory while it ran, less what was resident before: the data are loaded
and the plugin has run once on little data by then. An exponent is the slope of a least-squares line through the upper
half of the sizes, at least three, on log axes; a value too small to be measured well has none. Beside the plugins stand
some of the same measures written straightforwardly, with all distances in one float64 matrix (`dense`). A CSV file that
already holds rows is continued: what it holds is not measured again.
"""

from __future__ import annotations

import ctypes
import math
import multiprocessing
import os
import resource
import time
import warnings
from dataclasses import asdict
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import click
from scaling_people import DENSE, People, people
from scaling_tables import Cost, Rows, Task, append, plot, read, show

from bench import stream
from bench.registry.finding import create, find, plugins

# -- what is run -------------------------------------------------------------------------------------------------------


def run(task: Task, data: People) -> Any:
    if task.kind == "dense":
        return DENSE[task.name](data)
    plugin, rng = create(find(task.kind, task.name)), stream(0, "scaling", task.name)  # type: ignore[arg-type]
    if task.kind == "attack":
        return plugin.score(data.view(), rng=rng)
    return plugin(data.train, data.holdout, data.synthetic, rng=rng)


def default_plugins() -> list[tuple[str, str]]:
    """Return kind and name of what runs without being named, and of the straightforward forms."""
    found = [(kind, name) for kind in ("metric", "attack") for name, info in plugins(kind).items() if runs(info)]
    return found + [("dense", name) for name in DENSE]


def runs(info: Any) -> bool:
    return not info.option("opt_in", False) and info.option("access", "") not in ("code", "white-box")


# -- one measurement, in a process of its own --------------------------------------------------------------------------


def measure(task: Task, send: Connection) -> None:
    warnings.simplefilter("ignore")
    run(task, people(300, 40, 200))
    data = people(task.samples, task.genes, task.train)
    ctypes.CDLL("libc.so.6").malloc_trim(0)  # else what making the people left free would be used first
    Path("/proc/self/clear_refs").write_text("5")  # the highest memory so far is forgotten
    before, wall, cpu = memory_mb("VmRSS"), time.perf_counter(), cpu_s()
    try:
        run(task, data)
    except Exception as error:  # reported in the table
        send.send(nothing(f"{type(error).__name__}: {str(error)[:100]}"))
    else:
        send.send(Cost(cpu_s() - cpu, time.perf_counter() - wall, memory_mb("VmHWM") - before, before))


def nothing(problem: str) -> Cost:
    return Cost(math.nan, math.nan, math.nan, math.nan, problem)


def memory_mb(field: str, process: int | str = "self") -> float:
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):  # it has just ended
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith(field)), 0.0)


def cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def measured(task: Task, limit_mb: float, limit_s: float) -> Cost:
    """Return the cost of a task; its process is stopped at the limits of memory and wall time."""
    context = multiprocessing.get_context("forkserver")  # which has imported what they need, and computed nothing
    context.set_forkserver_preload([info.module for kind in ("metric", "attack") for info in plugins(kind).values()])
    receive, send = context.Pipe(duplex=False)
    child = context.Process(target=measure, args=(task, send))
    child.start()
    send.close()
    start, problem = time.perf_counter(), ""
    while not problem and not receive.poll(0.1):
        if memory_mb("VmRSS", child.pid or 0) > limit_mb:
            problem = f"stopped at {limit_mb / 1024:.0f} GB"
        elif time.perf_counter() - start > limit_s:
            problem = f"stopped after {limit_s:.0f} s"
    if problem:
        child.kill()
    try:
        found: Cost = receive.recv()
    except EOFError:
        found = nothing(problem or "the process died")
    child.join()
    return found


# -- the command -------------------------------------------------------------------------------------------------------


def numbers(context: click.Context, parameter: click.Parameter, text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


@click.command(help=(__doc__ or "").partition("\n")[0])
@click.option("--samples", default="1000,2000,4000,8000", callback=numbers, help="Synthetic samples.")
@click.option("--genes", default="978", callback=numbers)
@click.option("--train", default=1000, show_default=True, help="Training samples; a quarter more is held out.")
@click.option("--together", is_flag=True, help="As many training samples as synthetic ones.")
@click.option("--only", default="", help="Names of metrics and attacks, with commas; all if empty.")
@click.option("--limit-gb", default=16.0, show_default=True, help="Stop a process that holds more.")
@click.option("--limit-s", default=7200.0, show_default=True, help="Stop a process that takes longer.")
@click.option("--csv", "table", type=click.Path(path_type=Path), help="Write the rows here, each as it is measured.")
@click.option("--plot", "picture", type=click.Path(path_type=Path), help="Write a picture here (svg, png).")
def main(
    samples: list[int], genes: list[int], train: int, together: bool, only: str, limit_gb: float, limit_s: float,
    table: Path | None, picture: Path | None,
) -> None:  # fmt: skip
    os.environ["OMP_NUM_THREADS"] = "1"  # inherited by every process that is measured
    known = read(table)
    rows: Rows = []
    for kind, name in default_plugins():
        for n, g in [(n, g) for n in samples for g in genes if not only or name in only.split(",")]:
            task = Task(kind, name, n, g, n if together else train)
            cost = dict(known).get(task)
            if cost is None:
                cost = measured(task, limit_gb * 1024, limit_s)
                print(
                    *asdict(task).values(),
                    *(f"{v:.1f}" for v in (cost.cpu_s, cost.wall_s, cost.memory_mb)),
                    cost.problem,
                )
                if table is not None:
                    append(table, task, cost)
            rows.append((task, cost))
    axis = "genes" if len(genes) > 1 else "samples"
    show(rows, axis)
    if picture is not None:
        plot(rows, axis, picture)


if __name__ == "__main__":
    main()
