"""Says what of a store may go, and removes it: nothing that a recorded, a running or an unfinished run needs.

A sample may go while its results stay: rows, tables and curves need the results alone. It is drawn again, and comes out
the same, once a measure or an attack is asked for that was never taken of it.
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.core.errors import StoreError
from bench.store.heartbeat import Seen, runs_seen
from bench.store.inventory import SAMPLE, StoredFile, files, is_of_a_picture, kept_keys, keys_of, objects, temporaries
from bench.store.rows import IDENTITY
from bench.store.store import Store

_ALIVE = ("running", "silent")
_LOG = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True)
class Rule:
    """Which results may be removed in addition to those that no run refers to.

    Parameters
    ----------
    samples : also the synthetic samples of recorded runs; their results stay
    logs : also the logs of recorded runs
    unfinished : also what runs left behind that were stopped or killed, so that they cannot go on
    superseded : also the records of runs whose every row a later run gave anew, and the numbers behind pictures
    age_s : nothing that was written less than so many seconds ago
    """

    samples: bool = False
    logs: bool = False
    unfinished: bool = False
    superseded: bool = False
    age_s: float = 3600.0


@dataclass(frozen=True)
class Waste:
    """A file or folder that may go, and why."""

    file: StoredFile
    why: str
    key: str = ""


def waste(store: Store, rule: Rule) -> list[Waste]:
    """Return what may go by a rule; nothing is removed yet.

    Raises
    ------
    StoreError
        If no run is recorded, so that everything would go, or a record cannot be read.
    """
    seen, records = runs_seen(store), _records(store)
    if not records and not kept_keys(store):
        raise StoreError(
            f"no finished run is recorded in {store.root}, so that everything in it would go. Finish a run first, or "
            "remove the folder if nothing in it is wanted."
        )
    gone = _superseded(records) if rule.superseded else set()
    needed = kept_keys(store).union(*(keys_of(record) for path, record in records.items() if path not in gone))
    busy = _busy(seen, needed, rule)
    found = [Waste(file, "the record of a superseded run") for file in files(store.root / "runs") if file.path in gone]
    found += _objects(store, needed, busy, rule)
    found += [Waste(file, "left by a writer that died") for file in temporaries(store)]
    found += _logs(store, needed | busy, busy, rule)
    found += _endings(store, seen, needed, rule)
    found += _cohorts(store, records, seen)
    latest = time.time() - rule.age_s
    return [item for item in found if item.file.written <= latest]


def sweep(store: Store, found: Sequence[Waste], rule: Rule) -> list[Waste]:
    """Remove what `waste` found, but for what a run needs that began since; return what was removed."""
    busy = set().union(*(run.claims() for run in runs_seen(store) if run.state in _ALIVE))
    removed: list[Waste] = []
    for item in found:
        if item.key and item.key in busy:
            continue
        try:
            if item.file.path.is_dir():
                shutil.rmtree(item.file.path)
            else:
                item.file.path.unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(
                f"cannot remove {item.file.path}: {error.strerror}. {len(removed)} things are gone."
            ) from error
        removed.append(item)
    return removed


def _records(store: Store) -> dict[Path, dict[str, Any]]:
    """Return the records of all runs by their files, oldest first.

    Raises
    ------
    StoreError
        If one cannot be read: what it refers to would look like waste.
    """
    paths = [file.path for file in files(store.root / "runs") if file.path.suffix == ".json"]
    records = dict(zip(paths, store.runs(), strict=False))
    if len(records) < len(paths):
        raise StoreError(
            f"a record in {store.root / 'runs'} cannot be read, so that nobody knows what it refers to; nothing was "
            "removed. `bench store verify` names it: remove it if the run is not wanted."
        )
    return records


def _busy(seen: Sequence[Seen], recorded: set[str], rule: Rule) -> set[str]:
    """Return the keys of runs that go, may go, or may go on."""
    return set().union(*(run.claims() for run in seen if run.state in _ALIVE or not _over(run, recorded, rule)))


def _over(run: Seen, recorded: set[str], rule: Rule) -> bool:
    """Return whether nobody needs what a run wrote about itself: it finished, or another did all of its work."""
    if run.state in _ALIVE:
        return False
    return run.state == "finished" or rule.unfinished or run.claims() <= recorded


def _superseded(records: dict[Path, dict[str, Any]]) -> set[Path]:
    """Return the records whose every row is in later ones of the same data."""
    later: dict[str, set[tuple[Any, ...]]] = {}
    digests: dict[str, str] = {}
    held, gone = set[str](), set[Path]()
    for path, record in reversed(records.items()):
        slug, digest = record["slug"], record["about"]["data"]["digest"]
        if digests.setdefault(slug, digest) != digest:
            continue  # in no table, and nothing else keeps it
        held.add(record.get("rows_in", ""))
        rows = {tuple(row[: len(IDENTITY)]) for row in record["rows"]}
        known = later.setdefault(slug, set())
        if rows and rows <= known and path.stem not in held:
            gone.add(path)
        known |= rows
    return gone


def _objects(store: Store, needed: set[str], busy: set[str], rule: Rule) -> Iterator[Waste]:
    for thing in (thing for thing in objects(store) if thing.key not in busy):
        if thing.key in needed:
            if rule.samples and thing.suffix == SAMPLE:
                yield Waste(thing.file, "a sample whose results stay", thing.key)
        elif thing.suffix == SAMPLE:
            yield Waste(thing.file, "a sample that no recorded run refers to", thing.key)
        elif not is_of_a_picture(store, thing):
            yield Waste(thing.file, "a result that no recorded run refers to", thing.key)
        elif rule.superseded:
            yield Waste(thing.file, "numbers behind a picture, or a fact of a fold", thing.key)


def _logs(store: Store, needed: set[str], busy: set[str], rule: Rule) -> Iterator[Waste]:
    kept = {key[:16] for key in (busy if rule.logs else needed)}
    for file in files(store.root / "logs"):
        match = _LOG.match(file.path.name)
        if not match or match[0] not in kept:
            yield Waste(file, "a log" if rule.logs else "a log of no recorded run")


def _endings(store: Store, seen: Sequence[Seen], recorded: set[str], rule: Rule) -> Iterator[Waste]:
    """Yield the files about runs that are over."""
    going_on = {run.path.stem for run in seen if not _over(run, recorded, rule)}
    for file in files(store.root / "status"):
        if file.path.stem not in going_on:
            yield Waste(file, "the last word of a run that is over")


def _cohorts(store: Store, records: dict[Path, dict[str, Any]], seen: Sequence[Seen]) -> Iterator[Waste]:
    """Yield the copies of cohorts that no recorded run used; every plan writes those it needs again."""
    if any(run.state in ("running", "silent") for run in seen):
        return
    used = {record["about"]["data"]["digest"] for record in records.values()}
    used |= {
        (record.get("manifest") or {"data": {}})["data"].get("reference_digest", "") for record in records.values()
    }
    for file in files(store.root / "cohorts"):
        if file.path.stem not in used:
            yield Waste(file, "a copy of a cohort that no recorded run used")
