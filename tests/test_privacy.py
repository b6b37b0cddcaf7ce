"""What private generators claim is recomputed by another accountant, and the noise is really added."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from bench.generators._privacy import compose_mu, gaussian_epsilon, gaussian_mu, noisy_counts, split_mu
from scipy import stats

from bench.conformance import people
from bench.registry import create, find


def second_opinion(mu: float, delta: float) -> float:
    """Return the epsilon that a privacy-loss-distribution accountant gives a Gaussian mechanism."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its imports warn
        from dp_accounting import GaussianDpEvent  # noqa: PLC0415, RUF100
        from dp_accounting.pld import PLDAccountant  # noqa: PLC0415, RUF100

    return float(PLDAccountant().compose(GaussianDpEvent(1 / mu)).get_epsilon(delta))


@pytest.mark.parametrize("epsilon", [0.5, 1.0, 4.0, 7.0, 10.0])
def test_a_second_accountant_agrees_on_the_gaussian_mechanism(epsilon: float) -> None:
    mu = gaussian_mu(epsilon, 1e-5)
    assert second_opinion(mu, 1e-5) == pytest.approx(epsilon, rel=1e-3)
    assert gaussian_epsilon(mu, 1e-5) == pytest.approx(epsilon, rel=1e-6)


def test_shares_of_a_budget_compose_to_the_whole() -> None:
    mu = gaussian_mu(4.0, 1e-5)
    shares = split_mu(mu, [0.04, 0.3, 0.66])
    assert compose_mu(shares) == pytest.approx(mu)
    assert second_opinion(math.sqrt(sum(m * m for m in shares)), 1e-5) == pytest.approx(4.0, rel=1e-3)


def test_noise_of_the_claimed_scale_is_added_to_counts() -> None:
    labels = np.repeat(["a", "b"], [30, 70])
    rng = np.random.default_rng(5)
    drawn = np.array([noisy_counts(labels, np.array(["a", "b"]), 2.5, rng) for _ in range(4000)])
    residual = (drawn - [30, 70]) / 2.5
    assert stats.kstest(residual.ravel(), "norm").pvalue > 1e-3


@pytest.mark.parametrize(("variant", "end_to_end"), [("end_to_end", True), ("published", False)])
def test_private_pgm_says_what_it_guarantees(variant: str, end_to_end: bool) -> None:
    info = find("generator", "private_pgm")
    fitted = create(info, {"variant": variant, "epsilon": 4.0}).fit(people(90, "train"), rng=np.random.default_rng(0))
    claim = fitted.claim()
    assert (claim.epsilon, claim.delta, claim.neighbours) == (4.0, 1e-5, "add-remove")
    assert claim.end_to_end is end_to_end
