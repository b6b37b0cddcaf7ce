"""Keeps which results a rerun by somebody reproduced, beside the rows, and says whether that still holds of them."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping, Set
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd

from bench import __version__
from bench.core.errors import StoreError
from bench.core.files import replacing
from bench.core.formatting import counted
from bench.store.row_equality import compare_rows, results, rows_digest
from bench.store.rows import with_labels


@dataclass(frozen=True)
class Mark:
    """That a rerun gave every row of one release again, in all of its folds or in some.

    Parameters
    ----------
    rows : SHA-256 of the results in the rows of these folds; with other rows the mark is gone
    results : how many there are
    on : the day of the rerun's comparison
    bench : the version that compared
    folds : seed and fold of each that was run again
    """

    rows: str
    results: int
    on: str
    bench: str
    folds: tuple[tuple[int, int], ...]

    def part(self, planned: int) -> str:
        """Return in words how many of the folds that there are were run again: ``"1 of 5 folds"``."""
        return f"{len(self.folds)} of {counted(planned, 'fold')}"


def marks_file(folder: Path, slug: str) -> Path:
    """Return where the marks of a dataset lie: ``<folder>/verified/<slug>.json``."""
    return folder / "verified" / f"{slug}.json"


def reproduced(
    rows: pd.DataFrame, rerun: pd.DataFrame, tolerance: float, earlier: Mapping[str, Mark]
) -> dict[str, Mark]:
    """Return a mark for each release (generator with its parameters) of which a rerun gave every row of a fold again.

    One fold of the rerun that came out otherwise, or of which a row is missing, and the release has no mark.

    Parameters
    ----------
    rows, rerun : tables of the same dataset; the rerun may hold fewer releases and fewer folds
    tolerance : as of `compare_rows`
    earlier : marks of earlier reruns that hold; their folds count too
    """
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    old, new = ({str(label): part for label, part in with_labels(table).groupby("label")} for table in (rows, rerun))
    marks = {}
    for label in sorted(old.keys() & new.keys()):
        again = folds_in(old[label]) & folds_in(new[label])
        found = compare_rows(_only(old[label], again), _only(new[label], again), tolerance)
        if again and not (found.different or found.missing):
            folds = sorted(again | set(earlier[label].folds if label in earlier else ()))
            part = _only(old[label], set(folds))
            marks[label] = Mark(rows_digest(part), len(results(part)), today, __version__, tuple(folds))
    return marks


def folds_in(rows: pd.DataFrame) -> set[tuple[int, int]]:
    """Return the seed and fold of every cell that rows are about."""
    return {(int(seed), int(fold)) for seed, fold in rows[["seed", "fold"]].drop_duplicates().to_numpy()}


def _only(rows: pd.DataFrame, folds: Set[tuple[int, int]]) -> pd.DataFrame:
    """Return the rows of some folds."""
    kept = [(int(seed), int(fold)) in folds for seed, fold in rows[["seed", "fold"]].to_numpy()]
    return rows[kept]


def add_marks(folder: Path, slug: str, marks: Mapping[str, Mark]) -> Path:
    """Write marks beside those that are there, and return their file."""
    path = marks_file(folder, slug)
    table = {label: asdict(mark) for label, mark in {**_read(path), **marks}.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(dict(sorted(table.items())), indent=1) + "\n", encoding="utf-8")
    return path


def marks_of(folder: Path, slug: str, rows: pd.DataFrame) -> dict[str, Mark]:
    """Return the marks that hold: those whose release has the very rows that were reproduced.

    Parameters
    ----------
    rows : of the dataset, as they are now

    Raises
    ------
    StoreError
        If the file cannot be read.
    """
    held = _read(marks_file(folder, slug))
    parts = {str(label): part for label, part in with_labels(rows).groupby("label")} if held else {}
    return {
        label: mark
        for label, mark in held.items()
        if label in parts and rows_digest(_only(parts[label], set(mark.folds))) == mark.rows
    }


def _read(path: Path) -> dict[str, Mark]:
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {label: Mark(**{**v, "folds": tuple((s, f) for s, f in v["folds"])}) for label, v in found.items()}
    except (OSError, ValueError, TypeError, AttributeError, KeyError) as error:
        raise StoreError(
            f"{path} holds no marks as `bench verify --record` writes them; delete the file and verify again."
        ) from error
