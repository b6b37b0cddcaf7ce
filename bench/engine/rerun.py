"""Repeats a run from its manifest, and finds the rows that a manifest, a folder or a file stands for."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.core.errors import BenchError, StoreError
from bench.engine.manifest import read_manifest
from bench.store.row_equality import rows_digest
from bench.store.rows import IDENTITY, read_rows, table_of_records

if TYPE_CHECKING:
    import pandas as pd

_SUFFIX = ".manifest.json"


def words_of(manifest: Mapping[str, Any], out: Path) -> list[str]:
    """Return the words of the command that repeats a run into another folder.

    Of options that come twice the last one counts, so that what was called `all` is now called by its names.

    Raises
    ------
    BenchError
        If the run was made by a command that takes no such options.
    """
    words, request = list(manifest["argv"][1:]), manifest["request"]
    if words[:1] == ["run"]:
        words += ["--dataset", dataset_of(manifest), "--generators", ",".join(request["generators"])]
        words += ["--metrics", ",".join(request["metrics"]) or "none"]
        words += ["--attacks", ",".join(request["attacks"]) or "none"]
        words += [f"--{name}={','.join(map(str, request[name]))}" for name in ("seeds", "folds")]
        words += ["--device", request["device"]]
    elif words[:1] != ["score"] and words[:2] != ["submit", "score"]:
        raise BenchError(f"a run of {' '.join(manifest['argv'][:3])!r} cannot be repeated; expected `bench run`.")
    return [*words, "--threads", str(request["threads"]), "--out", str(out)]


def dataset_of(manifest: Mapping[str, Any]) -> str:
    """Return the name to load a run's data by; people set aside and other numbers of folds make it longer in tables."""
    name = str(manifest["data"]["name"])
    if re.search(r"--n-folds[ =]\d+", " ".join(manifest["argv"])):
        name = re.sub(r"-\d+folds$", "", name)
    return re.sub(r"-reference\d+$", "", name) if set_aside(manifest) else name


def set_aside(manifest: Mapping[str, Any]) -> int | None:
    """Return one in how many people the run set aside as a reference, or None."""
    text = " ".join(manifest["argv"])
    found = re.search(r"--reference-one-in[ =](\d+)", text)
    return int(found[1]) if found else None


# -- which rows are meant ----------------------------------------------------------------------------------------------


def rows_in(source: Path) -> dict[str, pd.DataFrame]:
    """Return the rows of a results folder, a rows file, a manifest or a run's record, by the name of the rows file.

    Raises
    ------
    StoreError
        If there are none.
    """
    if source.is_dir():
        paths = sorted((source / "rows").glob("*.csv"))
        if not paths:
            raise StoreError(f"there are no rows in {source / 'rows'}; expected a folder that `bench run` wrote.")
        return {path.stem: read_rows(path)[0] for path in paths}
    if source.suffix == ".csv":
        return {source.stem: read_rows(source)[0]}
    slug, rows = recorded(source)
    if rows is None:
        beside = source.with_name(source.name.removesuffix(_SUFFIX) + ".csv")
        rows = read_rows(beside)[0]
    return {slug: rows}


def recorded(source: Path) -> tuple[str, pd.DataFrame | None]:
    """Return the name of a manifest's rows file, and the rows that its run gave; None if its record is gone."""
    path = source
    if source.name.endswith(_SUFFIX):
        manifest = read_manifest(source)
        path = source.parent.parent / "store" / "runs" / f"{manifest['record']}.json"
        if not path.is_file():
            return str(manifest["data"]["slug"]), None
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        if "rows_in" in record:  # the run found all of its rows in the store, and an earlier record holds them
            path = path.with_name(f"{Path(record['rows_in']).name}.json")
            if not path.is_file():
                return record["slug"], None
            record = json.loads(path.read_text(encoding="utf-8"))
        return record["slug"], table_of_records(record["rows"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(f"the record {path} of the run cannot be read ({error}); it is damaged.") from error


def only_those_of(rows: pd.DataFrame, run: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that a run has too; a table of many runs holds others beside them."""
    return rows.merge(run[IDENTITY], on=IDENTITY)


def is_as_recorded(rows: pd.DataFrame, manifest: Mapping[str, Any]) -> bool:
    """Return whether rows are, to the last bit, those that the manifest was written for."""
    return rows_digest(rows) == str(manifest["rows"]["sha256"])
