"""Takes synthetic data as they lie in a notebook: pandas tables, AnnData objects, cohorts, one or one per fold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from bench.core.errors import DataError
from bench.core.types import Cohort
from bench.datasets.tables import Table
from bench.foreign.files import Pair


def pairs_of(synthetic: Any, labels: Any = None) -> list[Pair]:
    """Return synthetic data given from Python in the form in which files are read.

    Parameters
    ----------
    synthetic : a pandas table, an AnnData object or a cohort; or a mapping of fold numbers to these
    labels : the labels, one for each row, or a mapping of fold numbers to these; None if the data hold them

    Raises
    ------
    DataError
        If it is something else.
    """
    if not isinstance(synthetic, Mapping):
        return [_pair(synthetic, labels, None)]
    if labels is not None and (not isinstance(labels, Mapping) or set(labels) != set(synthetic)):
        raise DataError("synthetic data are given per fold, and labels are not for the same folds; give both alike.")
    shift = 1 if 0 in synthetic else 0
    return [
        _pair(synthetic[fold], None if labels is None else labels[fold], int(fold) + shift)
        for fold in sorted(synthetic)
    ]


def _pair(data: Any, labels: Any, fold: int | None) -> Pair:
    where = Path("the synthetic data" if fold is None else f"the synthetic data of fold {fold}")
    y: Sequence[str] | None = None if labels is None else [str(label) for label in labels]
    if isinstance(data, Cohort):
        frame = pd.DataFrame(data.X, index=list(data.samples), columns=list(data.genes))
        return Pair(where, list(data.y) if y is None else y, fold, _table(where, frame))
    if isinstance(data, pd.DataFrame):
        return Pair(where, y, fold, _table(where, data))
    if hasattr(data, "obs_names") and hasattr(data, "var_names"):
        return Pair(where, y, fold, data)
    raise DataError(
        f"synthetic is {type(data).__name__}; expected a path, a pandas table, an AnnData object, a Cohort, or a "
        "mapping of fold numbers to these."
    )


def _table(where: Path, frame: pd.DataFrame) -> Table:
    if len(frame) == 0:
        raise DataError(f"{where} has no rows; expected synthetic samples.")
    columns = ("", *map(str, frame.columns))
    plain = frame.infer_objects().reset_index(names="")
    return Table(where, columns, plain.set_axis(range(len(columns)), axis=1))
