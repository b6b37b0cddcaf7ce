"""Checks what somebody adds to a folder of results, before anybody merges it: rows, what is said beside them, pages."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from bench.core.errors import BenchError
from bench.registry.declarations import Measure
from bench.registry.finding import plugins
from bench.report.leaderboard import orphans, rows_files, stale
from bench.store.rows import IDENTITY, read_rows
from bench.store.verified import marks_file, marks_of

_ABOUT = {"bench", "command", "created", "data", "machine", "versions"}
_DATA = {"classes", "digest", "name", "samples", "simulated", "source", "title"}
_SLACK = 1e-9
_SHOWN = 5  # lines about one file


def problems_of_results(results: Path) -> Iterator[str]:
    """Yield in words what is wrong with a folder of results; nothing if it can be merged.

    Every file of rows is read whole; each number must lie within the bounds that its measure declares, come once, and
    have a reason if it is missing. Where the numbers come from must be said, marks of reruns must belong to these very
    rows, and pages must be what the rows give.
    """
    for path in rows_files(results):
        try:
            rows, about = read_rows(path)
        except BenchError as error:
            yield str(error)
            continue
        found = [*_of_about(about), *_of_rows(rows), *_of_marks(results, path.stem, rows)]
        yield from (f"{path}: {text}" for text in found[:_SHOWN])
        if len(found) > _SHOWN:
            yield f"{path}: {len(found) - _SHOWN} more of this kind"
        if not found and (text := stale(path)):
            yield f"{text} Write it with `bench report --out {results}`."
    yield from (f"{page} has no rows behind it; remove it" for page in orphans(results))


def _of_about(about: Mapping[str, Any]) -> Iterator[str]:
    missing = sorted((_ABOUT - about.keys()) | {f"data.{name}" for name in _DATA - about.get("data", {}).keys()})
    if missing:
        yield f"the file beside it does not say {', '.join(missing)}"


def _of_rows(rows: pd.DataFrame) -> Iterator[str]:
    twice = rows[rows.duplicated(IDENTITY)]
    for line in twice.head(_SHOWN).to_dict("records"):
        yield f"{_named(line)} comes twice"
    declared = {m.name: m for info in plugins("metric").values() for m in info.measures}
    silent = rows[(rows["status"] != "ok") & (rows["reason"].fillna("") == "")]
    for line in silent.head(_SHOWN).to_dict("records"):
        yield f"{_named(line)} is missing without a reason"
    good = rows[(rows["status"] == "ok") & (rows["attack"] == "")]
    for name, values in good.groupby("measure")["value"]:
        if (m := declared.get(str(name))) and (text := _outside(m, values)):
            yield text
    found = rows.loc[(rows["attack"] != "") & (rows["measure"] == "auc"), "value"].dropna()
    if len(odd := found[(found < 0) | (found > 1)]):
        yield f"an AUC is {odd.iloc[0]:g}; expected 0 to 1"


def _outside(measure: Measure, values: pd.Series[float]) -> str:
    known = values.dropna()
    odd = known[(known < measure.low - _SLACK) | (known > measure.high + _SLACK) | known.abs().eq(math.inf)]
    return f"{measure.name} is {odd.iloc[0]:g}; expected {measure.low:g} to {measure.high:g}" if len(odd) else ""


def _of_marks(results: Path, slug: str, rows: pd.DataFrame) -> Iterator[str]:
    path = marks_file(results, slug)
    if not path.is_file():
        return
    held = marks_of(results, slug, rows)
    for label in json.loads(path.read_text(encoding="utf-8")):
        if label not in held:
            yield f"{label} is marked as verified in {path}, and its rows are not those that were reproduced"


def _named(line: Mapping[Any, Any]) -> str:
    attack = f" of {line['attack']}" if line["attack"] else ""
    params = f"[{line['params']}]" if line["params"] else ""
    return f"{line['measure']}{attack}, {line['generator']}{params}, fold {line['fold']} of seed {line['seed']},"
