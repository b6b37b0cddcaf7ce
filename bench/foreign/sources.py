"""What a foreign release is read from: files of a folder or objects of a notebook, each with its labels and its fold.

Names of files say which hold values, which hold labels, and which fold each belongs to.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from bench.core.cohort import Cohort
from bench.core.errors import DataError
from bench.datasets.readers.tables import Table, shown

_SUFFIXES = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz", ".parquet", ".h5ad")
_LABELS = frozenset({"label", "labels", "annotation", "annotations", "annot", "classes", "meta", "metadata", "y"})
_LABELS |= {"types", "subtypes", "targets", "obs"}
_FOLD = re.compile(r"(?:split|fold|cv)[-_. ]*(\d+)", re.IGNORECASE)
_LAST = re.compile(r"(\d+)(?!.*\d)")
_EXAMPLE = "synthetic_data_split_1.csv with synthetic_labels_split_1.csv"


@dataclass(frozen=True, eq=False)
class Source:
    """Values with their labels, where they have any of their own; `fold` is None if nothing says it.

    Parameters
    ----------
    path : the file of values; for what was given from Python, words for it
    labels : a file, or the labels themselves
    fold : the number of the fold
    content : the values, if they were given from Python: a `Table` or an AnnData object
    """

    path: Path
    labels: Path | Sequence[str] | None
    fold: int | None
    content: Any = None


def find_sources(path: Path, say: Callable[[str], None]) -> list[Source]:
    """Return the data files of a release with their labels, by fold; folds that are counted from 0 are renumbered.

    Parameters
    ----------
    path : a data file, or a folder with files whose names hold the number of the fold
    say : told what was changed or left out

    Raises
    ------
    DataError
        If there is no data file, a fold has two, or labels fit no data file.
    """
    if path.is_file():
        return [Source(path, _beside(path), _named_fold(path))]
    if not path.is_dir():
        raise DataError(f"{path} does not exist; expected a file, or a folder with {_EXAMPLE} and so on.")
    files = [p for p in sorted(path.iterdir()) if p.is_file() and not p.name.startswith(".")]
    tables = [p for p in files if p.name.lower().endswith(_SUFFIXES)]
    values = [p for p in tables if not _is_labels(p)]
    if not values:
        names = shown([p.name for p in files]) or "nothing"
        raise DataError(
            f"{path} holds {names}, and no data file in that; expected {_EXAMPLE}, or .tsv, .parquet or .h5ad files."
        )
    if others := [p.name for p in files if p not in tables]:
        say(f"left aside, because they are no tables: {shown(others)}")
    labels = [p for p in tables if _is_labels(p)]
    if len(values) == 1:
        return [Source(values[0], _only(labels, values[0]), _named_fold(values[0]))]
    return _numbered(values, labels, say)


def _numbered(values: Sequence[Path], labels: Sequence[Path], say: Callable[[str], None]) -> list[Source]:
    data = _by_number(values)
    if len(labels) == 1 and _number(labels[0]) is None:  # one file of labels for all, matched by sample names
        truth: Mapping[int, Path] = dict.fromkeys(data, labels[0])
    else:
        truth = _by_number(labels)
    if lost := sorted(set(truth) - set(data)):
        raise DataError(f"{truth[lost[0]]} holds labels of {lost[0]}, but there is no data file of that number.")
    shift = 1 if 0 in data else 0
    if shift:
        say("the files are counted from 0: they are taken as folds 1 and up, in their order")
    return [Source(data[number], truth.get(number), number + shift) for number in sorted(data)]


def _by_number(paths: Sequence[Path]) -> Mapping[int, Path]:
    found: dict[int, Path] = {}
    for path in paths:
        number = _number(path)
        if number is None:
            raise DataError(
                f"{path} has no number in its name that says its fold. Expected {_EXAMPLE}; rename it, or remove it if "
                "it is no part of the release."
            )
        if number in found:
            raise DataError(f"{found[number]} and {path.name} are both of number {number}. Keep one of them.")
        found[number] = path
    return found


def _only(labels: Sequence[Path], values: Path) -> Path | None:
    if len(labels) > 1:
        raise DataError(f"{values} has several files of labels, {labels[0].name!r} and {labels[1].name!r}. Keep one.")
    return labels[0] if labels else None


def _beside(path: Path) -> Path | None:
    """Return the file of labels that is called as a data file, but for ``labels`` in place of ``data``."""
    for old in ("_data", "data"):
        other = path.with_name(path.name.replace(old, old.replace("data", "labels")))
        if other != path and other.is_file():
            return other
    return None


def _is_labels(path: Path) -> bool:
    return not _LABELS.isdisjoint(re.split(r"[^a-z]+", _stem(path).lower()))


def _named_fold(path: Path) -> int | None:
    match = _FOLD.search(_stem(path))
    return int(match[1]) if match else None


def _number(path: Path) -> int | None:
    match = _FOLD.search(_stem(path)) or _LAST.search(_stem(path))
    return int(match[1]) if match else None


def _stem(path: Path) -> str:
    return path.name[: -len(next(s for s in sorted(_SUFFIXES, key=len, reverse=True) if path.name.lower().endswith(s)))]


# -- what lies in a notebook ------------------------------------------------------------------------------------------


def take_from_python(synthetic: Any, labels: Any = None) -> list[Source]:
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
        return [_source_of(synthetic, labels, None)]
    if labels is not None and (not isinstance(labels, Mapping) or set(labels) != set(synthetic)):
        raise DataError("synthetic data are given per fold, and labels are not for the same folds; give both alike.")
    shift = 1 if 0 in synthetic else 0
    return [
        _source_of(synthetic[fold], None if labels is None else labels[fold], int(fold) + shift)
        for fold in sorted(synthetic)
    ]


def _source_of(data: Any, labels: Any, fold: int | None) -> Source:
    where = Path("the synthetic data" if fold is None else f"the synthetic data of fold {fold}")
    y: Sequence[str] | None = None if labels is None else [str(label) for label in labels]
    if isinstance(data, Cohort):
        frame = pd.DataFrame(data.X, index=list(data.samples), columns=list(data.genes))
        return Source(where, list(data.y) if y is None else y, fold, _table(where, frame))
    if isinstance(data, pd.DataFrame):
        return Source(where, y, fold, _table(where, data))
    if hasattr(data, "obs_names") and hasattr(data, "var_names"):
        return Source(where, y, fold, data)
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
