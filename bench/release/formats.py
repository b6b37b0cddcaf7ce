"""The files of a release: its rows in the formats that were asked for, and what its columns are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.core.cohort import Cohort, as_expression
from bench.core.errors import BenchError
from bench.core.records import Records


def _table(cohort: Cohort, label: str) -> Any:
    frame = cohort.to_frame(label)
    return frame.rename_axis("sample").reset_index()


def _write_csv(path: Path, cohort: Cohort, label: str) -> None:
    _table(cohort, label).to_csv(path, index=False, lineterminator="\n")


def _write_tsv(path: Path, cohort: Cohort, label: str) -> None:
    _table(cohort, label).to_csv(path, index=False, sep="\t", lineterminator="\n")


def _write_parquet(path: Path, cohort: Cohort, label: str) -> None:
    _table(cohort, label).to_parquet(path, index=False)


def _write_h5ad(path: Path, cohort: Cohort, label: str) -> None:
    cohort.to_anndata(label).write_h5ad(path)


WRITERS: Mapping[str, Callable[[Path, Cohort, str], None]] = {
    "csv": _write_csv,
    "tsv": _write_tsv,
    "parquet": _write_parquet,
    "h5ad": _write_h5ad,
}


def formats_in(text: str) -> list[str]:
    """Return the formats that a text such as ``"csv,parquet"`` names.

    Raises
    ------
    BenchError
        If one is not known.
    """
    names = list(dict.fromkeys(name.strip() for name in text.split(",")))
    if wrong := [name for name in names if name not in WRITERS]:
        raise BenchError(f"--formats {wrong[0]!r} is not known; expected some of {', '.join(WRITERS)}.")
    return names


def write_data(folder: Path, records: Records, label: str, formats: Sequence[str]) -> list[str]:
    """Write the rows of a release as ``synthetic.<format>`` into a folder; return the names of the files."""
    cohort = as_expression(records)
    for name in formats:
        WRITERS[name](folder / f"synthetic.{name}", cohort, label)
    return [f"synthetic.{name}" for name in formats]


def dictionary(records: Records, label: str) -> dict[str, Any]:
    """Return what the columns of the files are, for the card and for machine-readable metadata."""
    return {
        "sample": "name of a synthetic row; it stands for nobody",
        label: {"what": "class label", "values": [str(value) for value in records.classes]},
        "features": {"what": records.modality, "units": records.units, "names": list(records.features)},
    }
