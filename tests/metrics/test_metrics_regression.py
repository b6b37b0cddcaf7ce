"""The regression behind three measures: the minimum scikit-learn finds, in every shape and regime, and provably."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest
from bench.metrics import _logistic
from bench.metrics._logistic import one_vs_rest
from bench.metrics._ranking import auroc, average_precision
from bench.metrics._shared import shared
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, roc_auc_score
from threadpoolctl import threadpool_limits

from bench import BenchError, Cohort


def problem(
    n: int, genes: int, *, apart: float = 1.0, classes: int = 3
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    rng = np.random.default_rng([n, genes])
    label = np.arange(n) % classes
    X = 8 + apart * rng.normal(size=(classes, genes))[label] + rng.normal(size=(n, genes)) * rng.uniform(0.2, 3, genes)
    return X, label[:, None] == np.arange(classes)


def gradient(
    X: NDArray[np.float64], Y: NDArray[np.bool_], w: NDArray[np.float64], b: NDArray[np.float64]
) -> NDArray[np.float64]:
    residual = Y - expit(X @ w + b)
    return np.concatenate([w - (X - X.mean(axis=0)).T @ residual, residual.sum(axis=0, keepdims=True)])


SHAPES = {
    "fewer samples than genes": (60, 150),
    "a few more samples than genes": (150, 100),  # the n x n matrix is kept, products go through it
    "three times as many samples": (300, 100),  # it is kept for the Newton matrices alone
    "many more samples than genes": (400, 20),
    "one gene": (50, 1),
}


@pytest.mark.parametrize("apart", [0.0, 0.3, 3.0], ids=["no signal", "weak", "far apart"])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_the_minimum_is_the_one_of_an_independent_solver(shape: tuple[int, int], apart: float) -> None:
    X, Y = problem(*shape, apart=apart)
    w, b = one_vs_rest(X, Y)
    assert np.linalg.norm(gradient(X, Y, w, b), axis=0).max() < 1e-5
    for k in range(Y.shape[1]):
        model = LogisticRegression(solver="newton-cholesky", tol=1e-8, max_iter=1000).fit(X, Y[:, k])
        np.testing.assert_allclose(w[:, k], model.coef_[0], atol=1e-5)
        np.testing.assert_allclose(b[k], model.intercept_[0], atol=1e-3)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3], ids=["tiny", "usual", "huge"])
def test_the_scale_of_the_data_does_not_matter(scale: float) -> None:
    X, Y = problem(120, 40)
    X = X * scale
    w, b = one_vs_rest(X, Y)
    assert np.linalg.norm(gradient(X, Y, w, b), axis=0).max() < 1e-5 * max(scale, 1)


def test_copies_of_one_sample_do_not_stop_it() -> None:
    X, Y = problem(200, 300)
    rows = np.arange(200) // 20 * 20 + np.arange(200) % 3
    w, b = one_vs_rest(X[rows], Y[rows])
    assert np.linalg.norm(gradient(X[rows], Y[rows], w, b), axis=0).max() < 1e-5


def test_constant_genes_leave_the_class_rates() -> None:
    Y = (np.arange(100) < 30)[:, None]
    w, b = one_vs_rest(np.full((100, 4), 7.0), Y)
    assert np.allclose(w, 0)
    assert expit(b[0]) == pytest.approx(0.3, abs=1e-6)


@pytest.mark.parametrize("curvature", [0.01, 0.25])
def test_the_first_guess_of_the_curvature_does_not_move_the_minimum(curvature: float) -> None:
    X, Y = problem(80, 120)
    np.testing.assert_allclose(one_vs_rest(X, Y, curvature=curvature)[0], one_vs_rest(X, Y)[0], atol=1e-6)


def test_double_precision_gives_the_same_minimum(monkeypatch: pytest.MonkeyPatch) -> None:
    X, Y = problem(80, 120)
    single = one_vs_rest(X, Y)[0]
    monkeypatch.setattr(_logistic, "_SINGLE", 0)
    np.testing.assert_allclose(one_vs_rest(X, Y)[0], single, atol=1e-6)


def test_the_number_of_threads_does_not_change_a_bit() -> None:
    X, Y = problem(1600, 10, apart=0.3, classes=6)
    with threadpool_limits(1):
        alone = one_vs_rest(X, Y)
    with threadpool_limits(3):
        together = one_vs_rest(X, Y)
    assert np.array_equal(alone[0], together[0])
    assert np.array_equal(alone[1], together[1])


def test_a_minimum_that_is_not_reached_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_logistic, "_STEPS", 2)
    with pytest.raises(BenchError, match="did not converge"):
        one_vs_rest(*problem(60, 30))


def test_ranking_measures_agree_with_an_independent_implementation() -> None:
    rng = np.random.default_rng(0)
    for decimals in (0, 1, 6):  # many ties, some, none
        for n in (3, 10, 200):
            scores = rng.normal(size=(n, 4)).round(decimals)
            scores[:, 3] = -np.inf
            member = rng.random((n, 4)) < 0.3
            member[0], member[1] = True, False
            finite = np.maximum(scores, -1e9)
            expected = [average_precision_score(member[:, k], finite[:, k]) for k in range(4)]
            np.testing.assert_allclose(average_precision(scores, member), expected)
            expected = [roc_auc_score(member[:, k], finite[:, k]) for k in range(4)]
            np.testing.assert_allclose(auroc(scores, member), expected)


def test_ranking_measures_of_a_hand_worked_case() -> None:
    scores, member = np.array([[0.9], [0.8], [0.7], [0.6]]), np.array([[True], [False], [True], [False]])
    assert average_precision(scores, member) == pytest.approx((1 + 2 / 3) / 2)
    assert auroc(scores, member) == pytest.approx(3 / 4)
    assert average_precision(0 * scores, member) == pytest.approx(1 / 2)  # all tied: the share of members
    assert auroc(0 * scores, member) == pytest.approx(1 / 2)


def test_what_is_shared_is_computed_once_and_dies_with_its_cohorts(toy_cohort: Cohort) -> None:
    calls = []

    @shared
    def total(a: Cohort, b: Cohort, *, times: int) -> NDArray[np.float64]:
        calls.append(times)
        return np.array(times * (a.X.sum() + b.X.sum()), dtype=np.float64)

    one, two = toy_cohort.take(np.arange(5)), toy_cohort.take(np.arange(9))
    first = total(one, two, times=2)
    assert total(one, two, times=2) is first
    total(two, one, times=2)
    total(one, two, times=3)
    assert calls == [2, 2, 3]
    kept = weakref.ref(first)
    del first, two
    gc.collect()
    assert kept() is None
