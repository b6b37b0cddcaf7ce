"""Files that are either complete or not there: everything is written beside its place and then moved."""

from __future__ import annotations

import contextlib
import errno
import functools
import hashlib
import logging
import os
import platform
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Container, Iterator
from pathlib import Path
from typing import TypeVar

from bench.core.errors import BenchError, DataError

log = logging.getLogger(__name__)
T = TypeVar("T")
_PASSING = "EIO ESTALE EAGAIN EINTR ETIMEDOUT EREMOTEIO EHOSTDOWN EHOSTUNREACH ENETDOWN ENETUNREACH ECONNRESET"
PASSING = frozenset(getattr(errno, name) for name in _PASSING.split() if hasattr(errno, name))
_PAUSES = (0.5, 2.0, 8.0)  # seconds before the second, third and fourth try
_LEFT = re.compile(r"\..+\.(?P<machine>[0-9a-f]{8})-(?P<pid>[0-9]+)\.[a-z0-9_]{8}")
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
def explain_io_errors(path: Path, cure: str = _CURE, kind: type[BenchError] = DataError) -> Iterator[None]:
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
    with explain_io_errors(path, cure, kind), write_beside(path) as temporary:
        yield temporary


@contextlib.contextmanager
def write_beside(path: Path) -> Iterator[Path]:
    """Do what `replacing` does, without turning errors of the file system into a `BenchError`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_leftovers(path.parent)
    prefix = f".{path.name}.{_machine()}-{os.getpid()}."
    workplace = Path(tempfile.mkdtemp(prefix=prefix, dir=path.parent))
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


def retry_io(action: Callable[[], T], what: str, also: Container[int] = ()) -> T:
    """Return the result of an action, retried while the file system fails with an error that passes.

    Those are the errors of a network file system whose server is away, and an input/output error; a full disk or a
    missing right is none of them.
    """
    for seconds in _PAUSES:
        try:
            return action()
        except OSError as error:
            if error.errno not in PASSING and error.errno not in also:
                raise
            log.warning("%s: %s; another try in %g s", what, error.strerror, seconds)
            time.sleep(seconds)
    return action()


def remove_leftovers(folder: Path) -> None:
    """Remove the temporary folders that writers on this machine left in a folder when they were killed."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            match = _LEFT.fullmatch(entry.name)
            if match and match["machine"] == _machine() and not _runs(int(match["pid"])):
                shutil.rmtree(entry.path, ignore_errors=True)


@functools.cache
def _machine() -> str:
    """Return a name for this machine since it was started, and for the space of process numbers we see of it."""
    parts = [platform.node()]
    with contextlib.suppress(OSError):  # Linux has both, others neither
        parts += [Path("/proc/sys/kernel/random/boot_id").read_text(), os.readlink("/proc/self/ns/pid")]  # noqa: PTH115
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:8]


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass  # it runs and belongs to somebody else
    return True


def cache_home() -> Path:
    """Return the folder of the cache: ``omics-bench`` in ``$XDG_CACHE_HOME``, or in ``.cache`` of the user's home."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "omics-bench"


def keep_in_cache(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file of the cache, whole or not at all; where the cache cannot be written, it stays as it is."""
    with contextlib.suppress(OSError, BenchError), write_beside(path) as temporary:
        write(temporary)


def _sync(path: Path) -> None:
    """Put a file on the disk before it gets its name, so that a power cut leaves no empty file under it."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
