"""Who gave a sample: donors from a column or a barcode, and a word where samples seem to share a person."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.core.errors import DataError, near_name
from bench.datasets.readers.matrices import DONOR_COLUMNS, Layout, repeated
from bench.datasets.readers.spellings import is_missing, patient_of, patients_of, people_in
from bench.datasets.readers.tables import shown

AUTO = "auto"  # donors are read from barcodes
_PERSON = re.compile(r"(?i)donor|patient|individual|subject|participant|person|(?<![a-z])case")
log = logging.getLogger(__name__)


def filled(values: Sequence[str], column: str, samples: Sequence[str], path: Path) -> list[str]:
    """Return a column as it is, after a check that every sample has a value."""
    for sample, value in zip(samples, values, strict=True):
        if is_missing(value):
            raise DataError(
                f"{path}: sample {sample!r} has no value in column {column!r} (found {value!r}). "
                "Fill it in, or drop the sample from matrix and labels (--transform drop-unlabelled drops all such); "
                "if it is a class, give the class another name."
            )
    return list(values)


def donors_of(
    columns: Mapping[str, Sequence[str]], layout: Layout, label: str, samples: Sequence[str], path: Path
) -> tuple[NDArray[np.str_] | None, str]:
    """Return the donor of each sample, or None, and where that came from."""
    if layout.donor_column == AUTO:
        return _patients(samples, path), "read from the barcodes"
    if layout.donor_column and layout.donor_column not in columns:
        raise DataError(
            f"{path} has no donor column {layout.donor_column!r}.{near_name(layout.donor_column, columns)} "
            f"Its columns are {shown(columns)}."
        )
    candidates = [layout.donor_column] if layout.donor_column else [c for c in DONOR_COLUMNS if c != label]
    column = next((name for name in candidates if name in columns), None)
    if column is None:
        _note_siblings(columns, label, samples)
        return None, ""
    return np.array(filled(columns[column], column, samples, path), dtype=np.str_), f"column {column!r}"


def _patients(samples: Sequence[str], path: Path) -> NDArray[np.str_]:
    """Return the patients whom TCGA barcodes name."""
    patients = patients_of(samples)
    if patients is None:
        other = next(sample for sample in samples if patient_of(sample) is None)
        raise DataError(
            f"--donors {AUTO} reads the patient from TCGA barcodes, and sample {other!r} is none. Name the column of "
            f"{path} that holds the donors."
        )
    return patients


def _note_siblings(columns: Mapping[str, Sequence[str]], label: str, samples: Sequence[str]) -> None:
    """Say so if samples seem to share a person, who could then be on both sides of a fold."""
    patients = patients_of(samples)
    guessed = people_in(samples) if patients is None else None
    if patients is not None and (shared := len(samples) - len(set(patients.tolist()))):
        log.warning(
            "%d of %d samples are of a patient with another sample (such as %s), who can be on both sides of a fold; "
            "--donors %s keeps the samples of a patient together",
            shared, len(samples), repeated(patients.tolist()), AUTO,
        )  # fmt: skip
    if guessed is not None:
        log.warning(
            "names such as %r and %r look like samples of one person, who can be on both sides of a fold; a column "
            "with the person of each sample, named with --donors, keeps them together", *_pair(samples, guessed),
        )  # fmt: skip
    for name, values in columns.items():
        if name != label and _PERSON.search(name) and len(set(values)) < len(values):
            log.warning(
                "column %r repeats %d people in %d samples, who can be on both sides of a fold; --donors %s keeps "
                "the samples of a person together", name, len(set(values)), len(values), name,
            )  # fmt: skip


def _pair(samples: Sequence[str], people: NDArray[np.str_]) -> tuple[str, str]:
    """Return two samples of one person."""
    twice = repeated(people.tolist())
    first, second, *_ = (sample for sample, person in zip(samples, people.tolist(), strict=True) if person == twice)
    return first, second
