"""Shows what a run would do: a table for people, and one line per task for programs."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from bench.core.formatting import duration, size
from bench.core.secret_seeds import shown_seed
from bench.engine.cost_estimates import SOURCE, Cost, provenance
from bench.engine.costs import Costs, Todo, makespan
from bench.engine.plan import PlannedCell, label_of
from bench.engine.tasks import Task

_WIDE = 160  # columns where nobody's window ends
HEADER = ("generator", "params", "fold", "seed", "step", "plugin", "key", "wall_s", "peak_mb", "learned_from")


@dataclass
class _Line:
    """What the plan says about one generator."""

    tasks: int = 0
    to_do: int = 0
    unknown: int = 0
    seconds: float = 0.0
    peak_mb: float = 0.0
    sources: dict[str, int] = field(default_factory=dict)

    def add(self, cost: Cost | None) -> None:
        self.to_do += 1
        if cost is None:
            self.unknown += 1
            return
        self.seconds, self.peak_mb = self.seconds + cost.wall_s, max(self.peak_mb, cost.peak_mb)
        self.sources[cost.source] = self.sources.get(cost.source, 0) + 1

    def cells(self) -> tuple[str, ...]:
        """The columns after the name."""
        known = self.to_do > self.unknown
        more = f", {self.unknown} unknown" if self.unknown and known else ""
        work = (duration(self.seconds) + more) if known else "unknown"
        memory = size(self.peak_mb * 1e6) if known else "unknown"
        if not self.to_do:
            work = memory = "-"
        sources = ", ".join(sorted(self.sources, key=lambda name: -self.sources[name]))
        return str(self.tasks), str(self.tasks - self.to_do), str(self.to_do), work, memory, sources


def show_plan(plan: Sequence[PlannedCell], todo: Todo, costs: Costs, jobs: int, console: Console) -> None:
    """Print per generator how much there is to do and what it is expected to take, and the whole below."""
    lines: dict[str, _Line] = {}
    for planned in plan:
        lines.setdefault(label_of(planned), _Line()).tasks += len(planned.tasks)
    for planned, task in _each(todo):
        lines[label_of(planned)].add(costs.of(planned, task))
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in ("generator", "tasks", "in the store", "to do", "work", "peak memory", "learned from"):
        table.add_column(name, justify="left" if name in ("generator", "learned from") else "right")
    for label, line in lines.items():
        table.add_row(label.replace("[", r"\["), *line.cells())
    wide = console if console.is_terminal else Console(file=console.file, width=_WIDE)
    wide.print(table)
    wide.print(_bottom(todo, costs, jobs, sum(line.unknown for line in lines.values())), highlight=False)
    if any(SOURCE in line.sources for line in lines.values()):
        wide.print(provenance(), highlight=False, soft_wrap=True)


def _bottom(todo: Todo, costs: Costs, jobs: int, unknown: int) -> str:
    """Return how long the whole will take and how much memory at most."""
    if not todo:
        return "Nothing to do: everything is in the store."
    cells = [[cost for task in tasks if (cost := costs.of(planned, task))] for planned, tasks in todo]
    if not any(cells):
        return "No earlier run says how long this takes."
    seconds = makespan((sum(cost.wall_s for cost in cell) for cell in cells), jobs)
    peaks = sorted((max((cost.peak_mb for cost in cell), default=0.0) for cell in cells), reverse=True)
    least = "At least" if unknown else "About"
    rest = f"; {unknown} tasks are unknown and not in it" if unknown else ""
    never = len({(task.step, task.plugin.name) for planned, task in _each(todo) if not costs.of(planned, task)})
    who = f" They are of {never} plugin{'s' * (never > 1)} that nobody ever ran." if unknown else ""
    return f"{least} {duration(seconds)} and up to {size(1e6 * sum(peaks[:jobs]))} with {jobs} at once{rest}.{who}"


def list_tasks(todo: Todo, costs: Costs) -> None:
    """Print one line per task to be done, with tabs between the columns of `HEADER`; empty where nothing is known."""
    sys.stdout.write("\t".join(HEADER) + "\n")
    for planned, task in _each(todo):
        cell, cost = planned.cell, costs.of(planned, task)
        known = (f"{cost.wall_s:.4f}", f"{cost.peak_mb:.1f}", cost.source) if cost else ("", "", "")
        where = (cell.generator, planned.params, str(cell.fold), shown_seed(cell.seed))
        names = (*where, task.step, task.plugin.name, task.key)
        sys.stdout.write("\t".join([*names, *known]) + "\n")


def _each(todo: Todo) -> Iterator[tuple[PlannedCell, Task]]:
    yield from ((planned, task) for planned, tasks in todo for task in tasks)
