"""Reads the samples x genes matrix of a file, whichever way round and in whichever format it lies there."""

from __future__ import annotations

import logging
import warnings
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.core.errors import DataError, MissingExtraError
from bench.datasets.spellings import describes_genes, is_no_gene, unlike_others
from bench.datasets.tables import Table, file_type, read_table, shown

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
    """

    label_columns: tuple[str, ...] = ()
    sample_column: str | None = None
    samples_in: Literal["rows", "columns"] | None = None
    donor_column: str | None = None
    obs_columns: tuple[str, ...] = ()
    ignore_extra_labels: bool = False
    leave_out: tuple[str, ...] = ()
    keep_non_genes: bool = False


@dataclass(frozen=True, eq=False)
class Matrix:
    """The numbers of a file with their names, and whatever columns of text lay beside them."""

    path: Path
    values: NDArray[Any]  # (n_samples, n_genes)
    samples: tuple[str, ...]
    genes: tuple[str, ...]
    columns: Mapping[str, Sequence[str]]  # each (n_samples,)


def read_matrix(path: Path, layout: Layout, *, labels_inside: bool) -> Matrix:
    """Return the samples x genes matrix of a file, in the file's orders."""
    if file_type(path) == ".h5ad":
        matrix = _read_h5ad(path)
    else:
        in_rows = labels_inside or layout.samples_in == "rows"
        matrix = _read_rows(path, layout, labels_inside=labels_inside) if in_rows else _read_columns(path, layout)
    matrix = _genes_alone(matrix, layout)
    for what, names in (("gene", matrix.genes), ("sample", matrix.samples)):
        if "" in names:
            raise DataError(f"{path}: {what} number {names.index('') + 1} has no name; name or drop it before import.")
        if twice := repeated(names):
            raise DataError(f"{path}: {what} {twice!r} appears more than once; keep one of them or rename it.")
    _check_range(matrix)
    _note_strange(matrix)
    return matrix


def _genes_alone(matrix: Matrix, layout: Layout) -> Matrix:
    """Return the matrix without the summary rows of aligners and counters, and without what is to be left out."""
    summaries = [] if layout.keep_non_genes else [gene for gene in matrix.genes if is_no_gene(gene)]
    if summaries:
        log.warning(
            "%s: summaries of an aligner or counter are no genes and are left out: %s", matrix.path, shown(summaries)
        )
    out = {*summaries, *layout.leave_out}
    keep = [i for i, gene in enumerate(matrix.genes) if gene not in out]
    if len(keep) == len(matrix.genes):
        return matrix
    return replace(matrix, values=matrix.values[:, keep], genes=tuple(matrix.genes[i] for i in keep))


def _note_strange(matrix: Matrix) -> None:
    """Name the genes whose name or values are unlike those of all others: serial numbers, ages, months."""
    if strange := unlike_others(matrix.genes, matrix.values):
        log.warning(
            "%s: %s may be no genes, by their names or their values; --leave-out NAME leaves one out",
            matrix.path, shown(strange),
        )  # fmt: skip


def _check_range(matrix: Matrix) -> None:
    """Cohorts hold float32, where a larger number would become infinite, and no missing values."""
    if not np.isfinite(matrix.values).all():
        row, column = np.argwhere(~np.isfinite(matrix.values))[0]
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


def _read_columns(path: Path, layout: Layout) -> Matrix:
    table = read_table(path)
    beside = [] if layout.keep_non_genes else [name for name in table.columns[1:] if describes_genes(name)]
    if beside:
        log.warning("%s: columns that describe genes are no samples and are left out: %s", path, shown(beside))
    samples = tuple(name for name in table.columns[1:] if name not in (*beside, *layout.leave_out))
    if not samples:
        raise DataError(f"{path} has no column but {shown(table.columns)}; expected a column for each sample.")
    if twice := repeated(samples):
        raise DataError(f"{path}: sample {twice!r} appears more than once; keep one of them or rename it.")
    return Matrix(path, table.numbers(samples).T, samples, table.rows, {})


def _read_rows(path: Path, layout: Layout, *, labels_inside: bool) -> Matrix:
    named = [*layout.label_columns, *layout.obs_columns, *OBS_COLUMNS, *DONOR_COLUMNS]
    named += [layout.donor_column] if layout.donor_column else []
    table = read_table(path, text=named)
    if labels_inside and not set(layout.label_columns) & set(table.columns):
        _no_labels_inside(table, layout)
    if twice := repeated(table.columns):
        raise DataError(f"{path}: gene {twice!r} appears more than once; keep one of them or rename it.")
    beside = [name for name in table.columns[1:] if name in named]
    genes = tuple(name for name in table.columns[1:] if name not in beside and name not in layout.leave_out)
    columns = {name: table.text(name) for name in beside}
    return Matrix(path, table.numbers(genes), table.rows, genes, columns)


def _no_labels_inside(table: Table, layout: Layout) -> None:
    if layout.label_columns:
        table.text(layout.label_columns[-1])  # raises, and suggests the nearest column
    raise DataError(
        f"{table.path} comes without a label file, and no column of it is named as the label. Give the label file, or "
        "name the column with --label-column if the samples are in rows."
    )


def _read_h5ad(path: Path) -> Matrix:
    data, values = _open_h5ad(path)
    table = _obs_table(path, data.obs)
    columns = {name: table.text(name) for name in table.columns[1:]}
    return Matrix(path, values, tuple(map(str, data.obs_names)), tuple(map(str, data.var_names)), columns)


def h5ad_table(path: Path, *, keep: Collection[str]) -> tuple[Table, dict[str, tuple[str, ...]]]:
    """Return an h5ad file as a table with its genes as the last columns, and every naming of the genes.

    Parameters
    ----------
    path : the file
    keep : columns of ``obs`` to keep, between the sample names and the genes; the others are left out

    Returns
    -------
    The table, named by ``var_names``; and the names by ``var_names`` and by each column of text in ``var``.
    """
    return anndata_table(*_open_h5ad(path), path, keep=keep)


def anndata_table(
    data: Any, values: NDArray[Any], path: Path, *, keep: Collection[str]
) -> tuple[Table, dict[str, tuple[str, ...]]]:
    """Return an AnnData object, whose matrix is `values`, as `h5ad_table` does; `path` names it in messages."""
    obs = _obs_table(path, data.obs[[name for name in data.obs.columns if name in keep]])
    frame = pd.concat([obs.frame, pd.DataFrame(values)], axis=1)
    names = {"var_names": tuple(map(str, data.var_names))}
    for column in data.var.columns:
        if not pd.api.types.is_numeric_dtype(data.var[column]):
            names[str(column)] = tuple(data.var[column].astype(str))
    return Table(path, (*obs.columns, *names["var_names"]), frame.set_axis(range(frame.shape[1]), axis=1)), names


def _open_h5ad(path: Path) -> tuple[Any, NDArray[Any]]:
    """Return the AnnData object of a file and its dense matrix."""
    try:
        import anndata
    except ImportError as error:
        raise MissingExtraError(f"reading {path}", "anndata", "h5ad") from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # repeated names are an error of our own, below
            data = anndata.read_h5ad(path)
    except Exception as error:  # a damaged file makes HDF5 and anndata raise nearly anything
        raise DataError(f"{path} is no AnnData file: {error}. Write it again with AnnData.write_h5ad.") from error
    return data, dense(data, path)


def dense(data: Any, path: Path) -> NDArray[Any]:
    """Return the matrix of an AnnData object; `path` names it in messages."""
    if data.X is None:
        raise DataError(f"{path} has no matrix X; put the values there, for example data.X = data.layers['counts'].")
    return data.X.toarray() if hasattr(data.X, "toarray") else np.asarray(data.X)


def _obs_table(path: Path, obs: pd.DataFrame) -> Table:
    frame = obs.rename_axis(None).reset_index(names="").set_axis(range(obs.shape[1] + 1), axis=1)
    return Table(path, ("", *map(str, obs.columns)), frame)
