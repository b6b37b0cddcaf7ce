"""Keeps what the challenge's files hold in the cache of the user: text is parsed once, and not by each command."""

from __future__ import annotations

import contextlib
import hashlib
import logging
from collections.abc import Iterator
from pathlib import Path

from bench.core.cohort_file import read_records, write_npz
from bench.core.errors import DataError
from bench.core.files import cache_home, keep_in_cache, sha256
from bench.core.records import Records
from bench.datasets.known.catalogue import Entry, FileSet
from bench.registry.digests import module_digest
from bench.registry.sources import version_of

_READER = "bench.datasets.reading"


def read_once(folder: Path, entry: Entry, files: FileSet) -> tuple[Records, Records | None]:
    """Return the cohort and the reference set of the challenge's own files in a folder.

    They come from the cache if these very files, byte for byte, were read before by the code of today. What the reading
    warned of is said every time: such files are not kept.

    Raises
    ------
    DataError
        If the files cannot be read as a cohort.
    """
    first, second = _places(folder, entry, files)
    with contextlib.suppress(DataError):  # of a file that is not there or is damaged
        return read_records(first), read_records(second) if files.reference else None
    from bench.datasets.reading import read_challenge  # it imports pandas, which is slow

    with _warnings() as said:
        found = read_challenge(folder, entry, files)
    if not said:
        if (others := found.reference) is not None:
            keep_in_cache(second, lambda place: write_npz(place, others))
        keep_in_cache(first, lambda place: write_npz(place, found.cohort))
    return found.cohort, found.reference


def _places(folder: Path, entry: Entry, files: FileSet) -> tuple[Path, Path]:
    """Return where the cohort and the reference lie in the cache: their names hold all that decides what they are."""
    held = [f"{name} {sha256(folder / name)}" for name in files.names]
    made_by = [repr(entry), repr(files), module_digest(_READER), version_of("pandas"), version_of("numpy")]
    key = hashlib.sha256("\0".join([*made_by, *held]).encode()).hexdigest()[:16]
    return cache_home() / f"read-{entry.name}-{key}.npz", cache_home() / f"read-{entry.name}-reference-{key}.npz"


@contextlib.contextmanager
def _warnings() -> Iterator[list[str]]:
    """Collect what the datasets warn of in the block, beside whoever else hears it."""
    said: list[str] = []
    handler, logger = logging.Handler(logging.WARNING), logging.getLogger("bench.datasets")
    handler.emit = lambda record: said.append(record.getMessage())  # type: ignore[method-assign]
    logger.addHandler(handler)
    try:
        yield said
    finally:
        logger.removeHandler(handler)
