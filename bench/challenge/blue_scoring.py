"""Turns the zip files of many teams into one plan per dataset: every number is computed anew, none is taken over."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.challenge.archive import RefusedError
from bench.challenge.blue_entry import Submission, read_submission
from bench.core.errors import DataError
from bench.core.files import sha256
from bench.core.roles import Split
from bench.datasets import Dataset
from bench.engine.plan import PlannedCell, Scope, plan_given
from bench.registry.selection import Choice
from bench.store.store import Store


@dataclass(frozen=True, eq=False)
class Ballot:
    """The entries for one dataset, ready to be scored.

    Parameters
    ----------
    dataset : the real cohort
    store : where results go
    plan : the cells of all entries
    entries : per entry, as tables name it, the SHA-256 of its zip file
    left_out : the attacks that the cohort has no reference set for
    splits : the folds of all entries, each once
    """

    dataset: Dataset
    store: Store
    plan: list[PlannedCell] = field(default_factory=list)
    entries: dict[str, str] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    splits: list[Split] = field(default_factory=list)


def zips_in(paths: Iterable[Path]) -> list[Path]:
    """Return the zip files that were named, and those in folders that were named, each once.

    Raises
    ------
    DataError
        If a folder holds none.
    """
    found: dict[Path, None] = {}
    for path in paths:
        inside = sorted(path.glob("*.zip")) if path.is_dir() else [path]
        if not inside:
            raise DataError(f"the folder {path} holds no zip file; expected entries such as blueteam_TEAM_DATASET.zip.")
        found |= dict.fromkeys(inside)
    return list(found)


def plan_entries(
    paths: Sequence[Path],
    store: Store,
    metrics: Sequence[Choice],
    attacks: Sequence[Choice],
    refuse: Callable[[Path, RefusedError], object],
) -> list[Ballot]:
    """Return what there is to score, per dataset; entries that cannot be used are handed to `refuse`.

    The store is opened, and an entry's tables are put into it, only after everything in the entry was checked.
    """
    ballots: dict[str, Ballot] = {}
    for path in paths:
        try:
            entry = read_submission(path)
            ballot = ballots.get(entry.dataset.slug) or Ballot(entry.dataset, store.open())
            _add(ballot, entry, path, metrics, attacks)
        except RefusedError as error:
            refuse(path, error)
        else:
            ballots[entry.dataset.slug] = ballot
    return list(ballots.values())


def _add(ballot: Ballot, entry: Submission, path: Path, metrics: Sequence[Choice], attacks: Sequence[Choice]) -> None:
    label = f"{entry.name}[{entry.mark}]"
    if label.casefold() in map(str.casefold, ballot.entries):
        raise RefusedError([f"another file brings an entry {label} too; expected one of a team, generator and seed."])
    scope = Scope(ballot.dataset, entry.splits, ballot.store)
    ballot.plan.extend(plan_given(scope, entry.name, entry.synthetic, metrics, attacks, entry.mark))
    ballot.entries[label] = sha256(path)
    known = {(split.seed, split.fold) for split in ballot.splits}
    ballot.splits.extend(split for split in entry.splits if (split.seed, split.fold) not in known)
    ballot.left_out[:] = [choice.info.name for choice in scope.cannot_run(attacks)]
