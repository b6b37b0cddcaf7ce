"""Alpha-precision, beta-recall and authenticity: typical, diverse, and no copies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import nan

import numpy as np
from numpy.typing import NDArray

from bench import Cohort, Measure, metric

from ._distances import blocks, nearest, neighbour_distance

_GRID = np.linspace(0, 1, 101)


@metric(
    "alpha_precision",
    modalities="all",
    family="fidelity",
    measures=(
        Measure("alpha_precision", "higher", 0, 1, table="fidelity", rank=8, title="alpha-precision"),
        Measure("beta_recall", "higher", 0, 1, table="fidelity", rank=9, title="beta-recall"),
        Measure("authenticity", "none", 0, 1, table="fidelity", rank=10, title="authenticity"),
    ),
    doi="10.48550/arXiv.2102.08921",
)
@dataclass(kw_only=True)
class AlphaPrecision:
    """Return integrated alpha-precision and beta-recall, and authenticity, against the training samples.

    The alpha-support is the ball around the mean of the training samples that holds a share alpha of them.
    Alpha-precision is 1 - 2 |P(alpha) - alpha| integrated over alpha, P(alpha) the share of synthetic samples in
    that ball. Beta-recall is the same of R(beta): the share of training samples whose nearest synthetic sample is
    closer than their nearest fellow, and in the beta-support of the release: the ball around its mean with a
    share beta of it. Alpha-precision is near 0 for a release that is always inside or never: one more typical
    than people loses as much as one that is less. Authenticity: the share of synthetic samples that are farther
    from their nearest training sample than that one from its nearest fellow. On the values as they are, without
    an embedding (the published form learns one). NaN where there is no synthetic sample or fewer than two
    training samples.
    """

    def __call__(
        self, train: Cohort, holdout: Cohort, synthetic: Cohort, *, rng: np.random.Generator
    ) -> Mapping[str, float]:
        """Return the three values."""
        if len(train) < 2 or len(synthetic) == 0:
            return dict.fromkeys(("alpha_precision", "beta_recall", "authenticity"), nan)
        fellow = neighbour_distance(train, k=1)  # (n_train,)
        distance, closest = nearest(train, synthetic)  # (n_synthetic,)
        authentic = distance > fellow[closest]
        return {
            "alpha_precision": _agreement(_precision_curve(train.X, synthetic.X)),
            "beta_recall": _agreement(_recall_curve(train, synthetic, fellow)),
            "authenticity": float(authentic.mean()),
        }


def _agreement(curve: NDArray[np.float64]) -> float:
    """Return 1 - 2 x the area between a curve over the grid and the diagonal."""
    return max(0.0, 1 - 2 * float(np.trapezoid(np.abs(curve - _GRID), _GRID)))


def _from_centre(X: NDArray[np.float32], centre: NDArray[np.float64]) -> NDArray[np.float64]:
    distances: NDArray[np.float64] = np.linalg.norm(X - centre, axis=1)
    return distances


def _precision_curve(train: NDArray[np.float32], synthetic: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the share of synthetic samples in the ball of each share of training samples on the grid."""
    centre = train.mean(axis=0, dtype=np.float64)
    radii = np.quantile(_from_centre(train, centre), _GRID, method="inverted_cdf")
    inside = np.searchsorted(np.sort(_from_centre(synthetic, centre)), radii, side="right")
    curve: NDArray[np.float64] = np.where(_GRID == 0, 0, inside / len(synthetic))
    return curve


def _recall_curve(train: Cohort, synthetic: Cohort, fellow: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the share of training samples covered from within each share of most central synthetic samples."""
    place = np.empty(len(synthetic), dtype=np.intp)
    centre = synthetic.X.mean(axis=0, dtype=np.float64)
    place[np.argsort(_from_centre(synthetic.X, centre), kind="stable")] = range(len(place))
    closest, covered = np.empty(len(train), dtype=np.intp), np.empty(len(train), dtype=bool)
    for rows, squared in blocks(train, synthetic):
        closest[rows], covered[rows] = squared.argmin(axis=1), squared.min(axis=1) <= fellow[rows]
    needed = np.sort(place[closest][covered]) + 1
    curve: NDArray[np.float64] = np.searchsorted(needed, np.ceil(_GRID * len(place)), side="right") / len(train)
    return curve
