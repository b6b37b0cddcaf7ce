"""Downloads METABRIC from cBioPortal's datahub, which keeps its large files in Git LFS.

A pointer of Git LFS names the size and the SHA-256 of its file, so that what arrives is checked against what the
repository says of itself today; no version of the table is written into this program.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path

import requests

from bench.core.errors import DataError
from bench.core.files import explain_io_errors
from bench.datasets import Dataset
from bench.datasets.formats.metabric import CLINICAL, EXPRESSION
from bench.datasets.home import SourceFile, data_home, is_stored
from bench.datasets.importing import import_dataset
from bench.datasets.known.fetching import TIMEOUT_S, RemoteFile, Report, download
from bench.datasets.readers.matrices import Layout

NAME = "metabric"
POINTERS = "https://raw.githubusercontent.com/cBioPortal/datahub/master/public/brca_metabric"
CONTENT = "https://media.githubusercontent.com/media/cBioPortal/datahub/master/public/brca_metabric"
PAGE = "https://www.cbioportal.org/study/summary?id=brca_metabric"
_POINTER = re.compile(rb"version https://git-lfs\S*\s+oid sha256:([0-9a-f]{64})\s+size (\d+)\s*")


def fetch_metabric(*, wanted: Sequence[str], layout: Layout | None, report: Report, force: bool) -> Dataset:
    """Return METABRIC after its table of expression and its patients were downloaded, verified and imported.

    Parameters
    ----------
    wanted : names of the table to take, the first one that is there; the known ones if there are none
    layout, report, force : as `bench.datasets.known.fetching.fetch_dataset` has them

    Raises
    ------
    DataError
        If the datahub cannot be reached or lacks the files, a download breaks off or differs from its checksum.
    """
    home = data_home(create=True)
    if is_stored(home, NAME) and not force:
        raise DataError(f"dataset {NAME!r} is in {home} already. Say --force to fetch and import it again.")
    chosen = [_there(CLINICAL), _there(*(wanted or EXPRESSION))]
    folder = home / ".downloads" / NAME
    with explain_io_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    for name in {path.name for path in folder.iterdir()} & {*EXPRESSION} - {remote.name for remote in chosen}:
        (folder / name).unlink()  # of an earlier version, under another name
    arrived = {remote: download(remote, folder, report) for remote in chosen}
    files = tuple(
        SourceFile.of("labels" if remote.name == CLINICAL else "counts", path, url=remote.url, checksum=remote.checksum)
        for remote, path in arrived.items()
    )
    return import_dataset(
        NAME, folder, layout=layout, source=f"fetched from cBioPortal's datahub ({chosen[1].url})", files=files,
        force=force,
    )  # fmt: skip


def _there(*names: str) -> RemoteFile:
    """Return the first of these files that the datahub has."""
    for name in names:
        if (found := _described(Path(name).name)) is not None:
            return found
    raise DataError(
        f"cBioPortal's datahub has none of {', '.join(names)} today. Download the study by hand from {PAGE} and use "
        "`bench data import metabric --counts FOLDER`."
    )


def _described(name: str) -> RemoteFile | None:
    """Return what the datahub says of a file, or None if it has none of that name."""
    root = os.environ.get("BENCH_METABRIC_URL")
    pointers, content = (f"{root}/pointers", f"{root}/content") if root else (POINTERS, CONTENT)
    try:
        answer = requests.get(f"{pointers}/{name}", timeout=TIMEOUT_S)
        if answer.status_code == HTTPStatus.NOT_FOUND:
            return None
        answer.raise_for_status()
    except requests.RequestException as error:
        reason = "it did not answer in time" if isinstance(error, requests.Timeout) else "no connection"
        if isinstance(error, requests.HTTPError) and error.response is not None:
            reason = f"it answered with status {error.response.status_code}"
        raise DataError(
            f"{pointers.split('/')[2]} cannot be reached ({reason}): check the network, or download the study by hand "
            f"from {PAGE} and use `bench data import metabric --counts FOLDER`."
        ) from error
    if match := _POINTER.fullmatch(answer.content):
        return RemoteFile(name, int(match[2]), f"sha256:{match[1].decode()}", f"{content}/{name}")
    checksum = hashlib.sha256(answer.content).hexdigest()  # a small file that is no pointer is here already
    return RemoteFile(name, len(answer.content), f"sha256:{checksum}", f"{pointers}/{name}")
