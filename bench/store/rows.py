"""The tidy table of results: one row per number, failures included, and its form on disk."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.core.errors import StoreError
from bench.core.plain import writable
from bench.store.store import write_text

if TYPE_CHECKING:
    import pandas as pd

IDENTITY = ["dataset", "fold", "seed", "generator", "params", "family", "measure", "attack"]
CLAIM = [
    "delta",
    "mechanism",
    "unit",
    "neighbours",
    "accountant",
    "outside",
]  # beside the epsilon of a claim, its value
COLUMNS = [*IDENTITY, "value", "low", "high", "status", "reason", *CLAIM, "wall_s", "peak_mb", "key"]
_NUMBERS = ["value", "low", "high", "delta", "wall_s", "peak_mb"]
_TEXT = [name for name in COLUMNS if name not in (*_NUMBERS, "fold", "seed")]
_OTHER_LAYOUT = "Another version of bench wrote it: write it again with `bench run` into an empty --store and --out"
_HASH = "sha256:"  # before each key: pandas' fast parser ends the process at a key that begins like 5e4002969594
_FINITE = "expected a finite number, or NaN where it is undefined"
Row = dict[str, Any]


def table(rows: Iterable[Row]) -> pd.DataFrame:
    """Return rows as a table with the columns in order."""
    import pandas as pd  # slow to import, and a plan needs no table

    frame = pd.DataFrame(list(rows), columns=COLUMNS)
    texts = [name for name in CLAIM if name != "delta"]  # a row that is no claim need not name them
    return _plain(frame.fillna(dict.fromkeys(texts, "")).astype(dict.fromkeys(_TEXT, "object")))


def _plain(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows without what an earlier version let a plugin put there: text that is no UTF-8, infinite measures."""
    for name in _TEXT:
        held = {text for text in rows[name].unique() if isinstance(text, str) and not text.isascii()}
        if spoiled := {text: writable(text) for text in held if text != writable(text)}:
            rows[name] = rows[name].replace(spoiled)
    infinite = np.isinf(rows["value"].to_numpy(dtype=float, na_value=np.nan)) & (rows["family"] != "claim").to_numpy()
    if infinite.any():
        reasons = [f"{m} is {v:g}; {_FINITE}" for m, v in rows.loc[infinite, ["measure", "value"]].to_numpy()]
        rows.loc[infinite, ["value", "status"]] = np.nan, "failed"
        rows.loc[infinite, "reason"] = reasons
    return rows


def table_of_records(rows: Iterable[Sequence[Any]]) -> pd.DataFrame:
    """Return rows that a store recorded, each a list of values in the order of the columns, as a table.

    Raises
    ------
    StoreError
        If a row has other columns than today's.
    """
    held = list(rows)
    if wrong := next((len(row) for row in held if len(row) != len(COLUMNS)), None):
        raise StoreError(f"a run in the store has rows of {wrong} columns; expected {len(COLUMNS)}. {_OTHER_LAYOUT}.")
    return table(dict(zip(COLUMNS, row, strict=True)) for row in held)


def claim_columns(claim: Mapping[str, Any]) -> Row:
    """Return the columns of a row that holds a privacy claim; its value is the epsilon, `outside` a JSON list.

    Public data that the generator used are named after its mechanism.

    Parameters
    ----------
    claim : the fields of a `bench.PrivacyClaim`
    """
    outside = json.dumps(list(claim["outside"])) if claim["outside"] else ""
    used = "".join(f"; public data used: {text}" for text in claim.get("public", ()))
    words = {"mechanism": claim["mechanism"] + used, "outside": outside}
    return {"value": claim["epsilon"], **{name: claim[name] for name in CLAIM}, **words}


def write_rows(path: Path, rows: pd.DataFrame, about: Mapping[str, Any]) -> None:
    """Write rows as CSV, and beside them a JSON file that says where they come from."""
    held = rows["key"].astype(str)
    written = rows.assign(key=held.where(held == "", _HASH + held))
    write_text(path, written.to_csv(index=False))
    write_text(path.with_suffix(".json"), json.dumps(about, indent=2, sort_keys=True) + "\n")


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
    import pandas as pd

    try:
        empty = {name: [""] for name in _NUMBERS}
        rows = pd.read_csv(
            path,
            dtype=dict.fromkeys(_TEXT, str),
            keep_default_na=False,
            na_values=empty,
            float_precision="round_trip",  # the number that was written, to the last bit
        )
        if "key" in rows:
            rows["key"] = rows["key"].str.removeprefix(_HASH)
        about = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StoreError(f"the rows {path} cannot be read ({error}). `bench run` writes them.") from error
    if list(rows.columns) != COLUMNS:
        raise StoreError(f"{path} has the columns {list(rows.columns)}; expected {COLUMNS}. {_OTHER_LAYOUT}.")
    try:
        return _plain(rows.astype(dict.fromkeys(_NUMBERS, float))), about
    except ValueError as error:
        raise StoreError(
            f"{path} holds something else than a number ({error}). `bench run` writes it again."
        ) from error
