"""Reads the class labels of a foreign release, from its table or from a file beside it."""

from __future__ import annotations

import csv
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.core.cohort import Cohort
from bench.core.errors import DataError, near_name
from bench.datasets.readers.matrices import repeated
from bench.datasets.readers.spellings import is_missing
from bench.datasets.readers.table_text import find_table, open_table
from bench.datasets.readers.tables import DELIMITERS, file_type, shown
from bench.foreign.tables import Part, ReadOptions, pick


def read_labels(
    part: Part, beside: Path | Sequence[str] | None, like: Cohort, options: ReadOptions
) -> NDArray[np.str_]:
    """Return the label of each sample of a data file.

    Parameters
    ----------
    part : the data file's content
    beside : its file of labels, or the labels, which go before a column in the data file; None if there are none
    like : the real cohort, for the labels that may occur
    options : which columns may hold labels

    Raises
    ------
    DataError
        If there are no labels, one is missing or unknown, or their number is wrong.
    """
    inside = pick(part.columns, options.label_columns)
    where: Path | str
    if isinstance(beside, Path):
        where, y = beside, _labels_beside(beside, part, like, options)
    elif beside is not None:
        where, y = f"labels of {part.path}", _filled(Path("labels"), "labels", [str(label) for label in beside])
        if len(y) != len(part.values):
            raise DataError(f"{part.path} has {len(part.values)} rows and {len(y)} labels; expected one for each.")
    elif inside is not None:
        where, y = part.path, _filled(part.path, inside, part.columns[inside])
    else:
        raise DataError(
            f"{part.path} comes without labels: there is no file of labels beside it and no column "
            f"{options.label_columns[0]!r} in it. Add them, name the column with --label-column, or say --no-labels to "
            "be judged by what needs none."
        )
    if unknown := sorted(set(y.tolist()) - set(like.y.tolist())):
        classes = like.classes.tolist()
        same_end = next((f" Did you mean {c!r}?" for c in classes if c.lower().endswith(unknown[0].lower())), "")
        raise DataError(
            f"{where} has the label {unknown[0]!r}; expected {', '.join(classes)}."
            f"{same_end or near_name(unknown[0], classes)} Write the labels as the real cohort has them."
        )
    return y


def _labels_beside(path: Path, part: Part, like: Cohort, options: ReadOptions) -> NDArray[np.str_]:
    """Return labels from their own file: one column in the order of the samples, or a column beside sample names."""
    columns = _columns(path)
    if headless := set(columns) & set(like.y.tolist()):
        raise DataError(
            f"{path} starts with the label {headless.pop()!r}; expected a header, the column's name, there."
        )
    key = next((name for name, cells in columns.items() if part.samples and set(part.samples) <= set(cells)), None)
    left = [name for name in columns if name != key]
    column = pick(left, options.label_columns) or (left[0] if len(left) == 1 else None)
    if column is None:
        raise DataError(
            f"{path} has {len(columns)} columns, {shown(list(columns))}; expected one, the label, or sample names and "
            "labels. Name the column of labels with --label-column."
        )
    y = _filled(path, column, columns[column])
    if key is not None and part.samples is not None and columns[key] != list(part.samples):
        return _matched(path, columns[key], y, part, options)
    if len(y) != len(part.values):
        raise DataError(
            f"{part.path} has {len(part.values)} rows and {path.name} {len(y)}; expected one label for each row."
        )
    return y


def _matched(
    path: Path, names: Sequence[str], y: NDArray[np.str_], part: Part, options: ReadOptions
) -> NDArray[np.str_]:
    assert part.samples is not None
    if twice := repeated(names):
        raise DataError(f"{path} has the sample {twice!r} twice. Keep one of them.")
    options.say(f"{path.name}: labels are matched to samples by name")
    place = {name: i for i, name in enumerate(names)}
    return y[[place[name] for name in part.samples]]


def _columns(path: Path) -> dict[str, list[str]]:
    """Return every column of a table as text."""
    suffix = file_type(path)
    if suffix == ".h5ad":
        raise DataError(f"{path} is called as a file of labels; expected a table. Put the labels into obs of the data.")
    try:
        if suffix == ".parquet":
            frame = pd.read_parquet(path).astype(str)
        else:
            place = find_table(path, DELIMITERS[suffix])
            with open_table(path, place) as stream:
                frame = pd.read_csv(stream, sep=place.delimiter, dtype=str, keep_default_na=False)
    except (ValueError, OSError, EOFError, csv.Error, zlib.error, pd.errors.ParserWarning) as error:
        raise DataError(f"{path} cannot be read as a table of labels: {error}. Write it again as UTF-8 CSV.") from error
    columns = {str(name): frame[name].str.strip().tolist() for name in frame.columns}
    return _filled_up_by_a_spreadsheet(columns) if suffix != ".parquet" else columns


def _filled_up_by_a_spreadsheet(columns: dict[str, list[str]]) -> dict[str, list[str]]:
    """Return columns without those that are empty and have no name, and without the empty rows at the end."""
    columns = {name: cells for name, cells in columns.items() if any(cells) or not name.startswith("Unnamed: ")}
    n = max((i + 1 for cells in columns.values() for i, cell in enumerate(cells) if cell), default=0)
    return {name: cells[:n] for name, cells in columns.items()} if len(columns) > 1 or n else columns


def _filled(path: Path, column: str, values: Sequence[str]) -> NDArray[np.str_]:
    """Return a column of text after a check that every sample has a value."""
    for row, value in enumerate(values, start=1):
        if is_missing(value):
            raise DataError(f"{path}, column {column!r}: row {row} has no value (found {value!r}). Fill it in.")
    return np.array(values, dtype=np.str_)
