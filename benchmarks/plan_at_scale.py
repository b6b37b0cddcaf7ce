"""Plays a plan on many workers, by what its tasks took: its length, its idle time, and what the scheduler hears.

Run it by hand; it needs rows that a run has written, and computes nothing else::

    python benchmarks/plan_at_scale.py                                      # the published rows of simulated combined
    python benchmarks/plan_at_scale.py --rows results/rows/brca.csv --seeds 20 --workers 1,8,64,512

A plan of several seeds has the cells of the rows once for each seed; their times are those of the rows. A worker does
a cell at a time, as every executor hands them out: in the order of the plan, the longest first, and the longest first
with its scoring in parts, each a piece of work of its own once the sample is there. Starting processes and reading data
take `--start` seconds for each piece. *Critical path* is the longest chain of work that has to be done one after the
other: no number of workers goes below it. *Idle* is the share of the workers' time in which they have nothing to do.
*Messages* are four for each piece: handed in, given to a worker, done, and the result asked for.
"""

from __future__ import annotations

import csv
import heapq
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
from tabulate import tabulate

ROWS = Path(__file__).parent.parent / "results/rows/combined-simulated.csv"
_MESSAGES = 4  # for each piece of work


@dataclass(frozen=True)
class Cell:
    """What the tasks of one cell took, in seconds: the sample, and each measure and attack."""

    sample: float
    scoring: tuple[float, ...]

    @property
    def whole(self) -> float:
        """All of it, one after the other."""
        return self.sample + sum(self.scoring)


@dataclass(frozen=True)
class Played:
    """How a plan went: its end in seconds, its longest chain, the share of idle time, and messages per second."""

    end: float
    critical: float
    idle: float
    messages: float


def read_cells(path: Path) -> list[Cell]:
    """Return the cells of a table of rows in the order of a plan, folds outermost; what was lost took nothing."""
    found: dict[tuple[str, ...], dict[str, tuple[bool, float]]] = {}
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            name = row["fold"], row["seed"], row["generator"], row["params"]
            seconds = float(row["wall_s"] or 0)
            found.setdefault(name, {})[row["key"]] = row["family"] in ("cost", "claim"), seconds
    ordered = sorted(found, key=lambda name: (int(name[1]), int(name[0]), *name[2:]))
    return [_cell(list(found[name].values())) for name in ordered]


def _cell(tasks: Sequence[tuple[bool, float]]) -> Cell:
    scoring = tuple(seconds for is_sample, seconds in tasks if not is_sample)
    return Cell(sum(seconds for is_sample, seconds in tasks if is_sample), scoring)


def in_parts(cell: Cell, parts: int) -> list[float]:
    """Return the seconds of parts of a cell's scoring, as even as giving the longest task to the least part makes."""
    sums = [0.0] * parts
    for seconds in sorted(cell.scoring, reverse=True):
        heapq.heapreplace(sums, sums[0] + seconds)
    return [seconds for seconds in sums if seconds > 0]


def play(cells: Iterable[Cell], workers: int, *, parts: int = 1, start: float = 0.0) -> Played:
    """Return how cells go that are begun in this order, as soon as a worker is free.

    With several parts, the scoring of a cell is that many pieces, which go before cells that are not begun.
    """
    waiting = list(cells)[::-1]
    ready: list[float] = []  # pieces whose sample is there
    events: list[
        tuple[float, int, Cell | None]
    ] = []  # when a worker is free, and of which cell the sample is there then
    now, free, pieces, work, critical = 0.0, workers, 0, 0.0, 0.0
    while waiting or ready or events:
        while free and (ready or waiting):
            cell = None
            if ready:
                seconds = start + ready.pop()
            else:
                cell = waiting.pop()
                seconds = start + (cell.sample if parts > 1 else cell.whole)
                rest = max(in_parts(cell, parts), default=0.0) if parts > 1 else 0.0
                critical = max(critical, seconds + (start + rest if rest else 0.0))
            pieces, work, free = pieces + 1, work + seconds, free - 1
            heapq.heappush(events, (now + seconds, pieces, cell if parts > 1 else None))
        now, _, done = heapq.heappop(events)
        free += 1
        ready += in_parts(done, parts) if done else []
    return Played(now, critical, 1 - work / (now * workers), _MESSAGES * pieces / now)


def longest_first(cells: Sequence[Cell]) -> list[Cell]:
    """Return the cells with the longest first."""
    return sorted(cells, key=lambda cell: -cell.whole)


def _numbers(context: click.Context, parameter: click.Parameter, text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


@click.command(help=(__doc__ or "").partition("\n")[0])
@click.option("--rows", "path", type=click.Path(path_type=Path, exists=True), default=ROWS)
@click.option("--seeds", default=30, show_default=True, help="How often the cells of the rows are in the plan.")
@click.option("--workers", default="1,2,4,8,100,1000", show_default=True, callback=_numbers)
@click.option("--parts", default=4, show_default=True, help="Of a cell's scoring, in the third way.")
@click.option("--start", default=1.0, show_default=True, help="Seconds to start a process and read the data.")
def main(path: Path, seeds: int, workers: list[int], parts: int, start: float) -> None:
    """Print a line for each way to hand out the work and each number of workers."""
    cells = read_cells(path) * seeds
    ways: dict[str, Callable[[int], Played]] = {
        "order of the plan": lambda n: play(cells, n, start=start),
        "longest first": lambda n: play(longest_first(cells), n, start=start),
        f"longest first, {parts} parts": lambda n: play(longest_first(cells), n, parts=parts, start=start),
    }
    total = sum(cell.whole for cell in cells)
    print(
        f"{len(cells)} cells, {sum(1 + len(cell.scoring) for cell in cells)} tasks, {total / 3600:.1f} hours of work\n"
    )
    lines = []
    for n in workers:
        for way, played in ((way, make(n)) for way, make in ways.items()):
            speed = total / played.end
            found = (played.end / 60, speed, f"{played.idle:.1%}", played.critical / 60, played.messages)
            lines.append((n, way, *found))
    heads = ["workers", "handed out", "minutes", "speed-up", "idle", "critical path, minutes", "messages per s"]
    print(tabulate(lines, heads, tablefmt="github", floatfmt=("", "", ".1f", ".0f", "", ".1f", ".1f")))


if __name__ == "__main__":
    main()
