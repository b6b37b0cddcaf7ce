"""Measures beyond the challenge's: each against an independent computation, and each for what it is meant to notice."""

from __future__ import annotations

from collections.abc import Mapping
from math import isnan

import numpy as np
import pytest
from bench.metrics.tstr_trees import calibration_error
from cohorts import cohort
from scipy.spatial.distance import cdist
from scipy.stats import ks_2samp, wasserstein_distance
from sklearn.calibration import calibration_curve
from sklearn.metrics.pairwise import rbf_kernel

from bench import Cohort
from bench.registry.finding import create, find


def measure(name: str, train: Cohort, holdout: Cohort, synthetic: Cohort, **params: object) -> Mapping[str, float]:
    values: Mapping[str, float] = create(find("metric", name), params)(
        train, holdout, synthetic, rng=np.random.default_rng(0)
    )
    return values


@pytest.fixture(scope="module")
def people() -> tuple[Cohort, Cohort, Cohort]:
    """Train (90), holdout (45) and a release (90) of three classes, 20 genes; the release is a little off."""
    rng = np.random.default_rng(3)
    label = np.arange(225) % 3
    X = rng.normal(8, 1.0, size=(3, 20))[label] + rng.normal(size=(225, 20)) * rng.uniform(0.3, 2, size=20)
    X[135:] = X[135:] * 0.95 + 0.5
    y = np.array([f"class {k}" for k in label])
    return cohort(X[:90], y[:90]), cohort(X[90:135], y[90:135]), cohort(X[135:], y[135:])


def test_marginal_distances_are_those_of_scipy(people: tuple[Cohort, Cohort, Cohort]) -> None:
    train, holdout, synthetic = people
    found = measure("marginals", *people)
    for role, a, b in (("train", train, synthetic), ("holdout", holdout, synthetic), ("base", holdout, train)):
        genes = range(20)
        ks = np.mean([ks_2samp(a.X[:, g], b.X[:, g]).statistic for g in genes])
        far = np.mean([wasserstein_distance(a.X[:, g], b.X[:, g]) / train.X[:, g].std() for g in genes])
        assert found[f"ks_{role}"] == pytest.approx(ks, abs=1e-9)
        assert found[f"wasserstein_{role}"] == pytest.approx(far, rel=1e-5)


def test_marginals_see_a_shift_and_no_shuffle(people: tuple[Cohort, Cohort, Cohort]) -> None:
    train, holdout, _ = people
    shuffled = train.synthetic(np.random.default_rng(1).permuted(train.X, axis=0), train.y)
    shifted = train.synthetic(train.X + 3 * train.X.std(axis=0), train.y)
    assert measure("marginals", train, holdout, shuffled)["ks_train"] == 0
    assert measure("marginals", train, holdout, shifted)["wasserstein_train"] == pytest.approx(3, rel=1e-3)


def test_a_gene_that_is_constant_in_training_takes_no_part_in_the_scaled_distance() -> None:
    X = np.random.default_rng(0).normal(size=(30, 3))
    X[:, 1] = 5
    other = X.copy()
    other[:, 1] = 6
    found = measure("marginals", cohort(X), cohort(X), cohort(other))
    assert found["wasserstein_train"] == 0
    assert found["ks_train"] == pytest.approx(1 / 3)


def slow_alpha_beta(train: np.ndarray, synthetic: np.ndarray) -> dict[str, float]:
    """Both curves point by point, as the paper defines them."""
    grid = np.linspace(0, 1, 101)
    to_real = np.linalg.norm(train - train.mean(axis=0), axis=1)
    to_release = np.linalg.norm(synthetic - synthetic.mean(axis=0), axis=1)
    between, fellows = cdist(train, synthetic), cdist(train, train)
    np.fill_diagonal(fellows, np.inf)
    precision, recall = [0.0], [0.0]
    for share in grid[1:]:
        radius = np.sort(to_real)[int(np.ceil(share * len(train) - 1e-9)) - 1]
        precision.append(np.mean(np.linalg.norm(synthetic - train.mean(axis=0), axis=1) <= radius * (1 + 1e-7)))
        central = np.argsort(to_release)[: int(np.ceil(share * len(synthetic)))]
        covered = between.min(axis=1) <= fellows.min(axis=1)
        recall.append(np.mean(covered & np.isin(between.argmin(axis=1), central)))
    closest = between.argmin(axis=0)
    return {
        "alpha_precision": 1 - 2 * np.trapezoid(np.abs(np.array(precision) - grid), grid),
        "beta_recall": max(0, 1 - 2 * np.trapezoid(np.abs(np.array(recall) - grid), grid)),
        "authenticity": np.mean(between.min(axis=0) > fellows.min(axis=1)[closest]),
    }


def test_alpha_precision_and_its_companions_agree_with_the_curves_drawn_point_by_point(
    people: tuple[Cohort, Cohort, Cohort],
) -> None:
    train, _, synthetic = people
    expected = slow_alpha_beta(train.X.astype(float), synthetic.X.astype(float))
    assert measure("alpha_precision", *people) == pytest.approx(expected, abs=0.012)  # one point of a curve at most
    assert 0.05 < expected["beta_recall"] < 1


def test_copies_are_typical_and_diverse_and_not_authentic(people: tuple[Cohort, Cohort, Cohort]) -> None:
    train, holdout, _ = people
    found = measure("alpha_precision", train, holdout, train.synthetic(train.X, train.y))
    assert found["alpha_precision"] > 0.97
    assert found["beta_recall"] > 0.97
    assert found["authenticity"] == 0


def test_a_release_of_one_typical_person_is_not_diverse(people: tuple[Cohort, Cohort, Cohort]) -> None:
    train, holdout, _ = people
    typical = train.X.mean(axis=0) + np.random.default_rng(0).normal(scale=1e-3, size=(90, 20))
    found = measure("alpha_precision", train, holdout, cohort(typical))
    assert found["alpha_precision"] < 0.1  # more typical than people
    assert found["beta_recall"] < 0.6


def test_boosted_trees_tell_discrete_genes_apart_and_not_two_draws_of_one_cohort() -> None:
    rng = np.random.default_rng(1)
    X = rng.normal(size=(400, 30))
    same = measure("c2st", cohort(X[:200]), cohort(X), cohort(X[200:]))["c2st_xgboost_auc"]
    discrete = measure("c2st", cohort(X[:200]), cohort(X), cohort(np.round(X[200:])))["c2st_xgboost_auc"]
    assert same == pytest.approx(0.5, abs=0.1)
    assert discrete > 0.95


def test_copies_push_the_two_sample_test_below_chance() -> None:
    X = np.random.default_rng(1).normal(size=(300, 10))
    assert measure("c2st", cohort(X), cohort(X), cohort(X))["c2st_xgboost_auc"] < 0.45


def test_classes_that_are_apart_are_told_by_trees_and_a_wrong_label_is_seen(
    people: tuple[Cohort, Cohort, Cohort],
) -> None:
    train, holdout, _ = people
    good = measure("tstr_trees", train, holdout, train.synthetic(train.X, train.y))
    assert good["accuracy_xgboost_synthetic"] == good["accuracy_xgboost_real"] > 0.8
    assert good["accuracy_forest_synthetic"] == good["accuracy_forest_real"] > 0.8
    assert good["aupr_forest_synthetic"] > 0.9
    turned = train.synthetic(train.X, np.roll(train.classes, 1)[np.searchsorted(train.classes, train.y)])
    assert measure("tstr_trees", train, holdout, turned)["accuracy_forest_synthetic"] < 0.2


def test_a_class_that_the_release_lacks_is_never_predicted(people: tuple[Cohort, Cohort, Cohort]) -> None:
    train, holdout, _ = people
    lacking = train.take(train.y != "class 1")
    found = measure("tstr_trees", train, holdout, lacking)
    assert found["accuracy_xgboost_synthetic"] <= np.mean(holdout.y != "class 1")
    alone = measure("tstr_trees", train, holdout, train.take(train.y == "class 1"))
    assert alone["accuracy_forest_synthetic"] == np.mean(holdout.y == "class 1")
    assert alone["calibration_forest_synthetic"] == pytest.approx(np.mean(holdout.y != "class 1"))


def test_the_calibration_error_agrees_with_scikit_learns_curve() -> None:
    rng = np.random.default_rng(2)
    confidence = rng.uniform(0.3, 0.999, size=500)
    right = rng.random(500) < confidence**2
    share, said = calibration_curve(right, confidence, n_bins=10)
    weight = np.histogram(confidence, np.linspace(0, 1, 11))[0]
    assert calibration_error(confidence, right) == pytest.approx(
        (np.abs(share - said) * weight[weight > 0]).sum() / 500
    )
    assert calibration_error(np.ones(5), np.ones(5, dtype=bool)) == 0


def slow_mmd(a: np.ndarray, b: np.ndarray, gamma: float) -> float:
    def within(x: np.ndarray) -> float:
        kernel = rbf_kernel(x, gamma=gamma)
        return (kernel.sum() - len(x)) / (len(x) * (len(x) - 1))

    return within(a) + within(b) - 2 * rbf_kernel(a, b, gamma=gamma).mean()


def test_mmd_with_the_median_width_agrees_with_scikit_learns_kernel(people: tuple[Cohort, Cohort, Cohort]) -> None:
    train, holdout, synthetic = (c.X.astype(float) for c in people)
    distances = cdist(train, train, "sqeuclidean")[np.triu_indices(len(train), 1)]
    gamma = 1 / (2 * np.median(distances))
    found = measure("mmd_median", *people)
    assert found["mmd_median"] == pytest.approx(slow_mmd(train, synthetic, gamma), abs=1e-6)
    assert found["mmd_median_holdout"] == pytest.approx(slow_mmd(holdout, synthetic, gamma), abs=1e-6)
    assert found["mmd_median_base"] == pytest.approx(slow_mmd(train, holdout, gamma), abs=1e-6)
    labels = people[0].y
    each = [slow_mmd(train[labels == k], synthetic[people[2].y == k], gamma) for k in people[0].classes]
    assert found["mmd_median_by_class"] == pytest.approx(np.mean(each), abs=1e-6)


def test_only_the_width_that_fits_sees_a_shift_in_other_units(people: tuple[Cohort, Cohort, Cohort]) -> None:
    train, holdout, _ = people
    wide = [c.synthetic(c.X * 100, c.y) for c in (train, holdout)]
    shifted = train.synthetic((train.X + 2) * 100, train.y)
    assert measure("mmd", *wide, shifted)["mmd"] == pytest.approx(0, abs=1e-6)
    assert measure("mmd_median", *wide, shifted)["mmd_median"] > 0.1


def test_wrong_labels_are_seen_within_classes_alone(people: tuple[Cohort, Cohort, Cohort]) -> None:
    train, holdout, _ = people
    turned = train.synthetic(train.X, np.roll(train.classes, 1)[np.searchsorted(train.classes, train.y)])
    found = measure("mmd_median", train, holdout, turned)
    assert found["mmd_median"] < 0
    assert found["mmd_median_by_class"] > 0.1


def test_a_release_without_any_shared_class_has_no_mean_over_classes(people: tuple[Cohort, Cohort, Cohort]) -> None:
    train, holdout, synthetic = people
    other = train.synthetic(synthetic.X, np.full(90, "new"))
    assert isnan(measure("mmd_median", train, holdout, other)["mmd_median_by_class"])
