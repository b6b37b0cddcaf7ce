"""The data home: where imported cohorts lie, in one canonical form that is checked whenever it is read.

A dataset is a folder ``<home>/<name>/`` with ``cohort.npz`` (and ``reference.npz``) and ``manifest.json``, which says
where the data came from and holds the digest that the data must have.
"""

from __future__ import annotations

import datetime
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from bench.core.cohort_file import read_records, write_npz
from bench.core.errors import DataError
from bench.core.files import replacing, sha256
from bench.core.records import Records

FORMAT = 1
MANIFEST, COHORT, REFERENCE = "manifest.json", "cohort.npz", "reference.npz"
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


@dataclass(frozen=True)
class SourceFile:
    """One file that a dataset was made from."""

    role: str
    path: str
    n_bytes: int
    sha256: str
    url: str = ""
    checksum: str = ""  # as the record published it

    @classmethod
    def of(cls, role: str, path: Path, *, url: str = "", checksum: str = "") -> SourceFile:
        """Return the description of a file that lies here."""
        return cls(role, str(path.resolve()), path.stat().st_size, sha256(path), url, checksum)


@dataclass(frozen=True)
class Done:
    """One step that was done to a dataset, as it was typed, and what it did."""

    step: str
    did: str


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What is known about an imported dataset without reading its matrix."""

    name: str
    title: str
    label: str
    units: str
    digest: str
    reference_digest: str
    n_samples: int
    n_genes: int
    classes: dict[str, int]
    source: str
    imported: str
    files: tuple[SourceFile, ...]
    outside: tuple[str, ...] = ()
    taken: dict[str, str] = field(default_factory=dict)  # what was taken from the files, and why
    steps: tuple[Done, ...] = ()  # what was done to it
    per_fold: tuple[str, ...] = ()  # steps that are fitted on the training people of each fold
    format: int = FORMAT


def data_home(*, create: bool = False) -> Path:
    """Return the folder of the datasets: ``$BENCH_DATA_HOME``, or ``omics-bench`` in the user's data folder.

    Raises
    ------
    DataError
        If ``$BENCH_DATA_HOME`` names a folder that does not exist, unless it is about to be made.
    """
    named = os.environ.get("BENCH_DATA_HOME")
    if not named:
        base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
        return Path(base) / "omics-bench"
    home = Path(named).expanduser()
    if not home.is_dir() and not create:
        raise DataError(
            f"BENCH_DATA_HOME is {named!r}, which is no folder. Make the folder, mend the path or unset it."
        )
    return home


def check_name(name: str) -> str:
    """Return the name if it can be a dataset's."""
    if not _NAME.fullmatch(name):
        raise DataError(
            f"{name!r} cannot be the name of a dataset; expected lower-case letters, digits, '-' and '_', "
            "for example 'my-cohort'."
        )
    return name


def stored_names(home: Path) -> list[str]:
    """Return the names of the imported datasets, sorted."""
    return sorted(path.parent.name for path in home.glob(f"*/{MANIFEST}") if _NAME.fullmatch(path.parent.name))


def is_stored(home: Path, name: str) -> bool:
    """Return whether a dataset of that name was imported."""
    return (home / name / MANIFEST).is_file()


def describe(
    name: str,
    cohort: Records,
    reference: Records | None,
    *,
    title: str,
    label: str,
    source: str,
    files: Sequence[SourceFile],
    outside: tuple[str, ...] = (),
    taken: Mapping[str, str] | None = None,
    steps: Sequence[Done] = (),
    per_fold: Sequence[str] = (),
) -> Manifest:
    """Return the manifest of a cohort that is about to be stored."""
    classes, counts = np.unique(cohort.y, return_counts=True)
    return Manifest(
        name=name,
        title=title,
        label=label,
        units=cohort.units,
        digest=cohort.digest,
        reference_digest="" if reference is None else reference.digest,
        n_samples=len(cohort),
        n_genes=cohort.n_genes,
        classes={str(c): int(n) for c, n in zip(classes, counts, strict=True)},
        source=source,
        imported=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        files=tuple(files),
        outside=outside,
        taken=dict(taken or {}),
        steps=tuple(steps),
        per_fold=tuple(per_fold),
    )


def store(home: Path, manifest: Manifest, cohort: Records, reference: Records | None) -> None:
    """Write a dataset into the home, whole or not at all; one of the same name is replaced."""
    with replacing(home / manifest.name) as folder:
        folder.mkdir()
        write_npz(folder / COHORT, cohort)
        if reference is not None:
            write_npz(folder / REFERENCE, reference)
        (folder / MANIFEST).write_text(json.dumps(asdict(manifest), indent=2) + "\n", encoding="utf-8")


def read_manifest(home: Path, name: str) -> Manifest:
    """Return what is known about an imported dataset."""
    path = home / name / MANIFEST
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        files = tuple(SourceFile(**file) for file in content.pop("files"))
        outside = tuple(map(str, content.pop("outside", ())))
        steps = tuple(Done(**step) for step in content.pop("steps", ()))
        per_fold = tuple(map(str, content.pop("per_fold", ())))
        manifest = Manifest(files=files, outside=outside, steps=steps, per_fold=per_fold, **content)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path} is no manifest of this program: {error}. Import dataset {name!r} again.") from error
    if manifest.format != FORMAT:
        raise DataError(f"{path} has format {manifest.format}; expected {FORMAT}. Import dataset {name!r} again.")
    return manifest


def read_stored(home: Path, name: str) -> tuple[Manifest, Records, Records | None]:
    """Return an imported dataset, checked against the digest in its manifest.

    Raises
    ------
    DataError
        If a file is missing or damaged.
    """
    manifest = read_manifest(home, name)
    cohort = _checked(home / name / COHORT, manifest.digest, name)
    if not manifest.reference_digest:
        return manifest, cohort, None
    return manifest, cohort, _checked(home / name / REFERENCE, manifest.reference_digest, name)


def _checked(path: Path, digest: str, name: str) -> Records:
    cohort = read_records(path)
    if cohort.digest != digest:
        raise DataError(
            f"{path} has digest {cohort.digest[:12]}, but its manifest says {digest[:12]}: the file was changed after "
            f"import. Import dataset {name!r} again."
        )
    return cohort
