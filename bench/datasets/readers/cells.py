"""Single cells of tables: their text, whether they are numbers, words or gaps, and what is wrong with them."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd

from bench.datasets.readers.spellings import is_date, is_missing

WITH_COMMA = r"[-+]?(\d+|\d{1,3}(\.\d{3})+)(,\d+)?([eE][-+]?\d+)?"  # a number whose decimal mark is a comma
_THOUSANDS = re.compile(r"[-+]?\d{1,3}([,.' \u00a0\u202f]\d{3})+([.,]\d+)?")
_ENDLESS = re.compile(r"[-+]?inf(inity)?", re.IGNORECASE)
_DECIMAL_COMMA = re.compile(r"[-+]?\d+,\d+")
LONG_EXPONENT = re.compile(r"[eE][-+]?\d{9,}")  # pandas ends the process at 1e4002969594, and at 1e4002969594ab


def is_gap(cell: str) -> bool:
    """Return whether a cell of a column of numbers says that there is none: a missing value, a dash."""
    return is_missing(cell) or cell.strip() in ("-", "\u2013", "\u2014")


def as_text(value: Any) -> str:
    """Return a cell as text; a missing value is empty. Parquet has cells that are lists."""
    return "" if pd.api.types.is_scalar(value) and pd.isna(value) else str(value).strip()


def is_words(cell: str) -> bool:
    """Return whether a cell is a word or a date, and neither a number, however written, nor a gap.

    >>> is_words("LumA"), is_words("2021-09-02"), is_words("1,081"), is_words("NA"), is_words("inf")
    (True, True, False, False, False)
    """
    cell = cell.strip()
    if is_gap(cell) or _ENDLESS.fullmatch(cell):
        return False
    return cell[:1].isalpha() or is_date(cell)


def cure_of(cell: str) -> str:
    """Return what to do about a cell that is no number."""
    if is_gap(cell) and cell:
        formula = "A spreadsheet could not compute it. " if cell.startswith("#") and cell[-1] in "!?" else ""
        return f"{formula}Impute the value, or leave such genes out: `bench data import --transform complete-genes`."
    if _DECIMAL_COMMA.fullmatch(cell) and not _THOUSANDS.fullmatch(cell):
        return "Its decimal mark is a comma: export with points, or separate the cells by semicolons."
    if _THOUSANDS.fullmatch(cell):
        return "It looks like a number with marks between thousands: export the numbers without them."
    if LONG_EXPONENT.search(cell):
        return "Nothing measured is that large or small: mend it, or export the file again."
    if cell[:1] in ("'", "\u2018", "\u201c"):
        return "Only the plain double quotes are quotes: export with those, or with none."
    if cell[:1] in ("\u2212", "\u2013") or cell.endswith("%"):
        return "Export plain numbers, with a hyphen for minus and without a percent sign."
    return "Impute the value, or drop the row or column."


def numbers_of(column: pd.Series[Any]) -> pd.Series[Any]:
    """Return the numbers of a column of text, NaN where a cell is none.

    >>> numbers_of(pd.Series(["1.5", "high", "1e4002969594ab"])).tolist()
    [1.5, nan, nan]
    """
    text = column.astype(str)
    numbers: pd.Series[Any] = pd.to_numeric(text.where(~text.str.contains(LONG_EXPONENT), ""), errors="coerce")
    return numbers


def is_number(text: str) -> bool:
    """Return whether a text is a finite number."""
    try:
        return bool(np.isfinite(float(text)))
    except ValueError:
        return False
