"""Keeps what ``scaling.py`` measured in a CSV file, and shows it: tables, growth exponents and a picture."""

from __future__ import annotations

import csv
import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

LEAST = {"cpu_s": 0.5, "memory_mb": 32.0}  # at the largest size; below, no exponent is given


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


Rows = list[tuple[Task, Cost]]
NAMED = 10  # lines in a panel that have a name and a colour
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
    """Write panels of time and memory, for metrics and attacks; all axes are logarithmic, dotted lines are slopes."""
    mpl.use("Agg")
    mpl.rcParams |= {"svg.hashsalt": "scaling", "svg.fonttype": "none"}  # the same numbers give the same, small file
    figure, panels = plt.subplots(2, 2, figsize=(14, 8), sharex=True, layout="constrained")
    sizes = sorted({getattr(task, axis) for task, _ in rows})
    for row, (field, title) in enumerate(FIELDS.items()):
        for panel, kind in zip(panels[row], ("metric", "attack"), strict=True):
            names = {name for k, name, _ in grouped(rows) if k == kind}
            panel.set(xscale="log", yscale="log", title=f"{kind}s: {title}")
            panel.set_xticks(sizes, [f"{size:,} {axis}" if size == sizes[-1] else f"{size:,}" for size in sizes])
            panel.set_xticks([], minor=True)
            draw(panel, [row for row in rows if row[0].kind == kind or row[0].name in names], axis, field)
            guide(panel, sizes)
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)


def draw(panel: Axes, rows: Rows, axis: str, field: str) -> None:
    """Draw a line for each plugin; those with the largest values at the end are named, the others are grey."""
    known = [(kind, name, [row for row in some if not row[1].problem]) for kind, name, some in grouped(rows)]
    lines = [line for line in known if line[2] and getattr(line[2][-1][1], field) >= LEAST[field]]
    lines.sort(key=lambda line: -getattr(line[2][-1][1], field))
    plugins = [name for kind, name, _ in lines if kind != "dense"]
    for kind, name, some in lines:
        x, y = zip(*((getattr(task, axis), getattr(cost, field)) for task, cost in some), strict=True)
        slope, place = exponent(some, axis, field), plugins.index(name) if name in plugins else NAMED
        label = f"{name}{', all at once' if kind == 'dense' else ''}{f'  {slope:.1f}' if slope == slope else ''}"
        named = place < NAMED or kind == "dense"
        colour = f"C{place}" if place < NAMED else "0.3" if kind == "dense" else "0.85"
        panel.plot(x, y, "--" if kind == "dense" else "-", color=colour, label=label if named else None, lw=1.4)
    if lines:
        panel.legend(
            title="growth", fontsize=8, title_fontsize=8, frameon=False, loc="upper left", bbox_to_anchor=(1, 1)
        )


def guide(panel: Axes, sizes: list[int]) -> None:
    """Draw how what grows with the size, and with its square, would rise from the lower left corner."""
    (low, high), x = panel.get_ylim(), (sizes[0], sizes[-1])
    for power, words in ((1, "$n$"), (2, "$n^2$")):
        end = min(x[-1], x[0] * (high / low) ** (1 / power))
        top = low * (end / x[0]) ** power
        panel.plot([x[0], end], [low, top], ":", color="0.5", lw=1)
        panel.annotate(words, (end, top), fontsize=9, color="0.3", ha="right", va="bottom")
    panel.set_ylim(low, high)


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
