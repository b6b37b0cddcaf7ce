"""Reads the tables that cohorts come in: TSV and CSV (also gzipped) and parquet.

The readers of pandas rename a repeated column and turn the sample ``NA`` into a missing value without a word; here the
header is read as it stands, names are text, and a cell that is no number is an error that names the cell.
"""

from __future__ import annotations

import csv
import io
import itertools
import logging
import os
import re
import warnings
import zlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TextIO, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.core.errors import DataError, near_name
from bench.core.formatting import counted
from bench.datasets.readers.cells import LONG_EXPONENT, WITH_COMMA, as_text, cure_of, is_gap, is_number, numbers_of
from bench.datasets.readers.table_text import TablePlace, before_end, closes, find_table, open_table

DELIMITERS = {".tsv": "\t", ".txt": "\t", ".csv": ",", ".gct": "\t"}
HDF5 = b"\x89HDF"
_SIGNATURES = {
    b"PAR1": "a parquet file",
    HDF5: "an HDF5 file, as .h5ad is",
    b"PK\x03\x04": "a zip archive, as .xlsx is; unpack it, or export a table",
    b"\x1f\x8b": "a gzipped file",
    b"<!DO": "a web page, not data",
    b"<htm": "a web page, not data",
    b"\xd0\xcf\x11\xe0": "an old Excel file; save its sheet as CSV",
    b"version https://git-lfs": "a pointer of Git LFS and not the file itself; fetch it with git lfs pull",
    **dict.fromkeys(
        (b"\x80\2", b"\x80\3", b"\x80\4", b"\x80\5"), "a pickle, which is never loaded; write a table there"
    ),
}
# what people have that is no table, by its extension
_NO_TABLES = {
    **dict.fromkeys((".xlsx", ".xls", ".xlsm", ".ods", ".numbers"), "is a spreadsheet; save the sheet as CSV, and look "
                    "whether gene names became dates"),
    **dict.fromkeys((".zip", ".tar", ".tgz", ".7z", ".rar"), "is an archive; unpack it and give the table in it"),
    **dict.fromkeys((".bz2", ".xz", ".zst"), "is packed; unpack it, or pack it with gzip"),
    **dict.fromkeys((".rds", ".rda", ".rdata"), "is an object of R; write it there as a table: write.table(x, "
                    "'x.tsv', sep = '\\t', quote = FALSE, col.names = NA)"),
    **dict.fromkeys((".pkl", ".pickle", ".joblib"), "is a pickle, which can run any code when it is loaded; write a "
                    "table there: frame.to_csv('x.csv')"),
    **dict.fromkeys((".npy", ".npz", ".feather", ".json", ".arrow"), "is no table that is read here; write one with "
                    "names of samples and genes: frame.to_csv('x.csv') or frame.to_parquet('x.parquet')"),
    **dict.fromkeys((".mat", ".sav", ".dta", ".sas7bdat"), "is a file of another program; export a table there"),
}  # fmt: skip
_NUMBERS_ROWS = re.compile(
    r"|x|index|row(\.?names?)?|(unnamed: )?\d+|level_0", re.IGNORECASE
)  # a column that may do so
_LOOK = 32  # bytes that tell what a file is
log = logging.getLogger(__name__)
_EXPECTED = {".parquet": b"PAR1", ".h5ad": HDF5, ".gz": b"\x1f\x8b"}


@dataclass(frozen=True, eq=False)
class Table:
    """A table whose first column holds the row names.

    Parameters
    ----------
    path : the file
    columns : their names
    frame : the same columns, called by their position
    decimal : the decimal mark of numbers in columns of text
    """

    path: Path
    columns: tuple[str, ...]
    frame: pd.DataFrame
    decimal: str = "."

    @property
    def rows(self) -> tuple[str, ...]:
        """The row names."""
        return tuple(self.text(self.columns[0]))

    def text(self, column: str) -> list[str]:
        """Return a column as text; a missing value is empty."""
        if column not in self.columns:
            raise DataError(
                f"{self.path} has no column {column!r}.{near_name(column, self.columns)} "
                f"Its columns are {shown(self.columns)}."
            )
        values = self.frame[self.columns.index(column)].astype(object)
        return [as_text(value) for value in values]

    def numbers(self, columns: Collection[str], *, missing: bool = False) -> NDArray[np.float64]:
        """Return (n_rows, len(columns)) numbers.

        Parameters
        ----------
        columns : their names
        missing : whether a cell may be empty or spelled as missing; it is NaN then

        Raises
        ------
        DataError
            If a cell is empty or no number; it names the cell.
        """
        wanted = set(columns)
        positions = [i for i, name in enumerate(self.columns) if name in wanted]
        return self.numbers_at(positions, missing=missing)

    def numbers_at(self, positions: Sequence[int], *, missing: bool = False) -> NDArray[np.float64]:
        """Return (n_rows, len(positions)) numbers of columns by position, in that order; as `numbers` does."""
        frame = self.frame[list(positions)]
        for i in positions:
            if not pd.api.types.is_numeric_dtype(frame[i]) or pd.api.types.is_bool_dtype(frame[i]):
                text = frame[i].astype(str)
                numbers = self._parsed(text)
                gaps = text.map(is_gap).to_numpy(dtype=bool) if missing else np.zeros(len(text), dtype=bool)
                if not (np.isfinite(numbers) | gaps).all():
                    self._explain_cell(i)
                frame = frame.copy(deep=False)
                frame[i] = numbers
        values = frame.to_numpy(dtype=np.float64, na_value=np.nan)
        bad = np.isinf(values) if missing else ~np.isfinite(values)
        if bad.any():
            row, column = np.argwhere(bad)[0]
            raise self._bad_cell(int(row), positions[column])
        return cast("NDArray[np.float64]", values)

    def _parsed(self, text: pd.Series[str]) -> pd.Series[Any]:
        """Return the numbers of a column of text, NaN where a cell is none."""
        if self.decimal == "," and (plain := text.str.strip().str.fullmatch(WITH_COMMA)).any():
            swapped = text.str.replace(".", "", regex=False).str.replace(",", ".", regex=False)
            text = swapped.where(plain, text.where(~text.str.contains(".", regex=False), ""))
        return numbers_of(text)

    def _explain_cell(self, position: int) -> None:
        numbers = self._parsed(self.frame[position].astype(str))
        bad = np.flatnonzero(~np.isfinite(numbers.to_numpy(dtype=np.float64)))
        raise self._bad_cell(int(bad[0]) if len(bad) else 0, position)

    def _row(self, row: int) -> str:
        """Return the name of a row, or its number where the first column holds no names."""
        name = self.rows[row]
        return f"{row + 1} ({self.columns[0]!r} is {name})" if is_number(name) else repr(name)

    def _bad_cell(self, row: int, position: int) -> DataError:
        cell = as_text(self.frame[position].iloc[row])
        found = f"holds {cell!r}" if cell else "is empty"
        cure = cure_of(cell)
        if not cell and not any(map(as_text, self.frame.iloc[row, 1:])):
            cure = "So is all of its row: if that is a remark, remove it."
        elif position == 1 and _counts(self.frame[0]):
            cure = f"Column {self.columns[0]!r} numbers the rows, and the names seem to follow it: leave it out."
        return DataError(
            f"{self.path}: the cell of row {self._row(row)}, column {self.columns[position]!r} {found}; expected a "
            f"finite number. {cure}"
        )


def _counts(column: pd.Series[Any]) -> bool:
    """Return whether a column holds 0, 1, 2 ... or 1, 2, 3 ..., the numbers of its rows."""
    first = str(column.iloc[0]).strip() if len(column) else ""
    if first not in ("0", "1"):
        return False
    return all(str(cell).strip() == str(i) for i, cell in enumerate(column, start=int(first)))


def shown(names: Collection[str], limit: int = 6) -> str:
    """Return the first names for a message, and how many there are more."""
    head = ", ".join(repr(name) for name in list(names)[:limit])
    return head + (f" and {len(names) - limit} more" if len(names) > limit else "")


def check_is_there(path: Path) -> None:
    """Raise a `DataError` if a path leads to no file or folder that can be read; a pipe could be waited for forever."""
    if path.is_symlink() and not path.exists():
        raise DataError(f"{path} is a link that leads nowhere; mend the link, or give the file itself.")
    if not path.exists():
        slashes = " Folders are separated by / here, and not by \\." if "\\" in str(path) else ""
        raise DataError(f"the file {path} does not exist; check the path.{slashes}")
    if not path.is_dir() and not path.is_file():
        raise DataError(f"{path} is a pipe or a device; expected a file. Save what comes out of it first.")
    if not os.access(path, os.R_OK):
        raise DataError(f"{path} may not be read by you; ask its owner, or mend its permissions.")


def file_type(path: Path) -> str:
    """Return the extension that says how to read a file, after a look at its first bytes.

    Raises
    ------
    DataError
        If the file is missing or empty, has an unknown extension, or is something else than its extension says.
    """
    suffix = path.with_suffix("").suffix.lower() if path.suffix.lower() == ".gz" else path.suffix.lower()
    if path.is_dir():
        raise DataError(f"{path} is a folder; expected a file with a table.")
    if suffix in _NO_TABLES:
        raise DataError(f"{path} {_NO_TABLES[suffix]}.")
    if suffix not in (*DELIMITERS, ".parquet", ".h5ad"):
        raise DataError(
            f"{path} has {f'the extension {suffix!r}' if suffix else 'no extension'}; expected .tsv, .csv, .txt, .gct "
            "(also .gz), .parquet or .h5ad. Rename it, if it is one of these."
        )
    check_is_there(path)
    with path.open("rb") as stream:
        start = stream.read(_LOOK)
    if not start:
        raise DataError(f"{path} is empty; expected a table. Download or export it again.")
    expected = _EXPECTED.get(path.suffix.lower())
    actual = next((what for mark, what in _SIGNATURES.items() if start.lower().startswith(mark.lower())), None)
    if path.suffix.lower() == ".gz" and actual is None and not start.startswith(_EXPECTED[".gz"]) and start.isascii():
        raise DataError(
            f"{path} is not packed, whatever its name says: it looks like plain text. Take .gz off its name."
        )
    if (expected and not start.startswith(expected)) or (not expected and actual):
        raise DataError(
            f"{path} is not what its extension {path.suffix!r} says: it looks like {actual or 'something else'}. "
            "Rename it, or download or export it again."
        )
    return suffix


def delimiter_of(path: Path) -> str:
    """Return the delimiter that a file's extension says."""
    name = path.with_suffix("") if path.suffix.lower() == ".gz" else path
    return DELIMITERS.get(name.suffix.lower(), "\t")


def read_table(path: Path, *, text: Collection[str] | None = ()) -> Table:
    """Return the table of a TSV, CSV or parquet file.

    Parameters
    ----------
    path : the file; the extension says what it is
    text : columns that are text even if they look like numbers, besides the first; None means all of them

    Raises
    ------
    DataError
        If the file is missing, empty, damaged, not UTF-8, or not what its extension says.
    """
    suffix = file_type(path)
    table = _read_parquet(path) if suffix == ".parquet" else _read_text(path, DELIMITERS[suffix], text)
    if text is not None:  # of labels, the numbers of rows may be what the samples are called
        table = _without_row_numbers(table)
    if len(table.columns) < 2 or len(table.frame) == 0:
        n_columns, n_rows = len(table.columns), len(table.frame)
        cure = (
            "It was cut, or exported empty; export it again."
            if n_columns != 1
            else "Check that the extension fits the separator (.csv comma, .tsv tab)."
        )
        raise DataError(
            f"{path} has {counted(n_columns, 'column')} and {counted(n_rows, 'row')} below its header; expected row "
            f"names and at least one column and row. {cure}"
        )
    return table


def _read_text(path: Path, delimiter: str, text: Collection[str] | None) -> Table:
    try:
        place = find_table(path, delimiter)
        with open_table(path, place) as stream:
            reader = csv.reader(stream, delimiter=place.delimiter)
            columns = _columns(next(reader, []), next(reader, []))
        as_text = columns if text is None else [columns[0], *text] if columns else []
        lines = _checked_lines(path, place, len(columns))
        with lines.stream:
            frame = _parse(lines, place, columns, set(as_text))
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path} is not UTF-8 text: byte {error.object[error.start]:#04x} at position {error.start} of a block. "
            "Save it as UTF-8."
        ) from error
    except (OSError, ValueError, csv.Error, EOFError, zlib.error, pd.errors.ParserWarning) as error:
        raise DataError(f"{path} is no complete table: {error}. Download or export it again.") from error
    return _trimmed(Table(path, columns, frame, place.decimal), place)


def _columns(header: Sequence[str], first: Sequence[str]) -> tuple[str, ...]:
    """Return the names of columns; R writes none above the row names, and some tools a tab at the end of each line."""
    columns = tuple(name.strip() for name in header)
    if len(first) != len(header) + 1:
        return columns
    return (*columns, "") if len(first) > 2 and not first[-1].strip() else ("", *columns)


def _trimmed(table: Table, place: TablePlace) -> Table:
    """Return a table without the columns that describe rows in GCT, and without empty columns and rows.

    A delimiter at the end of each line makes an empty column without a name, and spreadsheets write many, and rows.
    """
    frame, last = table.frame, len(table.columns) - 1
    out = [
        i for i in range(1, last + 1) if i <= place.beside or (last > 1 and not table.columns[i] and _empty(frame[i]))
    ]
    if out:
        keep = [i for i in range(last + 1) if i not in out]
        frame = frame[keep].set_axis(range(len(keep)), axis=1)
        table = replace(table, columns=tuple(table.columns[i] for i in keep), frame=frame)
    unnamed = [i for i, name in enumerate(frame[0]) if not str(name).strip()] if last > 0 else []
    blank = [i for i in unnamed if not any(map(as_text, frame.iloc[i]))]
    return replace(table, frame=frame.drop(index=blank).reset_index(drop=True)) if blank else table


def _empty(column: pd.Series[Any]) -> bool:
    return bool((column.astype(str).str.strip() == "").all())


def numbers_rows(table: Table, column: str) -> bool:
    """Return whether a column is one that R or pandas write unasked: 0, 1, 2 ... or 1, 2, 3 ..., and called so."""
    return _NUMBERS_ROWS.fullmatch(column) is not None and _counts(table.frame[table.columns.index(column)])


def _without_row_numbers(table: Table) -> Table:
    """Return a table without a first column that numbers its rows, where the second one holds a name for each.

    R's ``write.csv`` and the ``to_csv`` of pandas write such a column, if nobody tells them not to.
    """
    if len(table.columns) < 3 or len(table.frame) < 2 or not numbers_rows(table, table.columns[0]):
        return table
    if pd.api.types.is_numeric_dtype(table.frame[1]):
        return table
    names = [as_text(value) for value in table.frame[1]]
    if len(set(names)) < len(names) or any(is_number(name) or not name for name in names):
        return table
    log.warning(
        "%s: its first column numbers the rows and is left out; their names are in column %r", table.path,
        table.columns[1],
    )  # fmt: skip
    frame = table.frame.iloc[:, 1:].set_axis(range(len(table.columns) - 1), axis=1)
    return replace(table, columns=table.columns[1:], frame=frame)


@dataclass(frozen=True)
class _Lines:
    """The lines of a table, each of which was looked at.

    Parameters
    ----------
    stream : the header and the rows
    endless : whether one holds what begins like a number of an endless exponent, as some hexadecimal names do: the fast
        parser of pandas ends the process at 1e4002969594 and at 1e4002969594ab
    """

    stream: TextIO
    endless: bool


class _Watched:
    """Lines on their way to a check, which remembers whether one holds an endless exponent."""

    def __init__(self, lines: Iterable[str]) -> None:
        self.endless = False
        self._lines = lines

    def __iter__(self) -> Iterator[str]:
        for line in self._lines:
            self.endless = self.endless or LONG_EXPONENT.search(line) is not None
            yield line


def _checked_lines(path: Path, place: TablePlace, width: int) -> _Lines:
    """Return the lines of a table after a look at each of them; those of GEO end at its closing line."""
    with open_table(path, place) as stream:
        watched = _Watched(stream)
        ends = _check_lines(path, iter(watched), place, width)
    if not ends:
        return _Lines(open_table(path, place), watched.endless)
    with open_table(path, place) as stream:
        return _Lines(io.StringIO(before_end(stream), newline=""), watched.endless)


def _check_lines(path: Path, lines: Iterator[str], place: TablePlace, width: int) -> bool:
    """Raise a `DataError` if a line has another number of cells than the header.

    The parser of pandas refuses some longer lines, crashes on others, and fills shorter ones.

    Parameters
    ----------
    path : for the message
    lines : of the table, the header among them
    place : what lies above them, and the delimiter
    width : how many cells there are

    Returns
    -------
    Whether a line closes the table before the file ends.

    Raises
    ------
    DataError
        It names the line.
    """
    above = place.above + place.between
    for number, line in enumerate(lines, start=1 + above):
        if closes(line):
            return True
        if '"' in line:
            return _check_quoted(path, itertools.chain([line], lines), place, width, number)
        if "\0" in line:
            raise _zero_byte(path, number)
        if line.strip("\r\n") and line.count(place.delimiter) + 1 != width and number > 1 + above:
            raise _other_width(path, number, line.count(place.delimiter) + 1, width)
    return False


def _check_quoted(path: Path, lines: Iterable[str], place: TablePlace, width: int, first: int) -> bool:
    """Check the cells of lines that may hold quoted delimiters and line breaks; return whether one closes the table."""
    reader = csv.reader(lines, delimiter=place.delimiter)
    for row in reader:
        number = first + reader.line_num - 1
        if row and closes(row[0]):
            return True
        if row and len(row) != width and number > 1 + place.above:
            raise _other_width(path, number, len(row), width)
    return False


def _zero_byte(path: Path, number: int) -> DataError:
    return DataError(
        f"{path}, line {number} holds a zero byte, which no text has: the file was cut or mixed with other data. "
        "Export it again."
    )


def _other_width(path: Path, number: int, found: int, width: int) -> DataError:
    cure = "A delimiter inside a value must be in quotes; mend the line, or export the file again."
    if found == 1:
        cure = "If it is a remark, remove it; if the file was cut there, download or export it again."
    if width == 1:
        cure = "If the first line is a title, remove it: the header must name every column."
    return DataError(
        f"{path}, line {number} has {counted(found, 'cell')}; expected {width}, as many as the header names. {cure}"
    )


def _parse(lines: _Lines, place: TablePlace, columns: tuple[str, ...], as_text: set[str]) -> pd.DataFrame:
    positions = range(len(columns))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # it warns of cells that it drops
            return _read_csv(lines, place, columns, as_text)
    except pd.errors.EmptyDataError:
        return pd.DataFrame({i: [] for i in positions})


def _read_csv(lines: _Lines, place: TablePlace, columns: tuple[str, ...], as_text: set[str]) -> pd.DataFrame:
    positions = range(len(columns))
    return pd.read_csv(
        lines.stream,
        float_precision="round_trip" if lines.endless else None,
        sep=place.delimiter,
        decimal=place.decimal,
        header=None,
        names=list(positions),
        index_col=False,
        skiprows=1,
        dtype={i: str for i in positions if columns[i] in as_text},
        keep_default_na=False,
        low_memory=False,
    )


def _read_parquet(path: Path) -> Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
        about = table.schema.pandas_metadata or {}
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DataError(f"{path} is no complete parquet file: {error}. Download or export it again.") from error
    # pandas writes the row names as its last columns; everywhere else the first column holds them.
    names = about.get("index_columns", [])
    index = [table.column_names.index(name) for name in names if isinstance(name, str)]
    table = table.select([*index, *(i for i in range(table.num_columns) if i not in index)])
    columns = tuple(str(name) for name in table.column_names)
    positions = [str(i) for i in range(len(columns))]
    frame = table.rename_columns(positions).to_pandas(ignore_metadata=True).set_axis(range(len(columns)), axis=1)
    return Table(path, columns, frame)
