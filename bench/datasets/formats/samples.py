"""Folders with a file for each sample: which files, how their samples are called, and how they are joined."""

from __future__ import annotations

import csv
import gzip
import itertools
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.core.errors import DataError
from bench.datasets.readers.matrices import check_size, repeated
from bench.datasets.readers.table_text import open_text
from bench.datasets.readers.tables import shown

_SEPARATORS = "._- "


def files_of(folder: Path, *endings: str) -> list[Path]:
    """Return the files of a folder, or of the folders in it, that end so, perhaps gzipped; sorted."""
    wanted = tuple(ending + more for ending in endings for more in ("", ".gz"))
    here = itertools.chain(folder.glob("*"), folder.glob("*/*"))
    return sorted(p for p in here if p.name.endswith(wanted) and p.is_file() and not p.name.startswith("."))


def sample_of(path: Path, *endings: str) -> str:
    """Return how the sample of a file is called: by what comes before the ending, or else by its folder."""
    name = path.name.removesuffix(".gz")
    name = next((name.removesuffix(ending) for ending in endings if name.endswith(ending)), name).rstrip(_SEPARATORS)
    return name or path.parent.name


def rows_of(path: Path) -> Iterator[list[str]]:
    """Yield the cells of a file's lines, without comments and blank lines.

    Raises
    ------
    DataError
        If it is no text, or cut.
    """
    try:
        with open_text(path) as stream:
            rows = csv.reader(stream, delimiter="\t")
            yield from (row for row in rows if row and not row[0].startswith("#"))
    except (UnicodeError, csv.Error, EOFError, gzip.BadGzipFile, zlib.error, OSError) as error:
        raise DataError(f"{path} is no complete table: {error}. Download or export it again.") from error


def headed(path: Path) -> tuple[list[str], list[list[str]]]:
    """Return the header of a file and the cells of its other lines; errors are those of `rows_of`."""
    rows = list(rows_of(path))
    return (rows[0], rows[1:]) if rows else ([], [])


def column_of(path: Path, rows: Sequence[Sequence[str]], name: int, value: int) -> dict[str, float]:
    """Return the numbers of one column by the names in another.

    Raises
    ------
    DataError
        If a line is too short, a name comes twice or a cell is no finite number.
    """
    found: dict[str, float] = {}
    for row in rows:
        if len(row) <= max(name, value):
            raise DataError(
                f"{path}: the line of {row[0]!r} has {len(row)} cells; expected {max(name, value) + 1}. It was cut, or "
                "is of another format; export it again, or mend --format."
            )
        if row[name] in found:
            raise DataError(f"{path}: {row[name]!r} appears more than once; keep one of them or rename it.")
        found[row[name]] = _number(path, row[name], row[value])
    if not found:
        raise DataError(f"{path} has no line of values; expected one for each gene. Export it again.")
    return found


def _number(path: Path, name: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = np.nan
    if not np.isfinite(number):
        raise DataError(f"{path}: {name!r} holds {text!r}; expected a finite number. Export it again.")
    return number


def joined(
    folder: Path, columns: Mapping[str, Mapping[str, float]]
) -> tuple[NDArray[np.float64], tuple[str, ...], tuple[str, ...]]:
    """Return (n_samples, n_genes) values, samples and genes of columns that name the same genes.

    Raises
    ------
    DataError
        If a sample has other genes than the first.
    """
    samples = tuple(columns)
    genes = tuple(columns[samples[0]])
    check_size(folder, len(samples), len(genes))
    values = np.empty((len(samples), len(genes)))
    for i, (sample, column) in enumerate(columns.items()):
        if column.keys() != columns[samples[0]].keys():
            other = sorted(column.keys() ^ columns[samples[0]].keys())
            raise DataError(
                f"{folder}: samples {samples[0]!r} and {sample!r} differ in {len(other)} genes: {shown(other, 3)}. "
                "Expected the same annotation for all; count them again with one."
            )
        values[i] = [column[gene] for gene in genes]
    return values, samples, genes


def by_sample(folder: Path, files: Sequence[Path], *endings: str) -> dict[str, Path]:
    """Return files by the names of their samples.

    Raises
    ------
    DataError
        If two are called alike.
    """
    names = [sample_of(path, *endings) for path in files]
    if twice := repeated(names):
        raise DataError(f"{folder}: two files are of a sample {twice!r}. Keep one of them, or rename it.")
    return dict(zip(names, files, strict=True))
