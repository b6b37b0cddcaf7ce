"""Cohorts on disk: one npz file without pickle, read back exactly."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import BinaryIO

import numpy as np

from bench.errors import DataError
from bench.types import Cohort


def write_cohort(target: Path | BinaryIO, cohort: Cohort) -> None:
    """Write a cohort to an npz file or an open binary file."""
    columns = {f"obs_{name}": values for name, values in cohort.obs.items()}
    if cohort.donors is not None:
        columns["donors"] = cohort.donors
    np.savez(
        target,
        X=cohort.X,
        y=cohort.y,
        genes=np.array(cohort.genes, dtype=np.str_),
        samples=np.array(cohort.samples, dtype=np.str_),
        units=np.array(cohort.units),
        **columns,  # type: ignore[arg-type]
    )


def read_cohort(path: Path) -> Cohort:
    """Return the cohort of a file that `write_cohort` made.

    Raises
    ------
    DataError
        If the file is missing, truncated or no cohort.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as z:
            arrays = {name: z[name] for name in z.files}
    except (OSError, ValueError, zipfile.BadZipFile, EOFError) as error:
        raise DataError(
            f"{path} cannot be read as a cohort: {error}. Delete it and import or compute it again."
        ) from error
    if missing := {"X", "y", "genes", "samples", "units"} - arrays.keys():
        raise DataError(f"{path} holds no {sorted(missing)}; expected a cohort file. Delete it and import again.")
    return Cohort(
        X=arrays["X"],
        y=arrays["y"],
        genes=tuple(map(str, arrays["genes"])),
        samples=tuple(map(str, arrays["samples"])),
        units=str(arrays["units"]),  # type: ignore[arg-type]  # checked by Cohort
        donors=arrays.get("donors"),
        obs={name[4:]: values for name, values in arrays.items() if name.startswith("obs_")},
    )
