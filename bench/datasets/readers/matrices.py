"""The samples x genes matrix of a file: what the user says about it, what was read, and the checks of every format."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bench.core.errors import DataError
from bench.datasets.readers.spellings import is_date, is_no_gene, spoiled_names, unlike_others
from bench.datasets.readers.tables import shown

SAMPLE_COLUMNS = (
    "",
    "sample",
    "samples",
    "sample_id",
    "samplesid",
    "sampleid",
    "id",
    "index",
    "barcode",
    "cell",
    "gene",
)
DONOR_COLUMNS = ("donor", "patient", "individual")
OBS_COLUMNS = ("tissue",)
MOST_VALUES = 2**31  # of a dense matrix: 8 GiB as cohorts hold it
log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Where in the files the samples, labels and donors are.

    Parameters
    ----------
    label_columns : the first of these that is present holds the labels; empty if the choice is obvious
    sample_column : column of the label file with the sample names; by default `samplesID`, else the first
    samples_in : ``"rows"`` or ``"columns"`` of the matrix; by default columns where the labels are in their own file
    donor_column : column with the donors; by default `donor`, `patient` or `individual`, where present
    obs_columns : further labels to keep; `tissue` is kept wherever it is present
    ignore_extra_labels : whether the label file may name samples that are not in the matrix
    leave_out : names of genes or columns of the matrix that are not taken
    keep_non_genes : whether to take summary rows of aligners and columns that describe genes as what they lie among
    format : the name of the file's format, as in `bench.datasets.formats`; by default recognised by content
    layer : which of several matrices of a file or folder: a layer, a strand, a platform, a kind of number
    missing, unlabelled : whether values and labels may be missing, because a later step deals with them
    per_fold : whether the values are brought on another scale in each fold
    """

    label_columns: tuple[str, ...] = ()
    sample_column: str | None = None
    samples_in: Literal["rows", "columns"] | None = None
    donor_column: str | None = None
    obs_columns: tuple[str, ...] = ()
    ignore_extra_labels: bool = False
    leave_out: tuple[str, ...] = ()
    keep_non_genes: bool = False
    format: str | None = None
    layer: str | None = None
    missing: bool = False
    unlabelled: bool = False
    per_fold: bool = False


@dataclass(frozen=True, eq=False)
class Matrix:
    """The numbers of a file with their names, and whatever columns of text lay beside them.

    Parameters
    ----------
    path : the file or folder
    values : (n_samples, n_genes)
    samples, genes : their names, in the order of the file
    columns : text that lay beside the numbers, each (n_samples,)
    format : the name of the format
    layer : which of several matrices was taken; empty where there is one only
    layers : those that `layer` could have named
    left_out : what was not taken, in words
    """

    path: Path
    values: NDArray[Any]
    samples: tuple[str, ...]
    genes: tuple[str, ...]
    columns: Mapping[str, Sequence[str]]
    format: str = "table"
    layer: str = ""
    layers: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()

    def only(self, genes: Sequence[int], why: str) -> Matrix:
        """Return the matrix with these of its genes, and `why` among what was left out."""
        left = (*self.left_out, why)
        return replace(self, values=self.values[:, genes], genes=tuple(self.genes[i] for i in genes), left_out=left)


def checked(matrix: Matrix, layout: Layout) -> Matrix:
    """Return a matrix without what is no gene, after the checks that hold for every format.

    Raises
    ------
    DataError
        If a name is empty or comes twice, or a value is missing, infinite or beyond float32.
    """
    matrix = _genes_alone(matrix, layout)
    for what, names in (("gene", matrix.genes), ("sample", matrix.samples)):
        if "" in names:
            raise DataError(
                f"{matrix.path}: {what} number {names.index('') + 1} has no name; name or drop it before import."
            )
        if twice := repeated(names):
            date = " A spreadsheet made dates of genes; export the table without one." if is_date(twice) else ""
            raise DataError(
                f"{matrix.path}: {what} {twice!r} appears more than once; keep one of them or rename it.{date}"
            )
    if not matrix.genes or not matrix.samples:
        raise DataError(
            f"{matrix.path} has {len(matrix.samples)} samples and {len(matrix.genes)} genes; expected at least one of "
            "each."
        )
    _check_range(matrix, missing=layout.missing)
    _note_strange(matrix)
    return matrix


def check_size(path: Path, n_samples: int, n_genes: int) -> None:
    """Raise a `DataError` if a file says of itself that its matrix is too large to be held dense."""
    if n_samples * n_genes > MOST_VALUES:
        raise DataError(
            f"{path} says that it holds {n_samples} samples x {n_genes} genes; expected at most {MOST_VALUES} values, "
            "which are held dense. Choose genes or samples before import."
        )


def dense(matrix: Any) -> NDArray[Any]:
    """Return a matrix as an array, after a check of the pointers of a sparse one.

    SciPy follows pointers that a damaged file holds to anywhere in memory, and its own check looks at none of them
    where the last is 0.

    Raises
    ------
    ValueError
        If the pointers of a sparse matrix are no such.
    """
    if not hasattr(matrix, "toarray"):
        return np.asarray(matrix)
    if hasattr(matrix, "indptr"):
        major, minor = matrix.shape if matrix.format == "csr" else matrix.shape[::-1]
        pointers, places = (np.asarray(part).astype(np.int64) for part in (matrix.indptr, matrix.indices))
        n = int(pointers[-1]) if len(pointers) == major + 1 else -1
        rising = n >= 0 and pointers[0] == 0 and bool((pointers >= 0).all() and (np.diff(pointers) >= 0).all())
        if not rising or n > min(len(places), len(matrix.data)):
            raise ValueError("the pointers of its sparse matrix lead nowhere")
        if n and not 0 <= places[:n].min() <= places[:n].max() < minor:
            raise ValueError(f"its sparse matrix of {matrix.shape} has an entry outside of it")
    found: NDArray[Any] = matrix.toarray()
    return found


def chosen_layer(path: Path, wanted: str | None, layers: Sequence[str], default: str) -> str:
    """Return the layer that the user named, or the default.

    Raises
    ------
    DataError
        If there is no such layer.
    """
    if wanted is None:
        return default
    found = next((name for name in layers if name.casefold() == wanted.casefold()), None)
    if found is None:
        raise DataError(f"{path} has no layer {wanted!r}; it has {shown(layers, 12)}. Mend --layer.")
    return found


def _genes_alone(matrix: Matrix, layout: Layout) -> Matrix:
    """Return the matrix without the summary rows of aligners and counters, and without what is to be left out."""
    summaries = [] if layout.keep_non_genes else [gene for gene in matrix.genes if is_no_gene(gene)]
    if summaries:
        log.warning(
            "%s: summaries of an aligner, counter or spreadsheet are no genes and are left out: %s",
            matrix.path,
            shown(summaries),
        )
    out = {*summaries, *layout.leave_out}
    keep = [i for i, gene in enumerate(matrix.genes) if gene not in out]
    if len(keep) == len(matrix.genes):
        return matrix
    return matrix.only(keep, shown([gene for gene in matrix.genes if gene in out]))


def _note_strange(matrix: Matrix) -> None:
    """Name the genes whose name or values are unlike those of all others: serial numbers, ages, months, dates."""
    for noticed in spoiled_names(matrix.genes):
        log.warning("%s: %s", matrix.path, noticed)
    if strange := unlike_others(matrix.genes, matrix.values):
        log.warning(
            "%s: %s may be no %s, by name or values; --leave-out NAME leaves one out", matrix.path, shown(strange),
            "gene" if len(strange) == 1 else "genes",
        )  # fmt: skip


def _check_range(matrix: Matrix, *, missing: bool) -> None:
    """Cohorts hold float32, where a larger number would become infinite, and no missing values."""
    bad = np.isinf(matrix.values) if missing else ~np.isfinite(matrix.values)
    if bad.any():
        row, column = np.argwhere(bad)[0]
        raise DataError(
            f"{matrix.path}: sample {matrix.samples[row]!r}, gene {matrix.genes[column]!r} is "
            f"{matrix.values[row, column]}; expected a finite number everywhere. Impute or drop it first."
        )
    beyond = np.abs(matrix.values) > np.finfo(np.float32).max
    if beyond.any():
        row, column = np.argwhere(beyond)[0]
        raise DataError(
            f"{matrix.path}: sample {matrix.samples[row]!r}, gene {matrix.genes[column]!r} is "
            f"{matrix.values[row, column]:g}, beyond the range of float32. Mend it, or scale the data."
        )


def repeated(names: Sequence[str]) -> str | None:
    """Return the first name that comes twice, or None."""
    return next((name for name, count in Counter(names).items() if count > 1), None)
