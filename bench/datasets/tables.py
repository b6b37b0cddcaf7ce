"""Reads the tables that cohorts come in: TSV and CSV (also gzipped) and parquet.

The readers of pandas rename a repeated column and turn the sample ``NA`` into a missing value without a word; here the
header is read as it stands, names are text, and a cell that is no number is an error that names the cell.
"""

from __future__ import annotations

import csv
import gzip
import io
import itertools
import re
import warnings
import zlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.core.errors import DataError, near_name
from bench.datasets.table_text import TablePlace, before_end, closes, find_table, open_table

DELIMITERS = {".tsv": "\t", ".txt": "\t", ".csv": ",", ".gct": "\t"}
_SIGNATURES = {
    b"PAR1": "a parquet file",
    b"\x89HDF": "an HDF5 file, as .h5ad is",
    b"PK\x03\x04": "a zip archive, as .xlsx is",
    b"\x1f\x8b": "a gzipped file",
    b"<!DO": "a web page, not data",
    b"<htm": "a web page, not data",
}
_EXPONENT = re.compile(r"[eE][-+]?\d{9,}")
_ENDLESS = re.compile(r"[-+]?[\d.]+[eE][-+]?\d{9,}")
_EXPECTED = {".parquet": b"PAR1", ".h5ad": b"\x89HDF", ".gz": b"\x1f\x8b"}


@dataclass(frozen=True, eq=False)
class Table:
    """A table whose first column holds the row names; `frame` has the same columns, called by their position."""

    path: Path
    columns: tuple[str, ...]
    frame: pd.DataFrame

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
        return ["" if pd.isna(value) else str(value).strip() for value in values]

    def numbers(self, columns: Collection[str]) -> NDArray[np.float64]:
        """Return (n_rows, len(columns)) numbers.

        Raises
        ------
        DataError
            If a cell is empty or no number; it names the cell.
        """
        wanted = set(columns)
        return self.numbers_at([i for i, name in enumerate(self.columns) if name in wanted])

    def numbers_at(self, positions: Sequence[int]) -> NDArray[np.float64]:
        """Return (n_rows, len(positions)) numbers of columns by position, in that order; errors as for `numbers`."""
        frame = self.frame[list(positions)]
        for i in positions:
            if not pd.api.types.is_numeric_dtype(frame[i]) or pd.api.types.is_bool_dtype(frame[i]):
                numbers = pd.to_numeric(frame[i].astype(str), errors="coerce")
                if i > 0 or not np.isfinite(numbers).all():  # the first column is read as text, whatever it holds
                    self._explain_cell(i)
                frame = frame.copy(deep=False)
                frame[i] = numbers
        values = frame.to_numpy(dtype=np.float64, na_value=np.nan)
        if not np.isfinite(values).all():
            row, column = np.argwhere(~np.isfinite(values))[0]
            raise self._bad_cell(int(row), positions[column])
        return cast("NDArray[np.float64]", values)

    def _explain_cell(self, position: int) -> None:
        numbers = pd.to_numeric(self.frame[position].astype(str), errors="coerce")
        bad = np.flatnonzero(~np.isfinite(numbers.to_numpy(dtype=np.float64)))
        raise self._bad_cell(int(bad[0]) if len(bad) else 0, position)

    def _row(self, row: int) -> str:
        """Return the name of a row, or its number where the first column holds no names."""
        name = self.rows[row]
        return f"{row + 1} ({self.columns[0]!r} is {name})" if _is_number(name) else repr(name)

    def _bad_cell(self, row: int, position: int) -> DataError:
        value = self.frame[position].iloc[row]
        found = "is empty" if pd.isna(value) or str(value).strip() == "" else f"holds {str(value)!r}"
        return DataError(
            f"{self.path}: the cell of row {self._row(row)}, column {self.columns[position]!r} {found}; expected a "
            "finite number. Impute the value, or drop the row or column."
        )


def _is_number(text: str) -> bool:
    try:
        return bool(np.isfinite(float(text)))
    except ValueError:
        return False


def shown(names: Collection[str], limit: int = 6) -> str:
    """Return the first names for a message, and how many there are more."""
    head = ", ".join(repr(name) for name in list(names)[:limit])
    return head + (f" and {len(names) - limit} more" if len(names) > limit else "")


def file_type(path: Path) -> str:
    """Return the extension that says how to read a file, after a look at its first bytes.

    Raises
    ------
    DataError
        If the file is missing or empty, has an unknown extension, or is something else than its extension says.
    """
    suffix = path.with_suffix("").suffix.lower() if path.suffix.lower() == ".gz" else path.suffix.lower()
    if suffix not in (*DELIMITERS, ".parquet", ".h5ad"):
        raise DataError(
            f"{path} has the extension {suffix!r}; expected .tsv, .csv, .txt, .gct (also .gz), .parquet or .h5ad."
        )
    if not path.is_file():
        raise DataError(f"the file {path} does not exist; check the path.")
    with path.open("rb") as stream:
        start = stream.read(4)
    if not start:
        raise DataError(f"{path} is empty; expected a table. Download or export it again.")
    expected = _EXPECTED.get(path.suffix.lower())
    actual = next((what for mark, what in _SIGNATURES.items() if start.lower().startswith(mark.lower())), None)
    if (expected and not start.startswith(expected)) or (not expected and actual):
        raise DataError(
            f"{path} is not what its extension {path.suffix!r} says: it looks like {actual or 'something else'}. "
            "Rename it, or download or export it again."
        )
    return suffix


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
    if len(table.columns) < 2 or len(table.frame) == 0:
        raise DataError(
            f"{path} has {len(table.columns)} columns and {len(table.frame)} rows below its header; expected row names "
            "and at least one column and row. Check that the extension fits the separator (.csv comma, .tsv tab)."
        )
    return table


def _read_text(path: Path, delimiter: str, text: Collection[str] | None) -> Table:
    try:
        place = find_table(path, delimiter)
        with open_table(path, place) as stream:
            reader = csv.reader(stream, delimiter=place.delimiter)
            columns = _columns(next(reader, []), next(reader, []))
        as_text = columns if text is None else [columns[0], *text] if columns else []
        with _checked_lines(path, place, len(columns)) as stream:
            frame = _parse(stream, place, columns, set(as_text))
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path} is not UTF-8 text: byte {error.object[error.start]:#04x} at position {error.start} of a block. "
            "Save it as UTF-8."
        ) from error
    except (ValueError, csv.Error, EOFError, gzip.BadGzipFile, zlib.error, pd.errors.ParserWarning) as error:
        raise DataError(f"{path} is no complete table: {error}. Download or export it again.") from error
    return _trimmed(Table(path, columns, frame), place)


def _columns(header: Sequence[str], first: Sequence[str]) -> tuple[str, ...]:
    """Return the names of columns; R writes none above the row names, and some tools a tab at the end of each line."""
    columns = tuple(name.strip() for name in header)
    if len(first) != len(header) + 1:
        return columns
    return (*columns, "") if len(first) > 2 and not first[-1].strip() else ("", *columns)


def _trimmed(table: Table, place: TablePlace) -> Table:
    """Return a table without the empty column that a delimiter at the end of each line makes, and those of GCT."""
    keep = [i for i in range(len(table.columns)) if not 1 <= i <= place.beside]
    last = keep[-1] if len(keep) > 2 else 0
    if last and not table.columns[last] and (table.frame[last].astype(str).str.strip() == "").all():
        keep = keep[:-1]
    if len(keep) == len(table.columns):
        return table
    frame = table.frame[keep].set_axis(range(len(keep)), axis=1)
    return Table(table.path, tuple(table.columns[i] for i in keep), frame)


def _checked_lines(path: Path, place: TablePlace, width: int) -> TextIO:
    """Return the lines of a table after a look at each of them; those of GEO end at its closing line."""
    with open_table(path, place) as stream:
        ends = _check_lines(path, stream, place, width)
    if not ends:
        return open_table(path, place)
    with open_table(path, place) as stream:
        return io.StringIO(before_end(stream), newline="")


def _check_lines(path: Path, stream: TextIO, place: TablePlace, width: int) -> bool:
    """Raise a `DataError` if a line has another number of cells than the header, or a number with an endless exponent.

    The parser of pandas refuses some longer lines, crashes on others and on 1e4002969594, and fills shorter ones.

    Parameters
    ----------
    path : for the message
    stream : the lines, the header among them
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
    for number, line in enumerate(stream, start=1 + above):
        if closes(line):
            return True
        if '"' in line:
            return _check_quoted(path, itertools.chain([line], stream), place, width, number)
        if "\0" in line:
            raise _zero_byte(path, number)
        if _EXPONENT.search(line):
            _check_cells(path, line.split(place.delimiter), number)
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
        _check_cells(path, row, number)
        if row and len(row) != width and number > 1 + place.above:
            raise _other_width(path, number, len(row), width)
    return False


def _zero_byte(path: Path, number: int) -> DataError:
    return DataError(
        f"{path}, line {number} holds a zero byte, which no text has: the file was cut or mixed with other data. "
        "Export it again."
    )


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


def _parse(stream: TextIO, place: TablePlace, columns: tuple[str, ...], as_text: set[str]) -> pd.DataFrame:
    positions = range(len(columns))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # it warns of cells that it drops
            return _read_csv(stream, place, columns, as_text)
    except pd.errors.EmptyDataError:
        return pd.DataFrame({i: [] for i in positions})


def _read_csv(stream: TextIO, place: TablePlace, columns: tuple[str, ...], as_text: set[str]) -> pd.DataFrame:
    positions = range(len(columns))
    return pd.read_csv(
        stream,
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
