"""The tidy table of results: one row per number, failures included, and its form on disk."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from bench.errors import StoreError
from bench.exposure import EXPOSURE_MEASURES
from bench.plan import PlannedCell
from bench.scoring import MEASURES
from bench.store import Store, write_atomic
from bench.tasks import Report, Task

IDENTITY = ["dataset", "fold", "seed", "generator", "params", "family", "measure", "attack"]
COLUMNS = [*IDENTITY, "value", "low", "high", "status", "reason", "wall_s", "peak_mb", "key"]
_NUMBERS = ["value", "low", "high", "wall_s", "peak_mb"]
_TEXT = ["dataset", "generator", "params", "family", "measure", "attack", "status", "reason", "key"]
Row = dict[str, Any]
ATTACK_MEASURES = (*MEASURES, *EXPOSURE_MEASURES)


def rows_of(planned: PlannedCell, store: Store, reports: Mapping[str, Report]) -> Iterator[Row]:
    """Yield the rows of a cell: every planned number, with why it is missing where it is."""
    for task in planned.tasks:
        body = store.read(task.key)
        report = reports.get(task.key)
        for row in _numbers(task, body) if body else _absences(task, report):
            yield {**_identity(planned), **_cost(body), "key": task.key, **row}


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


def _numbers(task: Task, body: Mapping[str, Any]) -> Iterator[Row]:
    if task.step == "metric":
        for measure, value in body["values"].items():
            yield {"family": task.plugin.option("family"), "measure": measure, "value": value}
    elif task.step == "attack":
        for measure, value, low, high in body["readings"]:
            row = {"family": "privacy", "measure": measure, "attack": task.plugin.name, "value": value}
            yield {**row, "low": low, "high": high}
    else:
        yield from ({"family": "cost", "measure": name, "value": body[name]} for name in ("wall_s", "peak_mb"))
        yield {"family": "cost", "measure": "n_synthetic", "value": body["n"]}
        yield {"family": "claim", "measure": "epsilon", **_claim(body["claim"])}


def _claim(claim: Mapping[str, Any] | None) -> Row:
    if claim is None:
        return {"value": math.nan, "reason": "claims nothing"}
    outside = ", ".join(claim["outside"])
    scope = f"not end to end; outside the budget: {outside}" if outside else "end to end"
    text = (
        f"{claim['mechanism']}; protects {claim['unit']}, {claim['neighbours']}; delta {claim['delta']:g}; "
        f"{claim['accountant']}; {scope}"
    )
    return {"value": claim["epsilon"], "reason": text}


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
        measures = [("cost", "wall_s"), ("cost", "peak_mb"), ("cost", "n_synthetic"), ("claim", "epsilon")]
        yield from ({"family": family, "measure": measure, **gone} for family, measure in measures)


def table(rows: Iterable[Row]) -> pd.DataFrame:
    """Return rows as a table with the columns in order."""
    frame = pd.DataFrame(list(rows), columns=COLUMNS)
    return frame.astype(dict.fromkeys(_TEXT, "object"))


def write_rows(path: Path, rows: pd.DataFrame, about: Mapping[str, Any]) -> None:
    """Write rows as CSV, and beside them a JSON file that says where they come from."""
    write_atomic(path, lambda f: f.write(rows.to_csv(index=False).encode()))
    text = json.dumps(about, indent=2, sort_keys=True) + "\n"
    write_atomic(path.with_suffix(".json"), lambda f: f.write(text.encode()))


def with_labels(rows: pd.DataFrame) -> pd.DataFrame:
    """Return a table with a further column ``label``: the generator with its parameters, as a user writes it.

    Parameters
    ----------
    rows : with the columns ``generator`` and ``params``
    """
    return rows.assign(label=rows["generator"] + rows["params"].map(lambda text: f"[{text}]" if text else ""))


def read_rows(path: Path) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return the rows of a CSV file and what the JSON file beside it says about them.

    Raises
    ------
    StoreError
        If a file is missing or is no table of rows.
    """
    try:
        empty = {name: [""] for name in _NUMBERS}
        rows = pd.read_csv(
            path,
            dtype=dict.fromkeys(_TEXT, str),
            keep_default_na=False,
            na_values=empty,
            float_precision="round_trip",  # the number that was written, to the last bit
        )
        about = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StoreError(f"the rows {path} cannot be read ({error}). `bench run` writes them.") from error
    if list(rows.columns) != COLUMNS:
        raise StoreError(f"{path} has the columns {list(rows.columns)}; expected {COLUMNS}. `bench run` writes them.")
    try:
        return rows.astype(dict.fromkeys(_NUMBERS, float)), about
    except ValueError as error:
        raise StoreError(
            f"{path} holds something else than a number ({error}). `bench run` writes it again."
        ) from error
