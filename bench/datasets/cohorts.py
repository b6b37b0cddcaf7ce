"""Makes a checked cohort from a matrix file and its labels."""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.core.cohort import Cohort
from bench.core.errors import DataError, near_name
from bench.core.records import Units
from bench.datasets.matrices import DONOR_COLUMNS, OBS_COLUMNS, Layout, Matrix, read_matrix, repeated
from bench.datasets.spellings import is_missing, matched, patient_of
from bench.datasets.tables import Table, read_table, shown

SAMPLE_COLUMN = "samplesID"  # the challenge's name
AUTO = "auto"  # donors are read from TCGA barcodes
LOG2_LIMIT = 50.0  # two to the power of 50 reads of one gene do not exist
N_FOLDS = 5  # of a run
_MANY = 10  # classes; more that hold one sample each are no classes
_CLIPPED = 0.01  # share of values that a private generator may clip without a word
_PERSON = re.compile(r"(?i)donor|patient|individual|subject|participant|person|(?<![a-z])case")
log = logging.getLogger(__name__)


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
    key, names = _sample_names(table, layout, matrix)
    if twice := repeated(names):
        raise DataError(f"{path}: sample {twice!r} has more than one row in column {key!r}; keep one of them.")
    _check_names(path, key, names, matrix, reference, layout)
    place = {name: i for i, name in enumerate(names)}
    order = [place[name] for name in matrix.samples]
    columns = {name: table.text(name) for name in table.columns if name != key}
    return {name: [values[i] for i in order] for name, values in columns.items()}


def _sample_names(table: Table, layout: Layout, matrix: Matrix) -> tuple[str, list[str]]:
    """Return the column with the sample names, and the names as the matrix spells them.

    The column that the user named, or `samplesID`, or the first; if that names no sample, the one that names all.
    """
    first = layout.sample_column or (SAMPLE_COLUMN if SAMPLE_COLUMN in table.columns else table.columns[0])
    samples, found = set(matrix.samples), {first: table.text(first)}
    if samples & set(found[first]):
        return first, found[first]
    if not layout.sample_column:
        found |= {column: table.text(column) for column in table.columns}
    if column := next((column for column, names in found.items() if samples <= set(names)), None):
        log.warning("%s: the samples of %s are in column %r", table.path, matrix.path.name, column)
        return column, found[column]
    for column, names in found.items():
        same, why = matched(names, matrix.samples)
        if same:
            log.warning(
                "%s: the names in column %r are those of %s in another spelling: %s (%r is %r)",
                table.path, column, matrix.path.name, why, *next(iter(same.items())),
            )  # fmt: skip
            return column, [same.get(name, name) for name in names]
    return first, found[first]


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
        if {patient_of(name) for name in samples} & (known - {None}):
            raise DataError(
                f"{path} names patients in column {key!r} ({names[0]!r}), and {matrix.path} has several samples of one "
                f"patient ({matrix.samples[0]!r}). Write a row for each sample, with the label of that very sample."
            )
        raise DataError(
            f"no sample of {matrix.path} (first: {matrix.samples[0]!r}) is in column {key!r} of {path} (first: "
            f"{names[0]!r}), nor in another column, as it stands or as R or a spreadsheet would have changed it. Name "
            "the right column with --sample-column; the columns are as in the file's header."
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
        if is_missing(value):
            raise DataError(
                f"{path}: sample {sample!r} has no value in column {column!r} (found {value!r}). "
                "Fill it in, or drop the sample from matrix and labels; if it is a class, give the class another name."
            )
    return list(values)


def _donors(
    columns: Mapping[str, Sequence[str]], layout: Layout, label: str, samples: Sequence[str], path: Path
) -> NDArray[np.str_] | None:
    if layout.donor_column == AUTO:
        return _patients(samples, path)
    if layout.donor_column and layout.donor_column not in columns:
        raise DataError(
            f"{path} has no donor column {layout.donor_column!r}.{near_name(layout.donor_column, columns)} "
            f"Its columns are {shown(columns)}."
        )
    candidates = [layout.donor_column] if layout.donor_column else [c for c in DONOR_COLUMNS if c != label]
    column = next((name for name in candidates if name in columns), None)
    if column is None:
        _note_siblings(columns, label, samples)
    return None if column is None else np.array(_filled(columns[column], column, samples, path), dtype=np.str_)


def _patients(samples: Sequence[str], path: Path) -> NDArray[np.str_]:
    """Return the patients whom TCGA barcodes name."""
    patients = [patient_of(sample) for sample in samples]
    if None in patients:
        other = samples[patients.index(None)]
        raise DataError(
            f"--donors {AUTO} reads the patient from TCGA barcodes, and sample {other!r} is none. Name the column of "
            f"{path} that holds the donors."
        )
    return np.array(patients, dtype=np.str_)


def _note_siblings(columns: Mapping[str, Sequence[str]], label: str, samples: Sequence[str]) -> None:
    """Say so if samples seem to share a person, who could then be on both sides of a fold."""
    patients = [patient_of(sample) for sample in samples]
    if None not in patients and (shared := len(samples) - len(set(patients))):
        twice = repeated([str(patient) for patient in patients])
        log.warning(
            "%d of %d samples are of a patient with another sample (such as %s), who can be on both sides of a fold; "
            "--donors %s keeps the samples of a patient together", shared, len(samples), twice, AUTO,
        )  # fmt: skip
    for name, values in columns.items():
        if name != label and _PERSON.search(name) and len(set(values)) < len(values):
            log.warning(
                "column %r repeats %d people in %d samples, who can be on both sides of a fold; --donors %s keeps "
                "the samples of a person together", name, len(set(values)), len(values), name,
            )  # fmt: skip


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
    """Raise a `DataError` if the numbers cannot be in the declared units; note what private generators would cut."""
    low, high = float(cohort.X.min()), float(cohort.X.max())
    if low == high:
        raise DataError(f"{path}: every value is {low:g}; expected measurements that differ. Export the values again.")
    if problem := _misfit(cohort, low, high):
        raise DataError(f"{path} holds {problem}")
    if cohort.units in ("vst", "log2") and (share := float((cohort.X < 0).mean())) > _CLIPPED:
        log.warning(
            "%s: %.0f %% of the values are below 0, and private generators take %s values to lie above it: they would "
            "cut those off. If these are ratios or centred values, say --units zscore", path, 100 * share, cohort.units,
        )  # fmt: skip


def _misfit(cohort: Cohort, low: float, high: float) -> str:
    """Return what does not fit the declared units, and what to do, or nothing."""
    units = cohort.units
    if units in ("vst", "log2") and high > LOG2_LIMIT:
        return (
            f"values up to {high:g}, too large for units {units!r}: they look like counts. Transform them, or declare "
            "them with --units counts."
        )
    if units in ("vst", "log2") and low < -LOG2_LIMIT:
        return (
            f"{low:g}, which is no logarithm of an expression: it looks like a code for a missing value. Impute these "
            "values, or drop the genes or samples that have them."
        )
    if units == "counts" and low < 0:
        return f"{low:g}, and counts are never negative. Declare other units with --units."
    if units == "counts" and (fractions := float((np.rint(cohort.X) != cohort.X).mean())):
        return (
            f"fractions ({fractions:.0%} of the values), and counts are whole numbers. Round them if they are expected "
            "counts (RSEM, salmon, kallisto); take logarithms and say --units log2 if they are normalised (TPM, CPM)."
        )
    if units == "genotype" and not np.isin(cohort.X, (0.0, 1.0, 2.0)).all():
        return f"values from {low:g} to {high:g}; genotypes are 0, 1 or 2. Mend --units or data."
    return ""


def check_classes(cohort: Cohort, path: Path, label: str) -> None:
    """Raise a `DataError` if labels are no classes that a fold can both train on and hold out; note small ones."""
    labels, counts = np.unique(cohort.y, return_counts=True)
    if len(labels) == 1:
        raise DataError(
            f"{path}, column {label!r}: all labels are {str(labels[0])!r}; expected two classes or more. Name another "
            "--label-column."
        )
    single = labels[counts < 2]
    if len(single):
        measured = len(single) > len(labels) / 2 and len(labels) > _MANY
        what = f"; its {len(labels)} values look like measurements or names, and no classes" if measured else ""
        raise DataError(
            f"{path}, column {label!r}: class {str(single[0])!r} has one sample, too few to be in both train and "
            f"holdout ({len(single)} such classes){what}. Merge it with another class, drop the sample, or name "
            "another --label-column."
        )
    _note_small_classes(cohort, labels)


def _note_small_classes(cohort: Cohort, labels: NDArray[np.str_]) -> None:
    people = np.asarray(cohort.samples) if cohort.donors is None else cohort.donors
    sizes = {str(name): len(np.unique(people[cohort.y == name])) for name in labels}
    name, size = min(sizes.items(), key=lambda item: item[1])
    if size < N_FOLDS:
        log.warning(
            "class %r has %d %s, and `bench run` makes %d folds, each with every class on both sides: merge the class "
            "with another, or write folds of your own and give them with --splits", name, size,
            "samples" if cohort.donors is None else "donors", N_FOLDS,
        )  # fmt: skip
