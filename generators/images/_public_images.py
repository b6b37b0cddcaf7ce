"""Public images of other people, which a network may be trained on before it sees a private one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench import DataError, Images, PluginError
from bench.core.cohort_file import read_records


def read_public(file: str, images: Images) -> tuple[NDArray[np.float32], str]:
    """Return public images (m, n_features) at the size of the private ones, and what a claim says of them.

    Images that are a whole number of times as high and wide are averaged over blocks. Their labels are not used.

    Parameters
    ----------
    file : an image dataset as `bench data import` keeps it, ``<data home>/<name>/cohort.npz``
    images : the private images, for their size, and because none of them may be public

    Raises
    ------
    PluginError
        If the file holds no images, they do not fit, or a private image is among them.
    """
    try:
        public = read_records(Path(file))
    except DataError as error:
        raise PluginError(f"the public images cannot be read: {error}") from error
    if not isinstance(public, Images) or not len(public):
        raise PluginError(f"{file} holds no images; expected an image dataset that `bench data import` made.")
    X = _at_size(public, images.shape, file)
    known = {row.tobytes() for row in np.round(255 * X).astype(np.uint8)}
    if any(row.tobytes() in known for row in np.round(255 * images.X).astype(np.uint8)):
        raise PluginError(f"a private image is among the public ones of {file}; expected images of other people.")
    return X, f"{len(public)} images of {Path(file).parent.name or file} (digest {public.digest[:12]})"


def _at_size(public: Images, shape: tuple[int, int, int], file: str) -> NDArray[np.float32]:
    height, width, channels = public.shape
    times = height // shape[0]
    if times < 1 or (height, width, channels) != (times * shape[0], times * shape[1], shape[2]):
        raise PluginError(
            f"the public images of {file} have the size {height} x {width} x {channels}, the private ones "
            f"{shape[0]} x {shape[1]} x {shape[2]}; expected the same size, or a whole number of times the height and "
            "the width."
        )
    blocks = public.X.reshape(len(public), shape[0], times, shape[1], times, channels)
    X: NDArray[np.float32] = blocks.mean(axis=(2, 4), dtype=np.float32).reshape(len(public), -1)
    return X
