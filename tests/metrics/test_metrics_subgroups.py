"""Subgroups are found among the training samples, counted as a hand counts and compared as scikit-learn does."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pytest
from bench.metrics._subgroups import find_subgroups
from cohorts import cohort
from sklearn.decomposition import PCA
from sklearn.metrics.pairwise import rbf_kernel

from bench import Cohort, stream
from bench.registry.finding import create, find


def measure(name: str, train: Cohort, holdout: Cohort, synthetic: Cohort, **params: int) -> Mapping[str, float]:
    metric = create(find("metric", name), params)
    values: Mapping[str, float] = metric(train, holdout, synthetic, rng=np.random.default_rng(0))
    return values


def two_blobs(large: int, small: int, seed: int, others: int = 7) -> Cohort:
    """Return a class with a large and a small subgroup, far apart in ten of 40 genes, and a class too small for two."""
    rng = np.random.default_rng(seed)
    X = rng.normal(8, 0.5, size=(large + small + others, 40))
    X[large : large + small, :10] += 6
    X[large + small :, 20:] += 3
    return cohort(X, ["a"] * (large + small) + ["b"] * others)


TRAIN, HOLDOUT = two_blobs(16, 7, 1), two_blobs(8, 2, 2)  # 23 people: two subgroups


def test_shares_and_coverage_are_those_of_a_count() -> None:
    found = measure("subgroups", TRAIN, HOLDOUT, two_blobs(90, 10, 3))
    assert found["subgroup_count_real"] == 3
    assert found["subgroup_share_distance"] == pytest.approx(7 / 23 - 0.1)
    assert found["subgroup_small_coverage"] == pytest.approx(0.1 / (7 / 23))
    assert found["subgroup_share_distance_base"] == pytest.approx(7 / 23 - 0.2)


def test_a_lost_subgroup_has_no_coverage_and_the_worst_distance() -> None:
    found = measure("subgroups", TRAIN, HOLDOUT, two_blobs(50, 0, 3))
    assert found["subgroup_small_coverage"] == 0
    assert found["subgroup_share_distance"] == pytest.approx(7 / 23)
    assert found["subgroup_mmd_worst"] == 1
    lacking = two_blobs(50, 10, 3)
    lacking = measure("subgroups", TRAIN, HOLDOUT, lacking.take(lacking.y == "b"))
    assert (lacking["subgroup_share_distance"], lacking["subgroup_small_coverage"]) == (1, 0)


def test_distances_are_those_of_scikit_learns_kernel() -> None:
    release = two_blobs(20, 9, 3, others=9)
    groups = find_subgroups(TRAIN, seed=int(np.random.default_rng(0).integers(2**31)))
    (real, of_real), (ours, of_ours) = groups.place(TRAIN), groups.place(release)
    expected = []
    for g in range(3):
        R, S = real[of_real == g], ours[of_ours == g]
        upper = np.triu_indices(len(R), 1)
        gamma = 1 / (2 * np.median(((R[:, None] - R) ** 2).sum(axis=2)[upper]))
        within = [rbf_kernel(Z, gamma=gamma)[np.triu_indices(len(Z), 1)].mean() for Z in (R, S)]
        expected.append(sum(within) - 2 * rbf_kernel(R, S, gamma=gamma).mean())
    found = measure("subgroups", TRAIN, HOLDOUT, release)
    assert found["subgroup_mmd"] == pytest.approx(np.mean(expected))
    assert found["subgroup_mmd_worst"] == pytest.approx(max(expected))


def test_the_axes_are_the_components_of_what_classes_leave_over() -> None:
    rng = np.random.default_rng(4)
    train = cohort(
        rng.normal(size=(60, 30)) * np.linspace(1, 4, 30) + 9 * (np.arange(60) % 2)[:, None], np.arange(60) % 2
    )
    groups = find_subgroups(train, seed=0)
    rest = (train.X - groups.centres[np.arange(60) % 2]) / train.X.std(axis=0)
    expected = PCA(10).fit(rest).components_
    assert np.abs(groups.axes.T @ expected.T) == pytest.approx(np.eye(10), abs=1e-3)


def test_training_samples_place_themselves_and_another_label_does_not_move_the_subgroups() -> None:
    groups = find_subgroups(TRAIN, seed=0)
    _, group = groups.place(TRAIN)
    assert sorted(np.bincount(group)) == [7, 7, 16]
    stranger = TRAIN.synthetic(TRAIN.X[:2], ["c", "c"])
    assert groups.place(stranger)[1].tolist() == [-1, -1]


def test_only_a_draw_of_a_large_subgroup_is_compared_whatever_the_order() -> None:
    release = two_blobs(300, 100, 3)
    shuffled = release.take(stream(1).permutation(len(release)))
    few = measure("subgroups", TRAIN, HOLDOUT, release, most=20)
    assert few == measure("subgroups", TRAIN, HOLDOUT, shuffled, most=20)
    every = measure("subgroups", TRAIN, HOLDOUT, release)
    assert few["subgroup_mmd"] != every["subgroup_mmd"]
    assert few["subgroup_share_distance"] == every["subgroup_share_distance"]


def test_small_classes_have_no_subgroups_and_equal_people_make_no_difference() -> None:
    few = two_blobs(8, 2, 1)
    found = measure("subgroups", few, HOLDOUT, few)
    assert math.isnan(found["subgroup_share_distance"])
    assert found["subgroup_mmd"] < 0  # a copy is closer than another draw
    flat = TRAIN.synthetic(np.full(TRAIN.X.shape, 8.0), TRAIN.y)
    found = measure("subgroups", flat, flat, flat)
    assert found["subgroup_count_real"] == 2
    assert found["subgroup_mmd"] == 0


def modular(n: int, seed: int, strength: float = 1.0) -> Cohort:
    """Return a class in which the first six genes move together, and one in which others do."""
    rng = np.random.default_rng(seed)
    y = np.array(["a", "b"])[np.arange(n) % 2]
    X = rng.normal(size=(n, 30))
    factor = strength * rng.normal(size=n)
    X[y == "a", :6] += factor[y == "a", None] * np.linspace(2, 4, 6)
    X[y == "b", 10:15] += factor[y == "b", None] * np.linspace(2, 4, 5)
    X[y == "b", 20:] += 5  # a difference between classes, which is no module of either
    return cohort(X, y)


def test_membership_is_the_mean_correlation_with_the_other_genes_of_the_module() -> None:
    train, holdout, release = modular(400, 1), modular(80, 2), modular(300, 3, 0.5)

    def expected(other: Cohort) -> tuple[float, float]:
        agreement, density = [], []
        for label, genes in (("a", range(6)), ("b", range(10, 15))):
            sides = []
            for c in (train, other):
                r = np.corrcoef(c.X[c.y == label].T.astype(float))
                sides.append([np.mean([r[g, m] for m in genes if m != g]) for g in range(30)])
                inside = r[np.ix_(genes, genes)]
            agreement.append(np.corrcoef(*sides)[0, 1])
            density.append(inside[np.triu_indices(len(genes), 1)].mean())
        return float(np.mean(agreement)), float(np.mean(density))

    found = measure("class_modules", train, holdout, release)
    assert (found["module_membership_class"], found["module_density_class"]) == pytest.approx(expected(release))
    assert found["module_membership_class_base"] == pytest.approx(expected(holdout)[0])
    assert found["module_density_class_real"] == pytest.approx(expected(train)[1])


def test_genes_shuffled_within_classes_lose_their_modules() -> None:
    train, holdout, release = modular(400, 1), modular(80, 2), modular(400, 3)
    rng = np.random.default_rng(0)
    X = release.X.copy()
    for label in "ab":
        rows = np.flatnonzero(release.y == label)
        X[rows] = rng.permuted(X[rows], axis=0)
    kept = measure("class_modules", train, holdout, release)
    lost = measure("class_modules", train, holdout, release.synthetic(X, release.y))
    assert kept["module_membership_class"] > 0.95 > 0.5 > lost["module_membership_class"]
    assert kept["module_density_class"] > 0.5 > 0.1 > lost["module_density_class"]


def test_without_a_module_or_a_class_large_enough_there_is_nothing_to_keep() -> None:
    noise = cohort(np.random.default_rng(0).normal(size=(600, 12)))
    assert all(math.isnan(v) for v in measure("class_modules", noise, noise, noise).values())
    small = modular(18, 1)
    assert math.isnan(measure("class_modules", small, small, small)["module_membership_class"])
    train = modular(200, 1)
    two = train.take([0, 1, 2, 3])
    found = measure("class_modules", train, train, two)
    assert (found["module_membership_class"], found["module_density_class"]) == (0, 0)
