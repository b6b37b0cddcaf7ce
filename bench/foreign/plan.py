"""Plans the scoring of a release made elsewhere: under which name, and with what is said about it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from bench.core.errors import BenchError
from bench.engine.plan import PlannedCell, Scope, plan_given
from bench.foreign.checks import describe_copies
from bench.foreign.reader import Release
from bench.registry.selection import Choice

BLIND = "one table stands for every fold, so that nobody can say who was a member: no attack is run"


def name_of_release(name: str | None, source: str) -> str:
    """Return the name in the tables: what was asked for, or the source's without its extension.

    Raises
    ------
    BenchError
        If it cannot be one.
    """
    label = name or re.sub(r"[^A-Za-z0-9_.-]+", "_", source.partition(".")[0])
    if not label or "[" in label or "," in label:
        raise BenchError(f"--name {label!r} may hold no '[' and no ','; they mark parameters in tables.")
    return label


def release_planner(
    name: str,
    release: Release,
    metrics: Sequence[Choice],
    attacks: Sequence[Choice],
    notes: dict[str, list[str]],
    *,
    every_fold: bool,
    say: Callable[[str], None],
) -> Callable[[Scope], list[PlannedCell]]:
    """Return what plans the cells of a release; before it does, it says what is to be known and keeps that in `notes`.

    Parameters
    ----------
    name : in the tables
    release : as it was read
    metrics, attacks : what to score it with
    notes : gets what is said, under the name
    every_fold : whether one table stands for all folds
    say : told each sentence
    """

    def plan(scope: Scope) -> list[PlannedCell]:
        splits = [split for split in scope.splits if split.fold in release.given]
        found = [
            text for s in splits for text in describe_copies(release.given[s.fold], s, of_this_split=not every_fold)
        ]
        if said := [*release.notes, *found, *([BLIND] if every_fold else [])]:
            notes[name] = said
        for text in said:
            say(f"note: {text}")
        return plan_given(scope, name, release.given, metrics, attacks)

    return plan
