"""Matrices of 10x Genomics: a folder with ``matrix.mtx``, ``barcodes.tsv`` and ``features.tsv`` or ``genes.tsv``."""

from __future__ import annotations

import logging
import re
import warnings
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.core.errors import DataError
from bench.datasets.formats.samples import rows_of
from bench.datasets.readers.matrices import Layout, Matrix, check_size
from bench.datasets.readers.table_text import open_bytes

_HEAD = re.compile(rb"%%matrixmarket\s+matrix\s+coordinate\s+(integer|real)\s+general")
_OF_NUMBERS = b"0123456789.+-eE \t\r\n"
_EXPRESSION = "Gene Expression"
log = logging.getLogger(__name__)


def part(folder: Path, *names: str) -> Path | None:
    """Return the first file of these names in a folder, perhaps gzipped or with the name of a sample before it."""
    for name in names:
        for pattern in (name, f"{name}.gz", f"*[._-]{name}", f"*[._-]{name}.gz"):
            if found := sorted(folder.glob(pattern)):
                return found[0]
    return None


def read_tenx(path: Path, layout: Layout, *, labels_inside: bool) -> Matrix:
    """Return the counts of Cell Ranger's folder, genes by their Ensembl identifiers.

    Raises
    ------
    DataError
        If a file is not there or damaged, or they do not fit each other.
    """
    folder = path if path.is_dir() else path.parent
    files = {name: part(folder, *names) for name, names in _PARTS.items()}
    if lost := [name for name, file in files.items() if file is None]:
        raise DataError(f"{folder} has no file of {lost[0]} ({_PARTS[lost[0]][0]}); expected it beside matrix.mtx.")
    features = list(rows_of(files["features"]))  # type: ignore[arg-type]
    cells = tuple(row[0] for row in rows_of(files["barcodes"]))  # type: ignore[arg-type]
    values = _matrix(files["matrix"], len(features), len(cells))  # type: ignore[arg-type]
    kinds = [row[2] if len(row) > 2 else _EXPRESSION for row in features]
    return of_gene_expression(Matrix(folder, values.T, cells, tuple(row[0] for row in features), {}), kinds)


_PARTS = {"features": ("features.tsv", "genes.tsv"), "barcodes": ("barcodes.tsv",), "matrix": ("matrix.mtx",)}


def _matrix(path: Path, n_features: int, n_cells: int) -> NDArray[np.float64]:
    """Return (n_features, n_cells) of a Matrix Market file in coordinates.

    It is read here, because `scipy.io.mmread` ends the process on some damaged files.
    """
    try:
        with open_bytes(path) as stream:
            text = stream.read()
        head, body = _parted(text)
        n_rows, n_columns, n_entries = (int(size) for size in head.split())
        entries = _numbers(body, n_entries)
        rows, columns = (entries[:, i].astype(np.intp) - 1 for i in (0, 1))
        if (entries[:, :2] != np.floor(entries[:, :2])).any() or min(rows.min(initial=0), columns.min(initial=0)) < 0:
            raise ValueError("a coordinate is no whole number from 1 on")
    except (OSError, EOFError, zlib.error, ValueError) as error:
        raise DataError(f"{path} is no complete Matrix Market file: {error}. Download it again.") from error
    if (n_rows, n_columns) != (n_features, n_cells):
        raise DataError(
            f"{path} is of {n_rows} x {n_columns}, and beside it are {n_features} features and {n_cells} barcodes. "
            "Expected the files of one run; download them again."
        )
    check_size(path, n_cells, n_features)
    if rows.max(initial=-1) >= n_rows or columns.max(initial=-1) >= n_columns:
        raise DataError(f"{path} has an entry outside of its {n_rows} x {n_columns}. Download it again.")
    values = np.zeros((n_rows, n_columns))
    values[rows, columns] = entries[:, 2]
    return values


def _parted(text: bytes) -> tuple[bytes, bytes]:
    """Return the line of sizes and what follows it; raises `ValueError` if the first line is another."""
    first, _, rest = text.partition(b"\n")
    if _HEAD.fullmatch(first.lower().strip()) is None:
        raise ValueError(
            f"it starts with {first[:60]!r}, and not with '%%MatrixMarket matrix coordinate integer general'"
        )
    while rest.startswith(b"%") or rest[:1].isspace():
        rest = rest.partition(b"\n")[2]
    sizes, _, body = rest.partition(b"\n")
    return sizes, body


def _numbers(body: bytes, n_entries: int) -> NDArray[np.float64]:
    """Return (n_entries, 3) numbers; raises `ValueError` if there are others."""
    if other := body.translate(None, _OF_NUMBERS):
        raise ValueError(f"{other[:20]!r} is among its numbers")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of what is no number: the count tells
        entries = np.fromstring(body.decode(), dtype=np.float64, sep=" ")
    if len(entries) != 3 * n_entries:
        raise ValueError(f"it says that it holds {n_entries} entries, and has {len(entries)} numbers for them")
    if not np.isfinite(entries).all():
        raise ValueError("a number is not finite")
    return entries.reshape(-1, 3)


def of_gene_expression(matrix: Matrix, kinds: Sequence[str]) -> Matrix:
    """Return the matrix without features that are no genes: antibodies, guides, peaks."""
    keep = [i for i, kind in enumerate(kinds) if kind == _EXPRESSION]
    if not keep or len(keep) == len(kinds):
        return matrix
    others = sorted({kind for kind in kinds if kind != _EXPRESSION})
    log.warning(
        "%s: %d features are no genes and are left out: %s", matrix.path, len(kinds) - len(keep), ", ".join(others)
    )
    return matrix.only(keep, f"{len(kinds) - len(keep)} features of {', '.join(others)}")
