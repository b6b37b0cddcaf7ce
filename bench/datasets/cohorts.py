"""Makes a checked cohort from a matrix file and its labels."""

from __future__ import annotations

import logging
import re
import shlex
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from bench.core.cohort import Cohort
from bench.core.errors import DataError, near_name
from bench.core.formatting import counted
from bench.core.records import Records, Units
from bench.datasets.folds import N_FOLDS
from bench.datasets.formats import read_matrix, recognise
from bench.datasets.people import donors_of, filled
from bench.datasets.readers.matrices import DONOR_COLUMNS, OBS_COLUMNS, Layout, Matrix, repeated
from bench.datasets.readers.spellings import looks_clinical, matched, patient_of
from bench.datasets.readers.tables import Table, numbers_rows, read_table, shown
from bench.datasets.steps import Draft, Effect, check_end, follow

SAMPLE_COLUMN = "samplesID"  # the challenge's name
MOST_READS = 1e10  # of one gene; runs of a sequencer have about as many in all
LOG2_LIMIT = 50.0  # two to the power of 50 reads of one gene do not exist
_MANY = 10  # classes; more that hold one sample each are no classes
_CLIPPED = 0.01  # share of values that a private generator may clip without a word
log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Built:
    """A cohort, and how it came about.

    Parameters
    ----------
    cohort : the cohort
    label : name of the column that the labels came from
    matrix : what the file held
    donors : where the donors came from, in words; empty if each sample is of a person of its own
    effects : what each step did
    """

    cohort: Cohort
    label: str
    matrix: Matrix
    donors: str
    effects: Sequence[Effect] = ()


def build_cohort(
    counts: Path,
    labels: Path | None,
    layout: Layout,
    units: str,
    reference: Sequence[str] = (),
    steps: Sequence[str] = (),
) -> Built:
    """Return the cohort of a matrix and its labels.

    Parameters
    ----------
    counts : a file or folder in a format of `bench.datasets.formats`; orders of samples and genes are kept
    labels : TSV, CSV or parquet with one row per sample, or None if `counts` holds the labels
    layout : where to find what
    units : what the numbers of the file are
    reference : names of further samples that the label file may mention
    steps : what is done to samples, genes and values, as in `bench.datasets.steps`

    Raises
    ------
    DataError
        If anything about the files is not as expected; the message says what to do.
    """
    try:
        matrix = read_matrix(counts, layout, labels_inside=labels is None)
        columns = matrix.columns if labels is None else _annotation(labels, layout, matrix, reference)
    except DataError as error:
        may = labels is not None and layout.samples_in is None and not reference
        if labels is None or not may or not (isinstance(error, _TurnedError) or _names_rows(labels, counts, layout)):
            raise
        log.warning("%s: samples are in its rows, as %s names them there; turned round", counts, labels)
        return build_cohort(counts, labels, replace(layout, samples_in="rows"), units, reference, steps)
    where = counts if labels is None else labels
    label = _label_column(columns, layout, where)
    text = {name: list(values) for name, values in columns.items()}
    draft = Draft(matrix.values, text[label], matrix.samples, matrix.genes, units, text)
    effects = follow(steps, draft)
    draft = effects[-1].draft if effects else draft
    check_end(draft.units)
    donors, whence = donors_of(draft.columns, layout, label, draft.samples, where)
    cohort = Cohort(
        X=draft.X.astype(np.float32),
        y=np.array(filled(draft.y, label, draft.samples, where), dtype=np.str_),
        genes=draft.genes,
        samples=draft.samples,
        units=cast("Units", draft.units),
        donors=donors,
        obs=_obs(draft.columns, layout, label, draft.samples, where),
    )
    check_values(cohort, counts, matrix, kept=not layout.per_fold)
    check_classes(cohort, where, label)
    return Built(cohort, label, matrix, whence, effects)


def labels_of(
    labels: Path, layout: Layout, path: Path, samples: tuple[str, ...], reference: Sequence[str] = ()
) -> tuple[NDArray[np.str_], str, NDArray[np.str_] | None]:
    """Return labels, the name of their column, and donors if the table has them, for the samples of another file.

    Parameters
    ----------
    labels : TSV, CSV or parquet with one row per sample
    layout : where to find what
    path : the file that the samples are from, for messages
    samples : their names
    reference : names of further samples that the table may mention

    Raises
    ------
    DataError
        If the table does not fit the samples.
    """
    matrix = Matrix(path, np.empty((len(samples), 0)), samples, (), {})
    columns = _annotation(labels, layout, matrix, reference)
    label = _label_column(columns, layout, labels)
    y = np.array(filled(columns[label], label, samples, labels), dtype=np.str_)
    return y, label, donors_of(columns, layout, label, samples, labels)[0]


def _names_rows(labels: Path, counts: Path, layout: Layout) -> bool:
    """Return whether the first column of a table, which could not be read, names samples of the labels."""
    if recognise(counts, layout.format).name != "table":
        return False
    try:
        table, rows = read_table(labels, text=None), read_table(counts).rows
    except DataError:
        return False
    known = {name for column in table.columns for name in table.text(column)}
    return len(known & set(rows)) > len(rows) / 2


class _TurnedError(DataError):
    """The samples that a table of labels names are where genes were expected."""


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
    order = [place.get(name) for name in matrix.samples]
    columns = {name: table.text(name) for name in table.columns if name != key and not numbers_rows(table, name)}
    return {name: ["" if i is None else values[i] for i in order] for name, values in columns.items()}


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
            raise _TurnedError(
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
    missing = [name for name in matrix.samples if name not in known]
    if len(missing) == 1 and missing[0] == key:
        raise DataError(
            f"{path} starts with sample {key!r}; expected a header, the names of its columns, there. Put one above it."
        )
    if missing and not layout.unlabelled:
        stem = re.sub(r"\.\d+$", "", missing[0])
        again = f" {missing[0]!r} may be a second {stem!r}, renamed by R or pandas." if stem in known else ""
        raise DataError(
            f"{counted(len(missing), 'sample')} of {matrix.path} {'has' if len(missing) == 1 else 'have'} no row in "
            f"{path}: {shown(missing, 3)}. "
            f"Add their labels or drop the samples from the matrix (--transform drop-unlabelled).{again}"
        )
    extra = [name for name in names if name not in samples and name not in set(reference)]
    if extra and not layout.ignore_extra_labels:
        raise DataError(
            f"{path} has labels for {counted(len(extra), 'sample')} not in {matrix.path}: {shown(extra, 3)}. Remove "
            "the rows, or say --ignore-extra-labels if they are meant to be left out."
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


def _obs(
    columns: Mapping[str, Sequence[str]], layout: Layout, label: str, samples: Sequence[str], path: Path
) -> dict[str, NDArray[np.str_]]:
    for name in layout.obs_columns:
        if name not in columns:
            raise DataError(
                f"{path} has no column {name!r}.{near_name(name, columns)} Its columns are {shown(columns)}."
            )
    kept = [name for name in (*layout.obs_columns, *OBS_COLUMNS) if name in columns and name != label]
    return {name: np.array(filled(columns[name], name, samples, path), dtype=np.str_) for name in kept}


# -- checks ----------------------------------------------------------------------------------------------------------


def check_values(cohort: Cohort, path: Path, matrix: Matrix | None = None, *, kept: bool = True) -> None:
    """Raise a `DataError` if the numbers cannot be in the declared units; note what private generators would cut.

    Parameters
    ----------
    cohort : the values
    path, matrix : where they are from, for messages
    kept : whether runs see these values, and not what steps per fold make of them
    """
    low, high = float(cohort.X.min()), float(cohort.X.max())
    if low == high:
        raise DataError(f"{path}: every value is {low:g}; expected measurements that differ. Export the values again.")
    if problem := _misfit(cohort, low, high):
        others = [name for name in matrix.layers if name != matrix.layer] if matrix else []
        more = f" It also has the layers {shown(others)}: --layer takes one." if others else ""
        raise DataError(f"{path} holds {problem}{more}{_whose(cohort)}")
    if cohort.units == "counts" and kept:
        log.warning(
            "%s: raw counts are kept. Distances, MMD and most attacks are then about the few genes with the most "
            "reads; --transform cpm --transform log2 puts them on a scale where genes weigh alike", path,
        )  # fmt: skip
    if cohort.units == "counts" and high > MOST_READS:
        log.warning("%s: the largest count is %.3g, and no sample has that many reads; look at it", path, high)
    if cohort.units in ("vst", "log2") and (share := float((cohort.X < 0).mean())) > _CLIPPED:
        log.warning(
            "%s: %.0f %% of the values are below 0, and private generators take %s values to lie above it: they would "
            "cut those off. If these are ratios or centred values, say --units zscore", path, 100 * share, cohort.units,
        )  # fmt: skip


def _whose(cohort: Cohort) -> str:
    """Return a hint if the most extreme value is that of something that is called as facts about people are."""
    gene = cohort.genes[int(np.abs(cohort.X).max(axis=0).argmax())]
    if not looks_clinical(gene):
        return ""
    return f" That value is of {gene!r}, which may be no gene: --leave-out {shlex.quote(gene)} leaves it out."


def _misfit(cohort: Cohort, low: float, high: float) -> str:
    """Return what does not fit the declared units, and what to do, or nothing."""
    units = cohort.units
    if units in ("vst", "log2") and high > LOG2_LIMIT:
        if (np.rint(cohort.X) == cohort.X).all():
            return (
                f"values up to {high:g}, too large for units {units!r}: they look like counts. Transform them, or "
                "declare them with --units counts."
            )
        return (
            f"values up to {high:g}, too large for units {units!r}: they look like CPM, TPM, FPKM or RSEM, which are "
            "no logarithms. Say --units linear --transform log2."
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
            "counts (RSEM, salmon, kallisto: --transform round); take logarithms and say --units log2 if they are "
            "normalised (CPM, TPM: --units linear --transform log2)."
        )
    if units == "genotype" and not np.isin(cohort.X, (0.0, 1.0, 2.0)).all():
        return f"values from {low:g} to {high:g}; genotypes are 0, 1 or 2. Mend --units or data."
    return ""


def check_classes(cohort: Records, path: Path, label: str) -> None:
    """Raise a `DataError` if labels are no classes that a fold can both train on and hold out; note small ones."""
    labels, counts = np.unique(cohort.y, return_counts=True)
    if len(labels) == 1:
        raise DataError(
            f"{path}, column {label!r}: all labels are {str(labels[0])!r}; expected two classes or more. Name another "
            "--label-column."
        )
    _note_spellings(path, label, labels)
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


def _note_spellings(path: Path, column: str, labels: NDArray[np.str_]) -> None:
    """Say so if two classes are one in two spellings."""
    seen: dict[str, str] = {}
    for name in labels.tolist():
        other = seen.setdefault(re.sub(r"[-_. ]+", " ", re.sub(r"(\d)\.0+$", r"\1", name.casefold())), name)
        if other != name:
            log.warning(
                "%s, column %r: the classes %r and %r differ in case, separators or .0 alone; if they are one, "
                "--labels-map merges them", path, column, other, name,
            )  # fmt: skip


def _note_small_classes(cohort: Records, labels: NDArray[np.str_]) -> None:
    people = np.asarray(cohort.samples) if cohort.donors is None else cohort.donors
    sizes = {str(name): len(np.unique(people[cohort.y == name])) for name in labels}
    name, size = min(sizes.items(), key=lambda item: item[1])
    if size < N_FOLDS:
        log.warning(
            "class %r has %d %s, so that `bench run` makes %d folds and not %d: each holds out somebody of every "
            "class. To have more, merge the class with another (--labels-map)", name, size,
            "samples" if cohort.donors is None else "donors", max(size, 2), N_FOLDS,
        )  # fmt: skip
