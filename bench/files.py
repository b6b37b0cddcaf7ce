"""Files that are either complete or not there: everything is written beside its place and then moved."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.errors import BenchError, DataError

_CHUNK = 1 << 20
_CURE = "Free some space or choose another folder"


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes as 64 hex digits."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_CHUNK):
            digest.update(block)
    return digest.hexdigest()


@contextlib.contextmanager
def explaining(path: Path, cure: str = _CURE, kind: type[BenchError] = DataError) -> Iterator[None]:
    """Turn an error of the file system inside the block into a `BenchError` that names the place and the cure."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise kind(f"cannot write {path}: {reason}. {cure}, then run the command again.") from error


@contextlib.contextmanager
def replacing(path: Path, cure: str = _CURE, kind: type[BenchError] = DataError) -> Iterator[Path]:
    """Yield a temporary path in the same folder; it becomes `path` if the block succeeds, and is removed if not.

    The block may write a file or make a folder there. A folder takes the place of an existing one.
    """
    with explaining(path, cure, kind):
        path.parent.mkdir(parents=True, exist_ok=True)
        workplace = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
        try:
            temporary = workplace / path.name
            yield temporary
            if temporary.is_file():
                _sync(temporary)
            if path.is_dir():
                path.replace(workplace / "replaced")
            temporary.replace(path)
        finally:
            shutil.rmtree(workplace, ignore_errors=True)


def _sync(path: Path) -> None:
    """Put a file on the disk before it gets its name, so that a power cut leaves no empty file under it."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
