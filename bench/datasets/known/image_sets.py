"""The image datasets known by name: where their files are expected, and which of their images make the cohort."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from bench.core.errors import DataError
from bench.core.images import Images

if TYPE_CHECKING:
    from bench.datasets import Dataset


@dataclass(frozen=True, kw_only=True)
class ImageSet:
    """What is known of one image dataset before its files are read.

    Parameters
    ----------
    name : the name on the command line
    title : one line for tables
    shape : images and features of the cohort
    n_classes : its number of classes
    files : the files in the data home that it is made from; none if scikit-learn ships it
    classes : names of the labels 0, 1, ...; empty if the numbers are the names
    half : whether height and width are halved, each pixel the mean of four
    """

    name: str
    title: str
    shape: tuple[int, int]
    n_classes: int
    files: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    half: bool = False

    def is_here(self, home: Path) -> bool:
        """Return whether every file of it is in the data home."""
        return all((home / file).is_file() for file in self.files)


_MNIST = tuple(f"mnist/{part}-{what}-ubyte.gz" for part in ("train", "t10k") for what in ("images-idx3", "labels-idx1"))
_FASHION = tuple(file.replace("mnist/", "fashionmnist/") for file in _MNIST)
_LUNGS = ("normal", "pneumonia")
_SETS = (
    ImageSet(name="digits", title="handwritten digits, 8 x 8 (scikit-learn)", shape=(1797, 64), n_classes=10),
    ImageSet(
        name="pneumoniamnist", title="chest X-rays of children, 28 x 28 (MedMNIST)", shape=(4690, 784), n_classes=2,
        files=("pneumoniamnist.npz",), classes=_LUNGS,
    ),
    ImageSet(
        name="pneumoniamnist14", title="chest X-rays of children, 14 x 14 (MedMNIST)", shape=(4690, 196), n_classes=2,
        files=("pneumoniamnist.npz",), classes=_LUNGS, half=True,
    ),
    ImageSet(
        name="breastmnist", title="breast ultrasound, 28 x 28 (MedMNIST)", shape=(546, 784), n_classes=2,
        files=("breastmnist.npz",), classes=("malignant", "normal or benign"),
    ),
    ImageSet(name="mnist", title="handwritten digits, 28 x 28", shape=(60000, 784), n_classes=10, files=_MNIST),
    ImageSet(
        name="mnist14", title="handwritten digits, 14 x 14", shape=(60000, 196), n_classes=10, files=_MNIST, half=True
    ),
    ImageSet(name="fashionmnist", title="clothes, 28 x 28", shape=(60000, 784), n_classes=10, files=_FASHION),
)  # fmt: skip
IMAGE_SETS: Mapping[str, ImageSet] = MappingProxyType({known.name: known for known in _SETS})


def load_image_set(home: Path, known: ImageSet) -> Dataset:
    """Return a known image dataset: the official training part without repeats, and a reference where there is one.

    The reference of MedMNIST's sets is their validation part, that of MNIST's its test part. An image of it that
    is also a training image is left out.

    Raises
    ------
    DataError
        If a file is missing or damaged.
    """
    from bench.datasets import Dataset
    from bench.datasets.readers.image_files import halved, without_repeats  # Pillow is read when an image is

    if missing := [file for file in known.files if not (home / file).is_file()]:
        raise DataError(
            f"dataset {known.name!r} is not here: there is no {missing[0]} in {home}. Put the file there as it is "
            "published; `--dataset digits` needs none."
        )
    cohort, reference = _parts(home, known)
    cohort, repeats = without_repeats(_named(cohort, known))
    if reference is not None:
        seen = {image.tobytes() for image in cohort.pixels}
        unseen = np.array([image.tobytes() not in seen for image in reference.pixels])
        reference = without_repeats(_named(reference.take(unseen), known))[0]
    if known.half:
        cohort, reference = halved(cohort), None if reference is None else halved(reference)
    source = f"the data home: {', '.join(known.files)}" if known.files else "scikit-learn, where it is shipped"
    if repeats:
        source += f"; {repeats} images that equal an earlier one were left out"
    return Dataset(known.name, known.title, "label", cohort, reference, False, source)


def _parts(home: Path, known: ImageSet) -> tuple[Images, Images | None]:
    from bench.datasets.readers.image_files import read_idx_images, read_image_npz

    if not known.files:
        return _digits(), None
    if len(known.files) == 1:
        parts = read_image_npz(home / known.files[0])
        if "train" not in parts:
            raise DataError(f"{home / known.files[0]} has no train_images; expected the file that MedMNIST publishes.")
        return parts["train"], parts.get("val")
    paths = [home / file for file in known.files]
    return read_idx_images(paths[0], paths[1], "train_"), read_idx_images(paths[2], paths[3], "test_")


def _digits() -> Images:
    from sklearn.datasets import load_digits  # slow to import

    data = load_digits()
    pixels = (data.images / 16).astype(np.float32)[..., None]  # 17 levels
    names = tuple(f"digit_{i}" for i in range(len(pixels)))
    return Images(pixels=pixels, y=data.target.astype(np.str_), samples=names)


def _named(images: Images, known: ImageSet) -> Images:
    if not known.classes:
        return images
    numbers = images.y.astype(int)
    if not set(numbers.tolist()) <= set(range(len(known.classes))):
        raise DataError(f"{known.name}: the labels are {sorted(set(numbers.tolist()))}; expected 0 and 1.")
    labels = np.array(known.classes)[numbers]
    return Images(pixels=images.pixels, y=labels, samples=images.samples, donors=images.donors)
