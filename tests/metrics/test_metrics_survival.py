"""Survival, fold changes, explanations and signatures: known answers, and when nothing can be said."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bench.metrics._cox import concordance, cox
from scipy.optimize import minimize

from bench import Cohort
from bench.conformance import people
from bench.core.errors import BenchError
from bench.registry.finding import create, find, missing_needs

RNG = np.random.default_rng(3)


def measured(name: str, train: Cohort, holdout: Cohort, release: Cohort, **params: Any) -> dict[str, float]:
    return dict(create(find("metric", name), params)(train, holdout, release, rng=np.random.default_rng(0)))


# -- Cox ---------------------------------------------------------------------------------------------------------------


def test_two_people_and_one_covariate_have_a_coefficient_by_hand() -> None:
    """A exposed dies first of 2 exposed and 1 not: the likelihood e^b / (2 e^b + 1) * ... is done by hand."""
    X, time, event = np.array([[1.0], [0.0], [1.0]]), np.array([1.0, 2.0, 3.0]), np.array([True, True, False])
    # at time 1 all three are at risk, at time 2 one of each: e^b / (2 e^b + 1) * 1 / (1 + e^b)
    # its logarithm has the slope 1 - 2 h / (2 h + 1) - h / (1 + h) with h = e^b, which is 0 at 2 h^2 = 1
    assert cox(X, time, event, 0.0)[0] == pytest.approx(math.log(math.sqrt(0.5)), abs=1e-6)


def test_coefficients_maximise_the_partial_likelihood_with_ties() -> None:
    X = RNG.normal(size=(80, 4))
    time = np.ceil(10 * RNG.exponential(np.exp(-X @ [1.0, -0.5, 0.0, 0.2])))
    event = RNG.random(80) < 0.7

    def loss(beta: np.ndarray) -> float:
        risk, found = X @ beta, 0.0
        for i in np.flatnonzero(event):
            found += risk[i] - np.log(np.exp(risk[time >= time[i]]).sum())
        return -found + 0.5 * 2.0 * float(beta @ beta)

    best = minimize(loss, np.zeros(4), method="BFGS", options={"gtol": 1e-8})
    np.testing.assert_allclose(cox(X, time, event, 2.0), best.x, atol=1e-5)


def test_a_covariate_that_separates_stays_finite_under_a_ridge() -> None:
    X = np.r_[np.ones((20, 1)), np.zeros((20, 1))]
    found = cox(X, np.r_[np.arange(20.0), np.arange(20.0) + 100], np.ones(40, dtype=bool), 0.4)
    assert 1 < found[0] < 30


def test_concordance_counts_pairs_whose_order_is_known() -> None:
    time, event = np.array([1.0, 2.0, 3.0, 3.0]), np.array([True, False, True, False])
    # known: 1 before everybody (3 pairs), and of the two at 3 the event before the other (1 pair); none from 2
    assert concordance(np.array([4.0, 3.0, 2.0, 1.0]), time, event) == 1.0
    assert concordance(np.array([1.0, 2.0, 4.0, 3.0]), time, event) == 1 / 4
    assert concordance(np.array([5.0, 5.0, 2.0, 2.0]), time, event) == (0.5 + 2 + 0.5) / 4
    assert math.isnan(concordance(np.zeros(4), time, np.zeros(4, dtype=bool)))


def lived(n: int, seed: int, effect: float = 1.5) -> Cohort:
    """Return people whose survival hangs on five of thirty genes."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 30)) + rng.normal(size=(n, 1)) * (np.arange(30) < 5)
    time = rng.exponential(np.exp(-effect * X[:, :5].mean(axis=1)))
    lost = rng.exponential(3.0, size=n)
    table = np.column_stack([X, np.minimum(time, lost), time <= lost])
    names = (*(f"G{i}" for i in range(30)), "time", "event")
    return Cohort(X=table, y=["a", "b"] * (n // 2), genes=names, samples=[f"s{i}" for i in range(n)], units="zscore")


def test_a_model_of_the_people_ranks_survival_and_one_of_shuffled_times_does_not() -> None:
    train, holdout = lived(400, 1), lived(300, 2)
    found = measured("survival", train, holdout, train)
    assert found["survival_concordance_synthetic"] == found["survival_concordance_real"] > 0.7
    X = np.array(train.X)
    order = np.random.default_rng(0).permutation(len(X))
    X[:, 30:] = X[order, 30:]
    shuffled = measured("survival", train, holdout, train.synthetic(X, train.y))["survival_concordance_synthetic"]
    assert abs(shuffled - 0.5) < 0.12
    turned = np.array(train.X)
    turned[:, 30] = -turned[:, 30]
    assert (
        measured("survival", train, holdout, train.synthetic(turned, train.y))["survival_concordance_synthetic"] < 0.3
    )


def test_survival_is_not_known_without_its_columns_or_events() -> None:
    cohort = people(60)
    assert all(math.isnan(value) for value in measured("survival", cohort, cohort, cohort).values())
    train = lived(60, 4)
    X = np.array(train.X)
    X[:, 31] = 0
    found = measured("survival", train, train, train.synthetic(X, train.y))
    assert math.isnan(found["survival_concordance_synthetic"])
    assert found["survival_concordance_real"] > 0.5
    other = measured("survival", *[lived(300, 5)] * 3, time="G0", event="G1")  # any columns, if they are named
    assert 0.5 < other["survival_concordance_real"] <= 1
    with pytest.raises(BenchError, match="components=0"):
        measured("survival", train, train, train, components=0)


# -- fold changes ------------------------------------------------------------------------------------------------------


def test_halved_differences_have_a_concordance_of_four_fifths_and_a_slope_of_a_half() -> None:
    genes = [f"G{i}" for i in range(4)]
    X = np.array([[4.0, 2.0, 0.0, 1.0]] * 3 + [[2.0, 4.0, 0.0, 1.0]] * 3)  # fold changes 2, -2, 0, 0
    train = Cohort(X=X, y=list("aaabbb"), genes=genes, samples=[f"s{i}" for i in range(6)], units="log2")
    halved = train.synthetic(X.mean(axis=0) + (X - X.mean(axis=0)) / 2, train.y)
    found = measured("fold_changes", train, train, halved)
    assert found["fold_change_concordance"] == pytest.approx(2 * 0.5 / (1 + 0.25))
    assert found["fold_change_slope"] == pytest.approx(0.5)
    assert found["fold_change_concordance_base"] == pytest.approx(1.0)
    shifted = measured("fold_changes", train, train, train.synthetic(X + 7, train.y))
    assert shifted["fold_change_concordance"] == pytest.approx(1.0)
    one_class = measured("fold_changes", train, train, train.take([0, 1]))
    assert math.isnan(one_class["fold_change_concordance"])


def test_counts_are_compared_on_a_log_scale_and_z_scores_not_at_all() -> None:
    X = np.array([[7.0, 0.0], [7.0, 0.0], [1.0, 3.0], [1.0, 3.0]])
    names: dict[str, Any] = {"genes": ["A", "B"], "samples": list("wxyz"), "y": ["a", "a", "b", "b"]}
    train = Cohort(X=X, units="counts", **names)  # log2(8) - log2(2) = 2 and 0 - log2(4) = -2
    more = train.synthetic([[15.0, 0.0], [15.0, 0.0], [1.0, 3.0], [1.0, 3.0]], train.y)  # 3 and -2
    found = measured("fold_changes", train, train, more)
    assert found["fold_change_slope"] == pytest.approx(5 / 4)
    assert found["fold_change_concordance"] == pytest.approx(2 * 5.0 / (4 + 6.25 + 0.25))
    assert math.isnan(measured("fold_changes", *[Cohort(X=X, units="zscore", **names)] * 3)["fold_change_slope"])


# -- explanations ------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(missing_needs(find("metric", "explanations")) is not None, reason="needs xgboost")
def test_models_of_the_same_people_look_at_the_same_genes_and_one_of_mixed_labels_does_not() -> None:
    train, holdout = people(240, "shap", apart=0.6), people(90, "shap out", apart=0.6)
    same = measured("explanations", train, holdout, train, top=6, trees=10)
    assert same["shap_top_overlap"] == 1.0
    assert 0.3 < same["shap_top_overlap_base"] <= 1.0
    moved = train.synthetic(np.roll(train.X, 12, axis=1), train.y)  # what tells classes apart is in other genes
    assert measured("explanations", train, holdout, moved, top=6, trees=10)["shap_top_overlap"] < 0.7
    assert math.isnan(measured("explanations", train, holdout, train, top=25, trees=10)["shap_top_overlap"])
    assert math.isnan(measured("explanations", train, holdout, train.take([0]), top=6, trees=10)["shap_top_overlap"])


def test_the_share_of_the_top_is_counted() -> None:
    from bench.metrics.explanations import shared_top

    assert shared_top(np.array([5.0, 4, 3, 1, 1]), np.array([1.0, 4, 1, 5, 3]), 3) == pytest.approx(1 / 3)
    assert math.isnan(shared_top(np.array([5.0, 0, 0]), np.array([1.0, 2, 3]), 2))


# -- signatures --------------------------------------------------------------------------------------------------------


def test_a_shifted_signature_is_seen_in_its_class_and_a_lost_link_in_the_correlations(tmp_path: Path) -> None:
    train = people(300, "signatures")
    first, second = train.genes[:6], train.genes[6:12]
    path = tmp_path / "cells.gmt"
    path.write_text("\n".join("\t".join([n, "markers", *g]) for n, g in (("T cell", first), ("B cell", second))) + "\n")
    same = measured("signatures", train, people(150, "others"), train, gmt=str(path))
    assert same["signature_profile_rmse"] == pytest.approx(0, abs=1e-6)
    assert same["signature_correlation_rmse"] == pytest.approx(0, abs=1e-6)
    assert 0 < same["signature_profile_rmse_base"] < 0.3
    X = np.array(train.X, dtype=np.float64)
    spread = X[:, :6].std(axis=0)
    X[train.y == "a", :6] += 2 * spread  # one of two signatures, in one of three classes, by two standard deviations
    shifted = measured("signatures", train, train, train.synthetic(X, train.y), gmt=str(path))
    assert shifted["signature_profile_rmse"] == pytest.approx(math.sqrt(4 / 6), rel=1e-3)
    loose = np.array(train.X)
    loose[:, 6:12] = loose[np.random.default_rng(1).permutation(300), 6:12]
    found = measured("signatures", train, train, train.synthetic(loose, train.y), gmt=str(path))
    assert found["signature_correlation_rmse"] > 0.15
    few = measured("signatures", train, train, train, gmt=str(path), smallest=7)
    assert all(math.isnan(value) for value in few.values())
    assert all(math.isnan(value) for value in measured("signatures", train, train, train).values())
    path.write_text("T cell\tno genes\n")
    with pytest.raises(BenchError, match="expected name, description and genes"):
        measured("signatures", train, train, train, gmt=str(path))
