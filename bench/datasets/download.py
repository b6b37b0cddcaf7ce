"""One download: continued where it broke off, and kept only if it has the checksum that the record announces."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

import pooch
import requests

from bench.core.errors import DataError
from bench.core.files import explaining

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


def download(remote: RemoteFile, folder: Path, report: Report) -> Path:
    """Return the path of the file once it is here and has the record's checksum.

    Raises
    ------
    DataError
        If the connection breaks off again and again, the server refuses, or the checksum differs.
    """
    pooch.get_logger().setLevel(logging.WARNING)
    try:
        with explaining(folder / remote.name):
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
