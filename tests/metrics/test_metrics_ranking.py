"""Classifiers rank as scikit-learn and a count of pairs say, and the probabilities are scored as the definitions do."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping

import numpy as np
import pytest
from bench.metrics._contest import CONTESTANTS, contest
from bench.metrics.classifier_ranking import _halves
from cohorts import cohort
from sklearn.calibration import calibration_curve
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.metrics import balanced_accuracy_score, brier_score_loss
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid
from sklearn.preprocessing import StandardScaler

from bench import Cohort, stream
from bench.registry.finding import create, find

People = tuple[Cohort, Cohort, Cohort]


def measure(name: str, train: Cohort, holdout: Cohort, synthetic: Cohort, **params: int) -> Mapping[str, float]:
    metric = create(find("metric", name), params)
    values: Mapping[str, float] = metric(train, holdout, synthetic, rng=np.random.default_rng(0))
    return values


def draw(n: int, seed: int, genes: int = 30) -> Cohort:
    """Return n people of three classes, 5 : 3 : 2, whose genes share factors: classifiers differ on them."""
    rng, fixed = np.random.default_rng(seed), np.random.default_rng(1)
    y = np.array(list("aaaaabbbcc"))[np.arange(n) % 10]
    centres = fixed.normal(0, 0.6, size=(3, genes))[np.searchsorted(["a", "b", "c"], y)]
    factors = rng.normal(size=(n, 4)) @ fixed.normal(0, 1.0, size=(4, genes))
    return cohort(8 + centres + factors + 0.8 * rng.normal(size=(n, genes)), y)


@pytest.fixture(scope="module")
def people() -> People:
    """Train (150), holdout (100) and a release (150)."""
    return draw(150, 2), draw(100, 3), draw(150, 4)


def with_labels(c: Cohort, y: np.ndarray) -> Cohort:
    return c.synthetic(c.X, y)


def test_the_scores_are_those_of_scikit_learn(people: People) -> None:
    train, holdout, synthetic = people
    scale = StandardScaler().fit(train.X.astype(float)).transform
    exact = OneVsRestClassifier(LogisticRegression(solver="newton-cholesky", tol=1e-8, max_iter=1000))
    models = [
        exact,
        RidgeClassifier(alpha=150),
        NearestCentroid(),
        GaussianNB(var_smoothing=0.01),
        KNeighborsClassifier(5),
    ]
    expected = [
        balanced_accuracy_score(holdout.y, m.fit(scale(synthetic.X), synthetic.y).predict(scale(holdout.X)))
        for m in models
    ]
    found = contest(synthetic, train, holdout, seed=1)
    assert found[:5] == pytest.approx(expected)
    assert len(found) == len(CONTESTANTS)
    assert all(0.4 < score < 1 for score in found)
    assert len({score.round(3) for score in found}) > 4  # they are of different kinds


def test_agreement_is_what_a_count_of_pairs_gives(people: People) -> None:
    train, holdout, synthetic = people
    found = measure("classifier_ranking", *people)
    seed = int(np.random.default_rng(0).integers(2**31))
    real, ours = (contest(c, train, holdout, seed=seed) for c in (train, synthetic))
    pairs = list(itertools.combinations(range(7), 2))
    signs = np.array([[np.sign(round(s[i] - s[j], 9)) for i, j in pairs] for s in (real, ours)])
    untied = (signs != 0).sum(axis=1)
    assert found["classifier_ranking_tau"] == pytest.approx(
        (signs[0] * signs[1]).sum() / math.sqrt(untied[0] * untied[1])
    )
    assert found["classifier_choice_loss"] == pytest.approx(real.max() - real[ours.argmax()])
    ahead = np.delete(real[ours.argmax()] - real, ours.argmax()).round(9)
    assert found["classifier_winner_rank"] == pytest.approx(((ahead > 0).sum() + (ahead == 0).sum() / 2) / 6)


def test_a_copy_ranks_like_the_original_in_whatever_order(people: People) -> None:
    train, holdout, _ = people
    copy = train.take(np.random.default_rng(5).permutation(len(train)))
    found = measure("classifier_ranking", train, holdout, train.synthetic(copy.X, copy.y))
    assert found["classifier_ranking_tau"] == 1
    assert found["classifier_winner_rank"] == 1
    assert found["classifier_choice_loss"] == 0
    assert found == measure("classifier_ranking", train, holdout, train.synthetic(train.X, train.y))
    for seed in range(5):  # the forest, too, is the same one
        assert contest(copy, train, holdout, seed=seed).tolist() == contest(train, train, holdout, seed=seed).tolist()


def test_who_has_the_release_alone_tests_on_samples_that_were_not_trained_on(people: People) -> None:
    release = people[2]
    first, second = _halves(release, np.random.default_rng(3))
    assert sorted(first.samples + second.samples) == sorted(release.samples)
    for label in release.classes:
        assert abs(int(np.sum(first.y == label)) - int(np.sum(second.y == label))) <= 1


def test_wrong_labels_lead_to_a_worse_choice(people: People) -> None:
    train, holdout, synthetic = people
    good = [measure("classifier_ranking", train, holdout, draw(150, s)) for s in range(10, 14)]
    rng = np.random.default_rng(8)
    bad = [
        measure("classifier_ranking", train, holdout, with_labels(synthetic, rng.permutation(synthetic.y)))
        for _ in good
    ]
    for name in ("classifier_ranking_tau", "classifier_ranking_tau_within"):
        assert np.mean([v[name] for v in good]) > np.mean([v[name] for v in bad]) + 0.3
    assert np.mean([v["classifier_choice_loss"] for v in good]) < np.mean([v["classifier_choice_loss"] for v in bad])


def test_a_release_that_teaches_nothing_has_no_order(people: People) -> None:
    train, holdout, _ = people
    flat = train.synthetic(np.full(train.X.shape, 8.0), train.y)
    one = train.synthetic(train.X, np.full(len(train), "a"))
    for release in (flat, one):
        found = measure("classifier_ranking", train, holdout, release)
        assert found["classifier_ranking_tau"] == found["classifier_ranking_tau_within"] == 0
        assert found["classifier_winner_rank"] == pytest.approx(0.5)  # all win


def test_where_real_scores_are_all_equal_no_order_can_be_kept(people: People) -> None:
    far = np.where(people[0].y[:, None] == "a", 50, np.where(people[0].y[:, None] == "b", 100, 0))
    apart = people[0].synthetic(people[0].X + far, people[0].y)
    found = measure("classifier_ranking", apart, apart, apart)
    assert math.isnan(found["classifier_ranking_tau"])
    assert found["classifier_choice_loss"] == 0


def test_of_a_large_release_a_draw_is_ranked(people: People) -> None:
    train, holdout, _ = people
    large = draw(600, 6)
    found = measure("classifier_ranking", train, holdout, large, most=100)
    shuffled = large.take(stream(3).permutation(600))
    assert found == measure("classifier_ranking", train, holdout, shuffled, most=100)
    assert found != measure("classifier_ranking", train, holdout, large)


def test_brier_score_and_calibration_error_agree_with_scikit_learn(people: People) -> None:
    train, holdout, synthetic = people
    found = measure("calibration", *people)
    scale = StandardScaler().fit(train.X.astype(float)).transform
    for role, source in (("synthetic", synthetic), ("real", train)):
        exact = OneVsRestClassifier(LogisticRegression(solver="newton-cholesky", tol=1e-8, max_iter=1000))
        shares = exact.fit(scale(source.X), source.y).predict_proba(scale(holdout.X))
        assert found[f"brier_logistic_{role}"] == pytest.approx(
            brier_score_loss(holdout.y, shares, scale_by_half=False, labels=["a", "b", "c"]), abs=1e-4
        )
        sure, right = shares.max(axis=1), np.array(list("abc"))[shares.argmax(axis=1)] == holdout.y
        there = np.histogram(sure, bins=10, range=(0, 1))[0]
        share_right, mean_sure = calibration_curve(right, sure, n_bins=10)
        gap = np.abs(share_right - mean_sure) @ there[there > 0] / len(sure)
        assert found[f"calibration_logistic_{role}"] == pytest.approx(gap, abs=2e-3)


def test_who_is_sure_and_wrong_has_the_largest_brier_score(people: People) -> None:
    train, holdout, synthetic = people
    lacking = synthetic.take(synthetic.y == "a")
    only_a = measure("calibration", train, holdout, lacking)
    assert only_a["brier_logistic_synthetic"] == pytest.approx(2 * np.mean(holdout.y != "a"))
    wrong = with_labels(synthetic, np.array(["b", "c", "a"])[np.searchsorted(["a", "b", "c"], synthetic.y)])
    values = [measure("calibration", train, holdout, release) for release in (synthetic, wrong)]
    assert values[0]["brier_logistic_synthetic"] < 1 < values[1]["brier_logistic_synthetic"] <= 2
