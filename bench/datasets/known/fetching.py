"""Downloads a challenge cohort from its open-access record: resumed, checked against the record, then imported.

Which files the record holds, how large they are and their checksums come from the record itself.
"""

from __future__ import annotations

import logging
import os
import shutil
import time
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pooch
import requests

from bench.core.errors import DataError, near_name
from bench.core.files import explain_io_errors, replacing
from bench.datasets import Dataset
from bench.datasets.home import SourceFile, data_home, is_stored
from bench.datasets.importing import import_dataset
from bench.datasets.known.catalogue import CATALOGUE, DOI, RECORD, Entry, FileSet, match_files
from bench.datasets.readers.matrices import Layout
from bench.datasets.readers.tables import shown

RECORD_URL = f"https://zenodo.org/api/records/{RECORD}"
TIMEOUT_S = (10.0, 60.0)  # to connect, and between two blocks
ATTEMPTS = 4
PAUSE_S = 0.5  # before the second attempt; longer before each further one
BLOCK = 1 << 13  # what a cut connection loses at most
Report = Callable[[str, int, int], None]  # file name, bytes that are here, bytes in all


@dataclass(frozen=True)
class RemoteFile:
    """One file of the record."""

    name: str
    n_bytes: int
    checksum: str  # "md5:..."
    url: str


def fetch_dataset(
    name: str,
    *,
    wanted: Sequence[str] = (),
    layout: Layout | None = None,
    report: Report = lambda name, done, total: None,
    force: bool = False,
) -> Dataset:
    """Return the dataset after its files were downloaded from the record, verified and imported.

    Parameters
    ----------
    name : ``"brca"`` or ``"combined"``; or ``"metabric"``, which comes from cBioPortal's datahub
    wanted : names of the record's files to take, where they are not found by themselves
    layout : which columns hold what; known for the challenge's own files
    report : told how much of which file is here
    force : whether to replace an imported dataset of that name

    Raises
    ------
    DataError
        If the record cannot be reached or lacks the files, a download breaks off or differs from its checksum.
        What was downloaded is kept, so that the same command continues.
    """
    if name == "metabric":
        from bench.datasets.known.metabric import fetch_metabric  # late: it downloads as this module does

        return fetch_metabric(wanted=wanted, layout=layout, report=report, force=force)
    entry = _fetchable(name)
    home = data_home(create=True)
    if is_stored(home, name) and not force:
        raise DataError(f"dataset {name!r} is in {home} already. Say --force to fetch and import it again.")
    url = os.environ.get("BENCH_RECORD_URL", RECORD_URL)
    chosen = _choose(entry, record_files(url), wanted, url)
    folder = home / ".downloads" / name
    with explain_io_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    arrived = {remote: download(remote, folder, report) for remote in chosen}
    files = _unpack(entry, arrived, folder, url)
    return import_dataset(
        name,
        folder / files.counts,
        folder / files.labels,
        reference=folder / files.reference if files.reference else None,
        layout=layout,
        source=f"fetched from {url} (DOI {DOI})",
        files=_sources(files, arrived, folder),
        force=force,
    )


def _fetchable(name: str) -> Entry:
    known = [entry.name for entry in CATALOGUE.values() if entry.fetchable]
    if name not in known:
        raise DataError(
            f"dataset {name!r} is not in the open-access record, which holds {' and '.join(known)}."
            f"{near_name(name, known)} Bring other data in with `bench data import`."
        )
    return CATALOGUE[name]


def record_files(url: str) -> list[RemoteFile]:
    """Return what the record says it holds."""
    try:
        answer = requests.get(url, timeout=TIMEOUT_S, headers={"Accept": "application/json"})
        answer.raise_for_status()
        return [_remote_file(file) for file in answer.json()["files"]]
    except requests.exceptions.JSONDecodeError as error:
        raise DataError(f"the record {url} did not answer with JSON; open it in a browser to see why.") from error
    except requests.RequestException as error:
        raise DataError(
            f"the record {url} cannot be reached: {error}. Check the network, or download the files by hand from "
            f"https://doi.org/{DOI} and use `bench data import`."
        ) from error
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"the record {url} describes its files in an unknown form ({error!r}). Download them by hand from "
            f"https://doi.org/{DOI} and use `bench data import`."
        ) from error


def _remote_file(file: dict[str, Any]) -> RemoteFile:
    checksum = str(file["checksum"])
    if not checksum.partition(":")[2]:
        raise ValueError(f"checksum {checksum!r} of {file['key']}")
    return RemoteFile(Path(file["key"]).name, int(file["size"]), checksum, str(file["links"]["self"]))


def _choose(entry: Entry, remote: Sequence[RemoteFile], wanted: Sequence[str], url: str) -> list[RemoteFile]:
    """Return the files to download: those asked for, else the cohort's own files, else the archive that has them."""
    by_name = {file.name: file for file in remote}
    if missing := [name for name in wanted if name not in by_name]:
        raise DataError(f"the record {url} has no file {missing[0]!r}; it holds {_listing(remote)}.")
    if wanted:
        return [by_name[name] for name in wanted]
    if files := match_files(entry, by_name, f"the record {url}"):
        return [by_name[name] for name in files.names]
    archives = [file for file in remote if entry.archive_pattern.fullmatch(file.name)]
    exact = [file for file in archives if file.name.lower() == f"{entry.code}.zip".lower()]
    if len(exact or archives) == 1:
        return exact or archives
    found = "several archives" if archives else "no file"
    raise DataError(
        f"the record {url} has {found} of {entry.code}; it holds {_listing(remote)}. Name the right ones with --file, "
        "or download them by hand and use `bench data import`."
    )


def _listing(remote: Sequence[RemoteFile]) -> str:
    return ", ".join(f"{file.name} ({file.n_bytes} bytes)" for file in remote) or "no files"


# -- one file, continued where its download broke off ------------------------------------------------------------------


def download(remote: RemoteFile, folder: Path, report: Report) -> Path:
    """Return the path of the file once it is here and has the record's checksum.

    Raises
    ------
    DataError
        If the connection breaks off again and again, the server refuses, or the checksum differs.
    """
    pooch.get_logger().setLevel(logging.WARNING)
    try:
        with explain_io_errors(folder / remote.name):
            path = pooch.retrieve(
                remote.url,
                known_hash=remote.checksum,
                fname=remote.name,
                path=folder,
                downloader=_Resuming(remote, folder, report),
            )
    except ValueError as error:  # how pooch says that the checksum differs
        raise DataError(
            f"what arrived as {remote.name} from {remote.url} does not have the record's checksum {remote.checksum}; "
            "it was deleted. Run the command again; if the error stays, the record or the connection is damaged."
        ) from error
    report(remote.name, remote.n_bytes, remote.n_bytes)
    return Path(path)


class _Resuming:
    """A downloader for pooch that continues where the last attempt, or the last run, broke off."""

    def __init__(self, remote: RemoteFile, folder: Path, report: Report) -> None:
        self.remote, self.report = remote, report
        self.part = folder / f"{remote.name}.part"

    def __call__(self, url: str, output_file: str, _: object) -> None:
        failure = ""
        for attempt in range(ATTEMPTS):
            time.sleep(PAUSE_S * attempt)
            try:
                if self._here() < self.remote.n_bytes:
                    self._continue(url)
            except requests.RequestException as error:
                failure = str(error)
            if self._here() >= self.remote.n_bytes:
                self.part.replace(output_file)
                return
        raise DataError(
            f"the download of {self.remote.name} broke off {ATTEMPTS} times, {self._here()} of {self.remote.n_bytes} "
            f"bytes are here ({failure or 'the server closed the connection'}). Run the command again to continue."
        )

    def _here(self) -> int:
        self.part.touch()
        return self.part.stat().st_size

    def _continue(self, url: str) -> None:
        here = self._here()
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={here}-"} if here else {})
        with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT_S) as answer:
            if answer.status_code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                self.part.unlink()  # longer than the file: it belongs to another version
                return
            if answer.status_code >= HTTPStatus.BAD_REQUEST:
                raise DataError(
                    f"the server answers {answer.status_code} {answer.reason} for {url}. Try again later, or download "
                    f"{self.remote.name} by hand and use `bench data import`."
                )
            resumed = answer.headers.get("Content-Range", "").startswith(f"bytes {here}-")
            with self.part.open("ab" if resumed else "wb") as stream:
                for block in answer.iter_content(BLOCK):
                    stream.write(block)
                    self.report(self.remote.name, stream.tell(), self.remote.n_bytes)


# -- what arrived ------------------------------------------------------------------------------------------------------


def _unpack(entry: Entry, arrived: dict[RemoteFile, Path], folder: Path, url: str) -> FileSet:
    """Return the names of the cohort's files in the folder, unpacked from the archives among what arrived."""
    members: dict[str, tuple[Path, str]] = {}
    for path in arrived.values():
        members |= {Path(name).name: (path, name) for name in _members(path)}
    names = [*members, *(path.name for path in arrived.values())]
    files = match_files(entry, names, f"the download of {entry.name!r} from {url}")
    if files is None:
        raise DataError(
            f"none of the files from {url} is called as those of {entry.code} are: {shown(names)}. They are in "
            f"{folder}; bring them in with `bench data import`."
        )
    for name in files.names:
        if name in members:
            _extract(*members[name], folder / name)
    return files


def _members(path: Path) -> list[str]:
    if path.suffix.lower() != ".zip":
        return []
    try:
        with zipfile.ZipFile(path) as archive:
            return [
                info.filename for info in archive.infolist() if not info.is_dir() and "__MACOSX" not in info.filename
            ]
    except zipfile.BadZipFile as error:
        raise DataError(
            f"{path} is no zip archive, although its checksum is right: {error}. Unpack it by hand."
        ) from error


def _extract(archive: Path, member: str, target: Path) -> None:
    try:
        with (
            zipfile.ZipFile(archive) as opened,
            opened.open(member) as source,
            replacing(target) as temporary,
            temporary.open("wb") as stream,
        ):
            shutil.copyfileobj(source, stream)
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError) as error:
        raise DataError(
            f"{member} of {archive} cannot be unpacked: {error}. Unpack it by hand and import it."
        ) from error


def _sources(files: FileSet, arrived: dict[RemoteFile, Path], folder: Path) -> tuple[SourceFile, ...]:
    roles = {"counts": files.counts, "labels": files.labels, "reference": files.reference}
    plain = {path.name: remote for remote, path in arrived.items()}
    sources = [
        SourceFile.of("archive", path, url=remote.url, checksum=remote.checksum)
        for remote, path in arrived.items()
        if path.name not in files.names
    ]
    for role, name in roles.items():
        if name is not None:
            remote = plain.get(name)
            origin = {"url": remote.url, "checksum": remote.checksum} if remote else {}
            sources.append(SourceFile.of(role, folder / name, **origin))
    return tuple(sources)
