"""Reads synthetic data made elsewhere: one CSV of values and one of labels per fold, in the challenge's own format."""

from __future__ import annotations

import csv
import logging
import re
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.errors import DataError
from bench.types import Cohort

log = logging.getLogger(__name__)
_DATA = re.compile(r"synthetic_data_split_(\d+)\.csv")


def read_release(folder: Path, like: Cohort) -> dict[int, Cohort]:
    """Return the synthetic cohort of each fold in a folder, genes in the order of the real cohort.

    Parameters
    ----------
    folder : holds ``synthetic_data_split_1.csv`` (header of gene names, no row names) and
        ``synthetic_labels_split_1.csv`` (one column with a header) and so on
    like : the real cohort, for genes, units and the labels that may occur

    Raises
    ------
    DataError
        If a file or gene is missing, a gene comes twice, a value is no finite number, a label is unknown, or the
        numbers of rows differ.
    """
    if not folder.is_dir():
        raise DataError(f"{folder} is no folder; expected one with synthetic_data_split_1.csv and so on.")
    found = {int(match[1]): path for path in sorted(folder.iterdir()) if (match := _DATA.fullmatch(path.name))}
    if not found:
        names = ", ".join(sorted(path.name for path in folder.iterdir())[:6]) or "nothing"
        raise DataError(f"{folder} holds {names}; expected synthetic_data_split_1.csv and so on.")
    return {fold: _read_fold(path, like) for fold, path in sorted(found.items())}


def _read_fold(path: Path, like: Cohort) -> Cohort:
    X = _values(path, like)
    labels = path.with_name(path.name.replace("_data_", "_labels_"))
    y = _labels(labels, like)
    if len(y) != len(X):
        raise DataError(f"{path} has {len(X)} rows and {labels.name} {len(y)}; expected one label for each row.")
    return like.synthetic(X, y)


def _values(path: Path, like: Cohort) -> NDArray[np.float64]:
    """Return (n, n_genes) values in the real cohort's order of genes."""
    genes = _header(path)
    if missing := [gene for gene in like.genes if gene not in set(genes)]:
        raise DataError(f"{path} lacks {len(missing)} of {like.n_genes} genes, the first is {missing[0]!r}. Add them.")
    if len(set(genes)) < len(genes):
        twice = next(gene for gene in genes if genes.count(gene) > 1)
        raise DataError(f"{path} has the gene {twice!r} twice. Remove one of them.")
    if unknown := [gene for gene in genes if gene not in set(like.genes)]:
        raise DataError(f"{path} has a column {unknown[0]!r} that is no gene of the real cohort. Remove it.")
    if genes != list(like.genes):
        log.warning("%s: genes are put into the order of the real cohort, by name", path)
    frame = _frame(path, genes)
    X = frame.to_numpy(dtype=np.float64)
    if not np.isfinite(X).all():
        row, column = np.argwhere(~np.isfinite(X))[0]
        raise DataError(
            f"{path}: line {row + 2}, gene {genes[column]!r} is {float(X[row, column])}; expected a finite number."
        )
    return frame[list(like.genes)].to_numpy(dtype=np.float64)


def _frame(path: Path, genes: list[str]) -> pd.DataFrame:
    try:
        frame = pd.read_csv(path, header=0, names=genes, index_col=False, dtype=np.float64)
    except ValueError as error:
        raise DataError(
            f"{path} holds something that is no number: {error}. Expected numbers below the header."
        ) from error
    if frame.empty:
        raise DataError(f"{path} has no rows below its header; expected synthetic samples.")
    return frame


def _labels(path: Path, like: Cohort) -> NDArray[np.str_]:
    if not path.is_file():
        raise DataError(f"{path} is missing; expected one label for each row of its data file, under a header.")
    if len(_header(path)) != 1:
        raise DataError(f"{path} has {len(_header(path))} columns; expected one, the label.")
    y = pd.read_csv(path, dtype=str, keep_default_na=False).iloc[:, 0].to_numpy(dtype=np.str_)
    if unknown := sorted(set(map(str, y)) - set(map(str, like.y))):
        raise DataError(f"{path} has the label {unknown[0]!r}; expected {', '.join(map(str, like.classes))}.")
    return y


def _header(path: Path) -> list[str]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return next(csv.reader(file), [])
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} cannot be read as CSV: {error}.") from error
