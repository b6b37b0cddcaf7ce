"""Carries results from one store to another in one file: packed whole or not at all, checked before anything is kept.

The real cohorts stay behind, and so do the samples of controls, some of which are real people. Who imports a file
trusts who made it with the numbers, and with nothing else: names, kinds, sizes and digests are checked, and no member
can leave its place.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import re
import shutil
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from bench.core.errors import StoreError
from bench.core.files import explain_io_errors, replacing
from bench.registry.finding import plugins
from bench.store.integrity import check_file
from bench.store.inventory import SAMPLE, Owner, files, keys_of, objects, owners
from bench.store.store import FORMAT, Store

INDEX = "bench-store.json"
_MEMBER = re.compile(
    r"objects/(?P<folder>[0-9a-f]{2})/(?P=folder)[0-9a-f]{62}\.(json|npz)|runs/[0-9]{8}T[0-9]{12}-[0-9a-f]{8}\.json"
)
_MOST = 64 << 20  # bytes of the index; a member of it takes 200
_CHUNK = 1 << 20
_DAMAGE = (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, ValueError, KeyError, TypeError, RuntimeError)
_CURE = "Free some space or choose another file"


@dataclass(frozen=True)
class Packed:
    """What a file of results holds or brought: runs, results and samples, and how many were there before."""

    runs: int
    results: int
    samples: int
    kept: int = 0
    datasets: tuple[str, ...] = ()


# -- packing -----------------------------------------------------------------------------------------------------------


def export_store(store: Store, target: Path, datasets: Collection[str], runs: Collection[str], samples: bool) -> Packed:
    """Write the chosen runs of a store, with all results they refer to, into a ``.tar`` or ``.zip`` file.

    Parameters
    ----------
    datasets, runs : names of rows files and of records; empty means all
    samples : whether the synthetic samples go along; those of controls never do

    Raises
    ------
    StoreError
        If no run is chosen, the file's name has another ending, or it cannot be written.
    """
    chosen = _chosen(store, datasets, runs)
    keys = set().union(*(keys_of(record) for record in chosen.values()))
    controls = _of_controls(owners(store))
    wanted = [
        t for t in objects(store) if t.key in keys and (t.suffix != SAMPLE or (samples and t.key not in controls))
    ]
    members = {f"objects/{thing.key[:2]}/{thing.key}{thing.suffix}": thing.file.path for thing in wanted}
    members |= {f"runs/{path.name}": path for path in chosen}
    with replacing(target, _CURE, StoreError) as temporary, _packer(temporary, target.name) as add:
        index = {name: _add(add, name, path) for name, path in members.items()}
        text = json.dumps({"index": 1, "store": FORMAT, "members": index}).encode()
        add(INDEX, io.BytesIO(text), len(text))
    n_samples = sum(thing.suffix == SAMPLE for thing in wanted)
    return Packed(len(chosen), len(wanted) - n_samples, n_samples)


def _chosen(store: Store, datasets: Collection[str], runs: Collection[str]) -> dict[Path, dict[str, Any]]:
    paths = [file.path for file in files(store.root / "runs") if file.path.suffix == ".json"]
    every = {path: json.loads(path.read_text(encoding="utf-8")) for path in paths}
    if unknown := set(runs) - {path.stem for path in paths}:
        raise StoreError(f"the store has no run {sorted(unknown)[0]!r}; the files in {store.root / 'runs'} name them.")
    wanted = set(runs or [path.stem for path in paths])
    wanted |= {record["rows_in"] for path, record in every.items() if path.stem in wanted and "rows_in" in record}
    every = {path: record for path, record in every.items() if path.stem in wanted}
    chosen = {path: record for path, record in every.items() if not datasets or record["slug"] in datasets}
    if missing := set(datasets) - {record["slug"] for record in every.values()}:
        known = ", ".join(sorted({record["slug"] for record in every.values()})) or "none"
        raise StoreError(f"no run of {sorted(missing)[0]!r} is in the store; there are runs of: {known}.")
    if not chosen:
        raise StoreError(f"the store {store.root} holds no finished run; there is nothing to export.")
    return chosen


def _of_controls(known: dict[str, Owner]) -> set[str]:
    controls = {name for name, info in plugins("generator").items() if info.is_control}
    return {key for key, owner in known.items() if owner.generator.partition("[")[0] in controls}


@contextlib.contextmanager
def _packer(path: Path, name: str) -> Iterator[Any]:
    """Yield a function that adds a member to a new archive, of the kind that the name asks for."""
    if name.endswith(".zip"):
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as zipped:
            yield lambda member, file, size: zipped.writestr(member, file.read())
    elif name.endswith(".tar"):
        with tarfile.open(path, "w") as tar:
            yield lambda member, file, size: tar.addfile(_plain(member, size), file)
    else:
        raise StoreError(f"{name!r} must end in .tar or .zip.")


def _plain(name: str, size: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size = size
    return info


def _add(add: Any, name: str, path: Path) -> dict[str, Any]:
    data = path.read_bytes()
    add(name, io.BytesIO(data), len(data))
    return {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}


# -- unpacking ---------------------------------------------------------------------------------------------------------


def import_store(store: Store, source: Path) -> Packed:
    """Put what a file of results holds into a store; what is there already is kept as it is.

    Everything is checked before anything gets its place.

    Raises
    ------
    StoreError
        If the file is no such archive, was written by another format, or a member has a name, kind, size or content
        that it must not have.
    """
    with explain_io_errors(store.root, kind=StoreError):
        workplace = Path(tempfile.mkdtemp(prefix=".import.", dir=store.root))
    try:
        with _opened(source) as (names, read):
            index = _index(source, names, read)
            for name, entry in index.items():
                _stage(source, workplace / name, read(name), entry)
        for name in index:
            if problem := check_file(Store(workplace), workplace / name):
                raise StoreError(f"{source}: {name}: {problem}. Nothing was imported.")
        return _settle(store, workplace, list(index))
    except _DAMAGE as error:
        raise StoreError(f"{source} is damaged or no file of `bench store export` ({error}).") from error
    finally:
        shutil.rmtree(workplace, ignore_errors=True)


@contextlib.contextmanager
def _opened(source: Path) -> Iterator[tuple[list[str], Any]]:
    """Yield the names of all members, and a function that opens one; anything but plain files is refused."""
    if not source.is_file():
        raise StoreError(f"{source} is no file; expected one of `bench store export`.")
    with source.open("rb") as file:
        begins = file.read(2)
    if begins == b"PK":  # not `is_zipfile`: it takes a tar that holds samples, which are zip files, for one
        with zipfile.ZipFile(source) as zipped:
            modes = [info.external_attr >> 28 for info in zipped.infolist()]
            _refuse(source, [m for m, mode in zip(zipped.namelist(), modes, strict=True) if mode not in (0, 8)])
            yield zipped.namelist(), zipped.open
    else:
        with tarfile.open(source, "r:") as tar:
            members = tar.getmembers()
            _refuse(source, [member.name for member in members if not member.isreg() or member.issparse()])
            by_name = {member.name: member for member in members}
            yield [member.name for member in members], lambda name: tar.extractfile(by_name[name])


def _refuse(source: Path, names: list[str]) -> None:
    if names:
        raise StoreError(f"{source}: member {names[0][:200]!r} is no plain file. Nothing was imported.")


def _index(source: Path, names: list[str], read: Any) -> dict[str, dict[str, Any]]:
    """Return size and digest of every member, after a check of all names."""
    wrong = [name for name in names if name != INDEX and not _MEMBER.fullmatch(name)]
    if wrong or len(set(names)) < len(names) or INDEX not in names:
        what = f"the name {wrong[0][:200]!r}" if wrong else "a member twice" if INDEX in names else f"no {INDEX}"
        raise StoreError(f"{source} has {what}; expected a file of `bench store export`. Nothing was imported.")
    with read(INDEX) as stream:
        text = stream.read(_MOST + 1)
    found = json.loads(text)
    if len(text) > _MOST or (found["index"], found["store"]) != (1, FORMAT):
        raise StoreError(
            f"{source} holds results of store format {found['store']!r}; expected {FORMAT}. Nothing was imported."
        )
    index: dict[str, dict[str, Any]] = found["members"]
    if set(index) != set(names) - {INDEX}:
        raise StoreError(f"{source} lacks members that its index names, or has others. Nothing was imported.")
    return index


def _stage(source: Path, target: Path, stream: IO[bytes], entry: dict[str, Any]) -> None:
    """Write one member into the workplace and check its size and digest while it is read."""
    digest, n_bytes = hashlib.sha256(), 0
    with explain_io_errors(target, kind=StoreError), stream:
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as file:
            while (chunk := stream.read(_CHUNK)) and n_bytes <= entry["bytes"]:
                digest.update(chunk)
                n_bytes += len(chunk)
                file.write(chunk)
    if (n_bytes, digest.hexdigest()) != (entry["bytes"], entry["sha256"]):
        raise StoreError(f"{source}: {target.name} is not what the index says; it is damaged. Nothing was imported.")


def _settle(store: Store, workplace: Path, names: list[str]) -> Packed:
    """Move what is new to its place and count."""
    kept, datasets = 0, set()
    for name in sorted(names):  # objects before runs: a run that is recorded has its results
        if name.startswith("runs/"):
            datasets.add(str(json.loads((workplace / name).read_text(encoding="utf-8"))["slug"]))
        place = store.root / name
        if place.exists() and not check_file(store, place):
            kept += 1
            continue
        with explain_io_errors(place, kind=StoreError):
            place.parent.mkdir(parents=True, exist_ok=True)
            (workplace / name).replace(place)
    runs = sum(name.startswith("runs/") for name in names)
    samples = sum(name.endswith(SAMPLE) for name in names)
    return Packed(runs, len(names) - runs - samples, samples, kept, tuple(sorted(datasets)))
