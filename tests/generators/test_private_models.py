"""Objective perturbation costs what it claims, by the densities themselves; a private network spends what it was given."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

pytest.importorskip("opacus")

from bench.generators._privacy import compose_mu, gaussian_delta
from bench.generators.classifiers._objective import (
    FINISH,
    GRADIENT,
    TOLERANCE,
    delta_of,
    kifer_sigma,
    sigma_for,
    trace_of_hessian,
)
from bench.generators.classifiers.dp_objective import minimum, with_constant
from scipy.special import expit, softmax
from scipy.stats import chi, norm

from bench import PluginError, stream
from bench.conformance.plugins import people
from bench.core.released import ReleasedModel
from bench.registry.selection import made

TRAIN, OTHERS = people(120, "train"), people(60, "others")


def trained(text: str, rng: Any = None) -> tuple[Any, ReleasedModel]:
    plugin = made("generator", text)
    fitted = plugin.fit(TRAIN, rng=stream(1, "fit") if rng is None else rng)
    return fitted, fitted.release(rng=stream(1, "release")).answered_by(plugin.predict_proba)


def accuracy(model: ReleasedModel) -> float:
    return float((model.predict(OTHERS.X) == OTHERS.y).mean())


# -- what the minimum of a perturbed objective costs -------------------------------------------------------------------

U = np.linspace(-60, 60, 240_001)


def density(signs: list[int], sigma: float, penalty: float) -> np.ndarray:
    """Return the density of the minimum along (1, -1) / sqrt(2), of two classes and one constant, person by person.

    Across it neither noise nor people tell the two cohorts apart.
    """
    slope, bend = penalty * U, np.full_like(U, penalty)
    for sign in signs:  # loss log(1 + exp(-sign * sqrt(2) * u))
        p = expit(sign * math.sqrt(2) * U)
        slope = slope - sign * math.sqrt(2) * (1 - p)
        bend = bend + 2 * p * (1 - p)
    return norm.pdf(slope, scale=sigma) * bend


@pytest.mark.parametrize(("sigma", "penalty"), [(1.0, 0.5), (2.0, 0.2), (0.6, 4.0)])
@pytest.mark.parametrize("epsilon", [0.5, 2.0])
def test_the_densities_of_neighbours_are_no_farther_apart_than_the_accountant_says(
    sigma: float, penalty: float, epsilon: float
) -> None:
    claimed, step = delta_of(epsilon, sigma, penalty, 2, 1e-3), U[1] - U[0]
    worst = 0.0
    for rest in ([], [1, 1, -1], [1] * 6 + [-1] * 2):
        with_one, without = (density(signs, sigma, penalty) for signs in ([*rest, 1], rest))
        assert with_one.sum() * step == pytest.approx(1, abs=1e-6)
        for p, q in ((with_one, without), (without, with_one)):
            worst = max(worst, float(np.maximum(p - math.exp(epsilon) * q, 0).sum() * step))
    assert worst <= claimed
    assert worst > claimed / 50 or claimed > 0.3  # a bound that says something


def test_delta_by_hand() -> None:
    sigma, penalty, n_classes, delta = 1.3, 2.0, 5, 1e-5
    fixed = GRADIENT**2 / (2 * sigma**2) + trace_of_hessian(n_classes) / penalty
    by_tail = fixed + GRADIENT / sigma * chi(4).isf(delta)  # all that is not improbable is below
    assert 0.3 * delta < delta_of(by_tail, sigma, penalty, n_classes, 1e-6) * 5 < 5 * delta
    assert delta_of(2.0, 1e5, 1e7, n_classes, 0.9) == pytest.approx(gaussian_delta(0.9, 2.0), rel=1e-2)
    for epsilon in (1.0, 8.0):
        found = sigma_for(epsilon, delta, penalty, n_classes, 0.1)
        assert 0.99 * delta < delta_of(epsilon, found, penalty, n_classes, 0.1) <= delta
        assert sigma_for(epsilon, delta, 1 / epsilon, 2, 1e-6) < kifer_sigma(
            epsilon, delta
        )  # two classes: curvature 1/2
    assert sigma_for(1.0, delta, 0.1, n_classes, 0.1) == math.inf


def test_one_person_moves_gradient_and_hessian_by_no_more_than_the_accountant_takes() -> None:
    rng = np.random.default_rng(0)
    X = with_constant(rng.normal(size=(40, 9)) / 9, 0.3)
    unit = with_constant(np.eye(9), 0.3)
    assert np.linalg.norm(unit, axis=1) == pytest.approx(1)
    for scale in (0.1, 10, 100):
        for x in (*X, *unit):
            p = softmax(scale * x @ rng.normal(size=(10, 5)))
            for truth in np.eye(5):
                gradient = np.outer(x, p - truth)
                assert np.linalg.norm(gradient) <= GRADIENT + 1e-12
                assert gradient.sum(axis=1) == pytest.approx(0)
            assert (x @ x) * (p.sum() - p @ p) <= trace_of_hessian(5) + 1e-12


def test_without_noise_the_minimum_is_that_of_scikit_learn_and_a_solver_that_stops_is_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from sklearn.linear_model import LogisticRegression

    codes = np.unique(TRAIN.y, return_inverse=True)[1]
    X = with_constant((TRAIN.X - TRAIN.X.mean(axis=0)).astype(float) / 10, 0.3)
    found = minimum(X, codes, 0.5, np.zeros((25, 3)))
    theirs = LogisticRegression(C=2, fit_intercept=False, tol=1e-10, max_iter=10_000).fit(X, codes)
    assert found - found.mean(axis=1, keepdims=True) == pytest.approx(theirs.coef_.T, abs=1e-4)
    noise = 3 * np.random.default_rng(1).normal(size=(25, 3))
    moved = minimum(X, codes, 0.5, noise)
    gradient = X.T @ (softmax(X @ moved, axis=1) - np.eye(3)[codes]) + 0.5 * moved + noise
    assert np.linalg.norm(gradient) <= TOLERANCE
    monkeypatch.setattr("bench.generators.classifiers.dp_objective.TOLERANCE", 1e-300)
    with pytest.raises(PluginError, match="the solver stopped at a gradient of"):
        minimum(X, codes, 0.5, noise)


class Spy:
    """A random stream that keeps the standard deviation of every normal draw, and draws nothing but zeros."""

    def __init__(self) -> None:
        self.sds: list[float] = []

    def normal(self, mean: float, sd: float, size: Any = None) -> Any:
        self.sds.append(sd)
        return np.zeros(size if size is not None else ())


@pytest.mark.parametrize("epsilon", [2.0, 10.0])
def test_objective_and_releases_before_it_get_the_noise_of_the_claim(epsilon: float) -> None:
    spy = Spy()
    fitted, _ = trained(f"dp_objective[epsilon={epsilon},penalty=3,prior=none]", spy)
    assert spy.sds[-2:] == pytest.approx([fitted.sigma_, TOLERANCE / 3 / FINISH])
    spent = compose_mu([1 / spy.sds[0], fitted.scale_.mu, 2 * FINISH])  # sizes, scale, end of the solver
    assert 0.99e-5 < delta_of(epsilon, spy.sds[-2], 3.0, 3, spent) <= 1e-5
    claim = fitted.claim()
    assert (claim.epsilon, claim.delta, claim.end_to_end) == (epsilon, 1e-5, True)


# -- the network -------------------------------------------------------------------------------------------------------


@pytest.mark.full  # the PRV accountant takes seconds
def test_a_private_network_spends_what_it_was_given_and_no_more() -> None:
    fitted, model = trained("dp_mlp[epsilon=6,steps=30]")
    spent = compose_mu([mu for _, mu in fitted.mus_])
    assert 5.95 < fitted.plan_.epsilon(1e-5, spent) <= 6
    assert (fitted.plan_.steps, fitted.plan_.rate) == (30, 0.25)
    claim = fitted.claim()
    assert (claim.epsilon, claim.end_to_end) == (6.0, True)
    assert "PRV" in claim.accountant
    assert model.predict_proba(OTHERS.X[:1]) == pytest.approx(model.predict_proba(OTHERS.X)[:1])


def test_every_step_of_the_network_gets_its_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    import bench.generators._dpsgd as dpsgd

    sds: list[float] = []
    real = dpsgd.with_noise
    monkeypatch.setattr(dpsgd, "with_noise", lambda total, sd, rng: sds.append(sd) or real(total, sd, rng))
    fitted, _ = trained("dp_mlp[epsilon=6,steps=5,rate=1,clip=0.5]")
    assert sds == pytest.approx([0.5 * fitted.plan_.sigma] * 5 * 4)  # two weights and two biases


@pytest.mark.parametrize("text", ["dp_objective[epsilon=100]", "dp_mlp[epsilon=100,hidden=8,steps=40,rate=1]"])
def test_classes_that_are_apart_are_told(text: str) -> None:
    assert accuracy(trained(text)[1]) > 0.9


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("dp_objective[epsilon=0]", "epsilon is 0.0"), ("dp_objective[penalty=0]", "penalty is 0.0; expected more"),
        ("dp_objective[centring=0.99]", "leave some for the objective"),
        ("dp_objective[epsilon=1,penalty=0.1]", "penalty is 0.1, which alone costs more than epsilon 1.0 leaves"),
        ("dp_mlp[epsilon=0]", "epsilon is 0.0"), ("dp_mlp[lr=0]", "lr is 0.0; expected more than 0"),
        ("dp_mlp[momentum=1]", "momentum is 1.0"), ("dp_mlp[centring=0.99]", "leave some for the training"),
        ("dp_mlp[rate=2]", "private training with rate 2.0"),
    ],
)  # fmt: skip
def test_bad_parameters_are_one_clear_error(text: str, words: str) -> None:
    with pytest.raises(PluginError, match=words):
        trained(text)
