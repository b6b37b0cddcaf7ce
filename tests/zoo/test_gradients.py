"""Gradients of canaries find a training by DP-SGD that spends more than it says, and spare one that does not."""

from __future__ import annotations

import math

import numpy as np
import pytest
from bench.generators import _dpsgd
from zoo.gradients import Witness, audit_gradients, watch

from bench import Cohort
from bench.conformance import people
from bench.registry.selection import Choice, choose
from bench.statistics.dp_bounds import gaussian_strength
from bench.studies.audit_reading import exceeded

QUICK = {
    "dp_cvae": "steps=6,rate=1.0,draws=1,frame_share=0.1",
    "dp_diffusion": "steps=6,rate=1.0,hidden=16,blocks=1,draws=1,sampling_steps=2,frame_share=0.1",
}


@pytest.fixture(scope="module")
def cohort() -> Cohort:
    return people(300, "gradients", genes=60)


def one(name: str, epsilon: float, more: str = "") -> Choice:
    return choose("generator", f"{name}[epsilon={epsilon:g},{more or QUICK[name]}]")[0]


@pytest.mark.parametrize("name", QUICK)
def test_a_training_that_spends_what_it_says_is_not_refuted_and_shows_most_of_it(name: str, cohort: Cohort) -> None:
    (bound,) = audit_gradients(one(name, 10.0), cohort, coins=200, runs=4)
    assert not exceeded([bound], 10.0)
    assert 0.5 < bound.mu <= gaussian_strength(10.0, 1e-5)


def test_a_training_that_spends_more_than_is_claimed_is_refuted(cohort: Cohort) -> None:
    found = audit_gradients(one("dp_cvae", 100.0), cohort, coins=200, runs=4)
    assert exceeded(found, 1.0)
    assert found[0].mu > gaussian_strength(1.0, 1e-5)


@pytest.mark.parametrize(
    ("method", "cheat"),
    [
        ("add_noise", lambda self: [setattr(p, "grad", p.summed_grad.clone()) for p in self.params]),
        (
            "clip_and_accumulate",
            lambda self: [setattr(p, "summed_grad", p.grad_sample.sum(dim=0)) for p in self.params],
        ),
    ],
    ids=["no noise", "no clip"],
)
def test_noise_or_a_clip_that_is_forgotten_shows(
    method: str, cheat: object, cohort: Cohort, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_dpsgd.PrivateOptimiser, method, cheat)
    found = audit_gradients(one("dp_cvae", 1.0), cohort, coins=200, runs=2)
    assert exceeded(found, 1.0)
    assert found[0].low > 3


def test_a_canary_is_in_as_many_batches_as_the_rate_says_and_is_shortened_to_the_clip(
    cohort: Cohort, monkeypatch: pytest.MonkeyPatch
) -> None:
    # little noise is wanted; to account for as little would take minutes
    monkeypatch.setattr(_dpsgd, "_prv_epsilon", lambda plan, _delta, _mu: 100 / plan.sigma)
    trial, witness = watch(one("dp_cvae", 1000.0, "steps=100,rate=0.3,draws=1"), cohort, 200, 1, 0)
    told = trial.scores["gradient"]
    assert witness.steps == 100
    assert told[trial.inside].mean() == pytest.approx(30, abs=4 * math.sqrt(100 * 0.3 * 0.7 / 100))
    assert abs(told[~trial.inside]).mean() < 3
    assert len(np.unique(witness.places)) == len(witness.places) == trial.inside.sum()


def test_everything_is_as_it_was_afterwards(cohort: Cohort) -> None:
    before = _dpsgd.PrivateOptimiser, _dpsgd.poisson_batches
    with Witness(np.array([0]), np.array([0])).watching():
        assert _dpsgd.PrivateOptimiser is not before[0]
    assert (_dpsgd.PrivateOptimiser, _dpsgd.poisson_batches) == before
