"""Extraction: how many training images leave a release nearly as they went in, with held-out images as control."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import nan

import numpy as np
from numpy.typing import NDArray

from bench import Images, Measure, metric

_NEIGHBOURS = 50


@metric(
    "extraction",
    modalities=("images",),
    family="extraction",
    measures=(
        Measure("extracted_train", "lower", 0, 1, table="extraction", rank=1, title="extracted of training"),
        Measure("extracted_holdout", "none", 0, 1, table="extraction", rank=2, title="extracted of held-out (control)"),
        Measure("extracted_excess", "lower", -1, 1, table="extraction", rank=3, title="excess"),
    ),
    doi="10.48550/arXiv.2301.13188",
)
@dataclass(kw_only=True)
class Extraction:
    """Return the share of training images that a synthetic image reproduces, and the same share of held-out images.

    A synthetic image extracts its nearest real image if that is closer than `closeness` times the mean distance of its
    50 nearest real images: nearer than density alone explains. The same test on the held-out images is the control,
    since a class of look-alikes is "extracted" by any good generator; both sides have as many images, drawn at random
    from the larger one. The excess is what speaks of memory. NaN with fewer than 51 images on a side.

    References
    ----------
    Carlini et al. (2023), Extracting training data from diffusion models, USENIX Security.
    """

    closeness: float = 0.5  # as published

    def __call__(
        self, train: Images, holdout: Images, synthetic: Images, *, rng: np.random.Generator
    ) -> Mapping[str, float]:
        """Return both shares and their difference."""
        n = min(len(train), len(holdout))
        if n <= _NEIGHBOURS or len(synthetic) == 0:
            return {"extracted_train": nan, "extracted_holdout": nan, "extracted_excess": nan}
        shares = []
        for real in (train.X, holdout.X):
            rows = np.sort(rng.permutation(len(real))[:n])
            shares.append(len(extracted(real[rows], synthetic.X, self.closeness)) / n)
        return {
            "extracted_train": shares[0],
            "extracted_holdout": shares[1],
            "extracted_excess": shares[0] - shares[1],
        }


def extracted(real: NDArray[np.float32], made: NDArray[np.float32], closeness: float) -> NDArray[np.intp]:
    """Return which real images (n, d) some synthetic image (m, d) reproduces."""
    norms = (real.astype(np.float64) ** 2).sum(axis=1)
    found: set[int] = set()
    for start in range(0, len(made), 1024):
        part = made[start : start + 1024].astype(np.float64)
        squared = norms - 2 * part @ real.T.astype(np.float64) + (part**2).sum(axis=1)[:, None]
        near = np.argpartition(squared, _NEIGHBOURS - 1, axis=1)[:, :_NEIGHBOURS]
        apart = np.sqrt(np.maximum(np.take_along_axis(squared, near, axis=1), 0))
        hit = apart.min(axis=1) < closeness * apart.mean(axis=1)
        found.update(near[np.flatnonzero(hit), apart[hit].argmin(axis=1)].tolist())
    return np.array(sorted(found), dtype=np.intp)
