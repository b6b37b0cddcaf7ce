"""Per-gene distances between distributions: Kolmogorov-Smirnov and Wasserstein, without bins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import nan

import numpy as np
from numpy.typing import NDArray

from bench import Cohort, Measure, metric


@metric(
    "marginals",
    modalities="all",
    family="fidelity",
    measures=(
        Measure("ks_train", "lower", 0, 1),
        Measure("ks_holdout", "lower", 0, 1, table="fidelity", rank=5, title="KS holdout"),
        Measure("ks_base", "none", 0, 1),
        Measure("wasserstein_train", "lower", 0),
        Measure("wasserstein_holdout", "lower", 0, table="fidelity", rank=6, title="Wasserstein holdout"),
        Measure("wasserstein_base", "none", 0),
    ),
    doi="10.1109/DSAA.2016.49",
)
@dataclass(kw_only=True)
class Marginals:
    """Return two distances between the distributions of each gene, both means over genes.

    Kolmogorov-Smirnov: the largest difference of the two distribution functions. Wasserstein: the area between them, in
    standard deviations of the gene among the training samples; a gene that is constant there takes no part. They
    notice shifted, narrowed and discretised genes, and see nothing of correlations, labels or copies. ``_base`` is
    of held-out against training samples. NaN where a cohort is empty, or no gene varies.
    """

    def __call__(
        self, train: Cohort, holdout: Cohort, synthetic: Cohort, *, rng: np.random.Generator
    ) -> Mapping[str, float]:
        """Return the six means."""
        spread = train.X.std(axis=0, dtype=np.float64) if len(train) else np.zeros(train.n_genes)
        pairs = {"train": (train, synthetic), "holdout": (holdout, synthetic), "base": (holdout, train)}
        found = {}
        for role, (real, other) in pairs.items():
            found[f"ks_{role}"], found[f"wasserstein_{role}"] = _distances(real.X, other.X, spread)
        return found


def _distances(
    real: NDArray[np.float32], other: NDArray[np.float32], spread: NDArray[np.float64]
) -> tuple[float, float]:
    """Return the mean Kolmogorov-Smirnov and the mean scaled Wasserstein distance over genes."""
    if len(real) == 0 or len(other) == 0:
        return nan, nan
    each = np.array([_one_gene(a, b) for a, b in zip(np.sort(real.T), np.sort(other.T), strict=True)])  # (n_genes, 2)
    varies = spread > 1e-6 * np.maximum(np.abs(real.mean(axis=0)), 1)
    scaled = each[varies, 1] / spread[varies]
    return float(each[:, 0].mean()), float(scaled.mean()) if varies.any() else nan


def _one_gene(a: NDArray[np.float32], b: NDArray[np.float32]) -> tuple[float, float]:
    """Return both distances between two sorted samples of one gene."""
    points = np.sort(np.concatenate([a, b]))
    gap = np.abs(np.searchsorted(a, points, side="right") / len(a) - np.searchsorted(b, points, side="right") / len(b))
    return float(gap.max()), float(gap[:-1] @ np.diff(points.astype(np.float64)))
