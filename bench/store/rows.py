"""The tidy table of results: one row per number, failures included, and its form on disk."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.core.errors import StoreError
from bench.store.store import write_atomic

if TYPE_CHECKING:
    import pandas as pd

IDENTITY = ["dataset", "fold", "seed", "generator", "params", "family", "measure", "attack"]
COLUMNS = [*IDENTITY, "value", "low", "high", "status", "reason", "wall_s", "peak_mb", "key"]
_NUMBERS = ["value", "low", "high", "wall_s", "peak_mb"]
_TEXT = ["dataset", "generator", "params", "family", "measure", "attack", "status", "reason", "key"]
Row = dict[str, Any]


def table(rows: Iterable[Row]) -> pd.DataFrame:
    """Return rows as a table with the columns in order."""
    import pandas as pd  # slow to import, and a plan needs no table

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
