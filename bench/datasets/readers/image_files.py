"""Reads the files that labelled images come in: npz (as MedMNIST's), idx (as MNIST's) and folders of PNG files.

Nothing is unpickled. What a file says of its own size is checked before memory is asked for, so that a small archive
that unpacks to something enormous is refused.
"""

from __future__ import annotations

import csv
import gzip
import io
import math
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from bench.core.errors import DataError, near_name
from bench.core.images import Images

LIMIT = 2**31  # bytes that the arrays of one file may take
_SIDE = 1024  # pixels: what is larger is no image for these generators, or a file that only says so
_IDX_BYTES = 0x08  # unsigned bytes, the type of MNIST's files
_NAMES = ("file", "filename", "image", "name", "path")  # columns of a labels file that hold the files' names
_LABELS = ("label", "class", "diagnosis", "y")
_PARTS = ("train", "val", "test")
_DAMAGE = (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError)


@dataclass(frozen=True, kw_only=True)
class ImageLayout:
    """Which columns of a labels file hold what; None: one of the usual names."""

    label_column: str | None = None
    name_column: str | None = None
    donor_column: str | None = None


# -- npz -------------------------------------------------------------------------------------------------------------


def read_image_npz(path: Path) -> dict[str, Images]:
    """Return the images of an npz file by part: ``train``, ``val`` and ``test`` as MedMNIST names them, else ``all``.

    Parameters
    ----------
    path : arrays ``<part>_images`` (n, height, width[, channels]) and ``<part>_labels`` (n[, 1]), or ``images`` and
        ``labels`` alone

    Raises
    ------
    DataError
        If the file is damaged, pickled, too large, or holds no such arrays.
    """
    arrays = _npz_arrays(path)
    parts = {part: f"{part}_" for part in _PARTS if f"{part}_images" in arrays}
    if "images" in arrays:
        parts["all"] = ""
    if not parts:
        raise DataError(
            f"{path} holds the arrays {', '.join(sorted(arrays)) or 'nothing'}; expected train_images and train_labels "
            "as in MedMNIST, or images and labels. Save it again under these names."
        )
    found = {}
    for part, prefix in parts.items():
        labels = arrays.get(f"{prefix}labels")
        if labels is None:
            raise DataError(f"{path} has {prefix}images, but no {prefix}labels; expected a label for each image.")
        found[part] = images_of(path, arrays[f"{prefix}images"], _flat_labels(path, labels), f"{part}_")
    return found


def _npz_arrays(path: Path) -> dict[str, NDArray[Any]]:
    try:
        with zipfile.ZipFile(path) as archive:
            members = [member for member in archive.infolist() if member.filename.endswith(".npy")]
            if (total := sum(member.file_size for member in members)) > LIMIT:
                raise DataError(_too_large(path, total))
            return {member.filename[:-4]: _npy(path, archive, member) for member in members}
    except _DAMAGE as error:
        raise DataError(f"{path} cannot be read as an npz file: {error}. Download or save it again.") from error


def _npy(path: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> NDArray[Any]:
    with archive.open(member) as file:
        version = np.lib.format.read_magic(cast("BinaryIO", file))
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read(cast("BinaryIO", file))
    if dtype.hasobject:
        raise DataError(
            f"{path}: the array {member.filename[:-4]!r} is pickled, and unpickling would run whatever is in it. Save "
            "it as numbers: images of one size as uint8, labels as integers or text."
        )
    if (size := math.prod(shape) * dtype.itemsize) > member.file_size:
        raise DataError(f"{path}: {member.filename} says that it has {size} bytes, and holds {member.file_size}.")
    with archive.open(member) as file:
        values: NDArray[Any] = np.lib.format.read_array(cast("BinaryIO", file), allow_pickle=False)
    return values


def _too_large(path: Path, size: int) -> str:
    return (
        f"{path} unpacks to {size / 1e9:.1f} GB, and {LIMIT / 1e9:.1f} GB is the most that is read. If these are your "
        "images, keep fewer or smaller ones; if not, the file is no data."
    )


def _flat_labels(path: Path, labels: NDArray[Any]) -> NDArray[Any]:
    if labels.ndim == 2 and labels.shape[1] == 1:  # as MedMNIST has them
        return labels[:, 0]
    if labels.ndim != 1:
        raise DataError(f"{path}: the labels have shape {labels.shape}; expected one label for each image.")
    return labels


# -- idx -------------------------------------------------------------------------------------------------------------


def read_idx(path: Path) -> NDArray[np.uint8]:
    """Return the array of an idx file (MNIST's format), gzipped or not.

    Raises
    ------
    DataError
        If it is no idx file of unsigned bytes, or is longer or shorter than it says.
    """
    try:
        with path.open("rb") as plain:
            zipped = plain.read(2) == b"\x1f\x8b"
        with gzip.open(path) if zipped else path.open("rb") as file:
            return _idx_array(path, cast("BinaryIO", file))
    except _DAMAGE as error:
        raise DataError(f"{path} cannot be read as an idx file: {error}. Download it again.") from error


def _idx_array(path: Path, file: BinaryIO) -> NDArray[np.uint8]:
    head = file.read(4)
    if len(head) < 4 or head[:2] != b"\0\0" or head[2] != _IDX_BYTES or not 1 <= head[3] <= 4:
        raise DataError(
            f"{path} begins with the bytes {head.hex(' ')}; expected 00 00 08 and a number of dimensions, as idx files "
            "of unsigned bytes do."
        )
    sizes = file.read(4 * head[3])
    if len(sizes) != 4 * head[3]:
        raise DataError(f"{path} ends before its header does. Download it again.")
    shape = tuple(int(n) for n in np.frombuffer(sizes, dtype=">u4"))
    if (size := math.prod(shape)) > LIMIT:
        raise DataError(_too_large(path, size))
    held = file.read(size + 1)
    if len(held) != size:
        more = "more" if len(held) > size else f"{len(held)}"
        raise DataError(f"{path} says that it holds {size} bytes, and holds {more}. Download it again.")
    return np.frombuffer(held, dtype=np.uint8).reshape(shape)


def read_idx_images(images: Path, labels: Path, prefix: str = "image_") -> Images:
    """Return images (n, height, width) and labels (n,) of two idx files."""
    return images_of(images, read_idx(images), read_idx(labels), prefix)


# -- a folder of PNG files -------------------------------------------------------------------------------------------


def read_png_folder(folder: Path, labels: Path, layout: ImageLayout | None = None) -> Images:
    """Return the PNG files of a folder, in the order of a CSV file with a row for each.

    Parameters
    ----------
    folder : the 8-bit grey or RGB images, all of one size
    labels : CSV with the column of file names (``file``), of labels (``label``) and, if there are several images of one
        person, of people

    Raises
    ------
    DataError
        If the file and the folder do not agree, or an image is damaged, has another size or another kind of pixels.
    """
    layout = layout or ImageLayout()
    rows = _rows(labels)
    names = _column(rows, labels, layout.name_column, _NAMES)
    y = _column(rows, labels, layout.label_column, _LABELS)
    there = {path.name for path in folder.iterdir() if path.suffix.lower() == ".png"} if folder.is_dir() else set()
    if missing := [name for name in names if name not in there]:
        raise DataError(f"{labels} names {missing[0]!r}, which is not among the {len(there)} PNG files of {folder}.")
    if extra := sorted(there - set(names)):
        raise DataError(f"{folder} holds {extra[0]!r}, and {labels} has no label for it; add one or move the file.")
    arrays = [_png(folder / name) for name in names]
    shapes = [array.shape for array in arrays]
    if odd := next((i for i, shape in enumerate(shapes) if shape != shapes[0]), None):
        raise DataError(
            f"{folder / names[odd]} is {_size(shapes[odd])}, and {names[0]!r} is {_size(shapes[0])}; expected images "
            "of one size and one kind. Resize or convert them."
        )
    donors = None if layout.donor_column is None else _column(rows, labels, layout.donor_column, ())
    return images_of(folder, np.array(arrays), np.array(y), "", names=tuple(names), donors=donors)


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[1]} x {shape[0]} pixels" + (" in colour" if len(shape) == 3 else "")


def _png(path: Path) -> NDArray[np.uint8]:
    try:
        with Image.open(path, formats=["PNG"]) as image:
            image.verify()  # every part has its checksum, and the end is there; the image must be opened anew then
        with Image.open(path, formats=["PNG"]) as image:
            if max(image.size) > _SIDE:
                raise DataError(f"{path} is {image.width} x {image.height} pixels; expected at most {_SIDE} a side.")
            if image.mode not in ("L", "RGB", "1"):
                raise DataError(f"{path} {_KINDS.get(image.mode, f'has the mode {image.mode}')}; {_EXPECTED}")
            values: NDArray[np.uint8] = np.asarray(image.convert("L") if image.mode == "1" else image)
            return values
    except (UnidentifiedImageError, SyntaxError, *_DAMAGE) as error:
        raise DataError(f"{path} is damaged or no PNG file: {error}. Export it again.") from error


_KINDS: Mapping[str, str] = {
    "RGBA": "has an alpha channel",
    "LA": "has an alpha channel",
    "P": "has a palette",
    "I": "has 16 bits a pixel",
    "I;16": "has 16 bits a pixel",
    "I;16B": "has 16 bits a pixel",
}
_EXPECTED = "expected 8-bit grey or RGB. Convert it, with the same window of brightness for all images."


def _rows(path: Path) -> list[dict[str, str]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read as a CSV file: {error}.") from error
    rows = list(csv.DictReader(io.StringIO(text)))
    if not rows:
        raise DataError(f"{path} has no rows; expected one for each image, under a header such as file,label.")
    return rows


def _column(rows: Sequence[Mapping[str, str]], path: Path, name: str | None, usual: Sequence[str]) -> list[str]:
    columns = [column for column in rows[0] if column]
    lower = {column.lower(): column for column in columns}
    found = name if name is not None else next((lower[word] for word in usual if word in lower), None)
    if found not in columns:
        hint = near_name(name, columns) if name else ""
        raise DataError(
            f"{path} has no column {name or ' or '.join(map(repr, usual))}.{hint} Its columns are {', '.join(columns)}."
        )
    values = [(row[found] or "").strip() for row in rows]
    if "" in values:
        raise DataError(f"{path}, row {values.index('') + 2}: column {found!r} is empty; expected text for each image.")
    return values


# -- from arrays to images -------------------------------------------------------------------------------------------


def images_of(
    path: Path, pixels: NDArray[Any], labels: NDArray[Any], prefix: str, *, names: tuple[str, ...] = (),
    donors: Sequence[str] | None = None,
) -> Images:  # fmt: skip
    """Return checked images from the arrays of a file; their names are the prefix and a number unless given."""
    if pixels.dtype.kind in "iu" and pixels.dtype != np.uint8:
        raise DataError(
            f"{path}: the images have {8 * pixels.dtype.itemsize}-bit pixels ({pixels.dtype}); expected 8-bit (uint8) "
            "or floats from 0 to 1. Convert them, with the same window of brightness for all images."
        )
    if pixels.dtype.kind not in "uf" or pixels.ndim not in (3, 4):
        raise DataError(
            f"{path}: the images are {pixels.dtype} of shape {pixels.shape}; expected numbers, n x height x width, "
            "with a last axis of 1 or 3 channels at most."
        )
    pixels = pixels if pixels.ndim == 4 else pixels[..., None]
    if pixels.shape[3] not in (1, 3):
        alpha = "an alpha channel" if pixels.shape[3] in (2, 4) else f"{pixels.shape[3]} channels"
        raise DataError(f"{path}: the images have {alpha}; expected one channel (grey) or three (RGB).")
    if len(labels) != len(pixels):
        raise DataError(f"{path}: there are {len(pixels)} images and {len(labels)} labels; expected as many of both.")
    made = tuple(f"{prefix}{i}" for i in range(len(pixels)))
    donor = None if donors is None else np.array(donors, dtype=np.str_)
    try:
        found = Images(pixels=pixels, y=labels.astype(np.str_), samples=names or made, donors=donor)
    except DataError as error:
        raise DataError(f"{path}: {error}") from error
    if len(found) and found.pixels.min() == found.pixels.max():
        raise DataError(f"{path}: every pixel has the value {found.pixels.flat[0]}; expected images that differ.")
    return found


def without_repeats(images: Images) -> tuple[Images, int]:
    """Return the images without those that equal an earlier one in every pixel, and how many these were."""
    flat = images.pixels.reshape(len(images), -1)
    first = np.sort(np.unique(flat, axis=0, return_index=True)[1])
    return images.take(first), len(images) - len(first)


def halved(images: Images) -> Images:
    """Return images of half the height and width, each pixel the mean of four."""
    n, height, width, channels = images.pixels.shape
    values = images.X.reshape(n, height // 2, 2, width // 2, 2, channels).mean(axis=(2, 4))
    return Images(pixels=values, y=images.y, samples=images.samples, donors=images.donors)
