"""The result store: a folder of content-addressed files, each written whole or not at all.

A key that exists is complete, so resuming a run is asking which keys are there. Several runs may share a store: each
file is written under a temporary name beside its place and renamed, which is atomic, also on a network file system.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from bench.cohort_file import read_cohort, write_cohort
from bench.errors import DataError, StoreError
from bench.files import replacing
from bench.types import Cohort

log = logging.getLogger(__name__)
FORMAT = 1
_HEAD, _TAIL = b'{"body": ', b', "sha256": "' + b"0" * 64 + b'"}'  # around the text of a result; the zeros: its digest
_CURE = "Free some space or choose another folder with --out; what is finished is kept"


def write_atomic(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Write a file whole or not at all.

    Raises
    ------
    StoreError
        If the disk is full, the folder cannot be written, or the path is no place for a file.
    """
    with replacing(path, _CURE, StoreError) as temporary, temporary.open("wb") as file:
        write(file)


@dataclass(frozen=True)
class Store:
    """A folder with `objects` (results and samples by key), `cohorts`, `runs` and `logs`."""

    root: Path

    def open(self) -> Store:
        """Create the store if it is new and check that its format is ours; return it.

        Raises
        ------
        StoreError
            If the folder was written by another format or cannot be written.
        """
        marker = self.root / "format.json"
        if not marker.exists():
            write_atomic(marker, lambda f: f.write(json.dumps({"format": FORMAT}).encode()))
        try:
            found = json.loads(marker.read_text(encoding="utf-8"))["format"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StoreError(
                f"{marker} cannot be read ({error}); expected a result store. Choose another --out."
            ) from error
        if found != FORMAT:
            raise StoreError(f"the store {self.root} has format {found}; expected {FORMAT}. Choose another --out.")
        return self

    def path(self, key: str, suffix: str) -> Path:
        """Return where the object of a key lies or will lie."""
        return self.root / "objects" / key[:2] / f"{key}{suffix}"

    def has(self, key: str) -> bool:
        """Return whether the result of a key is there and intact."""
        return self._intact(key) is not None

    def read(self, key: str) -> dict[str, Any] | None:
        """Return the result of a key, or None if it is missing or damaged (which is reported)."""
        text = self._intact(key)
        body: dict[str, Any] | None = None if text is None else json.loads(text)
        return body

    def _intact(self, key: str) -> bytes | None:
        """Return the text of a result whose digest is right: thousands are read in a run, most only to see that."""
        path = self.path(key, ".json")
        try:
            text = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError:
            text = b""
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

    def write_sample(self, key: str, cohort: Cohort) -> None:
        """Write the synthetic cohort of a key."""
        write_atomic(self.path(key, ".npz"), lambda f: write_cohort(f, cohort))

    def read_sample(self, key: str) -> Cohort | None:
        """Return the synthetic cohort of a key, or None if it is missing or damaged (which is reported)."""
        path = self.path(key, ".npz")
        if not path.exists():
            return None
        try:
            return read_cohort(path)
        except DataError as error:
            log.warning("%s; it is computed again", error)
            return None

    def keep_cohort(self, cohort: Cohort) -> Path:
        """Write a real cohort under its digest, once, so that worker processes can load it quickly."""
        path = self.root / "cohorts" / f"{cohort.digest}.npz"
        if not path.exists():
            write_atomic(path, lambda f: write_cohort(f, cohort))
        return path

    def runs(self) -> Iterator[dict[str, Any]]:
        """Yield the records of finished runs, oldest first."""
        for path in sorted((self.root / "runs").glob("*.json")):
            try:
                yield json.loads(path.read_text(encoding="utf-8"))
            except (OSError, ValueError) as error:
                log.warning("the run record %s cannot be read (%s); it is left out", path, error)
