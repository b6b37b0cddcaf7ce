"""Reconstruction: bounds at known values, an adversary who never beats them and comes close, and the page."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import runs
from scipy import stats

from bench import DataError, Dataset, stream
from bench.conformance.plugins import people
from bench.statistics.dp_bounds import gaussian_strength
from bench.statistics.membership import clopper_pearson
from bench.statistics.reconstruction import (
    Training,
    full_batch_bound,
    matched_filter,
    renyi_bound,
    sampled_bound,
    softmax_errors,
)
from bench.studies.reconstruction import reconstruct


def test_the_bound_of_the_full_batch_is_the_power_of_the_best_test() -> None:
    found = full_batch_bound(0.05, sigma=2.0, steps=9)
    assert found == pytest.approx(1 - stats.norm.cdf(stats.norm.ppf(0.95) - 1.5))  # N(1.5, 1) against N(0, 1)
    assert full_batch_bound(0.25, sigma=1e9, steps=1) == pytest.approx(0.25)  # noise alone: guessing
    assert full_batch_bound(0.25, sigma=0, steps=1) == 1.0
    assert renyi_bound(0.05, 8.0, 8.0 * 9 / (2 * 2.0**2)) > found  # of the same Gaussian, and not tight


def test_the_simulated_bound_is_the_exact_one_at_rate_1_and_smaller_below() -> None:
    exact = full_batch_bound(0.1, sigma=3.0, steps=10)
    found = [sampled_bound(0.1, 3.0, 10, rate, draws=40_000, rng=stream(1, "bound")) for rate in (1.0, 0.5, 0.1)]
    assert found[0] == pytest.approx(exact, abs=0.01)
    assert found[0] > found[1] > found[2] > 0.1
    assert sampled_bound(0.25, 0, 2, 0.5, draws=1, rng=stream(1)) == 1 - 0.25 * 0.75


def test_the_gradient_is_that_of_the_loss() -> None:
    rng = stream(2, "gradient")
    weights, x, h = rng.normal(size=(3, 4)), rng.normal(size=(1, 3)), 1e-6
    errors = softmax_errors(weights, x, np.array([2]))

    def loss(w: np.ndarray) -> float:
        scores = x @ w
        return float(np.log(np.exp(scores).sum()) - scores[0, 2])

    for place in np.ndindex(3, 4):
        step = np.zeros((3, 4))
        step[place] = h
        by_hand = (loss(weights + step) - loss(weights - step)) / (2 * h)
        assert np.outer(x[0], errors[0])[place] == pytest.approx(by_hand, abs=1e-6)


@pytest.mark.parametrize("rate", [1.0, 0.4])
@pytest.mark.parametrize("sigma", [2.0, 4.0])
def test_the_adversary_never_beats_the_bound_and_comes_close_without_sampling(sigma: float, rate: float) -> None:
    """Two candidates whose gradients are opposite: the case that leaves least between attack and bound."""
    trials, steps = 600, 10
    rng = stream(4, "trials", str(sigma), str(rate))
    known = rng.normal(size=(20, 5)), rng.integers(2, size=20)
    pair = np.concatenate([10 * np.eye(5)[:1], -10 * np.eye(5)[:1]]), np.array([0, 0])
    training = Training(sigma, steps, rate, lr=0.01)
    right = 0
    for _ in range(trials):
        target = int(rng.integers(2))
        right += matched_filter(known, pair, target, training, 2, rng) == target
    bound = sampled_bound(0.5, sigma, steps, rate, draws=40_000, rng=rng)
    assert clopper_pearson(right, trials)[0] <= bound
    if rate == 1.0:
        assert right / trials > 0.5 + 0.8 * (full_batch_bound(0.5, sigma, steps) - 0.5)


def test_without_noise_everybody_is_named_and_with_much_nobody() -> None:
    data = Dataset.from_cohort("invented", people(80))
    lines = reconstruct(
        data, [0.01, 10.0, math.inf], candidates=4, trials=120, steps=5, rate=0.5, delta=1e-5, seed=1
    ).set_index(["epsilon", "rate"])
    assert lines.loc[(math.inf, 1.0), "named"] == 1
    assert lines.loc[(0.01, 1.0), "low"] < 0.25 < lines.loc[(0.01, 1.0), "high"]
    assert (lines["low"] <= lines["bound"]).all()
    assert lines.loc[(10.0, 1.0), "sigma"] == pytest.approx(5**0.5 / gaussian_strength(10.0, 1e-5))
    with pytest.raises(DataError, match="80 records and 79 candidates"):
        reconstruct(data, [1.0], candidates=79, trials=1, steps=1, rate=1.0, delta=1e-5, seed=1)


def test_the_command_writes_a_page_a_table_and_a_picture(tmp_path: Path) -> None:
    words = "study reconstruction --epsilons 1 --trials 4 --steps 2 --candidates 3 --rate 0.5 --out out"
    (tmp_path / "home").mkdir()
    done = runs.bench(tmp_path, *words.split())
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "out/studies/digits_reconstruction.md").read_text()
    assert "| none " in page
    assert "digits_reconstruction.png" in page
    assert len((tmp_path / "out/studies/digits_reconstruction.csv").read_text().splitlines()) == 5
