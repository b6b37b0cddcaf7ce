"""How far targets lie from the structure of a release: what the structure attacks take per release or per class."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

from ._classes import predicted_labels
from ._spectra import sharpest_split, spectrum

Floats = NDArray[np.float64]
Scorer = Callable[[NDArray[np.float32], NDArray[np.float32]], tuple[Floats, float]]
_FEW_TARGETS = 8  # below this a split says nothing
_FEW_PEOPLE = 3  # a class with fewer synthetic people has no shape of its own
_CLEAR = 0.8  # a split is believed above this; one normal group gives 2 / pi = 0.64, a skewed one up to 0.75


def mahalanobis(synthetic: NDArray[np.float32], targets: NDArray[np.float32]) -> tuple[Floats, float]:
    """Return minus the log Mahalanobis distance at the ridge that splits the targets best, and how well it does.

    If no ridge splits them clearly, the smallest one is taken, as published.
    """
    path = spectrum(synthetic).ridge_path(targets)
    if len(targets) < _FEW_TARGETS:
        return path[:, 0], 0.0
    column, threshold, clear = sharpest_split(path)
    if clear < _CLEAR:
        return path[:, 0] - np.median(path[:, 0]), clear
    return path[:, column] - threshold, clear


def residual(synthetic: NDArray[np.float32], targets: NDArray[np.float32]) -> tuple[Floats, float]:
    """Return minus the log share of each target that lies outside the span, and how well it splits the targets.

    Where the synthetic people span the whole space, everybody's share is 0 and all scores are 0: equal, no evidence.
    """
    axes = spectrum(synthetic)
    if axes.full:
        return np.zeros(len(targets)), 0.0
    inside, outside = axes.coordinates(targets)
    total = np.einsum("ij,ij->i", inside, inside) + outside
    share = -np.log(np.maximum(outside, np.finfo(np.float32).eps ** 2 * total) / np.maximum(total, 1e-300))
    if len(targets) < _FEW_TARGETS:
        return share, 0.0
    _, threshold, clear = sharpest_split(share[:, None])
    return share - (threshold if clear >= _CLEAR else np.median(share)), clear


def mahalanobis_ratio(
    synthetic: NDArray[np.float32], targets: NDArray[np.float32], ridge: float
) -> NDArray[np.float64]:
    """Return the log ratio of each target's Mahalanobis distance to the other targets and to the release.

    Both covariances get the same ridge, a share of the targets' mean variance. A target is left out of the covariance
    of the targets: with leverage h = q / (n - 1) its distance q becomes q / (1 - h n / (n - 1)) (Sherman, Morrison).
    """
    ours, theirs = spectrum(synthetic), spectrum(targets)
    added = ridge * float(theirs.variances.mean())
    to_release = ours.squared_distance(targets, added)
    squared, n = theirs.squared_distance(targets, added), len(targets)
    leverage = np.minimum(squared * n / (n - 1) ** 2, 1 - 1e-9)  # below 1 but for rounding, by the ridge
    ratio: Floats = np.log(squared / (1 - leverage)) - np.log(np.maximum(to_release, np.finfo(np.float64).tiny))
    return ratio


def sharpest_clusters(
    scorer: Scorer, synthetic: NDArray[np.float32], targets: NDArray[np.float32], numbers: Iterable[int]
) -> Floats:
    """Return the scores by predicted class, for the number of clusters at which the targets split most clearly."""
    tried = [
        by_class(scorer, synthetic, own, targets, theirs)
        for own, theirs in (predicted_labels(synthetic, targets, n) for n in numbers)
    ]
    return max(tried, key=lambda result: result[1])[0]


def by_class(
    scorer: Scorer,
    synthetic: NDArray[np.float32],
    synthetic_labels: NDArray[np.generic],
    targets: NDArray[np.float32],
    target_labels: NDArray[np.generic],
) -> tuple[Floats, float]:
    """Return scores in which each target met the synthetic people of its own class only, and how well they split.

    A target whose class has fewer than three synthetic people meets the whole release.
    """
    scores, clear = np.empty(len(targets)), 0.0
    for label in np.unique(target_labels):
        rows, own = target_labels == label, synthetic_labels == label
        people = synthetic[own] if own.sum() >= _FEW_PEOPLE else synthetic
        scores[rows], sharp = scorer(people, targets[rows])
        clear += sharp * rows.mean()
    return scores, clear
