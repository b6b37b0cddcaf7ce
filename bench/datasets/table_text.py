"""Finds the table in a text file: what archives and tools write above it and below it, and what separates its cells."""

from __future__ import annotations

import gzip
import io
import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

_LOOK = 5000  # lines in which a table must have begun
_GCT = re.compile(r"#1\.[23]\s*")
_BEGINS = ("!series_matrix_table_begin", "!dataset_table_begin", "!platform_table_begin", "!sample_table_begin")
_ENDS = tuple(mark.replace("begin", "end") for mark in _BEGINS)  # of GEO
_DECIMAL_COMMA = re.compile(r"-?\d+,\d+")


@dataclass(frozen=True)
class TablePlace:
    """Where the table of a text file is.

    Parameters
    ----------
    above : lines above its header
    between : lines between its header and its rows
    beside : columns between its row names and its values, which describe the rows
    delimiter, decimal : between cells, and in numbers
    """

    above: int = 0
    between: int = 0
    beside: int = 0
    delimiter: str = "\t"
    decimal: str = "."


def find_table(path: Path, delimiter: str) -> TablePlace:
    """Return where the table of a file is: below blank lines, comments, or the preamble of GEO or GCT.

    Parameters
    ----------
    path : a text file, perhaps gzipped
    delimiter : that of the file's extension; semicolons are noticed where the header has none of those
    """
    with open_text(path) as stream:
        head = list(itertools.islice(stream, _LOOK))
    above, between, beside = _extent(head, delimiter)
    header, first = (*head[above : above + 1], ""), (*head[above + 1 + between : above + 2 + between], "")
    decimal = "."
    if delimiter not in header[0] and ";" in header[0]:
        delimiter = ";"
        decimal = "," if any(_DECIMAL_COMMA.fullmatch(cell.strip()) for cell in first[0].split(";")) else "."
    return TablePlace(above, between, beside, delimiter, decimal)


def _extent(head: Sequence[str], delimiter: str) -> tuple[int, int, int]:
    """Return how many lines are above the header and below it, and how many columns describe rows."""
    blank = next((i for i, line in enumerate(head) if line.strip()), 0)
    if begin := next((i for i, line in enumerate(head) if line.lower().startswith(_BEGINS)), None):
        return begin + 1, 0, 0
    if head and _GCT.fullmatch(head[blank]) and len(head) > blank + 2:
        sizes = [int(cell) for cell in head[blank + 1].split() if cell.isdecimal()]
        return (blank + 2, sizes[3], sizes[2]) if len(sizes) == 4 else (blank + 2, 0, 1)
    return blank + _comments(head[blank:], delimiter), 0, 0


def _comments(lines: Sequence[str], delimiter: str) -> int:
    """Return how many lines of comments come first; a single one as wide as the next line is a header that has a #."""
    n = next((i for i, line in enumerate(lines) if not line.startswith("#")), len(lines))
    if n == 0 or n == len(lines):
        return 0
    width = [line.count(delimiter) for line in lines[: n + 1]]
    header = width[n - 1] == width[n] > 0 and (n == 1 or width[n - 2] != width[n])
    return n - 1 if header else n


def open_table(path: Path, place: TablePlace) -> TextIO:
    """Return the lines of a table, its header first; a GEO table ends where its closing line says."""
    stream = open_text(path)
    for _ in range(place.above):
        next(stream)
    if not place.between:
        return stream
    with stream:
        header = next(stream, "")
        return io.StringIO(header + "".join(itertools.islice(stream, place.between, None)), newline="")


def before_end(lines: Iterator[str]) -> str:
    """Return the lines before the one by which GEO closes a table."""
    return "".join(itertools.takewhile(lambda line: not closes(line), lines))


def closes(line: str) -> bool:
    """Return whether a line is the one by which GEO closes a table."""
    return line.startswith("!") and line.lower().startswith(_ENDS)


def open_text(path: Path) -> TextIO:
    """Open a text file, perhaps gzipped, without its byte-order mark; line ends stay as they are."""
    if path.suffix.lower() == ".gz":
        return io.TextIOWrapper(gzip.open(path, "rb"), encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")
