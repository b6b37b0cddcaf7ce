"""Reads CSV tables of strangers: numbers and labels, row by row, so that no file gets more memory than it may."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Collection, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from bench.challenge.archive import Archive, shown
from bench.core.cohort import Cohort
from bench.core.errors import DataError

LONGEST_CELL = 64  # characters; the longest number that a program writes has 25
LARGEST = 1e9  # no unit of expression goes beyond, and its square still fits a float32
ROWS_PER_PERSON = 4  # synthetic rows per person of the whole cohort; the convention is one per training sample
_NUMERIC = re.compile(r"[-+0-9.eE]*")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def read_values(archive: Archive, name: str, like: Cohort) -> NDArray[np.float32]:
    """Return the (n, n_genes) numbers of a table, genes in the order of the real cohort.

    Raises
    ------
    DataError
        If a gene is missing, unknown or doubled, a row has another length, a cell is no finite number of usual size, or
        there are no rows or too many.
    """
    longest = (LONGEST_CELL + 3) * (like.n_genes + 1)
    rows = _rows(archive, name, longest)
    genes = next(rows, [])
    order = _order(name, genes, like)
    values = []
    for number, row in enumerate(rows, start=2):
        _check_count(name, number, like)
        values.append(_numbers(f"{name}, line {number}", row, genes)[order])
    if not values:
        raise DataError(f"{name} has no rows below its header; expected synthetic samples.")
    return np.array(values)


def read_labels(archive: Archive, name: str, like: Cohort) -> NDArray[np.str_]:
    """Return the (n,) labels of a table with one column.

    Raises
    ------
    DataError
        If there is another number of columns, no header, a label that no real sample has, or a formula.
    """
    rows = _rows(archive, name, 4 * max(LONGEST_CELL, *(len(str(label)) for label in like.classes)))
    known = {str(label) for label in like.classes}
    header = _one_cell(f"{name}, line 1", next(rows, []), known)
    if header in known or not header:
        raise DataError(f"{name} starts with {shown(header)}; expected the name of the label column there.")
    labels = []
    for number, row in enumerate(rows, start=2):
        _check_count(name, number, like)
        label = _one_cell(f"{name}, line {number}", row, known)
        if label not in known:
            raise DataError(f"{name}, line {number} has the label {shown(label)}; expected {_some(sorted(known))}.")
        labels.append(label)
    return np.array(labels, dtype=np.str_)


def read_scores(archive: Archive, name: str, column: str, n: int) -> NDArray[np.float64]:
    """Return the (n,) scores of a table with one column.

    Raises
    ------
    DataError
        If the column is called otherwise, there is another number of rows, or a score is no finite number.
    """
    rows = _rows(archive, name, 4 * LONGEST_CELL)
    if (header := next(rows, [])) != [column]:
        raise DataError(f"{name} starts with {shown(','.join(header))}; expected the one column {column!r}.")
    scores = []
    for number, row in enumerate(rows, start=2):
        if number - 1 > n:
            raise DataError(f"{name} has more than {n:,} rows; expected one for each sample of the real cohort.")
        cell = row[0] if len(row) == 1 else ",".join(row)
        if not _NUMERIC.fullmatch(cell) or not _is_finite(cell):
            raise DataError(f"{name}, line {number} is {shown(cell)}; expected one finite number, higher for members.")
        scores.append(float(cell))
    if len(scores) != n:
        raise DataError(f"{name} has {len(scores):,} rows; expected {n:,}, one for each sample of the real cohort.")
    return np.array(scores)


def _is_finite(cell: str) -> bool:
    try:
        return math.isfinite(float(cell))
    except ValueError:
        return False


def _rows(archive: Archive, name: str, longest: int) -> Iterator[list[str]]:
    try:
        yield from csv.reader(archive.lines(name, longest), strict=True)
    except csv.Error as error:
        raise DataError(f"{name} cannot be read as CSV: {error}. Write it again, one row per line.") from error


def _order(name: str, genes: Sequence[str], like: Cohort) -> NDArray[np.intp]:
    """Return where each gene of the real cohort stands in a header."""
    place = {gene: i for i, gene in enumerate(genes)}
    known = set(like.genes)
    if unknown := [gene for gene in genes if gene not in known]:
        n = f"{len(unknown):,} columns that are no gene" if len(unknown) > 1 else "a column that is no gene"
        raise DataError(f"{name} has {n} of the real cohort: {shown(unknown[0])} first. Remove what is no gene.")
    if len(place) < len(genes):
        twice = next(gene for i, gene in enumerate(genes) if place[gene] != i)
        raise DataError(f"{name} has the gene {twice!r} more than once; expected it once.")
    if missing := [gene for gene in like.genes if gene not in place]:
        raise DataError(f"{name} lacks {len(missing):,} of {like.n_genes:,} genes: {missing[0]!r} first. Add them.")
    return np.array([place[gene] for gene in like.genes], dtype=np.intp)


def _numbers(where: str, row: Sequence[str], genes: Sequence[str]) -> NDArray[np.float32]:
    if len(row) != len(genes):
        raise DataError(f"{where} has {len(row):,} cells; expected {len(genes):,}, one for each gene.")
    if _NUMERIC.fullmatch("".join(row)):  # float() alone would take 1_0, nan, inf and foreign digits
        try:
            values = np.array([float(cell) for cell in row])
        except ValueError:
            pass
        else:
            if np.abs(values).max() <= LARGEST:
                return values.astype(np.float32)
    gene, cell = next((gene, cell) for gene, cell in zip(genes, row, strict=True) if not _is_number(cell))
    raise DataError(f"{where}, gene {gene!r} is {shown(cell)}; expected a finite number up to {LARGEST:g}.")


def _is_number(cell: str) -> bool:
    try:
        return bool(_NUMERIC.fullmatch(cell)) and abs(float(cell)) <= LARGEST
    except ValueError:
        return False


def _check_count(name: str, line: int, like: Cohort) -> None:
    most = ROWS_PER_PERSON * len(like)
    if line - 1 > most:
        raise DataError(f"{name} has more than {most:,} rows, {ROWS_PER_PERSON} for each real sample; write fewer.")


def _one_cell(where: str, row: Sequence[str], known: Collection[str]) -> str:
    if len(row) != 1:
        raise DataError(f"{where} has {len(row):,} cells; expected one, the label.")
    if row[0].startswith(_FORMULA) and row[0] not in known:
        raise DataError(f"{where} is {shown(row[0])}, which a spreadsheet runs as a formula; expected a label.")
    return row[0]


def _some(labels: Sequence[str], most: int = 12) -> str:
    return ", ".join(labels[:most]) + (" and so on" if len(labels) > most else "")
