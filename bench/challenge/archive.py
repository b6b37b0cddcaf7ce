"""The zip files of entries: those of strangers are read with checks, our own are written, equal texts as equal bytes.

Names, kinds and sizes are checked before anything is read, and while it is read. Nothing is ever unpacked to the disk,
so a member cannot leave its place; what is refused here would harm the next person who does unpack the file.
"""

from __future__ import annotations

import contextlib
import io
import platform
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from bench import __version__
from bench.core.errors import DataError
from bench.datasets.safe_yaml import yaml_text
from bench.store.store import write_atomic

MIB = 1 << 20
MAX_MEMBERS = 1000
MAX_PROBLEMS = 20  # that are said; the rest is counted
MAX_MEMBER = 512 * MIB  # unpacked; a fold of the largest cohort takes 60 MiB
MAX_TOTAL = 2048 * MIB  # unpacked, all members together
MAX_RATIO = 200  # numbers as text shrink to a third or a tenth; a bomb to a thousandth
_SMALL = MIB  # below this size any ratio is harmless: a column of equal labels shrinks far
_CHUNK = 1 << 16
_LONG_AGO = (1980, 1, 1, 0, 0, 0)  # in every member that we write, so that the same entry gives the same bytes
_DAMAGE = (zipfile.BadZipFile, zlib.error, struct.error, OSError, ValueError, EOFError, RuntimeError, OverflowError)
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # the others may ask for any amount of memory


class RefusedError(DataError):
    """Something from strangers that cannot be used; `problems` holds one line for each reason."""

    def __init__(self, problems: Sequence[str]) -> None:
        left = len(problems) - MAX_PROBLEMS
        self.problems = (*problems[:MAX_PROBLEMS], *([f"and {left:,} more problems."] if left > 0 else []))
        super().__init__("\n".join(self.problems))


def shown(text: str, longest: int = 60) -> str:
    """Return a text of strangers as it can be printed: quoted, on one line, and cut if it is long."""
    return repr(text) if len(text) <= longest else f"{text[:longest]!r}... ({len(text):,} characters)"


class Archive:
    """The members of an open, checked zip file, read in pieces of bounded size."""

    def __init__(self, zipped: zipfile.ZipFile) -> None:
        self._zip = zipped
        self._members = {info.filename: info for info in zipped.infolist() if not info.is_dir()}

    @property
    def names(self) -> list[str]:
        """The names of all members that are files, sorted."""
        return sorted(self._members)

    def size(self, name: str) -> int:
        """Return how many bytes a member declares to hold."""
        return self._members[name].file_size

    def raw(self, name: str) -> bytes:
        """Return a whole member, whatever it holds.

        Raises
        ------
        DataError
            If it is larger than any member may be, or damaged.
        """
        return b"".join(self._chunks(name, MAX_MEMBER))

    def text(self, name: str, limit: int) -> str:
        """Return a whole member as text.

        Raises
        ------
        DataError
            If it is longer than `limit` bytes, damaged or no plain UTF-8 text.
        """
        return _decoded(name, b"".join(self._chunks(name, limit)), "")

    def lines(self, name: str, longest: int) -> Iterator[str]:
        """Yield the lines of a member as text, none longer than `longest` bytes.

        Raises
        ------
        DataError
            If a line is longer, or the member is damaged or no plain UTF-8 text.
        """
        number, rest = 0, b""
        for chunk in self._chunks(name, MAX_MEMBER):
            *whole, rest = (rest + chunk).split(b"\n")
            for line in whole if len(rest) <= longest else [*whole, rest]:
                number += 1
                if len(line) > longest:
                    raise DataError(
                        f"{name}, line {number} is longer than {longest:,} characters; no table needs that."
                    )
                yield _decoded(name, line, f", line {number}") + "\n"
        if rest:
            yield _decoded(name, rest, f", line {number + 1}")

    def _chunks(self, name: str, limit: int) -> Iterator[bytes]:
        total = 0
        try:
            with self._zip.open(self._members[name]) as stream:
                while chunk := stream.read(_CHUNK):
                    total += len(chunk)
                    if total > limit:
                        raise DataError(
                            f"{name} holds more than {limit:,} bytes; nothing that is asked for needs that."
                        )
                    yield chunk
        except _DAMAGE as error:
            raise DataError(f"{name} is damaged: {shown(str(error))}. Pack it again.") from error


def _decoded(name: str, raw: bytes, where: str) -> str:
    if raw.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        raise DataError(f"{name}{where} starts with a byte order mark; expected plain UTF-8 text without one.")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        byte = raw[error.start]
        raise DataError(f"{name}{where} is no UTF-8 text: byte 0x{byte:02x} at position {error.start}.") from error
    if "\0" in text:
        raise DataError(f"{name}{where} holds a NUL character; expected plain UTF-8 text.")
    return text


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Archive]:
    """Yield the checked archive of a zip file; whatever is wrong with it as a zip file is said at once.

    Raises
    ------
    RefusedError
        If it is no zip file, or its members have names, kinds or sizes that are refused.
    """
    with contextlib.ExitStack() as stack:
        try:
            file = stack.enter_context(path.open("rb"))
            # The guard keeps a false directory size from being read into memory whole.
            zipped = stack.enter_context(zipfile.ZipFile(_Guarded(file)))
            n_bytes = path.stat().st_size
        except (*_DAMAGE, DataError) as error:
            raise RefusedError([f"it cannot be read as a zip file: {shown(str(error))}."]) from error
        if problems := list(_problems(zipped.infolist(), n_bytes)):
            raise RefusedError(problems)
        yield Archive(zipped)


class _Guarded:
    """A file that hands out at most 256 KiB at once: the directory of a thousand members is smaller."""

    _most = 256 * 1024

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.seek, self.tell, self.close, self.seekable = file.seek, file.tell, file.close, file.seekable

    def read(self, n: int = -1) -> bytes:
        if n > self._most:
            raise DataError(f"its directory claims {n:,} bytes; expected at most {self._most:,}")
        return self._file.read(self._most if n < 0 else n)


def _problems(infos: Sequence[zipfile.ZipInfo], n_bytes: int) -> Iterator[str]:
    if len(infos) > MAX_MEMBERS:
        yield f"it holds {len(infos):,} members; expected at most {MAX_MEMBERS:,}."
        return
    seen: dict[str, str] = {}
    for info in infos:
        yield from _wrong_with(info)
        folded = info.filename.casefold()
        if folded in seen:
            yield f"the members {shown(seen[folded])} and {shown(info.orig_filename)} would be one file; expected one."
        seen.setdefault(folded, info.orig_filename)
    if (total := sum(info.file_size for info in infos)) > MAX_TOTAL:
        yield f"its members unpack to {total:,} bytes; expected at most {MAX_TOTAL:,}."
    if sum(info.compress_size for info in infos) > n_bytes:
        yield "its members overlap: together they are larger than the file."


def _wrong_with(info: zipfile.ZipInfo) -> Iterator[str]:
    name = f"the member {shown(info.orig_filename)}"
    if reason := _wrong_name(info.orig_filename):
        yield f"{name} {reason}"
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        yield f"{name} is a {'link' if kind == stat.S_IFLNK else 'special file'}; expected plain files only."
    if info.flag_bits & 0x2041:  # encrypted, strongly encrypted, or with a hidden directory
        yield f"{name} is encrypted; expected plain members."
    if info.compress_type not in _METHODS:
        yield f"{name} is compressed by method {info.compress_type}; expected deflate or none."
    if info.file_size > MAX_MEMBER:
        yield f"{name} unpacks to {info.file_size:,} bytes; expected at most {MAX_MEMBER:,}."
    elif info.file_size > _SMALL and info.file_size > MAX_RATIO * info.compress_size:
        yield f"{name} shrinks more than {MAX_RATIO} times, as a zip bomb does; numbers as text do not."


def _wrong_name(name: str) -> str:
    """Return why a member may not have this name, or an empty text."""
    if not name or not name.isprintable() or len(name) > 255:
        return "has a name that is empty, too long or holds control characters; expected a plain one."
    if name.startswith("/") or "\\" in name or name[1:2] == ":":
        return "has an absolute name or one with a backslash or drive; expected a relative one with '/'."
    if {"..", "."} & set(name.split("/")) or "//" in name or PurePosixPath(name).parts == ():
        return "has a name that leaves or doubles its folder; expected one without '..', '.' and '//'."
    return ""


# -- writing ----------------------------------------------------------------------------------------------------------


def write_zip(path: Path, members: Mapping[str, str]) -> None:
    """Write a zip file of texts, by name; the same members give the same bytes, and never half a file."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(members):
            info = zipfile.ZipInfo(name, _LONG_AGO)
            info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, 0o100644 << 16
            archive.writestr(info, members[name])
    write_atomic(path, lambda file: file.write(packed.getvalue()))


def environment_yaml(name: str) -> str:
    """Return the text of the ``environment.yaml`` in which an entry was made."""
    dependencies = [f"python={platform.python_version()}", "pip", {"pip": [f"omics-bench[all]=={__version__}"]}]
    return yaml_text({"name": name, "channels": ["conda-forge"], "dependencies": dependencies})
