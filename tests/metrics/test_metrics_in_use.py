"""What becomes of small classes, and what a release adds to few real samples, agrees with scikit-learn."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, f1_score, recall_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.preprocessing import StandardScaler

from bench import Cohort
from bench.registry.finding import create, find


def measure(name: str, train: Cohort, holdout: Cohort, synthetic: Cohort, **params: int) -> Mapping[str, float]:
    metric = create(find("metric", name), params)
    values: Mapping[str, float] = metric(train, holdout, synthetic, rng=np.random.default_rng(0))
    return values


def draw(n: int, seed: int) -> Cohort:
    """Return n people of three overlapping classes, 5 : 3 : 2, and 20 genes."""
    rng = np.random.default_rng(seed)
    y = np.array(list("aaaaabbbcc"))[np.arange(n) % 10]
    X = np.random.default_rng(1).normal(0, 0.5, size=(3, 20))[np.searchsorted(["a", "b", "c"], y)]
    genes, samples = ([f"{kind}{i}" for i in range(m)] for kind, m in (("g", 20), ("s", n)))
    values = (X + rng.normal(size=(n, 20))).astype(np.float32)
    return Cohort(X=values, y=y, genes=tuple(genes), samples=tuple(samples), units="vst")


@pytest.fixture(scope="module")
def people() -> tuple[Cohort, Cohort, Cohort]:
    """Train (100), holdout (60) and a release (100)."""
    return draw(100, 2), draw(60, 3), draw(100, 4)


def predicted(learnt_from: list[Cohort], scaled_by: Cohort, holdout: Cohort) -> object:
    scale = StandardScaler().fit(scaled_by.X.astype(float)).transform
    exact = OneVsRestClassifier(LogisticRegression(solver="newton-cholesky", tol=1e-8, max_iter=1000))
    X, y = (np.concatenate(parts) for parts in zip(*((c.X, c.y) for c in learnt_from), strict=True))
    return exact.fit(scale(X), y).predict(scale(holdout.X))


def test_recalls_are_those_of_scikit_learn(people: tuple[Cohort, Cohort, Cohort]) -> None:
    train, holdout, synthetic = people
    found = measure("rare_class", *people)
    for role, source in (("synthetic", synthetic), ("real", train)):
        called = predicted([source], train, holdout)
        recalls = recall_score(holdout.y, called, average=None)
        assert found[f"rare_class_f1_{role}"] == pytest.approx(f1_score(holdout.y, called, average=None)[2])
        assert found[f"rare_class_recall_{role}"] == pytest.approx(recalls[2])  # class c is the smallest
        assert found[f"worst_class_recall_{role}"] == pytest.approx(recalls.min())
        assert found[f"balanced_accuracy_{role}"] == pytest.approx(recalls.mean())
    assert 0 < found["rare_class_recall_synthetic"] < found["balanced_accuracy_synthetic"] < 1


def test_a_class_that_the_release_lacks_has_recall_zero(people: tuple[Cohort, Cohort, Cohort]) -> None:
    train, holdout, synthetic = people
    found = measure("rare_class", train, holdout, synthetic.take(synthetic.y != "c"))
    assert found["rare_class_recall_synthetic"] == found["worst_class_recall_synthetic"] == 0
    assert found["balanced_accuracy_synthetic"] > 0.3


def test_a_rare_class_that_nobody_held_out_has_no_recall(people: tuple[Cohort, Cohort, Cohort]) -> None:
    train, holdout, synthetic = people
    found = measure("rare_class", train, holdout.take(holdout.y != "c"), synthetic)
    assert math.isnan(found["rare_class_recall_real"])
    assert found["worst_class_recall_real"] > 0


def test_the_gain_is_the_difference_that_the_release_makes(people: tuple[Cohort, Cohort, Cohort]) -> None:
    train, holdout, synthetic = people
    alone, both = (
        balanced_accuracy_score(holdout.y, predicted(parts, train, holdout)) for parts in ([train], [train, synthetic])
    )
    found = measure("augmentation", *people)
    assert found["augmentation_100_real"] == pytest.approx(alone)
    assert found["augmentation_gain_100"] == pytest.approx(both - alone)
    assert alone != both


def test_few_real_samples_gain_from_a_good_release_and_lose_from_wrong_labels() -> None:
    train, holdout, synthetic = draw(200, 2), draw(300, 3), draw(400, 4)
    good = measure("augmentation", train, holdout, synthetic)
    wrong = np.array(list("bca"))[np.searchsorted(["a", "b", "c"], synthetic.y)]
    bad = measure("augmentation", train, holdout, synthetic.synthetic(synthetic.X, wrong))
    assert good["augmentation_gain_10"] > 0.1 > good["augmentation_gain_100"]
    assert bad["augmentation_gain_10"] < -0.1
    for share in (10, 30, 100):  # the real samples are the same, whatever the release
        assert good[f"augmentation_{share}_real"] == bad[f"augmentation_{share}_real"]


def test_only_so_many_synthetic_samples_are_added(people: tuple[Cohort, Cohort, Cohort]) -> None:
    train, holdout, synthetic = people
    none, all_of_them = (measure("augmentation", *people, most=most) for most in (1, 100))
    assert abs(none["augmentation_gain_100"]) < 0.02
    assert all_of_them == measure("augmentation", train, holdout, synthetic)


def test_a_class_of_one_sample_is_always_drawn(people: tuple[Cohort, Cohort, Cohort]) -> None:
    train, holdout, synthetic = people
    few = train.take([*np.flatnonzero(train.y != "c"), *np.flatnonzero(train.y == "c")[:1]])
    found = measure("augmentation", few, holdout, synthetic)
    assert all(math.isfinite(value) for value in found.values())
