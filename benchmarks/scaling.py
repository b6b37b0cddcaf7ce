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

import csv
import math
import multiprocessing
import os
import resource
import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import click
import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from numpy.typing import NDArray

from bench import AttackView, Cohort, stream
from bench.registry import create, find, plugins

MB = 1 << 20
LEAST = {"cpu_s": 0.5, "memory_mb": 32.0}  # at the largest size; below, no exponent is given
SHARES = np.array([920, 447, 434, 420, 417, 385, 353, 312, 244, 155, 150, 86]) / 4323  # the classes of COMBINED


@dataclass(frozen=True)
class Task:
    """What is measured: a plugin, or a straightforward form, at a size."""

    kind: str
    name: str
    samples: int
    genes: int
    train: int


@dataclass(frozen=True)
class Cost:
    """What it took; NaN where it was stopped or failed, and then why."""

    cpu_s: float
    wall_s: float
    memory_mb: float
    before_mb: float
    problem: str = ""


# -- the data ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class People:
    """Training, held-out and synthetic samples: classes apart, 40 hidden factors, synthetic ones near training ones."""

    train: Cohort
    holdout: Cohort
    synthetic: Cohort
    reference: NDArray[np.float32]

    def view(self) -> AttackView:
        """Return what attacks see; the candidates are the training and the held-out samples."""
        both = [np.concatenate([getattr(c, part) for c in (self.train, self.holdout)]) for part in ("X", "y")]
        return AttackView(
            synthetic=self.synthetic.X, targets=both[0], genes=self.train.genes, reference=self.reference,
            synthetic_labels=self.synthetic.y, target_labels=both[1],
        )  # fmt: skip


def people(samples: int, genes: int, train: int) -> People:
    rng = np.random.default_rng(0)
    loadings, centres = rng.normal(0, 0.25, size=(40, genes)), rng.normal(0, 1.5, size=(len(SHARES), genes))
    real = []
    for n in (train, train // 4, train // 4):
        y = rng.permutation(np.searchsorted(SHARES.cumsum() - 1e-9, (np.arange(n) + 0.5) / n))
        real.append((in_parts(n, genes, lambda i: drawn(rng, centres[y[i]], loadings)), y))  # noqa: B023
    who = rng.integers(train, size=samples)
    X = in_parts(samples, genes, lambda i: real[0][0][who[i]] + 0.5 * rng.standard_normal((len(who[i]), genes)))
    cohorts = [cohort(*role) for role in (real[0], real[1], (X, real[0][1][who]))]
    return People(cohorts[0], cohorts[1], cohorts[2], real[2][0])


def drawn(rng: np.random.Generator, centres: NDArray[np.float64], loadings: NDArray[np.float64]) -> NDArray[np.float64]:
    n, genes = centres.shape
    return centres + rng.standard_normal((n, 40)) @ loadings + 0.6 * rng.standard_normal((n, genes)) + 8


def in_parts(n: int, genes: int, part: Callable[[slice], NDArray[np.float64]]) -> NDArray[np.float32]:
    X = np.empty((n, genes), dtype=np.float32)
    for start in range(0, n, 2000):
        X[start : start + 2000] = part(slice(start, start + 2000))
    return X


def cohort(X: NDArray[np.float32], y: NDArray[np.int64]) -> Cohort:
    genes, samples = (tuple(f"{letter}{i}" for i in range(n)) for letter, n in (("g", X.shape[1]), ("s", len(X))))
    return Cohort(
        X=X, y=np.array([f"c{k:02d}" for k in range(len(SHARES))])[y], genes=genes, samples=samples, units="vst"
    )


# -- what is run -------------------------------------------------------------------------------------------------------


def run(task: Task, data: People) -> Any:
    if task.kind == "dense":
        return DENSE[task.name](data)
    plugin, rng = create(find(task.kind, task.name)), stream(0, "scaling", task.name)  # type: ignore[arg-type]
    if task.kind == "attack":
        return plugin.score(data.view(), rng=rng)
    return plugin(data.train, data.holdout, data.synthetic, rng=rng)


def squared(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float64]:
    A, B = a.astype(np.float64), b.astype(np.float64)
    return (A**2).sum(axis=1)[:, None] + (B**2).sum(axis=1) - 2 * A @ B.T


def dense_mmd(data: People) -> float:
    a, b = data.train.X, data.synthetic.X
    kernels = [np.exp(-squared(*pair) / a.shape[1]) for pair in ((a, a), (b, b), (a, b))]
    aa, bb = ((k.sum() - len(k)) / (len(k) * (len(k) - 1)) for k in kernels[:2])
    return float(aa + bb - 2 * kernels[2].mean())


def dense_prdc(data: People) -> float:
    a, b = data.train.X, data.synthetic.X
    radii = [np.sort(squared(X, X), axis=1)[:, 5] for X in (a, b)]
    between = squared(a, b)
    return float((between < radii[0][:, None]).any(axis=0).mean() + (between < radii[1]).any(axis=1).mean())


def dense_gan_leaks(data: People) -> NDArray[np.float64]:
    return -squared(data.view().targets, data.synthetic.X).min(axis=1)


DENSE: dict[str, Callable[[People], Any]] = {"mmd": dense_mmd, "prdc": dense_prdc, "gan_leaks": dense_gan_leaks}


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
    Path("/proc/self/clear_refs").write_text("5")  # the highest memory so far is forgotten
    before, wall, cpu = memory_mb("VmRSS"), time.perf_counter(), cpu_s()
    try:
        run(task, data)
        problem = ""
    except Exception as error:  # reported in the table
        problem = f"{type(error).__name__}: {str(error)[:100]}"
    found = Cost(cpu_s() - cpu, time.perf_counter() - wall, memory_mb("VmHWM") - before, before, problem)
    send.send(found)


def memory_mb(field: str, process: int | str = "self") -> float:
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith(field)), 0.0)


def cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def measured(task: Task, limit_mb: float, limit_s: float) -> Cost:
    """Return the cost of a task; its process is stopped at the limits of memory and wall time."""
    context = multiprocessing.get_context("spawn")
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
        found = Cost(math.nan, math.nan, math.nan, math.nan, problem or "the process died")
    child.join()
    return found


# -- reading and showing -----------------------------------------------------------------------------------------------


Rows = list[tuple[Task, Cost]]
FIELDS = {"cpu_s": "CPU s", "memory_mb": "MB beyond the data"}


def exponent(rows: Rows, axis: str, field: str) -> float:
    """Return the slope on log axes over the upper half of the sizes, at least three; NaN where values are too small."""
    known = np.array([(getattr(task, axis), getattr(cost, field)) for task, cost in rows if not cost.problem])
    upper = known[-max(3, math.ceil(len(rows) / 2)) :]
    if len(upper) < 3 or upper[-1, 1] < LEAST[field]:
        return math.nan
    x, y = np.log(np.maximum(upper, 1e-3)).T
    return float(np.polyfit(x, y, 1)[0])


def grouped(rows: Rows) -> Iterator[tuple[str, str, Rows]]:
    """Yield kind, name and the rows of each, sizes rising."""
    groups: dict[tuple[str, str], Rows] = defaultdict(list)
    for task, cost in rows:
        groups[task.kind, task.name].append((task, cost))
    for (kind, name), some in groups.items():
        yield kind, name, sorted(some, key=lambda row: (row[0].samples, row[0].genes))


def show(rows: Rows, axis: str) -> None:
    sizes = sorted({getattr(task, axis) for task, _ in rows})
    width = 9 * len(sizes) + 8
    print(f"\n{'':<34}" + "".join(f"{title:<{width}}" for title in FIELDS.values()))
    print(f"{axis:<34}" + 2 * ("".join(f"{size:>9}" for size in sizes) + " " * 8))
    for kind, name, some in grouped(rows):
        line = f"{kind:<8}{name:<26}"
        for field, digits in (("cpu_s", 1), ("memory_mb", 0)):
            slope = exponent(some, axis, field)
            line += "".join(f"{getattr(cost, field):>9.{digits}f}" for _, cost in some)
            line += f"  ^{slope:<5.2f}" if slope == slope else " " * 8
        print(line + "; ".join(f"{getattr(task, axis)}: {cost.problem}" for task, cost in some if cost.problem))
    for field, title in FIELDS.items():
        slopes = {name: exponent(some, axis, field) for kind, name, some in grouped(rows) if kind != "dense"}
        known = {name: slope for name, slope in slopes.items() if slope == slope}
        if known:
            print(f"largest exponent, {title}: {max(known.values()):.2f} ({max(known, key=known.__getitem__)})")


def plot(rows: Rows, axis: str, path: Path) -> None:
    """Write panels of time and memory, for metrics and attacks; both axes are logarithmic."""
    mpl.use("Agg")
    figure, panels = plt.subplots(2, 2, figsize=(12, 9), sharex=True, layout="constrained")
    for row, (field, title) in enumerate(FIELDS.items()):
        for panel, kind in zip(panels[row], ("metric", "attack"), strict=True):
            names = {name for k, name, _ in grouped(rows) if k == kind}
            draw(panel, [row for row in rows if row[0].kind == kind or row[0].name in names], axis, field)
            panel.set(xscale="log", yscale="log", title=f"{kind}s, {title}", xlabel=axis)
    figure.savefig(path)


def draw(panel: Axes, rows: Rows, axis: str, field: str) -> None:
    """Draw a line for each plugin; those with the largest values at the end are named, the others are grey."""
    lines = [(kind, name, some) for kind, name, some in grouped(rows) if getattr(some[-1][1], field) >= LEAST[field]]
    lines.sort(key=lambda line: -getattr(line[2][-1][1], field))
    for place, (kind, name, some) in enumerate(lines):
        x, y = zip(*((getattr(task, axis), getattr(cost, field)) for task, cost in some), strict=True)
        slope = exponent(some, axis, field)
        label = f"{name}{' dense' if kind == 'dense' else ''} {f'^{slope:.2f}' if slope == slope else ''}"
        named = place < 10 or kind == "dense"
        style = "--" if kind == "dense" else "-"
        panel.plot(x, y, style, color=f"C{place % 10}" if named else "0.8", label=label if named else None, lw=1.2)
    if lines:
        panel.legend(fontsize=7, frameon=False)


# -- the command -------------------------------------------------------------------------------------------------------


def read(path: Path | None) -> Rows:
    if path is None or not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [
            (
                Task(row["kind"], row["name"], *(int(row[field]) for field in ("samples", "genes", "train"))),
                Cost(*(float(row[f]) for f in ("cpu_s", "wall_s", "memory_mb", "before_mb")), problem=row["problem"]),
            )
            for row in csv.DictReader(file)
        ]


def append(path: Path, task: Task, cost: Cost) -> None:
    values = asdict(task) | asdict(cost)
    new = not path.exists()
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(values))
        if new:
            writer.writeheader()
        writer.writerow(values)


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
