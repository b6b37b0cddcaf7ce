"""Images as data: a stack of pixels with a label for each image, checked where it is made."""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass, replace
from typing import ClassVar, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.core.errors import DataError
from bench.core.plain import real
from bench.core.records import (
    Labelled,
    Modality,
    Units,
    check_one_each,
    check_unique,
    label_array,
    row_numbers,
    synthetic_names,
)

_BRIGHTEST = 255  # of uint8


@dataclass(frozen=True, eq=False, repr=False)
class Images(Labelled):
    """Images with one class label each; their order is part of the data.

    Parameters
    ----------
    pixels : (n_images, height, width, channels) uint8, or floats in [0, 1] (kept as float32); made read-only
    y : (n_images,) str, the class label; None if there are none, and whoever asks for it gets a `NoLabelsError`
    samples : n_images unique names, in order
    donors : (n_images,) str or None; the person an image is of, where there are several of one

    Raises
    ------
    DataError
        If a shape does not fit, a value is outside its range or a name comes twice.

    Examples
    --------
    >>> import numpy as np
    >>> from bench import Images
    >>> images = Images(pixels=np.zeros((2, 8, 8, 1), dtype=np.uint8), y=["0", "1"], samples=("a", "b"))
    >>> images.X.shape, images.features[9]
    ((2, 64), 'pixel_1_1_0')
    """

    modality: ClassVar[Modality] = "images"
    units: ClassVar[Units] = "intensity"  # of the flat view: 0 is black, 1 is white

    pixels: NDArray[np.uint8] | NDArray[np.float32]
    y: NDArray[np.str_]
    samples: tuple[str, ...]
    donors: NDArray[np.str_] | None = None

    def __post_init__(self) -> None:
        pixels = np.array(real(self.pixels, "the pixels", DataError), order="C")
        if pixels.dtype != np.uint8:
            pixels = pixels.astype(np.float32)
        pixels.setflags(write=False)
        object.__setattr__(self, "pixels", pixels)
        object.__setattr__(self, "samples", tuple(self.samples))
        self._keep_labels(self.y)
        if self.donors is not None:
            object.__setattr__(self, "donors", label_array(self.donors, "donors"))
        self._check()

    def _check(self) -> None:
        if self.pixels.ndim != 4 or len(self.pixels) != len(self.samples):
            raise DataError(
                f"the pixels have shape {self.pixels.shape}, and there are {len(self.samples)} names. Expected "
                "images x height x width x channels; grey images have one channel."
            )
        check_one_each(len(self), {**self._labels(), "donors": self.donors})
        check_unique(self.samples, "image")
        within = (self.pixels >= 0) & (self.pixels <= (_BRIGHTEST if self.pixels.dtype == np.uint8 else 1))
        if not within.all():  # a value that is no number is not within either
            at = tuple(int(i) for i in np.argwhere(~within)[0])
            raise DataError(
                f"image {self.samples[at[0]]!r} has the value {self.pixels[at]} at pixel {at[1:]}; expected uint8, or "
                "floats from 0 to 1. Divide by the brightest value that the format allows, not by the brightest seen."
            )

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels of one image."""
        height, width, channels = self.pixels.shape[1:]
        return height, width, channels

    @functools.cached_property
    def X(self) -> NDArray[np.float32]:  # noqa: N802 - the name of a matrix in this field
        """The flat view: (n_images, height * width * channels) float32 in [0, 1], row by row, channels last."""
        flat = self.pixels.reshape(len(self), len(self.features)).astype(np.float32)
        if self.pixels.dtype == np.uint8:
            flat /= _BRIGHTEST
        flat.setflags(write=False)
        return flat

    @functools.cached_property
    def features(self) -> tuple[str, ...]:
        """The names of the columns of the flat view: ``pixel_<row>_<column>_<channel>``."""
        return tuple(f"pixel_{row}_{column}_{channel}" for row, column, channel in np.ndindex(self.shape))

    @property
    def genes(self) -> tuple[str, ...]:
        """The features, for plugins that only need a matrix and know its columns by this name."""
        return self.features

    @property
    def n_genes(self) -> int:
        """Number of features."""
        return len(self.features)

    def take(self, rows: ArrayLike) -> Images:
        """Return the images of the given rows (indices or mask), in that order."""
        index = row_numbers(rows)
        return Images(
            pixels=self.pixels[index],
            y=cast("NDArray[np.str_]", self.y[index] if self.has_labels else None),
            samples=tuple(self.samples[i] for i in index),
            donors=None if self.donors is None else self.donors[index],
        )

    def renamed(self, samples: tuple[str, ...]) -> Images:
        """Return the same images under other sample names."""
        return replace(self, samples=samples, y=cast("NDArray[np.str_]", self._labels()["y"]))

    def synthetic(self, X: ArrayLike, y: ArrayLike | None) -> Images:
        """Return synthetic images of this size, with new names.

        Parameters
        ----------
        X : (n, n_features) or (n, height, width, channels) brightness; what lies outside [0, 1] is cut to it, since
            no image can show it
        y : (n,) class labels; None if there are none
        """
        values = np.asarray(real(X, "the synthetic pixels", DataError), dtype=np.float32)
        pixels = np.clip(values.reshape(len(values), *self.shape), 0, 1)
        labels = cast("NDArray[np.str_]", y)  # made text, or left out, by the images
        return Images(pixels=pixels, y=labels, samples=synthetic_names(len(values)))

    @functools.cached_property
    def digest(self) -> str:
        """SHA-256 of everything in the images, as 64 hex digits."""
        h = hashlib.sha256(f"images\0{self.pixels.dtype.str}\0{self.pixels.shape}\0".encode())
        h.update(self.pixels.tobytes())
        for name, values in {**self._labels(), "donors": self.donors, "samples": self.samples}.items():
            h.update("\0".join([f"\1{name}", *([] if values is None else map(str, values))]).encode())
        return h.hexdigest()
