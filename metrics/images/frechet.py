"""Frechet and kernel distance between images, on features of convolutions with fixed random weights. No FID."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import nan

import numpy as np
from numpy.typing import NDArray

from bench import Images, Measure, fold_fact, metric

from ._random_extractor import features


@metric(
    "frechet",
    modalities=("images",),
    family="fidelity",
    measures=(
        Measure(
            "frechet_random_5304d373",
            "lower",
            0,
            table="fidelity",
            rank=1,
            title="FD-random-5304d373",
            decides="science",
            real="frechet_random_5304d373_base",
        ),
        Measure("frechet_random_5304d373_base", "none", 0),
        Measure("kernel_distance_random_5304d373", "lower", table="fidelity", rank=2, title="KD-random-5304d373"),
        Measure("kernel_distance_random_5304d373_base", "none"),
    ),
)
@dataclass(kw_only=True)
class Frechet:
    """Return how far the release's features are from those of held-out images, and how far training images' are.

    Frechet distance: of the normal distributions with the features' means and covariances,
    ``|m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2))``. Kernel distance: the unbiased squared maximum mean discrepancy
    under ``(x'y / d + 1)^3``. The extractor was trained on nothing: two layers of convolutions with weights that were
    drawn once, whose hash is in the names. Such distances compare generators on one dataset; they are not FID or KID,
    and no published number may stand beside them. NaN with fewer than two images.

    References
    ----------
    Heusel et al. (2017), NeurIPS, and Binkowski et al. (2018), ICLR, for the two distances.
    """

    def __call__(
        self, train: Images, holdout: Images, synthetic: Images, *, rng: np.random.Generator
    ) -> Mapping[str, float]:
        """Return both distances of the release, and of the training images, from the held-out ones."""
        real, made, base = features_of(holdout), _features(synthetic), features_of(train)
        return {
            "frechet_random_5304d373": frechet_distance(made, real),
            "frechet_random_5304d373_base": frechet_distance(base, real),
            "kernel_distance_random_5304d373": kernel_distance(made, real),
            "kernel_distance_random_5304d373_base": kernel_distance(base, real),
        }


@fold_fact
def features_of(images: Images) -> NDArray[np.float64]:
    """Return the (n, 48) features of real images."""
    return _features(images)


def _features(images: Images) -> NDArray[np.float64]:
    return features(images.X.reshape(len(images), *images.shape))


def frechet_distance(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Return the Frechet distance of the normal distributions of features (n, d) and (m, d)."""
    if min(len(a), len(b)) < 2:
        return nan
    gap = a.mean(axis=0) - b.mean(axis=0)
    one, other = np.cov(a.T), np.cov(b.T)
    values, vectors = np.linalg.eigh(np.atleast_2d(one))
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T  # C1^(1/2); the product below has C1 C2's eigenvalues
    shared = np.linalg.eigvalsh(root @ np.atleast_2d(other) @ root)
    return float(max(gap @ gap + np.trace(np.atleast_2d(one + other)) - 2 * np.sqrt(np.maximum(shared, 0)).sum(), 0.0))


def kernel_distance(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Return the unbiased squared maximum mean discrepancy of features under a cubic kernel; may be below 0."""
    n, m, d = len(a), len(b), a.shape[1]
    if min(n, m) < 2:
        return nan
    aa, bb, ab = ((x @ y.T / d + 1) ** 3 for x, y in ((a, a), (b, b), (a, b)))
    within = (aa.sum() - np.trace(aa)) / (n * (n - 1)) + (bb.sum() - np.trace(bb)) / (m * (m - 1))
    return float(within - 2 * ab.mean())
