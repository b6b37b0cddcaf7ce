"""Finds the table in a text file: what archives and tools write above it and below it, and what separates its cells."""

from __future__ import annotations

import csv
import gzip
import io
import itertools
import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TextIO, cast

from bench.core.errors import DataError

_LOOK = 5000  # lines in which a table must have begun
_ALIKE = 20  # lines that must have as many cells as each other; numbers that must be alike
_TITLE = 2  # cells: a table of more has a title above it, where a line has one
_GCT = re.compile(r"#1\.[23]\s*")
TABLE_BEGINS = ("!series_matrix_table_begin", "!dataset_table_begin", "!platform_table_begin", "!sample_table_begin")
_ENDS = tuple(mark.replace("begin", "end") for mark in TABLE_BEGINS)  # of GEO
_PLAIN = "utf-8-sig"
_MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}  # of the byte order
_GZIPPED = b"\x1f\x8b"
_SEPARATOR = re.compile(r'"?sep=([;,|\t])"?\s*', re.IGNORECASE)  # what Excel writes and reads on the first line
_DECIMAL_COMMA = re.compile(r"[-+]?(\d+|\d{1,3}(\.\d{3})+),\d+")
_THOUSANDS = re.compile(r"[1-9]\d{0,2}(\.\d{3})+")
_NUMBER = re.compile(r"[-+]?\d*[.,]?\d+([eE][-+]?\d+)?")
_SOME = 50  # lines, and cells of each, whose numbers are looked at
log = logging.getLogger(__name__)


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
    delimiter : that of the file's extension; others are noticed where the header has none of those
    """
    with open_text(path) as stream:
        head = list(itertools.islice(stream, _LOOK))
    said = _SEPARATOR.fullmatch(head[0]) if head else None
    delimiter = said[1] if said else delimiter
    above, between, beside = _extent(head, delimiter)
    header, rows = (*head[above : above + 1], "")[0], head[above + 1 + between :]
    if delimiter not in header:
        delimiter = _other_delimiter([header, *rows]) or delimiter
    cells = [[cell.strip(' "\r\n') for cell in line.split(delimiter)[:_SOME]] for line in rows[:_SOME]]
    decimal = "," if delimiter == ";" and any(_DECIMAL_COMMA.fullmatch(c) for row in cells for c in row) else "."
    if decimal == "." and (marked := _with_marks(cells)):
        log.warning(
            "%s: numbers such as %s may have points between thousands, as whole ones below 1000 have none; if so, "
            "export them without", path, marked,
        )  # fmt: skip
    return TablePlace(above, between, beside, delimiter, decimal)


def _with_marks(rows: Sequence[Sequence[str]]) -> str:
    """Return a number with a point before its last three digits, if all fractions are so, in columns of whole ones too.

    A program that writes three decimals writes them behind whole numbers too, and one that drops zeros drops some here.
    """
    found = []
    for column in itertools.zip_longest(*rows, fillvalue=""):
        numbers = [cell for cell in column if _NUMBER.fullmatch(cell)]
        pointed = [cell for cell in numbers if "." in cell]
        if not all(_THOUSANDS.fullmatch(cell) for cell in pointed):
            return ""
        found += pointed if len(pointed) < len(numbers) else []
    return found[0] if len(found) >= _ALIKE else ""


def _other_delimiter(lines: Sequence[str]) -> str:
    """Return what separates cells where the extension says something else, or nothing if that is not clear.

    R's ``write.table`` puts single spaces, and names no column above the row names.
    """
    widths = {
        d: [line.strip("\r\n").count(d) for line in lines[:_ALIKE] if line.strip()] for d in (";", "\t", ",", " ")
    }
    for delimiter, (first, *others) in ((d, found) for d, found in widths.items() if found):
        if delimiter == ";" and first:
            return delimiter
        if first and others and len(set(others)) == 1 and others[0] in (first, first + 1):
            return delimiter
    return ""


def _extent(head: Sequence[str], delimiter: str) -> tuple[int, int, int]:
    """Return how many lines are above the header and below it, and how many columns describe rows."""
    blank = _titles(head, delimiter)
    if begin := next((i for i, line in enumerate(head) if line.lower().startswith(TABLE_BEGINS)), None):
        return begin + 1, 0, 0
    if head and _GCT.fullmatch(head[blank]) and len(head) > blank + 2:
        sizes = [int(cell) for cell in head[blank + 1].split() if cell.isdecimal()]
        return (blank + 2, sizes[3], sizes[2]) if len(sizes) == 4 else (blank + 2, 0, 1)
    return blank + _comments(head[blank:], delimiter), 0, 0


def _titles(head: Sequence[str], delimiter: str) -> int:
    """Return how many lines come before anything that may be a header: blank ones, and titles of one cell.

    A spreadsheet fills up titles and blank lines with delimiters. What follows a title must look like a header, names
    of three columns or more and few numbers among them: R's header of one sample has one cell too.
    """
    if head and _SEPARATOR.fullmatch(head[0]):
        return 1
    blank = next((i for i, line in enumerate(head) if line.strip()), 0)
    for i, line in enumerate(head[blank:], start=blank):
        if line.startswith(("#", "!")):
            return blank
        cells = next(csv.reader([line], delimiter=delimiter), [])
        named = [cell for cell in cells if cell.strip()]
        if len(named) == 1 and delimiter not in line and _other_delimiter(head[i:]):
            return i  # the header of a table whose delimiter is another
        if len(named) > 1:
            numbers = sum(_NUMBER.fullmatch(cell.strip()) is not None for cell in named)
            return i if len(cells) > _TITLE and numbers < len(named) / 2 else blank
    return blank


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


def open_bytes(path: Path) -> IO[bytes]:
    """Open a file, unpacked if it is gzipped."""
    return cast("IO[bytes]", gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb"))


def encoding_of(start: bytes) -> str:
    r"""Return the encoding of a text that starts so: UTF-16 has a mark, or a zero in every other byte.

    >>> encoding_of(b"gene"), encoding_of(b"g\0e\0"), encoding_of(b"\xff\xfeg\0")
    ('utf-8-sig', 'utf-16-le', 'utf-16')
    """
    if start[:2] in _MARKS:
        return _MARKS[start[:2]]
    zeros = [byte == 0 for byte in start[:4]]
    return "utf-16-le" if zeros == [False, True] * 2 else "utf-16-be" if zeros == [True, False] * 2 else _PLAIN


def open_text(path: Path) -> TextIO:
    """Open a text file, perhaps gzipped, without its byte-order mark; line ends stay.

    Raises
    ------
    DataError
        If a gzipped file holds another gzipped one.
    """
    raw = open_bytes(path)
    try:
        start = raw.read(4)
        if start.startswith(_GZIPPED) and path.suffix.lower() == ".gz":
            raise DataError(f"{path} is packed twice: it is gzipped, and so is what is in it. Unpack it once.")
        raw.seek(0)
    except BaseException:
        raw.close()
        raise
    return io.TextIOWrapper(raw, encoding=encoding_of(start), newline="")
