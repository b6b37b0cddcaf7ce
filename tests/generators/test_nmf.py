"""The generators of non-negative factors: what they keep, what they lose, and that the private one is private."""

from __future__ import annotations

import math
import pickle
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from bench.generators._privacy import compose_mu, gaussian_mu
from bench.generators.nmf import Nmf
from bench.generators.p_nmf import PNmf
from scipy import stats

from bench import Cohort, PluginError, stream
from bench.core.roles import claim_of
from bench.registry.finding import create, find

MAKERS = [pytest.param(lambda: Nmf(passes=30, trees=20, clusters=6), id="nmf"), pytest.param(PNmf, id="p_nmf")]
Maker = Callable[[], Any]


def people(n: int, who: str = "train", genes: int = 60) -> Cohort:
    """Return n invented people of three classes (a half, a third, a sixth) whose genes move in two modules."""
    rng = stream(3, who)
    y = np.array(["a", "a", "a", "b", "b", "c"])[np.arange(n) % 6]
    centres = {label: stream(3, "centre", label).normal(9, 1.5, genes) for label in "abc"}
    modules = rng.normal(size=(n, 2)) @ np.repeat(np.eye(2), genes // 2, axis=1)
    X = np.array([centres[label] for label in y]) + 0.8 * modules + 0.5 * rng.normal(size=(n, genes))
    return Cohort(X=X, y=y, genes=[f"G{i}" for i in range(genes)], samples=[f"{who}{i}" for i in range(n)], units="vst")


def released(model: Any, cohort: Cohort, n: int) -> Cohort:
    sample: Cohort = model.fit(cohort, rng=stream(1)).sample(n, rng=stream(2))
    return sample


@pytest.mark.parametrize("make", MAKERS)
def test_it_learns_classes_and_distribution(make: Maker) -> None:
    """Accuracy 0.2 above what shuffled genes and noise reach, and at most half of their MMD."""
    train, holdout, scores = people(360), people(120, "holdout"), {}
    for name, model in {
        "model": make(),
        **{c: create(find("generator", c)) for c in ("shuffled_genes", "noise")},
    }.items():
        S = released(model, train, len(train))
        accuracy = create(find("metric", "tstr"))(train, holdout, S, rng=stream(4))["accuracy_synthetic"]
        scores[name] = accuracy, create(find("metric", "mmd"))(train, holdout, S, rng=stream(4))["mmd"]
    for control in ("shuffled_genes", "noise"):
        assert scores["model"][0] > scores[control][0] + 0.2
        assert scores["model"][1] < 0.5 * scores[control][1]


@pytest.mark.parametrize("make", MAKERS)
def test_a_reloaded_model_samples_the_same(make: Maker) -> None:
    fitted = make().fit(people(60), rng=stream(1))
    again = pickle.loads(pickle.dumps(fitted))
    assert again.sample(25, rng=stream(2)).digest == fitted.sample(25, rng=stream(2)).digest


@pytest.mark.parametrize("make", MAKERS)
def test_rare_missing_and_constant_parts_do_not_stop_it(make: Maker) -> None:
    cohort = people(72)
    keep = np.concatenate([np.flatnonzero(cohort.y == "a"), np.flatnonzero(cohort.y == "b")[:3]])  # no c, three b
    X = cohort.X.copy()
    X[:, 5] = 8.5
    S = released(make(), replace(cohort, X=X).take(keep), 40)
    assert set(S.y) <= {"a", "b"}
    assert np.isfinite(S.X).all()


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("genes", [500, pytest.param(20_000, marks=pytest.mark.full)])
def test_it_takes_many_genes(make: Maker, genes: int) -> None:
    assert released(make(), people(30, genes=genes), 7).X.shape == (7, genes)


@pytest.mark.parametrize("units", ["counts", "zscore", "genotype"])
def test_other_units_stay_inside_what_they_can_be(units: str) -> None:
    cohort = people(90)
    X = {"counts": np.exp2(cohort.X).round(), "zscore": cohort.X - 9, "genotype": np.clip(cohort.X - 8, 0, 2).round()}
    S = released(PNmf(), replace(cohort, X=X[units], units=units), 50)
    if units != "zscore":
        assert (S.X >= 0).all()
        np.testing.assert_array_equal(S.X, np.rint(S.X))


def test_nmf_has_the_moments_of_its_clusters() -> None:
    cohort = people(300)
    model = Nmf(passes=30, clusters=3).fit(cohort, rng=stream(1))
    S = model.sample(20_000, rng=stream(2))
    np.testing.assert_allclose(S.X.mean(axis=0), cohort.X.mean(axis=0), atol=0.06)
    np.testing.assert_allclose(S.X.std(axis=0), cohort.X.std(axis=0), rtol=0.05)


def test_one_cluster_alone_leaves_no_correlation() -> None:
    S = released(Nmf(passes=30, clusters=1), people(300), 5_000)
    correlations = np.corrcoef(S.X.T)[np.triu_indices(60, 1)]
    assert np.abs(correlations).max() < 0.1


def test_what_claims_nothing_and_what_it_does_claim() -> None:
    cohort = people(60)
    assert claim_of(Nmf(passes=10, trees=5).fit(cohort, rng=stream(1))) is None
    claim = PNmf(epsilon=4.0).fit(cohort, rng=stream(1)).claim()
    assert (claim.epsilon, claim.delta, claim.neighbours, claim.end_to_end) == (4.0, 1e-5, "add-remove", True)


@pytest.mark.parametrize("epsilon", [1.0, 4.0, 10.0])
def test_a_second_accountant_confirms_epsilon(epsilon: float) -> None:
    model = PNmf(epsilon=epsilon).fit(people(60), rng=stream(1))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its imports warn
        from dp_accounting import ComposedDpEvent, GaussianDpEvent
        from dp_accounting.pld import PLDAccountant
    moments = math.sqrt(model.mu_**2 - model.frame_.mu**2)
    events = [GaussianDpEvent(1 / model.frame_.mu), GaussianDpEvent(1 / moments)]
    spent = PLDAccountant().compose(ComposedDpEvent(events)).get_epsilon(1e-5)
    assert spent == pytest.approx(epsilon, rel=2e-3)
    assert model.mu_ == pytest.approx(compose_mu([model.frame_.mu, moments]))


def test_one_sample_moves_the_moments_by_no_more_than_their_noise_is_made_for() -> None:
    """With the frame held fixed and hardly any noise, the sums of two neighbours differ by at most radius squared."""
    cohort = people(90)
    model = PNmf().fit(cohort, rng=stream(1))
    counts = model.frame_.counts[:, None, None]
    X = cohort.X.astype(np.float64)
    X[0] += 100 * model.basis_[0]  # as far out as one person can be for the moments
    moments = [
        model._moments(X[rows], cohort.y[rows], 1e9, stream(5)) * counts for rows in (slice(0, None), slice(1, None))
    ]
    radius = model.clip * math.sqrt(float((model.basis_**2 @ model.frame_.spreads**2).sum()))
    assert 0.9 * radius**2 < np.linalg.norm(moments[0] - moments[1]) <= radius**2 * (1 + 1e-6)


def test_the_moments_get_noise_of_the_claimed_size() -> None:
    cohort, mu = people(90), gaussian_mu(4.0, 1e-5)
    model = PNmf(rank=1).fit(cohort, rng=stream(1))
    X = cohort.X.astype(np.float64)
    radius = model.clip * math.sqrt(float((model.basis_**2 @ model.frame_.spreads**2).sum()))
    exact = model._moments(X, cohort.y, 1e9, stream(5))[0, 0, 0]
    drawn = np.array([model._moments(X, cohort.y, mu, stream(5, i))[0, 0, 0] for i in range(400)])
    residual = (drawn - exact) * model.frame_.counts[0] * mu / radius**2
    inside = residual[drawn > 0]  # negative ones are cut at zero
    lowest = -exact * model.frame_.counts[0] * mu / radius**2
    assert stats.kstest(inside, stats.truncnorm(lowest, np.inf).cdf).pvalue > 1e-3


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (Nmf(rank=0), "rank is 0"),
        (PNmf(epsilon=0), "epsilon is 0"),
        (PNmf(moments_share=1.0), "moments_share is 1.0"),
        (PNmf(low=5.0, high=4.0), "expected low < high"),
    ],
)
def test_a_wrong_parameter_is_named(model: Any, message: str) -> None:
    with pytest.raises(PluginError, match=message):
        model.fit(people(30), rng=stream(1))
