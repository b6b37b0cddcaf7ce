"""Estimates of the time and memory of a plan's tasks, from earlier runs; unknown where nobody ever ran the plugin.

The nearest earlier run speaks: the same generator and parameters on other folds of the cohort, else other parameters of
it, else (a measure, an attack) other generators, else another cohort, scaled by its size, else the estimate that ships
with the package.
"""

from __future__ import annotations

import heapq
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from bench.boundary.views import WITH_CODE
from bench.core.errors import StoreError
from bench.engine.cost_estimates import Cost, estimates
from bench.engine.plan import PlannedCell
from bench.engine.tasks import Task
from bench.store.rows import read_rows
from bench.store.store import Store

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger(__name__)
Todo = list[tuple[PlannedCell, list[Task]]]


class Work(NamedTuple):
    """Which work it was: a step of one plugin (a measure by its name) on one release of one dataset."""

    step: str
    plugin: str
    dataset: str
    generator: str
    params: str


@dataclass
class _Past:
    """The mean time and the largest memory of the work seen under one key."""

    n: int = 0
    total_s: float = 0.0
    peak_mb: float = 0.0

    def add(self, wall_s: float, peak_mb: float) -> None:
        self.n, self.total_s, self.peak_mb = self.n + 1, self.total_s + wall_s, max(self.peak_mb, peak_mb)


@dataclass
class Costs:
    """Time and memory of earlier tasks, from the same task on other folds to the same plugin on other cohorts."""

    sizes: dict[str, int] = field(default_factory=dict)  # values (samples x genes) of each dataset
    shipped: dict[str, dict[tuple[str, str], Cost]] = field(default_factory=dict)  # of each dataset, by step and plugin
    _past: dict[tuple[str, ...], _Past] = field(default_factory=dict)

    def add(self, work: Work, wall_s: float, peak_mb: float) -> None:
        """Take note of what one piece of work took."""
        if wall_s >= 0:  # not of one that was lost: NaN
            for key in _keys(work):
                self._past.setdefault(key, _Past()).add(wall_s, peak_mb)

    def same(self, work: Work) -> float | None:
        """Return the mean seconds of the very same work on other folds, or None."""
        past = self._past.get(_same(work))
        return past.total_s / past.n if past else None

    def of(self, planned: PlannedCell, task: Task) -> Cost | None:
        """Return what a task is expected to take, or None if neither an earlier run nor the package says."""
        work = work_of(planned, task)
        near = [(_same(work), "other folds"), (_kin(work), "other parameters")]
        if task.step != "sample" and task.plugin.option("access") not in WITH_CODE:  # those fit the generator again
            near.append((_any(work), "other generators"))
        for key, source in near:
            if past := self._past.get(key):
                return Cost(past.total_s / past.n, past.peak_mb, source)
        elsewhere = self._elsewhere(work, [key for key, _ in near])
        return elsewhere or self.shipped.get(work.dataset, {}).get((work.step, work.plugin))

    def _elsewhere(self, work: Work, keys: Sequence[tuple[str, ...]]) -> Cost | None:
        """Return the cost on the cohort whose size is nearest, in proportion to the values in it."""
        size = self.sizes.get(work.dataset)
        others = {name: n for name, n in self.sizes.items() if size and n and name != work.dataset}
        for name in sorted(others, key=lambda name: max(others[name], size or 0) / min(others[name], size or 0)):
            for key in keys:
                if past := self._past.get((*key[:2], name, *key[3:])):
                    scale = (size or 0) / others[name]
                    return Cost(scale * past.total_s / past.n, max(scale, 1) * past.peak_mb, f"{name}, scaled")
        return None


def work_of(planned: PlannedCell, task: Task) -> Work:
    """Return which work a task is; a metric goes by its first measure, as it does in the rows."""
    name = task.plugin.measures[0].name if task.step == "metric" else task.plugin.name
    return Work(task.step, name, planned.cell.dataset, planned.cell.generator, planned.params)


def _same(work: Work) -> tuple[str, ...]:
    return tuple(work)


def _kin(work: Work) -> tuple[str, ...]:
    return work[:4]


def _any(work: Work) -> tuple[str, ...]:
    return work[:3]


def _keys(work: Work) -> Iterator[tuple[str, ...]]:
    yield from (_same(work), _kin(work))
    if work.step != "sample":
        yield _any(work)


# -- learning ----------------------------------------------------------------------------------------------------------


def learn(plan: Sequence[PlannedCell], store: Store, shapes: Mapping[str, tuple[int, int]] | None = None) -> Costs:
    """Return what earlier runs took: those in the rows beside the store, and what of this plan is in the store.

    Parameters
    ----------
    shapes : samples and genes of the planned dataset, by its name in the rows; without it, nothing is scaled and no
        shipped estimate is used
    """
    shapes = shapes or {}
    costs = Costs(
        {name: samples * genes for name, (samples, genes) in shapes.items()},
        {name: estimates(*shape) for name, shape in shapes.items()},
    )
    seen = set[str]()
    for path in sorted((store.root.parent / "rows").glob("*.csv")):
        try:
            seen |= _learn_rows(costs, path)
        except StoreError as error:
            log.warning("no estimate from %s: %s", path, error)
    for planned in plan:
        for task in planned.tasks:
            if task.key not in seen and (body := store.read(task.key)):
                costs.add(work_of(planned, task), body["wall_s"], body["peak_mb"])
    return costs


def _learn_rows(costs: Costs, path: Path) -> set[str]:
    """Add the work behind a file of rows and return the keys of its results."""
    rows, about = read_rows(path)
    data = about.get("data", {})
    for work, wall_s, peak_mb in work_in(rows):
        costs.sizes.setdefault(work.dataset, data.get("samples", 0) * data.get("genes", 0))
        costs.add(work, wall_s, peak_mb)
    return set(rows["key"])


def work_in(rows: pd.DataFrame) -> Iterator[tuple[Work, float, float]]:
    """Yield each work that went well behind rows, with its seconds and its peak memory in MB."""
    once = rows["measure"].isin(["auc", "wall_s"]) | ((rows["attack"] == "") & ~rows["family"].isin(["cost", "claim"]))
    rows = rows[(rows["status"] == "ok") & once]
    columns = ["family", "measure", "attack", "dataset", "generator", "params", "wall_s", "peak_mb"]
    for family, measure, attack, dataset, generator, params, wall_s, peak_mb in rows[columns].itertuples(index=False):
        step = "sample" if family == "cost" else "attack" if attack else "metric"
        plugin = {"sample": generator, "attack": attack, "metric": measure}[step]
        yield Work(step, plugin, dataset, generator, params), wall_s, peak_mb


# -- adding up ---------------------------------------------------------------------------------------------------------


def makespan(seconds: Iterable[float], jobs: int) -> float:
    """Return how long work of these lengths takes, begun in this order, so many pieces at once."""
    free = [0.0] * jobs
    for length in seconds:
        heapq.heapreplace(free, free[0] + length)
    return max(free)


# -- the order of work -------------------------------------------------------------------------------------------------


def longest_first(todo: Todo, costs: Costs) -> Todo:
    """Return cells with their tasks, those first that are expected to take longest.

    So none that takes long is begun when all others are done. A task of which nothing is known counts as the mean of
    those of which something is; cells that take equally long keep the order of the plan.
    """
    lengths = [[cost.wall_s if (cost := costs.of(cell, task)) else None for task in tasks] for cell, tasks in todo]
    known = [seconds for cell in lengths for seconds in cell if seconds is not None]
    mean = sum(known) / max(len(known), 1)
    expected = [sum(mean if seconds is None else seconds for seconds in cell) for cell in lengths]
    return [todo[i] for i in sorted(range(len(todo)), key=lambda i: -expected[i])]
