"""Looks at a store: which results and samples lie in it, which runs they belong to, and how much room they take."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.core.errors import StoreError
from bench.store.store import Store, write_atomic

RESULT, SAMPLE = ".json", ".npz"
_OBJECT = re.compile(r"(?P<key>[0-9a-f]{64})(?P<suffix>\.json|\.npz)")
TEMPORARY = re.compile(r"\..+\.[a-z0-9_]{8}")  # a folder that a writer works in, beside the place of the file


def existing(out: Path) -> Store:
    """Return the store in a folder of results, checked to be of our format; none is made.

    Raises
    ------
    StoreError
        If there is none, or it was written in another format.
    """
    root = out / "store"
    if not (root / "format.json").is_file():
        raise StoreError(f"there is no result store in {out} ({root / 'format.json'} is missing). Mend --out.")
    return Store(root).open()


@dataclass(frozen=True)
class StoredFile:
    """A file of the store, with its size in bytes and when it was written (seconds since 1970)."""

    path: Path
    n_bytes: int
    written: float

    @classmethod
    def of(cls, entry: os.DirEntry[str]) -> StoredFile:
        """Return the file behind an entry of a folder."""
        facts = entry.stat(follow_symlinks=False)
        return cls(Path(entry.path), facts.st_size, facts.st_mtime)


@dataclass(frozen=True)
class Object:
    """A result or a sample of the store under its key."""

    key: str
    suffix: str
    file: StoredFile


def objects(store: Store) -> Iterator[Object]:
    """Yield every result and sample; files that have no key for a name are left out."""
    for folder in folders(store.root / "objects"):
        for entry in _entries(folder):
            match = _OBJECT.fullmatch(entry.name)
            if match and entry.is_file(follow_symlinks=False):
                yield Object(match["key"], match["suffix"], StoredFile.of(entry))


def folders(path: Path) -> list[Path]:
    """Return the folders in a folder, sorted, without those that writers work in."""
    found = (entry for entry in _entries(path) if entry.is_dir(follow_symlinks=False))
    return sorted(Path(entry.path) for entry in found if not TEMPORARY.fullmatch(entry.name))


def files(path: Path) -> list[StoredFile]:
    """Return the files in a folder, sorted by name; none if there is no such folder."""
    found = (entry for entry in _entries(path) if entry.is_file(follow_symlinks=False))
    return sorted(map(StoredFile.of, found), key=lambda file: file.path)


def temporaries(store: Store) -> Iterator[StoredFile]:
    """Yield the folders that writers work in, those of dead writers among them, with the size of what is inside."""
    root = store.root
    places = [root, *(root / name for name in ("cohorts", "runs", "status", KEPT)), *folders(root / "objects")]
    for place in places:
        for entry in _entries(place):
            if entry.is_dir(follow_symlinks=False) and TEMPORARY.fullmatch(entry.name):
                inside = files(Path(entry.path))
                latest = max([entry.stat().st_mtime, *(file.written for file in inside)])
                yield StoredFile(Path(entry.path), sum(file.n_bytes for file in inside), latest)


def _entries(path: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(path) as found:
            return sorted(found, key=lambda entry: entry.name)
    except (FileNotFoundError, NotADirectoryError):
        return []


# -- whose objects they are --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Owner:
    """What a recorded run says about a key: dataset, generator with its parameters, step."""

    dataset: str
    generator: str
    step: str


def owners(store: Store) -> dict[str, Owner]:
    """Return whose each key is that a recorded run refers to."""
    return {key: owner for record in store.runs() for key, owner in _owned(record)}


def keys_of(record: dict[str, Any]) -> set[str]:
    """Return the keys that the record of a run refers to."""
    return {row[-1] for row in record["rows"]} | set((record.get("manifest") or {}).get("samples", []))


def _owned(record: dict[str, Any]) -> Iterator[tuple[str, Owner]]:
    seen = set[str]()
    for _, _, _, generator, params, family, _, attack, *_, key in record["rows"]:
        if key not in seen:
            seen.add(key)
            step = "sample" if family in ("cost", "claim") else "attack" if attack else "metric"
            yield key, Owner(record["slug"], f"{generator}[{params}]" if params else generator, step)


KEPT = "kept"  # folder of lists of keys


def keep_keys(store: Store, name: str, keys: Iterable[str]) -> None:
    """Note that work of this name needs these results, in place of what was noted before; no run records it."""
    write_atomic(store.root / KEPT / f"{name}.keys", lambda f: f.write("\n".join(sorted(set(keys))).encode()))


def kept_keys(store: Store) -> set[str]:
    """Return the keys of all results that `keep_keys` noted."""
    return {key for file in files(store.root / KEPT) for key in file.path.read_text(encoding="utf-8").split()}


# -- what there is -----------------------------------------------------------------------------------------------------


@dataclass
class Holding:
    """How much there is of one kind: results, samples, their bytes, and when the last was written."""

    results: int = 0
    samples: int = 0
    n_bytes: int = 0
    written: float = 0.0

    def add(self, thing: Object) -> None:
        """Count one more."""
        self.results += thing.suffix == RESULT
        self.samples += thing.suffix == SAMPLE
        self.n_bytes += thing.file.n_bytes
        self.written = max(self.written, thing.file.written)


NOBODY = Owner("", "(no recorded run)", "")
PICTURES = Owner("", "(numbers of pictures, facts of folds)", "")


def is_of_a_picture(store: Store, thing: Object) -> bool:
    """Return whether an object that no run refers to holds numbers behind pictures: those of tasks say their time."""
    body = store.read(thing.key) if thing.suffix == RESULT else None
    return body is not None and "wall_s" not in body


def inventory(store: Store) -> dict[Owner, Holding]:
    """Return how much there is per dataset, generator and step; what no recorded run refers to comes last."""
    known, found = owners(store), dict[Owner, Holding]()
    for thing in objects(store):
        owner = known.get(thing.key) or (PICTURES if is_of_a_picture(store, thing) else NOBODY)
        found.setdefault(owner, Holding()).add(thing)
    return dict(sorted(found.items(), key=lambda item: (item[0].dataset == "", *vars(item[0]).values())))


def usage(store: Store) -> dict[str, Holding]:
    """Return the room that each part of the store takes."""
    found = {name: Holding() for name in ("results", "samples")}
    for thing in objects(store):
        found["results" if thing.suffix == RESULT else "samples"].add(thing)
    for name in ("cohorts", "runs", "logs", "status", KEPT):
        found[name] = _holding(files(store.root / name))
    found["temporaries"] = _holding(list(temporaries(store)))
    return found


def _holding(found: list[StoredFile]) -> Holding:
    n_bytes, written = sum(file.n_bytes for file in found), max((file.written for file in found), default=0.0)
    return Holding(len(found), 0, n_bytes, written)
