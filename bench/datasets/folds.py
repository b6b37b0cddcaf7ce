"""Who trains and who is held out: stratified folds by named seed, and the challenge's splits files.

Where one donor gave several samples, all of them go to the same side, so that a member's sibling sample never counts
as a non-member. With one sample per donor this is plain stratified cross-validation, which gives the published folds.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.core.errors import DataError
from bench.core.files import replacing
from bench.core.records import Records
from bench.core.roles import Split
from bench.datasets import Dataset
from bench.datasets.readers.spellings import patients_of
from bench.datasets.safe_yaml import yaml_text

log = logging.getLogger(__name__)
_REFERENCE_SEED = 0  # of who is set aside as reference: the same people whatever seeds the folds have
N_FOLDS = 5  # the challenge's number of folds
_FOLD_NAME = re.compile(r"split_([1-9][0-9]{0,4})")


def make_splits(cohort: Records, *, seed: int, n_folds: int = N_FOLDS, reference: Records | None = None) -> list[Split]:
    """Return one split per fold, numbered from 1: every sample is held out exactly once, classes in proportion.

    Parameters
    ----------
    cohort : the samples to divide, in their order, which is part of what the seed means
    seed : names the folds; 42 on the challenge's own order gives its published ones
    n_folds : number of folds
    reference : people who are known to be in no training set; handed on with every split

    Raises
    ------
    DataError
        If a class has too few donors to be on both sides of every fold, or there are fewer than two folds.
    """
    if n_folds < 2:
        raise DataError(f"{n_folds} folds leave nobody to train on; expected 2 or more.")
    _check_class_sizes(cohort, n_folds)
    rows = np.arange(len(cohort))
    splits = []
    for fold, (train, holdout) in enumerate(_divide(cohort, seed, n_folds), start=1):
        _check_classes_present(cohort, {"train": train, "holdout": holdout}, fold)
        splits.append(Split(cohort.take(rows[train]), cohort.take(rows[holdout]), fold, seed, reference))
    return splits


def folds_that_fit(cohort: Records, *, seed: int, reference: Records | None = None) -> list[Split]:
    """Return the folds of a run: five, or as many as the class with the fewest people allows.

    Four donors of cells, say, make four folds, each with one of them held out. Parameters are those of `make_splits`.

    Raises
    ------
    DataError
        If a class has one donor only, or its donors carry so unequal shares that no number of folds has every class on
        both sides.
    """
    n_folds = min(N_FOLDS, max(2, _smallest_class(cohort)[1]))
    for n in range(n_folds, 2, -1):
        try:
            return make_splits(cohort, seed=seed, n_folds=n, reference=reference)
        except _ClassMissingError:  # donors with several classes: the next number may divide them
            continue
    return make_splits(cohort, seed=seed, n_folds=2, reference=reference)


class _ClassMissingError(DataError):
    """A fold lacks a class on one side."""


def _divide(cohort: Records, seed: int, n_folds: int) -> Iterable[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    if cohort.donors is not None and len(np.unique(cohort.donors)) < len(cohort):
        from sklearn.model_selection import StratifiedGroupKFold  # slow to import

        grouped = StratifiedGroupKFold(n_folds, shuffle=True, random_state=seed)
        folds: Iterable[tuple[NDArray[np.intp], NDArray[np.intp]]] = grouped.split(
            cohort.X, cohort.y, groups=cohort.donors
        )
        return folds
    fold_of = _stratified(cohort.y, seed, n_folds)
    return [(np.flatnonzero(fold_of != fold), np.flatnonzero(fold_of == fold)) for fold in range(n_folds)]


def _stratified(y: NDArray[np.str_], seed: int, n_folds: int) -> NDArray[np.intp]:
    """Return (n,) the fold of each sample, as scikit-learn's ``StratifiedKFold(shuffle=True, random_state=seed)`` does.

    Written out, because every command needs the folds and importing scikit-learn takes longer than all the rest; the
    tests compare both. Classes count in the order of their first sample.
    """
    _, first, inverse = np.unique(y, return_index=True, return_inverse=True)
    code = np.argsort(np.argsort(first))[inverse]  # (n,)
    in_order = np.sort(code)
    sizes = np.array([np.bincount(in_order[i::n_folds], minlength=len(first)) for i in range(n_folds)])  # (folds, K)
    rng = np.random.RandomState(seed)
    fold_of = np.empty(len(y), dtype=np.intp)
    for k in range(len(first)):
        mine = np.arange(n_folds).repeat(sizes[:, k])
        rng.shuffle(mine)
        fold_of[code == k] = mine
    return fold_of


def _check_class_sizes(cohort: Records, n_folds: int) -> None:
    if len(cohort) == 0:
        raise DataError("the cohort has no samples, so there is nothing to divide into folds.")
    who = "samples" if cohort.donors is None else "donors"
    label, size = _smallest_class(cohort)
    if size < n_folds:
        raise DataError(
            f"class {label!r} has {size} {who}; {n_folds} folds need at least {n_folds} in every class. "
            f"Merge the class with another or leave it out; {size} folds are the most it allows, which you can write "
            "yourself and give with --splits."
            if size > 1
            else f"class {label!r} has one {who[:-1]} only; it cannot be in both train and holdout. "
            "Merge the class with another or leave it out."
        )


def _smallest_class(cohort: Records) -> tuple[str, int]:
    """Return the class with the fewest people, and how many it has."""
    people = np.asarray(cohort.samples) if cohort.donors is None else cohort.donors
    sizes = {str(label): len(np.unique(people[cohort.y == label])) for label in cohort.classes}
    return min(sizes.items(), key=lambda item: item[1], default=("", 0))


def _check_classes_present(cohort: Records, sides: dict[str, NDArray[np.intp]], fold: int) -> None:
    for side, rows in sides.items():
        missing = sorted(set(cohort.classes) - set(np.unique(cohort.y[rows])))
        if missing:
            raise _ClassMissingError(
                f"fold {fold} has no sample of class {str(missing[0])!r} in its {side}, because too few donors carry "
                "that class. Use fewer folds, another seed, or merge the class with another."
            )


def with_reference(dataset: Dataset, one_in: int) -> Dataset:
    """Return the dataset with one person in `one_in` as the reference, in no fold and seen by no generator.

    Classes keep their proportions and the samples of a donor stay together. The cohort that is left is smaller and has
    other folds, so the dataset gets a name of its own and its rows never mix with those of the whole cohort.

    Raises
    ------
    DataError
        If the dataset brings a reference set, or a class has too few people.
    """
    if dataset.reference is not None:
        raise DataError(
            f"dataset {dataset.name!r} brings a reference set of {len(dataset.reference)} people; leave out "
            "--reference-one-in."
        )
    parts = make_splits(dataset.cohort, seed=_REFERENCE_SEED, n_folds=one_in)[0]
    return replace(
        dataset,
        name=f"{dataset.name}-reference{one_in}",
        title=f"{dataset.title}; one person in {one_in} set aside as the attackers' reference",
        cohort=parts.train,
        reference=parts.holdout,
        source=f"{dataset.source}; {len(parts.holdout)} of {len(dataset.cohort)} people set aside as reference",
    )


def with_folds(dataset: Dataset, n_folds: int) -> Dataset:
    """Return the dataset under the name that its rows on so many folds have: they never mix with those on others."""
    title = f"{dataset.title}; {n_folds} folds"
    return replace(dataset, name=f"{dataset.name}-{n_folds}folds", title=title)


# -- the challenge's splits files ------------------------------------------------------------------------------------


def write_splits(path: Path, splits: Sequence[Split]) -> None:
    """Write the challenge's ``*_splits.yaml``: per fold the sample names of ``train_index`` and ``test_index``."""
    text = splits_yaml(splits)
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def splits_yaml(splits: Sequence[Split]) -> str:
    """Return the text of the challenge's ``*_splits.yaml``."""
    content = {
        f"split_{split.fold}": {"train_index": list(split.train.samples), "test_index": list(split.holdout.samples)}
        for split in splits
    }
    return yaml_text({"splits": content})


def read_splits(path: Path, cohort: Records, *, seed: int, reference: Records | None = None) -> list[Split]:
    """Return the splits of a challenge ``*_splits.yaml``, each side in the order of the cohort.

    Parameters
    ----------
    path : the YAML file
    cohort : the samples that the file names
    seed : the seed to carry; the file itself does not say with which one it was made
    reference : handed on with every split

    Raises
    ------
    DataError
        If the file is no splits file, names an unknown sample, leaves a sample of the cohort out of a fold, puts one
        on both sides or holds one out twice.
    """
    return splits_from(_load_yaml(path), str(path), cohort, seed=seed, reference=reference)


def splits_from(
    content: Any, name: str, cohort: Records, *, seed: int, reference: Records | None = None
) -> list[Split]:
    """Return the splits that the loaded content of a splits file stands for; `name` is the file's, for messages.

    Parameters and errors are those of `read_splits`. Every name must have been loaded as text.
    """
    folds = _folds(name, content)
    rows = {sample: i for i, sample in enumerate(cohort.samples)}
    held_out: dict[str, int] = {}
    splits = []
    for fold, sides in sorted(folds.items()):
        where = f"{name}, split_{fold}"
        _check_sides(where, sides, rows)
        for sample in sides["test_index"]:
            if sample in held_out:
                raise DataError(
                    f"{where}: sample {sample!r} is held out here and in split_{held_out[sample]}; expected every "
                    "sample in one test_index only. Mend the file."
                )
            held_out[sample] = fold
        train, holdout = (np.sort([rows[sample] for sample in sides[side]]) for side in ("train_index", "test_index"))
        _note_siblings(where, cohort, train, holdout)
        splits.append(Split(cohort.take(train), cohort.take(holdout), fold, seed, reference))
    return splits


def _note_siblings(where: str, cohort: Records, train: NDArray[np.intp], holdout: NDArray[np.intp]) -> None:
    """Say so if barcodes tell of one person on both sides; a `Split` itself refuses known donors there."""
    people = patients_of(cohort.samples) if cohort.donors is None else None
    both: list[str] = [] if people is None else np.intersect1d(people[train], people[holdout]).tolist()
    if len(both):
        log.warning(
            "%s: %d people (such as %s) have samples in both train_index and test_index: attacks count siblings of "
            "members as non-members, and accuracy is too high. Keep the samples of a person on one side",
            where, len(both), both[0],
        )  # fmt: skip


def _load_yaml(path: Path) -> Any:
    import yaml  # here, so that `bench list` starts fast

    try:
        # The base loader makes no objects and keeps every name as text: a sample called 007 stays 007.
        return yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CBaseLoader)  # noqa: S506
    except FileNotFoundError as error:
        raise DataError(f"the splits file {path} does not exist; give the path of a *_splits.yaml.") from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise DataError(f"the splits file {path} cannot be read as YAML: {error}. Export it again.") from error


def _folds(path: str, content: Any) -> dict[int, dict[str, list[str]]]:
    folds = content.get("splits") if isinstance(content, dict) else None
    if not isinstance(folds, dict) or not folds:
        raise DataError(f"{path} has no folds under the top key 'splits'; expected the challenge's *_splits.yaml.")
    return {_fold_number(path, name): _sides(path, name, sides) for name, sides in folds.items()}


def _fold_number(path: str, name: str) -> int:
    match = _FOLD_NAME.fullmatch(name)
    if match is None:
        raise DataError(f"{path}: fold {name!r} is not known; expected split_1, split_2 and so on.")
    return int(match[1])


def _sides(path: str, name: str, sides: Any) -> dict[str, list[str]]:
    for side in ("train_index", "test_index"):
        names = sides.get(side) if isinstance(sides, dict) else None
        if not isinstance(names, list) or not names or not all(isinstance(sample, str) for sample in names):
            raise DataError(f"{path}, {name}: {side} is no list of sample names. Export the splits again.")
    return {side: sides[side] for side in ("train_index", "test_index")}


def _check_sides(where: str, sides: dict[str, list[str]], rows: dict[str, int]) -> None:
    seen: dict[str, str] = {}
    for side, names in sides.items():
        for name in names:
            if name not in rows:
                raise DataError(
                    f"{where}: {side} names {name!r}, which is no sample of the cohort. Use the splits file of this "
                    "cohort, or import the cohort that the file belongs to."
                )
            if name in seen:
                place = f"in both {seen[name]} and {side}" if seen[name] != side else f"twice in {side}"
                raise DataError(f"{where}: sample {name!r} is {place}; expected it once. Mend the file.")
            seen[name] = side
    missing = [name for name in rows if name not in seen]
    if missing:
        raise DataError(
            f"{where}: {len(missing)} samples of the cohort, {missing[0]!r} first, are in neither train_index nor "
            "test_index; expected every sample in one of them. Use the splits file of this very cohort."
        )
