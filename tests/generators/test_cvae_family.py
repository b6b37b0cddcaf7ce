"""The variational autoencoders learn the cohort, keep their contracts on hard ones, and claim what they can prove."""

from __future__ import annotations

import math
import pickle
from dataclasses import replace
from typing import Any

import dp_accounting
import numpy as np
import pytest
import torch
from bench.generators._cvae import learning_rates
from bench.generators._privacy import gaussian_epsilon, gaussian_mu
from bench.generators._private_frame import SHARES
from bench.generators.dp_cvae import DpCvae
from cohorts import cohort_of, correlation_agreement, utility
from depth import in_depth
from dp_accounting.pld import PLDAccountant
from numpy.typing import NDArray
from scipy import stats
from torch import Tensor, nn

from bench import PluginError, Split, stream
from bench.core.roles import claim_of
from bench.datasets.folds import make_splits
from bench.datasets.known.simulated import simulated_cohort
from bench.registry.finding import create, find

# Small forms that learn the embedded cohort in seconds.
LEARNING: dict[str, dict[str, Any]] = {
    "cvae": {"steps": 300},
    "nmf_cvae": {"rank": 30, "passes": 60, "steps": 300},
    "dp_cvae": {"steps": 40, "rate": 1.0},
}
# Forms that only have to run.
TINY: dict[str, dict[str, Any]] = {
    "cvae": {"steps": 5},
    "nmf_cvae": {"rank": 4, "passes": 10, "steps": 5},
    "dp_cvae": {"hidden": (4,), "steps": 4, "rate": 1.0, "draws": 2},
}


def made(name: str, **changes: Any) -> Any:
    """Return a tiny generator of this name."""
    return create(find("generator", name), {**TINY[name], **changes})


@pytest.fixture(scope="module")
def split() -> Split:
    """The first fold of the embedded cohort, every fourth gene."""
    cohort = simulated_cohort("brca")
    return make_splits(replace(cohort, X=cohort.X[:, ::4], genes=cohort.genes[::4]), seed=42)[0]


@pytest.mark.full
@pytest.mark.parametrize("name", LEARNING)
def test_it_learns_what_the_controls_do_not_know(split: Split, name: str) -> None:
    generators = {name: create(find("generator", name), LEARNING[name])}
    generators |= {control: create(find("generator", control)) for control in ("shuffled_genes", "noise")}
    drawn = {
        k: g.fit(split.train, rng=stream(1)).sample(len(split.train), rng=stream(2)) for k, g in generators.items()
    }
    accuracy, aupr = utility(split, drawn[name])
    for control in ("shuffled_genes", "noise"):
        control_accuracy, control_aupr = utility(split, drawn[control])
        assert accuracy > control_accuracy + 0.15
        assert aupr > control_aupr + 0.35
        assert correlation_agreement(split.train, drawn[control]) < 0.1
    assert correlation_agreement(split.train, drawn[name]) > 0.5


@pytest.mark.parametrize("name", TINY)
def test_the_same_streams_give_the_same_sample(name: str) -> None:
    digests = {made(name).fit(cohort_of(), rng=stream(1)).sample(30, rng=stream(2)).digest for _ in range(2)}
    assert len(digests) == 1


@pytest.mark.parametrize("name", TINY)
def test_a_reloaded_model_samples_the_same(name: str) -> None:
    fitted = made(name).fit(cohort_of(), rng=stream(1))
    reloaded = pickle.loads(pickle.dumps(fitted))
    assert reloaded.sample(30, rng=stream(2)).digest == fitted.sample(30, rng=stream(2)).digest


@pytest.mark.parametrize("name", TINY)
def test_a_class_of_three_is_learned_and_a_missing_class_never_drawn(name: str) -> None:
    cohort = cohort_of(60, labels="abc")
    few = cohort.take(np.flatnonzero((cohort.y == "a") | (np.cumsum(cohort.y == "b") * (cohort.y == "b") <= 3)))
    few = few.take(np.flatnonzero(few.y != "c"))
    assert np.unique(few.y, return_counts=True)[1].tolist() == [20, 3]
    synthetic = made(name).fit(few, rng=stream(1)).sample(400, rng=stream(2))
    assert set(synthetic.y) == {"a", "b"}


@pytest.mark.parametrize("name", ["cvae", "nmf_cvae"])
def test_constant_genes_stay_constant(name: str) -> None:
    cohort = cohort_of()
    X: NDArray[np.float32] = cohort.X.copy()
    X[:, [0, 5]] = [0.0, 7.25]
    synthetic = made(name).fit(replace(cohort, X=X), rng=stream(1)).sample(30, rng=stream(2))
    np.testing.assert_array_equal(synthetic.X[:, [0, 5]], np.tile(np.float32([0.0, 7.25]), (30, 1)))


@pytest.mark.parametrize("genes", [500, pytest.param(20_000, marks=pytest.mark.full)])
@pytest.mark.parametrize("name", TINY)
def test_few_and_many_genes_pass(name: str, genes: int) -> None:
    synthetic = made(name).fit(cohort_of(40, genes), rng=stream(1)).sample(20, rng=stream(2))
    assert synthetic.X.shape == (20, genes)
    assert np.isfinite(synthetic.X).all()


@pytest.mark.parametrize("name", ["cvae", "nmf_cvae"])
def test_no_guarantee_is_claimed_where_there_is_none(name: str) -> None:
    assert claim_of(made(name).fit(cohort_of(), rng=stream(1))) is None


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("cvae", {"steps": 0}, "steps is 0"),
        ("cvae", {"schedule": "linear"}, "expected one of constant, cosine"),
        ("dp_cvae", {"epsilon": 0.0}, "epsilon is 0.0"),
        ("dp_cvae", {"variant": "other"}, "'end-to-end' or 'published'"),
        ("dp_cvae", {"frame_share": 1.0}, "frame_share is 1.0"),
        ("dp_cvae", {"hidden": ()}, "one width or more"),
        ("dp_cvae", {"low": 30.0}, "low < high"),
        ("nmf_cvae", {"rank": 0}, "rank is 0"),
        ("nmf_cvae", {"learn": "genes"}, "learn is 'genes'"),
        ("nmf_cvae", {"noise_w": -1.0}, r"noise_w -1\.0"),
    ],
)
def test_a_hyper_parameter_out_of_range_is_refused(name: str, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(PluginError, match=message):
        made(name, **changes).fit(cohort_of(), rng=stream(1))


# -- cvae --------------------------------------------------------------------------------------------------------------


def test_a_cosine_rate_rises_and_falls_to_nothing_and_a_constant_one_stays() -> None:
    rates = learning_rates("cosine", 0.003, 3000)
    assert len(rates) == 3000
    assert rates[0] < 1e-4
    assert rates.argmax() == 89
    assert 0.0029 < rates.max() <= 0.003
    assert 0 < rates[-1] < 1e-8
    np.testing.assert_array_equal(learning_rates("constant", 0.001, 4), [0.001] * 4)
    assert learning_rates("cosine", 0.003, 1).tolist() == [0.003]


def test_the_number_of_steps_does_not_grow_with_the_cohort(monkeypatch: pytest.MonkeyPatch) -> None:
    rates: list[float] = []

    class Watched(torch.optim.Adam):
        def step(self, closure: Any = None) -> Any:
            rates.append(self.param_groups[0]["lr"])
            return super().step(closure)

    monkeypatch.setattr(torch.optim, "Adam", Watched)
    for n in (40, 400):
        made("cvae", batch=16).fit(cohort_of(n), rng=stream(1))
    assert rates == 2 * learning_rates("cosine", 0.003, TINY["cvae"]["steps"]).tolist()


# -- nmf_cvae ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("learn", in_depth(["reconstruction", "coefficients"], ["reconstruction"]))
def test_the_lost_spread_returns(split: Split, learn: str) -> None:
    kept = {}
    for residual in (0.0, 1.0):
        changes = {"learn": learn, "residual": residual}
        model = create(find("generator", "nmf_cvae"), LEARNING["nmf_cvae"] | changes)
        synthetic = model.fit(split.train, rng=stream(1)).sample(len(split.train), rng=stream(2))
        kept[residual] = float(np.median(synthetic.X.var(axis=0) / split.train.X.var(axis=0)))
    assert kept[0.0] < 0.75
    assert 0.85 < kept[1.0] < 1.15


def test_the_noise_on_the_factors_distorts_what_is_learned() -> None:
    cohort = cohort_of()
    digests = set()
    for changes in ({"noise_w": 0.0}, {"noise_w": 0.5}, {"noise_h": 0.5}):
        digests.add(made("nmf_cvae", **changes).fit(cohort, rng=stream(1)).sample(10, rng=stream(2)).digest)
    assert len(digests) == 3


# -- dp_cvae -----------------------------------------------------------------------------------------------------------


def second_opinion(fitted: DpCvae) -> float:
    """Recompute epsilon with another accountant, from the parts of the mechanism."""
    accountant = PLDAccountant(dp_accounting.NeighboringRelation.ADD_OR_REMOVE_ONE)
    step = dp_accounting.PoissonSampledDpEvent(fitted.plan_.rate, dp_accounting.GaussianDpEvent(fitted.plan_.sigma))
    accountant.compose(step, fitted.plan_.steps)
    for name, share in SHARES.items():
        if fitted.variant == "published":
            break
        parts = 3 if name == "lengths" else 1  # three radii are chosen
        mu = gaussian_mu(fitted.epsilon, fitted.delta) * math.sqrt(fitted.frame_share * share / parts)
        for _ in range(parts):
            accountant.compose(dp_accounting.GaussianDpEvent(1 / mu))
    return float(accountant.get_epsilon(fitted.delta))


@pytest.mark.parametrize(
    ("variant", "epsilon"),
    [
        ("end-to-end", 10.0),
        pytest.param("end-to-end", 1.0, marks=pytest.mark.full),
        pytest.param("published", 2.0, marks=pytest.mark.full),
    ],
)
def test_the_claimed_epsilon_is_what_a_second_accountant_finds(variant: str, epsilon: float) -> None:
    fitted = made("dp_cvae", variant=variant, epsilon=epsilon, rate=0.3, steps=6).fit(cohort_of(), rng=stream(1))
    claim = fitted.claim()
    assert claim.epsilon <= epsilon
    assert claim.epsilon - 0.03 <= second_opinion(fitted) <= claim.epsilon + 1e-3
    assert claim.end_to_end == (variant == "end-to-end")
    assert (claim.neighbours, claim.unit, claim.delta) == ("add-remove", "one sample", 1e-5)


@pytest.mark.parametrize(
    ("rate", "accountant"),
    [
        (0.3, "PRV (opacus), Poisson sampling at rate 0.3, 6 steps"),
        (1.0, "Gaussian differential privacy, exact; everybody in each of 6 steps"),
    ],
)
def test_a_claim_names_the_accountant_that_found_its_epsilon(rate: float, accountant: str) -> None:
    fitted = made("dp_cvae", variant="published", epsilon=2.0, rate=rate, steps=6).fit(cohort_of(), rng=stream(1))
    claim = fitted.claim()
    assert claim.accountant == accountant
    if rate == 1.0:  # the exact sum, which PRV only bounds
        assert claim.epsilon == gaussian_epsilon(math.sqrt(6) / fitted.plan_.sigma, fitted.delta)


def test_the_published_variant_lists_what_it_takes_from_the_data_without_noise() -> None:
    cohort = cohort_of(40, labels="aaab")
    fitted = made("dp_cvae", variant="published", residual=0.0).fit(cohort, rng=stream(1))
    assert fitted.claim().outside == ("gene means and standard deviations", "class counts", "number of samples")
    synthetic = fitted.sample(40, rng=stream(2))
    assert np.unique(synthetic.y, return_counts=True)[1].tolist() == [30, 10]


def test_end_to_end_the_class_counts_are_not_the_cohorts() -> None:
    fitted = made("dp_cvae").fit(cohort_of(), rng=stream(1))
    histograms = [np.unique(fitted.sample(40, rng=stream(2, i)).y, return_counts=True)[1] for i in range(10)]
    assert len({tuple(h.tolist()) for h in histograms}) > 3


def test_the_weights_get_noise_of_the_claimed_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """One step of plain descent with a huge rate: the weights are then the noisy sum of clipped gradients."""
    monkeypatch.setattr(torch.optim, "Adam", torch.optim.SGD)
    clip, lr = 0.01, 1e6
    model = DpCvae(epsilon=0.5, hidden=(32,), steps=1, rate=1.0, clip=clip, lr=lr, ema=0.0)
    fitted = model.fit(cohort_of(20, genes=150), rng=stream(1))
    weights = torch.cat([p.detach().flatten() for p in fitted.net_.parameters() if p.requires_grad]).numpy()
    noise = weights * fitted.frame_.total / (lr * clip * fitted.plan_.sigma)
    assert len(noise) > 10_000
    assert stats.kstest(noise, "norm").pvalue > 1e-3
    assert np.std(noise) == pytest.approx(1, abs=0.03)


class Watching(DpCvae):
    """Keeps the number of samples in each batch, and who was in it."""

    def _loss(self, net: nn.Module, x: Tensor, codes: Tensor, draw: torch.Generator) -> Tensor:
        self.__dict__.setdefault("batches_", []).append(x[:, 0].numpy().copy())
        return super()._loss(net, x, codes, draw)


def test_every_sample_enters_each_batch_by_its_own_coin() -> None:
    n, rate, steps = 30, 0.3, 250
    fitted = Watching(hidden=(2,), z_dim=1, draws=1, steps=steps, rate=rate).fit(cohort_of(n, genes=3), rng=stream(1))
    batches: list[NDArray[np.float32]] = fitted.__dict__["batches_"]
    assert len(batches) == steps
    sizes = np.array([len(b) for b in batches])
    assert stats.binomtest(int(sizes.sum()), n * steps, rate).pvalue > 1e-3
    spread = (steps - 1) * sizes.var(ddof=1) / (n * rate * (1 - rate))  # fixed-size batches would have none
    assert 1e-3 < stats.chi2(steps - 1).cdf(spread) < 1 - 1e-3
    _, times = np.unique(np.concatenate(batches), return_counts=True)
    assert len(times) == n
    assert stats.chisquare(times).pvalue > 1e-3


def test_samples_stay_in_the_public_range() -> None:
    synthetic = made("dp_cvae", low=8.0, high=9.0).fit(cohort_of(), rng=stream(1)).sample(50, rng=stream(2))
    assert (synthetic.X >= 8).all()
    assert (synthetic.X <= 9).all()


def test_counts_are_modelled_on_a_log_scale_and_come_back_as_counts() -> None:
    cohort = cohort_of()
    counts = replace(cohort, X=np.rint(np.exp2(cohort.X)), units="counts")
    synthetic = made("dp_cvae").fit(counts, rng=stream(1)).sample(30, rng=stream(2))
    assert (synthetic.X >= 0).all()
    np.testing.assert_array_equal(synthetic.X, np.rint(synthetic.X))
