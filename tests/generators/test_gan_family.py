"""The adversarial networks and the VAE with a latent mixture learn the cohort and keep their contracts on hard ones."""

from __future__ import annotations

import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from bench.generators._mixture import Mixture
from bench.generators._modes import Modes
from cohorts import cohort_of, correlation_agreement, utility
from numpy.typing import NDArray

from bench import Cohort, PluginError, Split, stream
from bench.core.roles import claim_of
from bench.datasets.folds import make_splits
from bench.datasets.known.simulated import simulated_cohort
from bench.registry.finding import create, find

torch = pytest.importorskip("torch")

from bench.generators._gan import Dropout, balanced_rows, critic_loss, full_batches  # noqa: E402 (needs torch)

# Small forms that learn the embedded cohort in seconds.
LEARNING: dict[str, dict[str, Any]] = {
    "cvae_gmm": {"epochs": 20},
    "wgan_gp": {"steps": 100, "lr": 1e-3},
    "ctgan": {"steps": 120, "lr": 3e-3, "pac": 1, "modes": 2},
}
# Forms that only have to run.
TINY: dict[str, dict[str, Any]] = {
    "cvae_gmm": {"epochs": 3, "z_dim": 8},
    "wgan_gp": {"steps": 3, "noise": 8, "critic_steps": 2},
    "ctgan": {"steps": 3, "noise": 8, "critic_steps": 2, "batch": 4, "pac": 2, "modes": 2},
}


def made(name: str, **changes: Any) -> Any:
    """Return a tiny generator of this name."""
    return create(find("generator", name), {**TINY[name], **changes})


@pytest.fixture(scope="module")
def split() -> Split:
    """The first fold of the embedded cohort, every fourth gene."""
    cohort = simulated_cohort("brca")
    return make_splits(replace(cohort, X=cohort.X[:, ::4], genes=cohort.genes[::4]), seed=42)[0]


def drawn(name: str, split: Split, **params: Any) -> Cohort:
    """Return a sample of the size of the training fold, from a generator fitted to it."""
    model = create(find("generator", name), params).fit(split.train, rng=stream(1))
    synthetic: Cohort = model.sample(len(split.train), rng=stream(2))
    return synthetic


@pytest.fixture(scope="module")
def controls(split: Split) -> list[tuple[float, float]]:
    """The utility of the two generators that know no gene-gene correlation."""
    return [utility(split, drawn(control, split)) for control in ("shuffled_genes", "noise")]


@pytest.mark.full
@pytest.mark.parametrize("name", LEARNING)
def test_it_learns_what_the_controls_do_not_know(split: Split, controls: list[tuple[float, float]], name: str) -> None:
    synthetic = drawn(name, split, **LEARNING[name])
    accuracy, aupr = utility(split, synthetic)
    for control_accuracy, control_aupr in controls:
        assert accuracy > control_accuracy + 0.15
        assert aupr > control_aupr + 0.35
    assert correlation_agreement(split.train, synthetic) > 0.5


@pytest.mark.parametrize("name", TINY)
def test_the_same_streams_give_the_same_sample(name: str) -> None:
    digests = {made(name).fit(cohort_of(), rng=stream(1)).sample(30, rng=stream(2)).digest for _ in range(2)}
    assert len(digests) == 1


@pytest.mark.parametrize("name", TINY)
def test_a_reloaded_model_samples_the_same(name: str) -> None:
    fitted = made(name).fit(cohort_of(), rng=stream(1))
    reloaded = pickle.loads(pickle.dumps(fitted))
    assert reloaded.sample(30, rng=stream(2)).digest == fitted.sample(30, rng=stream(2)).digest


@pytest.mark.parametrize("rare", [1, 3])
@pytest.mark.parametrize("name", TINY)
def test_a_rare_class_is_learned_and_a_missing_class_never_drawn(name: str, rare: int) -> None:
    cohort = cohort_of(60, labels="abc")
    few = cohort.take(np.flatnonzero((cohort.y == "a") | (np.cumsum(cohort.y == "b") * (cohort.y == "b") <= rare)))
    few = few.take(np.flatnonzero(few.y != "c"))
    assert np.unique(few.y, return_counts=True)[1].tolist() == [20, rare]
    synthetic = made(name).fit(few, rng=stream(1)).sample(400, rng=stream(2))
    assert set(synthetic.y) == {"a", "b"}


@pytest.mark.parametrize("name", TINY)
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


@pytest.mark.parametrize("name", TINY)
def test_no_guarantee_is_claimed_where_there_is_none(name: str) -> None:
    assert claim_of(made(name).fit(cohort_of(), rng=stream(1))) is None


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("cvae_gmm", {"epochs": 0}, "epochs is 0"),
        ("cvae_gmm", {"most_steps": 0}, "most_steps is 0"),
        ("cvae_gmm", {"draws": -1}, "draws is -1"),
        ("cvae_gmm", {"covariance": "round"}, "covariance is 'round'"),
        ("wgan_gp", {"critic_steps": 0}, "critic_steps is 0"),
        ("wgan_gp", {"embedding": -1}, "embedding is -1"),
        ("wgan_gp", {"batch": 1}, "batch is 1"),
        ("ctgan", {"lr": 0}, "lr is 0"),
        ("ctgan", {"batch": 1, "pac": 1}, "batch is 1"),
        ("ctgan", {"modes": -1}, "modes is -1"),
        ("ctgan", {"apart": -1}, "apart is -1"),
        ("ctgan", {"dropout": 1}, "dropout is 1"),
        ("ctgan", {"batch": 5}, "batch is 5 and pac 2"),
    ],
)
def test_a_hyper_parameter_out_of_range_is_refused(name: str, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(PluginError, match=message):
        made(name, **changes).fit(cohort_of(), rng=stream(1))


# -- cvae_gmm ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("covariance", "expected"),
    [
        ("full", [[4.0, 1.2], [1.2, 1.0]]),
        ("tied", [[4.0, 1.2], [1.2, 1.0]]),
        ("diag", [[4.0, 0.0], [0.0, 1.0]]),
        ("spherical", [[2.5, 0.0], [0.0, 2.5]]),
    ],
)
def test_the_mixture_draws_the_covariance_it_was_fitted_to(covariance: str, expected: list[list[float]]) -> None:
    codes = stream(1).multivariate_normal([1.0, -1.0], [[4.0, 1.2], [1.2, 1.0]], size=20_000)
    drawn = Mixture.of(codes, 1, covariance, stream(2)).draw(20_000, stream(3))
    np.testing.assert_allclose(drawn.mean(axis=0), [1.0, -1.0], atol=0.06)
    np.testing.assert_allclose(np.cov(drawn.T), expected, atol=0.15)


def test_the_mixture_draws_its_components_at_their_weights() -> None:
    far = np.repeat([[-50.0, 0.0], [50.0, 0.0]], [1500, 500], axis=0)
    drawn = Mixture.of(far + stream(1).normal(size=far.shape), 2, "diag", stream(2)).draw(8000, stream(3))
    assert 0.73 < (drawn[:, 0] < 0).mean() < 0.77


def test_a_small_class_gets_fewer_components() -> None:
    cohort = cohort_of(60, labels="abc")
    few = cohort.take(np.flatnonzero((cohort.y != "b") | (np.cumsum(cohort.y == "b") <= 3)))
    mixtures = made("cvae_gmm", components=2).fit(few, rng=stream(1)).mixtures_
    assert [len(mixture.weights) for mixture in mixtures] == [2, 1, 2]


def test_no_cohort_is_trained_on_for_more_than_the_most_steps() -> None:
    digests = set()
    for changes in ({"epochs": 3}, {"epochs": 50, "most_steps": 3}):  # an epoch of 40 samples is one step
        model = made("cvae_gmm", **changes).fit(cohort_of(40), rng=stream(1))
        digests.add(model.sample(20, rng=stream(2)).digest)
    assert len(digests) == 1


# -- wgan_gp -----------------------------------------------------------------------------------------------------------


def test_the_critic_pays_for_slopes_that_are_not_one() -> None:
    critic = torch.nn.Linear(2, 1)
    with torch.no_grad():
        critic.weight.copy_(torch.tensor([[3.0, 4.0]]))  # slope 5 everywhere
    real, fake = torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.zeros(2, 2)
    loss = critic_loss(critic, real, fake, 10.0, torch.Generator())
    assert loss.item() == pytest.approx(-(3 + 4) / 2 + 10 * (5 - 1) ** 2)


def test_the_games_batches_are_full_and_go_through_everybody() -> None:
    batches = full_batches(10, 5, torch.Generator().manual_seed(1))
    first, second, third = (next(batches) for _ in range(3))
    assert sorted(torch.cat([first, second]).tolist()) == list(range(10))
    assert len(third) == 5
    short = full_batches(10, 4, torch.Generator().manual_seed(1))
    assert [len(next(short)) for _ in range(5)] == [4] * 5
    assert len(next(full_batches(3, 64, torch.Generator()))) == 3


def test_the_published_round_shows_the_critic_one_batch() -> None:
    for reuse_batch in (True, False):
        batches = full_batches(40, 8, torch.Generator().manual_seed(1))
        rows = made("wgan_gp", critic_steps=3, reuse_batch=reuse_batch)._round(batches)
        assert len({tuple(batch.tolist()) for batch in rows}) == (1 if reuse_batch else 3)


@pytest.mark.parametrize("name", ["wgan_gp", "ctgan"])
def test_a_cohort_of_one_sample_is_refused(name: str) -> None:
    with pytest.raises(PluginError, match="the cohort has 1 sample"):
        made(name).fit(cohort_of().take(np.arange(1)), rng=stream(1))


# -- ctgan -------------------------------------------------------------------------------------------------------------


def two_peaks(n: int = 4000) -> NDArray[np.float32]:
    """Return three genes: one peak, two peaks (30 % at 2, 70 % at 9), and one value."""
    rng = stream(1)
    low = rng.random(n) < 0.3
    peaks = np.where(low, rng.normal(2, 0.5, n), rng.normal(9, 1, n))
    return np.stack([rng.normal(5, 2, n), peaks, np.full(n, 3.25)], axis=1).astype(np.float32)


def test_the_modes_of_a_gene_are_found() -> None:
    modes = Modes.of(two_peaks(), 3, 2.0)
    assert (modes.weights > 0).sum(axis=1).tolist() == [1, 2, 1]
    np.testing.assert_allclose(modes.weights[1], [0.3, 0.7], atol=0.02)
    np.testing.assert_allclose(modes.means[1], [2, 9], atol=0.1)
    np.testing.assert_allclose(modes.scales[1], [0.5, 1], atol=0.05)
    np.testing.assert_allclose(modes.scales[[0, 2], 0], [2, 0], atol=0.1)


def test_modes_that_overlap_are_one() -> None:
    rng = stream(1)
    skewed = np.where(rng.random(4000) < 0.3, rng.normal(2, 1, 4000), rng.normal(3.5, 1, 4000))[:, None]
    assert Modes.of(skewed.astype(np.float32), 2, 2.0).weights.shape == (1, 1)
    assert Modes.of(skewed.astype(np.float32), 2, 0.0).weights.shape == (1, 2)


def test_genes_written_by_their_modes_are_read_back() -> None:
    X = two_peaks()
    modes = Modes.of(X, 2, 2.0)
    chosen = modes.choose(X, stream(2))
    assert 0.28 < (chosen[:, 1] == 0).mean() < 0.32
    distance = modes.forward(X, chosen)
    assert np.abs(distance).max() < 6
    np.testing.assert_array_equal(modes.back(distance, chosen).astype(np.float32), X)


def test_a_gene_of_two_peaks_is_drawn_with_two() -> None:
    cohort = cohort_of(300)
    X = cohort.X.copy()
    X[:, 3] = two_peaks(300)[:, 1]
    model = made("ctgan", steps=60, lr=1e-3, batch=50).fit(replace(cohort, X=X), rng=stream(1))
    drawn = model.sample(400, rng=stream(2)).X[:, 3]
    assert 0.1 < (drawn < 4).mean() < 0.6
    assert ((drawn > 4) & (drawn < 6)).mean() < 0.1


def test_the_published_form_stays_within_one_deviation() -> None:
    cohort = cohort_of()
    synthetic = made("ctgan", modes=0).fit(cohort, rng=stream(1)).sample(200, rng=stream(2))
    centre, spread = cohort.X.mean(axis=0), cohort.X.std(axis=0)
    assert (np.abs(synthetic.X - centre) <= 1.0001 * spread).all()


def test_rare_classes_are_trained_more_often_than_they_occur() -> None:
    codes = np.repeat([0, 1], [20, 3])
    rows = balanced_rows(codes, np.array([20, 3]), 20_000, torch.Generator().manual_seed(1)).numpy()
    assert codes[rows].mean() == pytest.approx(np.log(4) / (np.log(4) + np.log(21)), abs=0.02)
    assert set(rows) == set(range(23))


def test_dropout_keeps_the_mean_and_drops_the_rate() -> None:
    out = Dropout(0.25, torch.Generator().manual_seed(1))(torch.ones(200, 200))
    assert (out == 0).float().mean().item() == pytest.approx(0.25, abs=0.01)
    assert out.mean().item() == pytest.approx(1, abs=0.01)
