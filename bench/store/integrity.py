"""Reads everything in a store and names what is damaged."""

from __future__ import annotations

import contextlib
import json
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.core.cohort_file import read_records
from bench.core.errors import DataError, StoreError
from bench.store.inventory import RESULT, files, objects
from bench.store.row_equality import rows_digest
from bench.store.rows import table_of_records
from bench.store.store import Store

_SLUG = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")  # it becomes the name of a file
_DATA = {"classes", "digest", "genes", "name", "samples", "simulated", "source", "title"}


@dataclass(frozen=True)
class Checked:
    """A file of the store after it was read: what is wrong with it, if anything, and whether it can be made again."""

    path: Path
    problem: str = ""
    replaceable: bool = True


def check_store(store: Store) -> Iterator[Checked]:
    """Yield every result, sample, cohort and record after reading it whole."""
    for thing in objects(store):
        yield Checked(thing.file.path, check_file(store, thing.file.path))
    for file in files(store.root / "cohorts"):
        yield Checked(file.path, _cohort_problem(file.path))
    for file in files(store.root / "runs"):
        yield Checked(file.path, check_file(store, file.path), replaceable=False)


def check_file(store: Store, path: Path) -> str:
    """Return what is wrong with a result, a sample or the record of a run, or an empty text."""
    if path.parent.name == "runs":
        return _record_problem(path)
    with _quiet():
        whole = (store.read if path.suffix == RESULT else store.read_sample)(path.stem) is not None
    return "" if whole else f"the {'result' if path.suffix == RESULT else 'sample'} is damaged"


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the store from saying of each damaged file that it is computed again."""
    log = logging.getLogger("bench.store.store")
    log.disabled = True
    try:
        yield
    finally:
        log.disabled = False


def _cohort_problem(path: Path) -> str:
    try:
        digest = read_records(path).digest
    except DataError:
        return "the copy of the cohort is damaged"
    return "" if digest == path.stem else "the copy of the cohort is not the one of its name"


def _record_problem(path: Path) -> str:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        rows = table_of_records(record["rows"])
        if not _SLUG.fullmatch(record["slug"]) or _DATA - record["about"]["data"].keys():
            return "the record of a run does not say on which data it was made"
        manifest = record.get("manifest")
        same = manifest is None or "rows_in" in record or rows_digest(rows) == manifest["rows"]["sha256"]
    except (OSError, StoreError, ValueError, KeyError, TypeError, AttributeError) as error:
        return f"the record of a run cannot be read ({error})"
    return "" if same else "the rows in the record of a run are not those it was written with"
