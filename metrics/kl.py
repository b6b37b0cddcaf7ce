"""Per-gene Kullback-Leibler divergence: whether each gene alone has the right distribution."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import nan

import numpy as np
from numpy.typing import NDArray

from bench import Cohort, Measure, metric

_BINS = 49  # the published 50 bin edges
_FLOOR = 1e-10  # added to each density, as published, so that an empty bin has a finite logarithm


@metric(
    "kl",
    modalities="all",
    family="fidelity",
    measures=(
        Measure("kl_train", "lower", 0),
        Measure("kl_holdout", "lower", 0, table="fidelity", rank=2, title="KL holdout"),
        Measure("kl_base", "none", 0),
    ),
    doi="10.64898/2026.03.02.707794",
)
@dataclass(kw_only=True)
class KL:
    """Return the mean over genes of KL(real || synthetic) between histograms, in nats.

    Each gene is cut into 49 equal bins from the smallest to the largest value of both cohorts; 1e-10 is added to the
    densities, which then sum to 1. ``kl_base`` is KL(held-out || training). An empty bin of the second cohort costs
    about 23 nats times its weight, so the value depends on the cohort's size: compare it with ``kl_base`` only where
    the sizes agree. A gene that is one constant in both cohorts counts 0. NaN where a cohort is empty.
    """

    def __call__(
        self, train: Cohort, holdout: Cohort, synthetic: Cohort, *, rng: np.random.Generator
    ) -> Mapping[str, float]:
        """Return the three means."""
        return {
            "kl_train": _mean_kl(train.X, synthetic.X),
            "kl_holdout": _mean_kl(holdout.X, synthetic.X),
            "kl_base": _mean_kl(holdout.X, train.X),
        }


def _mean_kl(real: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    if len(real) == 0 or len(other) == 0:
        return nan
    low = np.minimum(real.min(axis=0), other.min(axis=0)).astype(np.float64)
    high = np.maximum(real.max(axis=0), other.max(axis=0)).astype(np.float64)
    varies = high > low
    edges = np.linspace(low[varies], high[varies], _BINS + 1)  # (50, n_varying)
    p, q = (_densities(X if varies.all() else X[:, varies], edges) for X in (real, other))
    return float((p * np.log(p / q)).sum() / real.shape[1])


def _densities(X: NDArray[np.float32], edges: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the (49, n_genes) histograms as densities with the floor added, scaled to sum to 1."""
    place = X - edges[0]  # (n, n_genes) float64
    place *= _BINS / (edges[-1] - edges[0])
    index = place.astype(np.intp)
    place -= index + 0.5  # from the middle of the bin, -1/2 to 1/2
    close = np.nonzero(np.abs(place) > 0.5 - 1e-6)  # where rounding may cross an edge, the edges decide
    bins = np.clip(index[close] + (place[close] > 0), 1, _BINS - 1)
    index[close] = bins - (X[close] < edges[bins, close[1]])
    index += _BINS * np.arange(X.shape[1])
    counts = np.bincount(index.ravel(), minlength=_BINS * X.shape[1]).reshape(-1, _BINS).T
    density = counts / (len(X) * np.diff(edges, axis=0)) + _FLOOR
    scaled: NDArray[np.float64] = density / density.sum(axis=0)
    return scaled
