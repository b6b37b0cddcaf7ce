"""The result store: a folder of content-addressed files, each written whole or not at all.

A key that exists is complete, so resuming a run is asking which keys are there. Several runs may share a store: each
file is written under a temporary name beside its place and renamed, which is atomic, also on a network file system.
Nothing is locked, and nothing depends on a clock. What is read is checked against its digest; what is damaged counts as
missing, but what cannot be read at all is an error, since it may be there.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import logging
import os
import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO

from bench.core.cohort_file import is_whole, read_npz, write_npz
from bench.core.errors import DataError, StoreError
from bench.core.files import PASSING, explain_io_errors, retry_io, write_beside
from bench.core.plain import writable
from bench.core.records import Records
from bench.core.released import Release

log = logging.getLogger(__name__)
FORMAT = 2  # 1: keys that depended on where a file of the project lay
_HEAD, _TAIL = b'{"body": ', b', "sha256": "' + b"0" * 64 + b'"}'  # around the text of a result; the zeros: its digest
_TIME, _STAMP = "%Y%m%dT%H%M%S%f", 21  # of the names of records, and its length
_CURE = "Free some space, make it writable or choose another folder with --out; what is finished is kept"
_NO_ACCESS = (*PASSING, errno.EACCES, errno.EPERM)


def write_atomic(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Write a file whole or not at all.

    Raises
    ------
    StoreError
        If the disk is full, the folder cannot be written, or the path is no place for a file.
    """
    with explain_io_errors(path, _CURE, StoreError):
        # a network file system may lose the answer to a rename, and then says that the old name is gone
        retry_io(lambda: _write(path, write), f"writing {path}", also=(errno.ENOENT,))


def write_text(path: Path, text: str) -> None:
    """Write text as UTF-8, whole or not at all; what UTF-8 cannot hold is escaped, or a byte would cost the page.

    Raises
    ------
    StoreError
        If the disk is full, the folder cannot be written, or the path is no place for a file.
    """
    write_atomic(path, lambda f: f.write(writable(text).encode()))


def _write(path: Path, write: Callable[[BinaryIO], object]) -> None:
    with write_beside(path) as temporary, temporary.open("wb") as file:
        write(file)


@dataclass(frozen=True)
class Store:
    """A folder with `objects` (results and samples by key), `cohorts`, `runs` and `logs`.

    Parameters
    ----------
    looking : True if a plan only looks: nothing is written, not even the folder
    """

    root: Path
    looking: bool = False

    def open(self) -> Store:
        """Create the store if it is new and check that its format is ours; return it.

        Raises
        ------
        StoreError
            If the folder was written by another format or cannot be written.
        """
        marker = self.root / "format.json"
        if self.looking and not marker.exists():
            return Store(self.root.absolute(), looking=True)
        if not marker.exists():
            write_atomic(marker, lambda f: f.write(json.dumps({"format": FORMAT}).encode()))
        try:
            found = json.loads(marker.read_text(encoding="utf-8"))["format"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StoreError(
                f"{marker} cannot be read ({error}); expected a result store. Choose another --out."
            ) from error
        if found != FORMAT:
            raise StoreError(
                f"the store {self.root} has format {found}, of another version of this package; expected {FORMAT}. Its "
                "results go by other keys: choose another --out, or remove the store, and they are computed anew."
            )
        return Store(self.root.absolute(), self.looking)  # a plugin may change the working folder

    def path(self, key: str, suffix: str) -> Path:
        """Return where the object of a key lies or will lie."""
        return self.root / "objects" / key[:2] / f"{key}{suffix}"

    def has(self, key: str) -> bool:
        """Return whether the result of a key is there and intact."""
        return self._intact(key) is not None

    def read(self, key: str) -> dict[str, Any] | None:
        """Return the result of a key, or None if it is missing or damaged (which is reported).

        Raises
        ------
        StoreError
            If it cannot be read.
        """
        text = self._intact(key)
        body: dict[str, Any] | None = None if text is None else json.loads(text)
        return body

    def _intact(self, key: str) -> bytes | None:
        """Return the text of a result whose digest is right: thousands are read in a run, most only to see that."""
        path = self.path(key, ".json")
        try:
            text = retry_io(path.read_bytes, f"reading {path}")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _unreadable(path, error) from error
        body, digest = text[len(_HEAD) : -len(_TAIL)], text[-len(_TAIL) :]
        if text.startswith(_HEAD) and digest == _TAIL.replace(b"0" * 64, hashlib.sha256(body).hexdigest().encode()):
            return body
        log.warning("%s is damaged; it is computed again", path)
        return None

    def write(self, key: str, body: Mapping[str, Any]) -> None:
        """Write the result of a key."""
        text = json.dumps(body, sort_keys=True).encode()
        tail = _TAIL.replace(b"0" * 64, hashlib.sha256(text).hexdigest().encode())
        write_atomic(self.path(key, ".json"), lambda f: f.write(_HEAD + text + tail))

    def write_sample(self, key: str, release: Release) -> None:
        """Write what was released under a key: a synthetic cohort, images or a model."""
        write_atomic(self.path(key, ".npz"), lambda f: write_npz(f, release))

    def read_sample(self, key: str) -> Release | None:
        """Return what was released under a key, or None if it is missing or damaged (which is reported).

        Raises
        ------
        StoreError
            If it cannot be read.
        """
        path = self.path(key, ".npz")
        try:
            return retry_io(lambda: _read_sample(path), f"reading {path}")
        except FileNotFoundError:
            return None
        except DataError as error:
            log.warning("%s; it is computed again", error)
            return None
        except OSError as error:
            raise _unreadable(path, error) from error

    def keep_cohort(self, cohort: Records) -> Path:
        """Write a real cohort under its digest, once, so that worker processes can load it quickly."""
        path = self.root / "cohorts" / f"{cohort.digest}.npz"
        if not self.looking and not is_whole(path):
            write_atomic(path, lambda f: write_npz(f, cohort))
        return path

    def check_writable(self) -> None:
        """Write a few bytes and remove them, so that a run does not work for hours and then cannot keep anything.

        Raises
        ------
        StoreError
            If the disk is full or the folder cannot be written.
        """
        with explain_io_errors(self.root, _CURE, StoreError), tempfile.TemporaryFile(dir=self.root) as file:
            file.write(bytes(4096))
            file.flush()
            os.fsync(file.fileno())

    def next_run(self) -> str:
        """Return a name for the record of a run that comes after all others in order, whatever the clock says."""
        latest = max((path.name[:_STAMP] for path in (self.root / "runs").glob("*.json")), default="")
        stamp = f"{datetime.now(UTC):{_TIME}}"
        with contextlib.suppress(ValueError):  # a file of another name is no record
            if latest >= stamp:
                stamp = f"{datetime.strptime(latest, _TIME).replace(tzinfo=UTC) + timedelta(microseconds=1):{_TIME}}"
        return f"{stamp}-{uuid.uuid4().hex[:8]}"

    def runs(self) -> Iterator[dict[str, Any]]:
        """Yield the records of finished runs, oldest first."""
        for path in sorted((self.root / "runs").glob("*.json")):
            try:
                yield json.loads(path.read_text(encoding="utf-8"))
            except (OSError, ValueError) as error:
                log.warning("the run record %s cannot be read (%s); it is left out", path, error)


def _read_sample(path: Path) -> Release:
    """Read a release, and tell a file system that fails from a file that is damaged."""
    try:
        return read_npz(path)
    except DataError as error:
        cause = error.__cause__
        if isinstance(cause, OSError) and cause.errno in (*_NO_ACCESS, errno.ENOENT):
            raise cause from None
        raise


def _unreadable(path: Path, error: OSError) -> StoreError:
    return StoreError(
        f"cannot read {path}: {error.strerror}. It may hold a result, so nothing is computed in its place: mend the "
        "file system or the rights, then run the command again."
    )
