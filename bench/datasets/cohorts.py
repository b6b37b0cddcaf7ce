"""Makes a checked cohort from a matrix file and its labels."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.core.cohort import Cohort
from bench.core.errors import DataError, near_name
from bench.core.records import Units
from bench.datasets.matrices import DONOR_COLUMNS, OBS_COLUMNS, Layout, Matrix, read_matrix, repeated
from bench.datasets.tables import MISSING, read_table, shown

SAMPLE_COLUMN = "samplesID"  # the challenge's name
LOG2_LIMIT = 50.0  # two to the power of 50 reads of one gene do not exist


def build_cohort(
    counts: Path, labels: Path | None, layout: Layout, units: Units, reference: Sequence[str] = ()
) -> tuple[Cohort, str]:
    """Return the cohort of a matrix and its labels, and the name of the column that the labels came from.

    Parameters
    ----------
    counts : TSV, CSV, parquet or h5ad; orders of samples and genes are kept
    labels : TSV, CSV or parquet with one row per sample, or None if `counts` holds the labels
    layout : where to find what
    units : what the numbers are
    reference : names of further samples that the label file may mention

    Raises
    ------
    DataError
        If anything about the files is not as expected; the message says what to do.
    """
    matrix = read_matrix(counts, layout, labels_inside=labels is None)
    columns = matrix.columns if labels is None else _annotation(labels, layout, matrix, reference)
    where = counts if labels is None else labels
    label = _label_column(columns, layout, where)
    cohort = Cohort(
        X=matrix.values,
        y=np.array(_filled(columns[label], label, matrix.samples, where), dtype=np.str_),
        genes=matrix.genes,
        samples=matrix.samples,
        units=units,
        donors=_donors(columns, layout, label, matrix.samples, where),
        obs=_obs(columns, layout, label, matrix.samples, where),
    )
    check_values(cohort, counts)
    check_classes(cohort, where, label)
    return cohort, label


# -- the labels ------------------------------------------------------------------------------------------------------


def _annotation(path: Path, layout: Layout, matrix: Matrix, reference: Sequence[str]) -> dict[str, list[str]]:
    table = read_table(path, text=None)
    if twice := repeated(table.columns):
        raise DataError(f"{path}: column {twice!r} appears more than once; keep one of them.")
    key = layout.sample_column or (SAMPLE_COLUMN if SAMPLE_COLUMN in table.columns else table.columns[0])
    names = table.text(key)
    if twice := repeated(names):
        raise DataError(f"{path}: sample {twice!r} has more than one row in column {key!r}; keep one of them.")
    _check_names(path, key, names, matrix, reference, layout)
    place = {name: i for i, name in enumerate(names)}
    order = [place[name] for name in matrix.samples]
    columns = {name: table.text(name) for name in table.columns if name != key}
    return {name: [values[i] for i in order] for name, values in columns.items()}


def _check_names(
    path: Path, key: str, names: Sequence[str], matrix: Matrix, reference: Sequence[str], layout: Layout
) -> None:
    known, samples = set(names), set(matrix.samples)
    if not known & samples:
        if known & set(matrix.genes):
            there, option = ("rows", "rows") if layout.samples_in != "rows" else ("columns", "columns")
            raise DataError(
                f"{matrix.path} is transposed: the samples that {path} names are in its {there}. "
                f"Say so with --samples-in {option}."
            )
        raise DataError(
            f"no sample of {matrix.path} (first: {matrix.samples[0]!r}) is in column {key!r} of {path} (first: "
            f"{names[0]!r}). Name the right column with --sample-column; the columns are as in the file's header."
        )
    if missing := [name for name in matrix.samples if name not in known]:
        raise DataError(
            f"{len(missing)} samples of {matrix.path} have no row in {path}: {shown(missing, 3)}. "
            "Add their labels or drop the samples from the matrix."
        )
    extra = [name for name in names if name not in samples and name not in set(reference)]
    if extra and not layout.ignore_extra_labels:
        raise DataError(
            f"{path} has labels for {len(extra)} samples that are not in {matrix.path}: {shown(extra, 3)}. Remove the "
            "rows, or say --ignore-extra-labels if they are meant to be left out."
        )


def _label_column(columns: Collection[str], layout: Layout, path: Path) -> str:
    present = [name for name in layout.label_columns if name in columns]
    if present:
        return present[0]
    if layout.label_columns:
        wanted = layout.label_columns[-1]
        raise DataError(
            f"{path} has no label column {wanted!r}.{near_name(wanted, columns)} Its columns are {shown(columns)}. "
            "Name the right one with --label-column."
        )
    left = [name for name in columns if name not in (*DONOR_COLUMNS, *OBS_COLUMNS, layout.donor_column)]
    if len(left) != 1:
        raise DataError(
            f"{path} does not say which column holds the labels; its columns are {shown(columns)}. "
            "Name it with --label-column."
        )
    return left[0]


def _filled(values: Sequence[str], column: str, samples: Sequence[str], path: Path) -> list[str]:
    for sample, value in zip(samples, values, strict=True):
        if value in MISSING:
            raise DataError(
                f"{path}: sample {sample!r} has no value in column {column!r} (found {value!r}). "
                "Fill it in, or drop the sample from matrix and labels."
            )
    return list(values)


def _donors(
    columns: Mapping[str, Sequence[str]], layout: Layout, label: str, samples: Sequence[str], path: Path
) -> NDArray[np.str_] | None:
    if layout.donor_column and layout.donor_column not in columns:
        raise DataError(
            f"{path} has no donor column {layout.donor_column!r}.{near_name(layout.donor_column, columns)} "
            f"Its columns are {shown(columns)}."
        )
    candidates = [layout.donor_column] if layout.donor_column else [c for c in DONOR_COLUMNS if c != label]
    column = next((name for name in candidates if name in columns), None)
    return None if column is None else np.array(_filled(columns[column], column, samples, path), dtype=np.str_)


def _obs(
    columns: Mapping[str, Sequence[str]], layout: Layout, label: str, samples: Sequence[str], path: Path
) -> dict[str, NDArray[np.str_]]:
    for name in layout.obs_columns:
        if name not in columns:
            raise DataError(
                f"{path} has no column {name!r}.{near_name(name, columns)} Its columns are {shown(columns)}."
            )
    kept = [name for name in (*layout.obs_columns, *OBS_COLUMNS) if name in columns and name != label]
    return {name: np.array(_filled(columns[name], name, samples, path), dtype=np.str_) for name in kept}


# -- checks ----------------------------------------------------------------------------------------------------------


def check_values(cohort: Cohort, path: Path) -> None:
    """Raise a `DataError` if the numbers cannot be in the declared units."""
    low, high = float(cohort.X.min()), float(cohort.X.max())
    if cohort.units in ("vst", "log2") and high > LOG2_LIMIT:
        raise DataError(
            f"{path} holds values up to {high:g}, too large for units {cohort.units!r}: they look like counts. "
            "Transform them, or declare them with --units counts."
        )
    if cohort.units == "counts" and low < 0:
        raise DataError(f"{path} holds {low:g}, and counts are never negative. Declare other units with --units.")
    if cohort.units == "genotype" and not np.isin(cohort.X, (0.0, 1.0, 2.0)).all():
        raise DataError(f"{path} holds values from {low:g} to {high:g}; genotypes are 0, 1 or 2. Mend --units or data.")


def check_classes(cohort: Cohort, path: Path, label: str) -> None:
    """Raise a `DataError` if a class has one sample, which no fold can both train on and hold out."""
    labels, counts = np.unique(cohort.y, return_counts=True)
    single = labels[counts < 2]
    if len(single):
        raise DataError(
            f"{path}, column {label!r}: class {str(single[0])!r} has one sample, too few to be in both train and "
            f"holdout ({len(single)} such classes). Merge it with another class, drop the sample, or name another "
            "--label-column."
        )
