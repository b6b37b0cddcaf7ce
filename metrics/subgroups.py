"""Whether a release keeps the groups inside classes, the small ones too, that no label names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import nan

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from bench import Cohort, Measure, integer_seed, metric

from ._order import content_order
from ._subgroups import Array, Subgroups, find_subgroups

_LOST = 1.0  # the distance of a subgroup that has fewer than two samples in the release


@metric(
    "subgroups",
    modalities="all",
    family="fidelity",
    measures=(
        Measure("subgroup_share_distance", "lower", 0, 1, table="fidelity", rank=11, title="subgroup shares"),
        Measure("subgroup_share_distance_base", "none", 0, 1),
        Measure("subgroup_small_coverage", "higher", 0, 1),
        Measure("subgroup_small_coverage_base", "none", 0, 1),
        Measure("subgroup_mmd", "lower", -2, 2),
        Measure("subgroup_mmd_base", "none", -2, 2),
        Measure("subgroup_mmd_worst", "lower", -2, 2, table="fidelity", rank=12, title="worst subgroup MMD"),
        Measure("subgroup_count_real", "none", 1),
    ),
    doi="10.3390/e23091165",
)
@dataclass(kw_only=True)
class SubgroupFidelity:
    """Return whether the subgroups inside the classes have their share and their shape in the release.

    Subgroups come from the training samples alone: k-means within each class, on ten principal components of what the
    class means leave over; up to three in a class, eight samples for each. They need be no biological entities: they
    say which regions of a class are filled. A synthetic sample belongs to the nearest subgroup of its class.

    ``subgroup_share_distance`` is the total variation distance between the shares that the subgroups have of their
    class in training samples and release, mean over classes with several subgroups; ``subgroup_small_coverage`` the
    share of the smallest subgroup in the release over that in the training samples, at most 1, mean over the same
    classes. ``subgroup_mmd`` is the unbiased squared MMD within a subgroup, on the components (Gaussian kernel,
    width from the median distance among its training samples), mean over subgroups with two training samples or more;
    ``subgroup_mmd_worst`` the largest. ``_base``: held-out samples in place of the release. A class that
    the release lacks has distance 1 and coverage 0, a subgroup with fewer than two samples has an MMD of 1. At most
    2,000 samples of a subgroup enter the MMD (`most`). NaN without a synthetic sample, and where no class has
    several subgroups.
    """

    most: int = 2000  # samples of a subgroup; bounds time and memory

    def __call__(
        self, train: Cohort, holdout: Cohort, synthetic: Cohort, *, rng: np.random.Generator
    ) -> Mapping[str, float]:
        """Return the measures; `rng` seeds k-means and draws from subgroups that are too large."""
        groups = find_subgroups(train, seed=integer_seed(rng))
        real = _Placed(train, groups, self.most, rng)
        base = _compare(groups, real, _Placed(holdout, groups, self.most, rng))
        values = _compare(groups, real, _Placed(synthetic, groups, self.most, rng))
        values |= {f"{name}_base": value for name, value in base.items() if not name.endswith("_worst")}
        return values | {"subgroup_count_real": float(len(groups.class_of))}


class _Placed:
    """Samples by subgroup: how many there are, and the coordinates of those that enter the distances."""

    def __init__(self, cohort: Cohort, groups: Subgroups, most: int, rng: np.random.Generator) -> None:
        self.n = len(cohort)
        scores, group = groups.place(cohort)
        order = content_order(cohort)[rng.permutation(len(cohort))]
        members = [order[group[order] == g] for g in range(len(groups.class_of))]
        self.sizes = np.array([len(rows) for rows in members])
        self.scores = [scores[rows[:most]] for rows in members]


def _compare(groups: Subgroups, real: _Placed, other: _Placed) -> dict[str, float]:
    names = ("subgroup_share_distance", "subgroup_small_coverage", "subgroup_mmd", "subgroup_mmd_worst")
    if other.n == 0:
        return dict.fromkeys(names, nan)
    several = [g for g in _by_class(groups) if len(g) > 1]
    shares = [(_shares(real.sizes[g]), _shares(other.sizes[g])) for g in several]
    distances = [np.abs(r - s).sum() / 2 if s.any() else 1.0 for r, s in shares]
    coverage = [min(1.0, s[r.argmin()] / r.min()) for r, s in shares]
    pairs = [pair for pair in zip(real.scores, other.scores, strict=True) if len(pair[0]) > 1]
    apart = [_mmd(*pair) for pair in pairs]
    found = (_mean(distances), _mean(coverage), _mean(apart), max(apart, default=nan))
    return dict(zip(names, map(float, found), strict=True))


def _by_class(groups: Subgroups) -> list[NDArray[np.intp]]:
    return [np.flatnonzero(groups.class_of == c) for c in range(len(groups.labels))]


def _shares(sizes: NDArray[np.int64]) -> Array:
    shares: Array = sizes / max(1, sizes.sum())
    return shares


def _mean(values: list[float]) -> float:
    return float(np.mean(values)) if values else nan


def _mmd(real: Array, other: Array) -> float:
    """Return the unbiased squared MMD; a width of 1 where the real ones are all the same."""
    if len(other) < 2:
        return _LOST
    within = cdist(real, real, "sqeuclidean")
    width = 2 * float(np.median(within[np.triu_indices(len(real), 1)])) or 1.0

    def unlike(squared: Array) -> float:
        n = len(squared)
        return float((np.exp(-squared / width).sum() - n) / (n * (n - 1)))

    between = np.exp(-cdist(real, other, "sqeuclidean") / width).mean()
    return unlike(within) + unlike(cdist(other, other, "sqeuclidean")) - 2 * float(between)
