"""Reads a blue-team submission of the challenge as what it is: data from strangers, of which nothing is run or trusted.

The code in it (``blue_team.py`` and what lies beside it) is never opened; scores in it are never read. What counts are
five synthetic tables, five tables of labels, the split they were made on, and the seed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal

import numpy as np

from bench.challenge.archive import Archive, RefusedError, opened, shown
from bench.challenge.blue_config import FORBIDDEN_SEEDS, read_config
from bench.challenge.tables import read_labels, read_values
from bench.core.cohort import Cohort
from bench.core.errors import BenchError, DataError
from bench.core.roles import Split
from bench.datasets import Dataset, dataset_names, load_dataset
from bench.datasets.folds import N_FOLDS, make_splits, splits_from
from bench.datasets.known.catalogue import CATALOGUE
from bench.datasets.safe_yaml import parse_plain

__all__ = ["FORBIDDEN_SEEDS", "Submission", "code_of", "file_name", "read_submission", "table_names"]
CONFIG, ENVIRONMENT, CODE = "config.yaml", "environment.yaml", "blue_team.py"
Side = Literal["blue", "red"]
_CONFIG_BYTES = 1 << 16
_TEAM = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
OTHER_FOLDS = "own_and_not_of_its_seed"  # folds of equal number and seed are then not the same people
FOREIGN = re.compile(r"__MACOSX/|(.*/)?\.DS_Store$")  # what macOS adds to every zip file


@dataclass(frozen=True, eq=False)
class Submission:
    """A checked entry: whose it is, on which folds it was made, and its synthetic cohort per fold."""

    team: str
    dataset: Dataset
    generator: str
    seed: int
    splits: tuple[Split, ...]
    synthetic: dict[int, Cohort]
    notes: tuple[str, ...]
    folds_of_seed: bool
    secret: bool = False  # whether the seed of the releases is kept from everybody

    @property
    def name(self) -> str:
        """Team and generator, as tables name the entry."""
        return f"{self.team}.{self.generator}"

    @property
    def mark(self) -> str:
        """What tables show in brackets behind the name: the split is the team's own, and whether its seed gives it."""
        return f"split={'own' if self.folds_of_seed else OTHER_FOLDS},seed={self.seed}"


def code_of(dataset: str) -> str:
    """Return what the challenge calls a dataset: ``TCGA-BRCA`` for ``brca``; other names stay as they are."""
    return CATALOGUE[dataset].code if dataset in CATALOGUE else dataset


def file_name(team: str, dataset: str, side: Side = "blue") -> str:
    """Return the name that the challenge asks for.

    Raises
    ------
    DataError
        If a team cannot be called so.
    """
    if not _TEAM.fullmatch(team):
        raise DataError(f"the team {shown(team)} cannot be part of a file name; use letters, digits, '.', '_' and '-'.")
    return f"{side}team_{team}_{code_of(dataset)}.zip"


def table_names(fold: int) -> tuple[str, str]:
    """Return the names of the data and of the labels of a fold."""
    return f"synthetic_data_split_{fold}.csv", f"synthetic_labels_split_{fold}.csv"


def read_submission(path: Path) -> Submission:
    """Return the entry in a zip file, fully checked; nothing in it is run, unpacked or believed.

    Raises
    ------
    RefusedError
        If anything is wrong; its `problems` say what, one line each.
    """
    team, name = team_and_dataset(path)
    dataset = load_dataset(name).same_in_all_folds()
    try:
        with opened(path) as archive:
            return _Reader(archive, dataset).read(team)
    except RefusedError:
        raise
    except BenchError as error:
        raise RefusedError([bounded_line(str(error))]) from error


def bounded_line(message: str, longest: int = 500) -> str:
    """Return a message, which may quote strangers at any length, as one line of bounded length."""
    line = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in " ".join(message[: 2 * longest].split()))
    return line if len(line) <= longest else f"{line[:longest]}..."


def team_and_dataset(path: Path, side: Side = "blue") -> tuple[str, str]:
    """Return the team and the dataset that the name of a zip file says.

    Raises
    ------
    RefusedError
        If there is no such file, or it is not called as the rules ask.
    """
    known = {code_of(name): name for name in dataset_names()}
    form = f"{side}team_TEAM_DATASET.zip with one of the datasets {', '.join(sorted(known))}"
    if not path.is_file():
        raise RefusedError([f"there is no such file; expected {form}."])
    middle = path.name.removeprefix(f"{side}team_").removesuffix(".zip")
    code = max((code for code in known if middle.endswith(f"_{code}")), key=len, default="")
    team = middle.removesuffix(f"_{code}")
    if not code or not _TEAM.fullmatch(team) or path.name != f"{side}team_{team}_{code}.zip":
        raise RefusedError([f"the file is called {shown(path.name)}; expected {form}."])
    return team, known[code]


class _Reader:
    """Collects the problems of one archive, so that a team learns of all of them at once."""

    def __init__(self, archive: Archive, dataset: Dataset) -> None:
        self._archive, self._dataset = archive, dataset
        self._code = code_of(dataset.name)
        self._splits_name = f"{self._code}_splits.yaml"
        names = [name for name in archive.names if not FOREIGN.match(name)]
        self._top = common_folder(names)
        self._held = [name.removeprefix(self._top) for name in names]
        self._problems: list[str] = []

    def read(self, team: str) -> Submission:
        """Return the entry, or raise a `RefusedError` with everything that is wrong with it."""
        self._problems += self._names()
        self._stop_if_wrong()
        config = self._try(lambda: read_config(self._yaml(CONFIG, _CONFIG_BYTES), self._code, self._dataset.label))
        self._try(lambda: self._yaml(ENVIRONMENT, _CONFIG_BYTES))
        splits = self._try(lambda: self._read_splits(config.seed if config else 0))
        tables = {fold: self._try(lambda fold=fold: self._fold(fold)) for fold in range(1, N_FOLDS + 1)}
        self._stop_if_wrong()
        assert config is not None
        assert splits is not None
        found = {fold: cohort for fold, cohort in tables.items() if cohort is not None}
        of_seed = _of_seed(self._dataset, splits, config.seed)
        notes = tuple(_notes(splits, found, None if of_seed else config.seed))
        return Submission(
            team, self._dataset, config.generator, config.seed, tuple(splits), found, notes, of_seed, config.secret
        )

    def _stop_if_wrong(self) -> None:
        if self._problems and self._dataset.simulated:
            name = self._dataset.name
            self._problems.insert(
                0,
                f"it was compared with a SIMULATED stand-in, because the real {name!r} cohort is not on this machine; "
                f"bench data fetch {name} brings it.",
            )
        if self._problems:
            raise RefusedError(self._problems)

    def _try(self, step: Any) -> Any:
        try:
            return step()
        except RefusedError as error:
            self._problems += error.problems
        except BenchError as error:
            self._problems.append(bounded_line(str(error)))
        return None

    def _names(self) -> Iterator[str]:
        """Yield what is missing and what has no place here; code of any kind may lie in folders of its own."""
        tables = [name for fold in range(1, N_FOLDS + 1) for name in table_names(fold)]
        wanted = [*tables, CONFIG, self._splits_name, CODE, ENVIRONMENT]
        yield from (f"{name} is missing." for name in wanted if name not in self._held)
        for name in self._held:
            if name not in wanted and "/" not in name and PurePosixPath(name).suffix != ".py":
                yield f"{shown(name)} has no place in a submission; expected the files of the rules and .py files."
        yield from (f"{name} is empty." for name in wanted if name in self._held and not self._size(name))

    def _size(self, name: str) -> int:
        return self._archive.size(self._top + name)

    def _yaml(self, name: str, limit: int) -> Any:
        return parse_plain(self._archive.text(self._top + name, limit), name)

    def _read_splits(self, seed: int) -> list[Split]:
        cohort, name = self._dataset.cohort, self._splits_name
        limit = 4096 + N_FOLDS * sum(len(sample) + 32 for sample in cohort.samples)
        content = self._yaml(name, limit)
        splits = splits_from(content, name, cohort, seed=seed, reference=self._dataset.reference)
        if [split.fold for split in splits] != list(range(1, N_FOLDS + 1)):
            raise DataError(f"{name} has {len(splits)} folds; expected split_1 to split_{N_FOLDS}.")
        if (held := sum(len(split.holdout) for split in splits)) != len(cohort):
            raise DataError(f"{name} holds out {held:,} of {len(cohort):,} samples; expected each in one fold.")
        for split in splits:
            for side, part in (("train_index", split.train), ("test_index", split.holdout)):
                if gone := sorted(set(map(str, cohort.classes)) - set(map(str, part.classes))):
                    raise DataError(f"{name}, split_{split.fold}: {side} has no sample of class {gone[0]!r}.")
        return splits

    def _fold(self, fold: int) -> Cohort | None:
        data, labels = table_names(fold)
        like = self._dataset.expression
        y = self._try(lambda: read_labels(self._archive, self._top + labels, like))
        X = self._try(lambda: read_values(self._archive, self._top + data, like))
        if X is None or y is None:
            return None
        if len(y) != len(X):
            raise DataError(f"{data} has {len(X):,} rows and {labels} {len(y):,}; expected one label for each row.")
        return like.synthetic(X, y)


def common_folder(names: list[str]) -> str:
    """Return the one folder that a zipped folder puts around everything, with its ``/``; empty if there is none."""
    tops = {name.partition("/")[0] for name in names}
    return f"{tops.pop()}/" if len(tops) == 1 and all("/" in name for name in names) else ""


def _notes(splits: list[Split], found: dict[int, Cohort], wrong_seed: int | None) -> Iterator[str]:
    """Yield what breaks no rule, but what a reader of the numbers should know."""
    if wrong_seed is not None:
        yield f"the folds are not those that seed {wrong_seed} gives on this cohort."
    for split in splits:
        if (n := len(found[split.fold])) != len(split.train):
            yield f"split {split.fold} has {n:,} synthetic rows for {len(split.train):,} training samples."
        if gone := sorted(set(map(str, split.train.classes)) - set(map(str, found[split.fold].classes))):
            yield f"split {split.fold} has no synthetic row of class {gone[0]!r}."
        if (n := len(np.unique(found[split.fold].X, axis=0))) < len(found[split.fold]):
            yield f"split {split.fold} has {len(found[split.fold]) - n:,} rows that repeat another."


def _of_seed(dataset: Dataset, splits: list[Split], seed: int) -> bool:
    """Return whether these are the folds that a seed gives on this cohort, and not chosen in some other way."""
    expected = make_splits(dataset.cohort, seed=seed, reference=dataset.reference)
    return [split.digest for split in splits] == [split.digest for split in expected]
