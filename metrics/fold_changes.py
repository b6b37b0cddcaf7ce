"""Fold changes: whether differences between classes are as large in the release as in real people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from math import nan

import numpy as np
from numpy.typing import NDArray

from bench import Cohort, Measure, fold_fact, metric

Array = NDArray[np.float64]


@metric(
    "fold_changes",
    family="biology",
    measures=(
        Measure(
            "fold_change_concordance", "higher", -1, 1, table="biology", rank=14, title="fold change CCC",
            real="fold_change_concordance_base", chance=0, words="concordance of fold changes",
        ),
        Measure("fold_change_concordance_base", "none", -1, 1),
        Measure("fold_change_slope", "none", table="biology", rank=15, title="fold change slope", target=1.0),
    ),
    opt_in=True,
    doi="10.2307/2532051",
)  # fmt: skip
@dataclass(kw_only=True)
class FoldChanges:
    """Compare the log2 fold changes between all pairs of classes with those of the training samples.

    The fold change of a gene is the difference of the means of two classes on a log2 scale, and of counts that of
    log2(mean + 1). ``fold_change_concordance`` is Lin's concordance correlation over all genes and pairs of classes: 1
    only if every difference has the very size, where a rank correlation forgives a release in which all are halved;
    ``_base`` has the held-out samples in the place of the release. ``fold_change_slope`` is the slope of the release's
    on the training samples' fold changes: below 1 differences shrink. NaN of z-scores, which have no fold changes, and
    where a class is missing or nothing differs.

    Lin 1989, Biometrics 45, 255-268.
    """

    def __call__(
        self, train: Cohort, holdout: Cohort, synthetic: Cohort, *, rng: np.random.Generator
    ) -> Mapping[str, float]:
        """Return the agreement of the fold changes."""
        if train.units == "zscore":
            return {"fold_change_concordance": nan, "fold_change_concordance_base": nan, "fold_change_slope": nan}
        real, made = _changes(train), changes(synthetic, train)
        return {
            "fold_change_concordance": concordance(real, made),
            "fold_change_concordance_base": concordance(real, changes(holdout, train)),
            "fold_change_slope": _slope(real, made),
        }


@fold_fact
def _changes(train: Cohort) -> Array:
    return changes(train, train)


def changes(cohort: Cohort, train: Cohort) -> Array:
    """Return (n_pairs * n_genes,) log2 fold changes of all pairs of training classes; NaN where one is missing."""
    means = []
    for label in train.classes:
        X = cohort.X[cohort.y == label].astype(np.float64)
        mean = X.mean(axis=0) if len(X) else np.full(cohort.n_genes, nan)
        means.append(np.log2(mean + 1) if train.units == "counts" else mean)
    pairs = [a - b for a, b in combinations(means, 2)]
    return np.concatenate(pairs) if pairs else np.empty(0)


def concordance(x: Array, y: Array) -> float:
    """Return Lin's concordance correlation coefficient: 2 cov / (var x + var y + (difference of means)^2)."""
    if len(x) < 2 or np.isnan(y).any() or not (np.ptp(x) > 0):
        return nan
    cov = float(((x - x.mean()) * (y - y.mean())).mean())
    return 2 * cov / float(x.var() + y.var() + (x.mean() - y.mean()) ** 2)


def _slope(x: Array, y: Array) -> float:
    if len(x) < 2 or np.isnan(y).any() or not (np.ptp(x) > 0):
        return nan
    return float(((x - x.mean()) * (y - y.mean())).mean() / x.var())
