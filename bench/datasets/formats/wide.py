"""Tables with one row for each gene or each sample: TSV, CSV and parquet, with what GCT and featureCounts add."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from bench.core.errors import DataError
from bench.datasets.readers.cells import as_text, is_words
from bench.datasets.readers.matrices import DONOR_COLUMNS, OBS_COLUMNS, Layout, Matrix, repeated
from bench.datasets.readers.spellings import describes_genes, is_missing
from bench.datasets.readers.tables import Table, read_table, shown

_ALIGNED = re.compile(
    r"(?P<name>.+?)[._-]?((Aligned\.(sortedByCoord|toTranscriptome)\.out|sorted|dedup|markdup)\.)*bam"
)
_SOME = 20  # cells that tell whether a column is one of words
log = logging.getLogger(__name__)


def read_wide(path: Path, layout: Layout, *, labels_inside: bool) -> Matrix:
    """Return the matrix of a table: genes in rows, or samples in rows where it holds the labels or the user says so.

    Labels may also be a row above the genes, as heat map programs have them.
    """
    named = _named(layout)
    if not labels_inside and layout.samples_in != "rows":
        return in_columns(read_table(path), layout)
    table = read_table(path, text=named)
    if labels_inside and not set(layout.label_columns) & set(table.columns):
        if layout.samples_in == "rows" or not set(layout.label_columns) & set(table.rows):
            _no_labels_inside(table, layout)
        return in_columns(table, layout)
    return _in_rows(table, named, layout)


def _named(layout: Layout) -> list[str]:
    """Return the names of what is no gene but a fact about samples, if it is there."""
    named = [*layout.label_columns, *layout.obs_columns, *OBS_COLUMNS, *DONOR_COLUMNS]
    return named + ([layout.donor_column] if layout.donor_column else [])


def in_columns(table: Table, layout: Layout) -> Matrix:
    """Return the matrix of a table with a column for each sample; what describes genes or samples is no part of it."""
    path = table.path
    beside = [] if layout.keep_non_genes else [name for name in table.columns[1:] if describes_genes(name)]
    if beside:
        log.warning("%s: columns that describe genes are no samples and are left out: %s", path, shown(beside))
    columns = tuple(name for name in table.columns[1:] if name not in (*beside, *layout.leave_out))
    if not columns:
        raise DataError(f"{path} has no column but {shown(table.columns)}; expected a column for each sample.")
    if twice := repeated(columns):
        raise DataError(f"{path}: sample {twice!r} appears more than once; keep one of them or rename it.")
    out = [name for name in table.rows if name in layout.leave_out]
    table, facts = _facts_above(
        _without_rows(table, [i for i, name in enumerate(table.rows) if name in out]), columns, layout
    )
    left = (*([f"columns that describe genes: {shown(beside)}"] if beside else ()), *([shown(out)] if out else ()))
    values = table.numbers(columns, missing=layout.missing).T
    return Matrix(path, values, _without_bam(path, columns), table.rows, facts, left_out=left)


def _facts_above(table: Table, columns: Sequence[str], layout: Layout) -> tuple[Table, dict[str, list[str]]]:
    """Return the table without rows that are facts about samples, and these: named by the user, or words alone."""
    first = table.frame[table.columns.index(columns[0])]
    known = {*layout.label_columns, *layout.obs_columns, layout.donor_column}
    words = [] if pd.api.types.is_numeric_dtype(first) else [is_words(cell) for cell in first.astype(str)]
    places = [table.columns.index(name) for name in columns]
    rows = {
        i: [_fact(cell) for cell in table.frame.iloc[i][places]]
        for i, name in enumerate(table.rows) if name in known or (words and words[i])
    }  # fmt: skip
    facts = {i: cells for i, cells in rows.items() if table.rows[i] in known or _all_words(cells)}
    if not facts or len(facts) > len(table.rows) / 2:
        return table, {}
    told = [table.rows[i] for i in facts]
    log.warning("%s: rows that are facts about samples are no genes: %s", table.path, shown(told))
    return _without_rows(table, list(facts)), {table.rows[i]: cells for i, cells in facts.items() if table.rows[i]}


def _without_rows(table: Table, rows: Sequence[int]) -> Table:
    return replace(table, frame=table.frame.drop(index=list(rows)).reset_index(drop=True)) if rows else table


def _fact(cell: Any) -> str:
    """Return a cell as text; what was read as a number, for it lies above others, is written as a whole one."""
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else as_text(cell)


def _all_words(cells: Sequence[str]) -> bool:
    """Return whether cells are words or empty, and some are words."""
    return any(map(is_words, cells)) and all(is_words(cell) or is_missing(cell) for cell in cells)


def _without_bam(path: Path, columns: Sequence[str]) -> tuple[str, ...]:
    """Return the samples of featureCounts, which calls them by the paths of their alignments."""
    names = [_ALIGNED.fullmatch(column.replace("\\", "/").rpartition("/")[2]) for column in columns]
    samples = tuple(match["name"] for match in names if match)
    if len(samples) < len(columns) or len(set(samples)) < len(columns):
        return tuple(columns)
    log.warning("%s: samples are called by their alignments: %r is %r", path, columns[0], samples[0])
    return samples


def _in_rows(table: Table, named: Sequence[str], layout: Layout) -> Matrix:
    """Return the matrix of a table with a row for each sample; columns of words are facts about samples."""
    path = table.path
    if twice := repeated(table.columns):
        raise DataError(f"{path}: gene {twice!r} appears more than once; keep one of them or rename it.")
    words = [
        name for i, name in enumerate(table.columns[1:], start=1)
        if name not in (*named, *layout.leave_out) and _column_of_words(table.frame[i])
    ]  # fmt: skip
    if words:
        log.warning("%s: columns of words are facts about samples, and no genes: %s", path, shown(words))
    beside = [name for name in table.columns[1:] if name in named or name in words]
    genes = tuple(name for name in table.columns[1:] if name not in beside and name not in layout.leave_out)
    columns = {name: table.text(name) for name in beside}
    left = tuple(shown([name]) for name in table.columns[1:] if name in layout.leave_out)
    return Matrix(path, table.numbers(genes, missing=layout.missing), table.rows, genes, columns, left_out=left)


def _column_of_words(column: pd.Series[Any]) -> bool:
    """Return whether no cell of a column is a number, and those that are not empty are words, dates or lists."""
    if pd.api.types.is_bool_dtype(column) or pd.api.types.is_datetime64_any_dtype(column):
        return True
    if pd.api.types.is_numeric_dtype(column):
        return False
    if not all(map(pd.api.types.is_scalar, column.head(_SOME))):
        return True
    return _all_words([as_text(cell) for cell in column.head(_SOME)]) and _all_words([as_text(cell) for cell in column])


def _no_labels_inside(table: Table, layout: Layout) -> None:
    if layout.label_columns:
        table.text(layout.label_columns[-1])  # raises, and suggests the nearest column
    raise DataError(
        f"{table.path} comes without a label file, and no column of it is named as the label. Give the label file, or "
        "name the column with --label-column if the samples are in rows."
    )
