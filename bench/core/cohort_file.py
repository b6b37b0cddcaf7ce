"""Cohorts, images, variants and released models on disk: one npz file without pickle, read back exactly."""

from __future__ import annotations

import hashlib
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from bench.core.cohort import Cohort, as_expression
from bench.core.errors import DataError
from bench.core.images import Images
from bench.core.records import Records
from bench.core.released import Release, ReleasedModel, as_data
from bench.core.variants import Variants

_DIGEST = "sha256"
_PIXELS, _CALLS = "pixels", "calls"  # names of arrays that mark images and variants
_MODEL, _CLASSES, _FEATURES = "model_", "model classes", "model features"  # the first goes before the arrays of a model
_WANTED = {  # the arrays of each kind of records, by the one that marks it
    _PIXELS: {_PIXELS, "samples"},
    _CALLS: {_CALLS, "sites", "build", "samples"},
    "X": {"X", "genes", "samples", "units"},
}
_DAMAGE = (  # whatever a flipped bit makes zipfile and numpy raise
    *(OSError, ValueError, EOFError, KeyError, TypeError, RuntimeError, OverflowError, MemoryError, SyntaxError),
    *(zipfile.BadZipFile, zlib.error, struct.error),
)


def write_npz(target: Path | BinaryIO, release: Release) -> None:
    """Write a cohort, images, variants or a released model to an npz file or an open binary file, with a digest."""
    arrays = _arrays_of_model(release) if isinstance(release, ReleasedModel) else _arrays_of(release)
    first: dict[str, Any] = {
        _DIGEST: np.array(_digest(arrays))
    }  # a file that lost its end has it and does not agree with it
    np.savez(target, **first, **arrays)


def _arrays_of_model(model: ReleasedModel) -> dict[str, Any]:
    arrays: dict[str, Any] = {f"{_MODEL}{name}": values for name, values in model.arrays.items()}
    names = {_CLASSES: model.classes, _FEATURES: model.features}
    return arrays | {name: np.array(values, dtype=np.str_) for name, values in names.items()}


def _arrays_of(records: Records) -> dict[str, Any]:
    arrays: dict[str, Any] = {"samples": np.array(records.samples, dtype=np.str_)}
    if isinstance(records, Images):
        arrays[_PIXELS] = records.pixels
    elif isinstance(records, Variants):
        arrays |= {
            _CALLS: records.calls,
            "sites": np.array(records.sites, dtype=np.str_),
            "build": np.array(records.build),
        }
    else:
        cohort = as_expression(records)
        arrays |= {"X": cohort.X, "genes": np.array(cohort.genes, dtype=np.str_), "units": np.array(cohort.units)}
        arrays |= {f"obs_{name}": values for name, values in cohort.obs.items()}
    if records.has_labels:
        arrays["y"] = records.y
    if records.donors is not None:
        arrays["donors"] = records.donors
    return arrays


def read_cohort(path: Path) -> Cohort:
    """Return the cohort of an npz file that the harness wrote: a release in the store, an imported cohort.

    Parameters
    ----------
    path : pathlib.Path, the file

    Raises
    ------
    DataError
        If the file is missing, truncated, altered or no cohort of expression.

    Examples
    --------
    >>> from pathlib import Path
    >>> from bench import Cohort, read_cohort
    >>> from bench.core.cohort_file import write_npz
    >>> cohort = Cohort(X=[[1, 2], [3, 4]], y=["a", "b"], genes=["G1", "G2"], samples=["s1", "s2"], units="log2")
    >>> write_npz(Path("cohort.npz"), cohort)
    >>> read_cohort(Path("cohort.npz")).digest == cohort.digest
    True
    """
    return as_expression(read_records(path))


def read_records(path: Path) -> Records:
    """Return the cohort, the images or the variants of an npz file that the harness wrote.

    Raises
    ------
    DataError
        If the file is missing, truncated, altered or holds a model.
    """
    return as_data(read_npz(path))


def read_npz(path: Path) -> Release:
    """Return the cohort, the images, the variants or the model of an npz file that the harness wrote.

    Raises
    ------
    DataError
        If the file is missing, truncated, altered or none of these.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as z:
            arrays = {name: z[name] for name in z.files}
    except _DAMAGE as error:
        raise DataError(
            f"{path} cannot be read as a cohort: {error}. Delete it and import or compute it again."
        ) from error
    digest = arrays.pop(_DIGEST, None)  # files of the first version have none
    if digest is not None and str(digest) != _digest(arrays):
        raise DataError(
            f"{path} is not what was written (its digest differs). Delete it and import or compute it again."
        )
    if _CLASSES in arrays:
        return _model(arrays)
    wanted = next((names for mark, names in _WANTED.items() if mark in arrays), _WANTED["X"])
    wanted = wanted | ({"y"} if digest is None else set())
    if missing := wanted - arrays.keys():
        raise DataError(f"{path} holds no {sorted(missing)}; expected a cohort file. Delete it and import again.")
    return _records(arrays)


def _model(arrays: dict[str, NDArray[Any]]) -> ReleasedModel:
    own = {name.removeprefix(_MODEL): values for name, values in arrays.items() if name.startswith(_MODEL)}
    return ReleasedModel(own, tuple(map(str, arrays[_CLASSES])), tuple(map(str, arrays[_FEATURES])))


def _records(arrays: dict[str, NDArray[Any]]) -> Records:
    samples, donors = tuple(map(str, arrays["samples"])), arrays.get("donors")
    y = cast("NDArray[np.str_]", arrays.get("y"))  # None: there are no labels
    if _PIXELS in arrays:
        return Images(pixels=arrays[_PIXELS], y=y, samples=samples, donors=donors)
    if _CALLS in arrays:
        sites, build = tuple(map(str, arrays["sites"])), str(arrays["build"])
        return Variants(calls=arrays[_CALLS], y=y, sites=sites, samples=samples, build=build, donors=donors)
    return Cohort(
        X=arrays["X"],
        y=y,
        genes=tuple(map(str, arrays["genes"])),
        samples=samples,
        units=str(arrays["units"]),  # type: ignore[arg-type]  # checked by Cohort
        donors=donors,
        obs={name[4:]: values for name, values in arrays.items() if name.startswith("obs_")},
    )


def is_whole(path: Path) -> bool:
    """Return whether a cohort's file is there and every part of it has its checksum; it is not held in memory."""
    try:
        with zipfile.ZipFile(path) as zipped:
            return bool(zipped.namelist()) and zipped.testzip() is None
    except _DAMAGE:
        return False


def _digest(arrays: dict[str, NDArray[Any]]) -> str:
    h = hashlib.sha256()
    for name, values in sorted(arrays.items()):
        h.update(f"{name}\0{values.dtype.str}\0{values.shape}\0".encode())
        h.update(np.ascontiguousarray(values).reshape(-1).view(np.uint8).data)
    return h.hexdigest()
