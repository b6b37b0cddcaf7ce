"""Reads one file of a foreign release: finds its genes, samples, labels and folds by name, whichever way round."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.core.errors import DataError
from bench.core.formatting import counted
from bench.datasets.formats.h5ad import anndata_table, dense, h5ad_table
from bench.datasets.readers.cells import numbers_of
from bench.datasets.readers.matrices import SAMPLE_COLUMNS, repeated
from bench.datasets.readers.spellings import is_no_gene
from bench.datasets.readers.tables import Table, file_type, read_table, shown
from bench.foreign.gene_names import GeneNames, by_real_name, spoiled_by_spreadsheet
from bench.foreign.sources import Source

_NAMES = ("label", "labels", "class", "subtype", "cancer_type", "cell_type", "type")
LABEL_COLUMNS = tuple(spelling for name in _NAMES for spelling in (name, name.capitalize(), name.upper()))
FOLD_COLUMNS = ("fold", "split", "cv_fold")


@dataclass(frozen=True, kw_only=True)
class ReadOptions:
    """How the files of a release are to be read.

    Parameters
    ----------
    names : the real cohort's genes and their synonyms
    label_columns : the first of these that is present holds the labels
    genes : ``"exact"``: the real cohort's genes, each of them; ``"common"``: those that both have
    samples_in : ``"rows"`` or ``"columns"``; by default whichever the gene names say
    say : told what was changed on the way
    """

    names: GeneNames
    label_columns: tuple[str, ...]
    genes: Literal["exact", "common"] = "exact"
    samples_in: Literal["rows", "columns"] | None = None
    say: Callable[[str], None]


@dataclass(frozen=True, eq=False)
class Part:
    """What one file holds, under the real cohort's gene names.

    Parameters
    ----------
    path : the file
    values : (n, n_genes)
    genes : n_genes real names, in the real cohort's order
    samples : n row names, or None if the file names no rows
    columns : text that lay beside the numbers, each (n,)
    """

    path: Path
    values: NDArray[np.float64]
    genes: tuple[str, ...]
    samples: tuple[str, ...] | None
    columns: Mapping[str, Sequence[str]]


def read_part(source: Source, options: ReadOptions) -> Part:
    """Return what one data file, or one table given from Python, holds.

    Raises
    ------
    DataError
        If the file cannot be read, its genes do not fit, or a cell is no finite number.
    """
    path, table = source.path, _read(source, options)
    in_rows = options.samples_in == "rows" or (options.samples_in is None and not _is_turned(table, options))
    if not in_rows:
        options.say(f"{path.name}: genes are in the rows; turned round")
    part = _from_rows(table, options) if in_rows else _from_columns(table, options)
    beyond = np.abs(part.values) > np.finfo(np.float32).max
    if beyond.any():
        row, column = np.argwhere(beyond)[0]
        raise DataError(
            f"{path}: sample {row + 1}, gene {part.genes[column]!r} is {part.values[row, column]:g}, beyond the range "
            "of float32. Expected expression values; mend it."
        )
    return part


def _read(source: Source, options: ReadOptions) -> Table:
    path, data, beside = source.path, source.content, [*options.label_columns, *FOLD_COLUMNS]
    if isinstance(data, Table):
        return data
    if data is not None:
        return _named_like_real(*anndata_table(data, dense(data, path), path, keep=beside), options)
    if file_type(path) == ".h5ad":
        return _named_like_real(*h5ad_table(path, keep=beside), options)
    return read_table(path, text=beside)


def _named_like_real(table: Table, names: Mapping[str, Sequence[str]], options: ReadOptions) -> Table:
    """Return the table of an AnnData file under whichever column of ``var`` names most of the real genes."""
    n = len(next(iter(names.values())))
    best = max(names, key=lambda column: options.names.count(names[column]))  # var_names come first and win a tie
    if best != "var_names":
        options.say(f"{table.path.name}: genes are named by the column {best!r} of var, which fits the real ones best")
    return replace(table, columns=(*table.columns[: len(table.columns) - n], *names[best]))


def _is_turned(table: Table, options: ReadOptions) -> bool:
    """Return whether the genes are in the rows, by counting names that are genes of the real cohort."""
    across, down = options.names.count(table.columns), options.names.count(table.rows)
    if across == down == 0:
        raise _no_genes(table, options.names)
    return down > across


def _no_genes(table: Table, names: GeneNames) -> DataError:
    header = [name for name in table.columns if name]
    where = f"{table.path}: no name in its header ({shown(header, 3)}) or first column ({shown(table.rows, 3)})"
    if all(name.isdecimal() for name in header):
        cure = "Its columns are numbered, and a gene is found by its name alone: write the names into the header."
    else:
        cure = "If it names genes in another way, give a table of both names with --gene-map."
    return DataError(f"{where} is a gene of the real cohort, whose genes are {shown(names.genes, 3)}. {cure}")


# -- samples in rows -------------------------------------------------------------------------------------------------


def _from_rows(table: Table, options: ReadOptions) -> Part:
    place, unknown, how = by_real_name(table.path, table.columns, options.names)
    unknown = _genes_alone(table.path, unknown, options)
    beside = [name for name in unknown if name in (*options.label_columns, *FOLD_COLUMNS)]
    if twice := repeated(beside):
        raise DataError(f"{table.path} has the column {twice!r} twice. Keep one of them.")
    rest = [name for name in unknown if name not in beside]
    samples = None
    if rest and table.columns[0] == rest[0] and _names_samples(table):
        samples, rest = table.rows, rest[1:]
    genes = _chosen(table.path, place, rest, how, options)
    order = [place[gene] for gene in genes]
    columns = {name: table.text(name) for name in beside}
    return Part(table.path, table.numbers_at(order), genes, samples, columns)


def _names_samples(table: Table) -> bool:
    """Return whether the first column, which is no gene, holds names of samples and no values."""
    if table.columns[0].lower() in SAMPLE_COLUMNS:
        return True
    return bool(numbers_of(table.frame[0]).isna().all())


# -- genes in rows ---------------------------------------------------------------------------------------------------


def _from_columns(table: Table, options: ReadOptions) -> Part:
    rows = table.rows
    place, unknown, how = by_real_name(table.path, rows, options.names)
    unknown = _genes_alone(table.path, unknown, options)
    beside = [name for name in unknown if name in (*options.label_columns, *FOLD_COLUMNS)]
    genes = _chosen(table.path, place, [name for name in unknown if name not in beside], how, options)
    columns = {name: [str(cell).strip() for cell in table.frame.iloc[rows.index(name), 1:]] for name in beside}
    frame = table.frame.iloc[[place[gene] for gene in genes]].reset_index(drop=True)
    if beside:  # a row of text made text of every column
        frame = frame.astype(str).apply(_numbers_if_all)
    values = replace(table, frame=frame).numbers_at(range(1, len(table.columns))).T
    return Part(table.path, values, genes, table.columns[1:], columns)


def _genes_alone(path: Path, unknown: Sequence[str], options: ReadOptions) -> list[str]:
    """Return names that are no gene of the real cohort without the summaries of aligners, which are no genes at all."""
    if summaries := [name for name in unknown if is_no_gene(name)]:
        options.say(f"{path.name}: summaries of an aligner, counter or spreadsheet are left out: {shown(summaries, 3)}")
    return [name for name in unknown if name not in summaries]


def _numbers_if_all(column: pd.Series[str]) -> pd.Series[Any]:
    numbers = numbers_of(column)
    return column if numbers.isna().any() else numbers


# -- which genes -----------------------------------------------------------------------------------------------------


def _chosen(
    path: Path, place: Mapping[str, int], unknown: Sequence[str], how: Mapping[str, int], options: ReadOptions
) -> tuple[str, ...]:
    """Return the genes to take, in the real cohort's order."""
    real = options.names.genes
    missing = [gene for gene in real if gene not in place]
    if options.genes == "exact":
        _refuse_others(path, missing, unknown, len(real))
    elif len(place) < 2:
        raise DataError(f"{path} shares {len(place)} gene(s) with the real cohort; expected at least two.")
    elif unknown:
        options.say(f"{path.name}: {counted(len(unknown), 'column')} without a gene of the real cohort left out")
    for why, n in how.items():
        options.say(f"{path.name}: {n} of {len(place)} genes are recognised {why}")
    genes = tuple(gene for gene in real if gene in place)
    if [place[gene] for gene in genes] != sorted(place.values()):
        options.say(f"{path.name}: genes are put into the order of the real cohort, by name")
    return genes


def _refuse_others(path: Path, missing: Sequence[str], unknown: Sequence[str], n: int) -> None:
    if spoiled := spoiled_by_spreadsheet(unknown):
        raise DataError(
            f"{path} has the gene {spoiled!r}: a spreadsheet turned a gene's symbol into a date. Expected the symbol; "
            "export the file again without opening it in a spreadsheet."
        )
    if missing:
        others = f"; {len(unknown)} of its names are no gene of it, such as {unknown[0]!r}" if unknown else ""
        raise DataError(
            f"{path} lacks {len(missing)} of {n} genes of the real cohort, the first is {missing[0]!r}{others}. "
            "Add them, give other names with --gene-map, or say --genes common to compare the common genes alone."
        )
    if unknown:
        raise DataError(
            f"{path} has {counted(len(unknown), 'column')} too many, no gene of the real cohort: {shown(unknown, 3)}. "
            "Remove what is too much, name a column of labels with --label-column, or say --genes common."
        )


def pick(columns: Collection[str], wanted: Collection[str]) -> str | None:
    """Return the first of the wanted columns that is there, or None."""
    return next((name for name in wanted if name in columns), None)
