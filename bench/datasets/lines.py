"""Checks that every line of a text table can be parsed: as many cells as the header has, and no endless exponent.

The parser of pandas that reads the numbers refuses some longer lines, crashes on others, and fills shorter ones.
A number such as 1e4002969594 crashes it too.
"""

from __future__ import annotations

import csv
import itertools
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TextIO

from bench.core.errors import DataError

_EXPONENT = re.compile(r"[eE][-+]?\d{9,}")
_ENDLESS = re.compile(r"[-+]?[\d.]+[eE][-+]?\d{9,}")


def check_lines(path: Path, stream: TextIO, delimiter: str, width: int) -> None:
    """Raise a `DataError` if a line has another number of cells than the header, or a number without end.

    Parameters
    ----------
    path : for the message
    stream : the lines, the header among them
    delimiter, width : between cells, and how many cells there are

    Raises
    ------
    DataError
        It names the line.
    """
    for number, line in enumerate(stream, start=1):
        if '"' in line:
            _check_quoted(path, itertools.chain([line], stream), delimiter, width, number)
            return
        if _EXPONENT.search(line):
            _check_cells(path, line.split(delimiter), number)
        if line.strip("\r\n") and line.count(delimiter) + 1 != width and number > 1:
            raise _other_width(path, number, line.count(delimiter) + 1, width)


def _check_quoted(path: Path, lines: Iterable[str], delimiter: str, width: int, first: int) -> None:
    """Check the cells of lines that may hold quoted delimiters and line breaks."""
    reader = csv.reader(lines, delimiter=delimiter)
    for row in reader:
        number = first + reader.line_num - 1
        _check_cells(path, row, number)
        if row and len(row) != width and number > 1:
            raise _other_width(path, number, len(row), width)


def _check_cells(path: Path, row: Iterable[str], number: int) -> None:
    if cell := next((cell for cell in row if _ENDLESS.fullmatch(cell.strip())), None):
        raise DataError(
            f"{path}, line {number} holds {cell.strip()!r}, beyond the range of any number. Mend it, or export the "
            "file again."
        )


def _other_width(path: Path, number: int, found: int, width: int) -> DataError:
    return DataError(
        f"{path}, line {number} has {found} cells; expected {width}, as many as the header names. A delimiter inside a "
        "value must be in quotes; mend the line, or export the file again."
    )
