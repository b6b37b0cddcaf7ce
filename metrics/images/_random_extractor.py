"""Features of images from convolutions whose weights were drawn once: no data, public or private, made them.

Distances between features say how far two sets of images are apart in local structure. They are no substitute for
features of a network that was trained on photographs, and their values must not be held against published ones.
"""

from __future__ import annotations

import functools
import hashlib

import numpy as np
from numpy.typing import NDArray

_FIRST, _SECOND = 32, 48  # filters
_SIDE = 3
NAME = "5304d373"  # the first digits of the weights' SHA-256, which is part of the measures' names
_ROWS = 512  # images at once


@functools.cache
def weights(channels: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the filters of both layers: (32, 9 channels) and (48, 9 * 32)."""
    rng = np.random.Generator(np.random.PCG64(20_240_101))
    first = rng.standard_normal((_FIRST, _SIDE * _SIDE * channels)) / (_SIDE * _SIDE * channels) ** 0.5
    second = rng.standard_normal((_SECOND, _SIDE * _SIDE * _FIRST)) / (_SIDE * _SIDE * _FIRST / 2) ** 0.5
    return first - first.mean(axis=1, keepdims=True), second


def weights_hash() -> str:
    """Return the first eight digits of the SHA-256 of the weights for grey images, rounded to six decimals."""
    rounded = b"".join(np.round(layer, 6).astype("<f8").tobytes() for layer in weights(1))
    return hashlib.sha256(rounded).hexdigest()[:8]


def features(pixels: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return (n, 48) features of images (n, height, width, channels), brightness from 0 to 1.

    Two layers of 3 x 3 convolutions with ReLU, a 2 x 2 mean between them, and the mean over the image at the end.
    """
    parts = [_features(pixels[start : start + _ROWS]) for start in range(0, len(pixels), _ROWS)]
    return np.concatenate([*parts, np.empty((0, _SECOND))])


def _features(pixels: NDArray[np.float32]) -> NDArray[np.float64]:
    first, second = weights(pixels.shape[3])
    h = _pooled(_convolved(pixels.astype(np.float64), first))
    found: NDArray[np.float64] = _convolved(h, second).mean(axis=(1, 2))
    return found


def _convolved(x: NDArray[np.float64], filters: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ReLU of a 3 x 3 convolution that keeps height and width, the edge repeated."""
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (_SIDE, _SIDE), axis=(1, 2))  # (n, h, w, c, 3, 3)
    return np.maximum(windows.reshape(*windows.shape[:3], -1) @ filters.T, 0)


def _pooled(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the means of 2 x 2 blocks; a last odd row or column is left out."""
    n, height, width, channels = x.shape
    cut = x[:, : height // 2 * 2, : width // 2 * 2]
    found: NDArray[np.float64] = cut.reshape(n, height // 2, 2, width // 2, 2, channels).mean(axis=(2, 4))
    return found
