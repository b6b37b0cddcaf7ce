"""Turns what the tasks of a plan left in the store into rows: every planned number, or why it is missing."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from bench.engine.plan import PlannedCell
from bench.engine.tasks import Cell, Report, Task
from bench.statistics.exposure import EXPOSURE_MEASURES
from bench.statistics.membership import MEASURES
from bench.store.rows import Row, claim_columns
from bench.store.store import Store

DUPLICATES = ("duplicates", "duplicates_before_rounding")
ATTACK_MEASURES = (*MEASURES, *EXPOSURE_MEASURES)


def rows_of(planned: PlannedCell, store: Store, reports: Mapping[str, Report]) -> Iterator[Row]:
    """Yield the rows of a cell: every planned number, with why it is missing where it is."""
    for task in planned.tasks:
        body = store.read(task.key)
        report = reports.get(task.key)
        for row in _numbers(planned.cell, task, body) if body else _absences(task, report):
            yield {**_identity(planned), **_cost(body), "key": task.key, **row}
    if planned.cell.maker is None:  # made elsewhere: it has no task of its own
        given = planned.cell.sample_key
        for row in _duplicates(store.read(given) or {}):
            yield {**_identity(planned), **_cost(None), "key": given, **row}


def _identity(planned: PlannedCell) -> Row:
    cell = planned.cell
    return {
        "dataset": cell.dataset,
        "fold": cell.fold,
        "seed": cell.seed,
        "generator": cell.generator,
        "params": planned.params,
        "attack": "",
        "status": "ok",
        "reason": "",
        "low": math.nan,
        "high": math.nan,
    }


def _cost(body: Mapping[str, Any] | None) -> Row:
    return {name: (body or {}).get(name, math.nan) for name in ("wall_s", "peak_mb")}


def _numbers(cell: Cell, task: Task, body: Mapping[str, Any]) -> Iterator[Row]:
    if task.step == "metric":
        for measure, value in body["values"].items():
            low, high = body.get("intervals", {}).get(measure, (math.nan, math.nan))
            row = {"family": task.plugin.option("family"), "measure": measure, "value": value}
            yield {**row, "low": low, "high": high}
    elif task.step == "attack":
        for measure, value, low, high in body["readings"]:
            row = {"family": "privacy", "measure": measure, "attack": task.plugin.name, "value": value}
            yield {**row, "low": low, "high": high}
    else:
        yield from ({"family": "cost", "measure": name, "value": body[name]} for name in ("wall_s", "peak_mb"))
        measure, name = ("n_parameters", "parameters") if "parameters" in body else ("n_synthetic", "n")
        yield {"family": "cost", "measure": measure, "value": body[name]}
        yield from _duplicates(body)
        yield {"family": "claim", "measure": "epsilon", **_claim(body["claim"], cell)}


def _duplicates(body: Mapping[str, Any]) -> Iterator[Row]:
    """Yield how many rows of a release repeat another; a model has none."""
    yield from ({"family": "cost", "measure": name, "value": body[name]} for name in DUPLICATES if name in body)


def _claim(claim: Mapping[str, Any] | None, cell: Cell) -> Row:
    """Return the columns of a claim: outside its budget is also what was done to the data before there were folds."""
    if claim is None:
        return {"value": math.nan, "reason": "claims nothing"}
    whole = {**claim, "outside": [*claim["outside"], *cell.outside]}
    return {**claim_columns(whole), "reason": delta_warning(claim["delta"], len(cell.data.fitted))}


def delta_warning(delta: float, n: int) -> str:
    """Return what is wrong with a delta above 1/n, n being the people trained on; empty if it is not."""
    if delta * n <= 1:
        return ""
    return f"delta {delta:g} is above 1/{n}: to publish one of the {n} people as they are would meet this claim"


def _absences(task: Task, report: Report | None) -> Iterator[Row]:
    """Yield a row for each number that a task would have given."""
    status, reason = (report.status, report.reason) if report else ("missing", "not run")
    gone = {"value": math.nan, "status": status, "reason": reason}
    if task.step == "metric":
        yield from ({"family": task.plugin.option("family"), "measure": m.name, **gone} for m in task.plugin.measures)
    elif task.step == "attack":
        name = task.plugin.name
        yield from ({"family": "privacy", "measure": m, "attack": name, **gone} for m in ATTACK_MEASURES)
    else:
        size = "n_parameters" if task.plugin.released == "model" else "n_synthetic"
        counted = () if task.plugin.released == "model" else DUPLICATES
        measures = [*(("cost", name) for name in ("wall_s", "peak_mb", size, *counted)), ("claim", "epsilon")]
        yield from ({"family": family, "measure": measure, **gone} for family, measure in measures)
