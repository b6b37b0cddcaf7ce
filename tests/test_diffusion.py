"""The diffusion generators: their samplers are exact, their models learn, and their privacy claims hold."""

from __future__ import annotations

import copy
import math
import pickle
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import dp_accounting
import numpy as np
import pytest
import torch
from bench.generators._diffusion import SAMPLERS, SCHEDULES, MovingAverage, Patience, reverse, signal_rates
from bench.generators._dpsgd import PrivateSteps, calibrated, poisson_batches, train_privately
from bench.generators._normal_scores import NormalScores, oversampled
from bench.generators._privacy import gaussian_epsilon, gaussian_mu, noisy_class_sums, noisy_sum
from bench.generators._private_frame import SHARES, private_length, release_frame
from bench.generators._torch import pick_device
from bench.generators.dp_diffusion import AdaGroupNet, DpDiffusion
from bench.generators.noisy_diffusion import GradientNoise, NoisyDiffusion
from dp_accounting.pld import PLDAccountant
from opacus.accountants import RDPAccountant
from scipy import stats

from bench import Cohort, PluginError, stream
from bench.registry import create, find
from bench.types import claim_of

CPU = torch.device("cpu")
TINY = {"per_class": 60, "hidden": (32,), "epochs": 3, "batch": 64, "sampling_steps": 8}
TINY_DP = {"hidden": 16, "steps": 8, "rate": 1.0, "draws": 2, "sampling_steps": 8}


def rng(*path: str | int) -> np.random.Generator:
    return stream(3, *path)


def people(n: int, genes: int = 40, name: str = "train") -> Cohort:
    """Return n invented people of three classes (a half, a third, a sixth) whose genes move in two modules."""
    draw = rng(name)
    y = np.array(["a", "a", "a", "b", "b", "c"])[np.arange(n) % 6]
    centres = {label: rng("centre", label).normal(9, 1.2, genes) for label in "abc"}
    modules = draw.normal(size=(n, 2)) @ np.repeat(np.eye(2), genes // 2, axis=1)
    X = np.array([centres[label] for label in y]) + 0.8 * modules + 0.5 * draw.normal(size=(n, genes))
    return Cohort(
        X=X, y=y, genes=[f"G{i}" for i in range(genes)], samples=[f"{name}{i}" for i in range(n)], units="vst"
    )


# -- schedules and samplers --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_schedule_falls_from_signal_to_noise(schedule: str) -> None:
    rates = signal_rates(schedule, 1000)
    assert rates.shape == (1000,)
    assert rates[0] > 0.99
    assert rates[-1] < 1e-2 if schedule == "power" else rates[-1] < 1e-4
    assert (rates.diff() < 0).all()


def test_the_linear_schedule_is_the_published_product() -> None:
    expected = np.cumprod(1 - np.linspace(0.001, 0.02, 1000))
    np.testing.assert_allclose(signal_rates("linear", 1000).numpy(), expected, rtol=1e-5)


def test_an_unknown_schedule_is_refused() -> None:
    with pytest.raises(PluginError, match=r"'sigmoid'; expected one of linear, cosine, power"):
        signal_rates("sigmoid", 10)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_sampler_with_the_exact_denoiser_gives_the_exact_distribution(sampler: str) -> None:
    rates, mean, sd = signal_rates("cosine", 1000), torch.tensor([3.0, -1.0]), torch.tensor([0.5, 2.0])

    def exact(x: torch.Tensor, t: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        a = rates[t][:, None]
        return (1 - a).sqrt() * (x - a.sqrt() * mean) / (a * sd**2 + 1 - a)

    steps = 1000 if sampler == "ancestral" else 200
    draw = torch.Generator().manual_seed(5)
    x = reverse(
        exact, torch.zeros(6000, dtype=torch.long), 2, rates, sampler=sampler, steps=steps, draw=draw, device=CPU
    )
    np.testing.assert_allclose(x.mean(dim=0).numpy(), mean.numpy(), atol=0.1)
    np.testing.assert_allclose(x.std(dim=0).numpy(), sd.numpy(), rtol=0.06)


def test_the_moving_average_starts_at_once_and_ends_slowly() -> None:
    net = torch.nn.Linear(1, 1, bias=False)
    average = MovingAverage(net, decay=0.9)
    for _ in range(300):
        torch.nn.init.constant_(net.weight, 4.0)
        average.update()
    assert average.of(net).weight.item() == pytest.approx(4.0, abs=1e-3)
    torch.nn.init.constant_(net.weight, 5.0)
    average.update()
    assert average.of(net).weight.item() == pytest.approx(4.1, abs=1e-2)
    assert net.weight.item() == 5.0


def test_patience_ends_a_training_that_no_longer_improves_and_keeps_the_best_weights() -> None:
    net, watch, stopped = torch.nn.Linear(1, 1), Patience(epochs=2), []
    for loss in (3.0, 2.0, 2.00001, 2.1):
        torch.nn.init.constant_(net.weight, loss)
        stopped.append(watch.is_over(loss, net))
    assert stopped == [False, False, False, True]
    assert watch.best.weight.item() == 2.0


# -- before the model --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rare", [1, 2, 3, 9])
def test_oversampling_fills_every_class_from_its_own_members(rare: int) -> None:
    X = np.concatenate([rng("o").normal(0, 1, (80, 5)), rng("p").normal(50, 1, (rare, 5))]).astype(np.float32)
    codes = np.repeat([0, 1], [80, rare])
    more, more_codes = oversampled(X, codes, 60, rng("smote"))
    assert np.bincount(more_codes).tolist() == [80, 60]  # a class that is larger stays as it is
    assert np.array_equal(more[: len(X)], X)
    members = X[codes == 1]
    assert (more[more_codes == 1] >= members.min(axis=0) - 1e-4).all()
    assert (more[more_codes == 1] <= members.max(axis=0) + 1e-4).all()


def test_normal_scores_are_normal_and_come_back_inside_the_range() -> None:
    X = np.exp(rng("scores").normal(size=(800, 3))).astype(np.float32)
    X[:, 1] = 7.25
    scores = NormalScores(X, 0)
    z = scores.forward(X)
    assert stats.kstest(z[:, 0], "norm").pvalue > 0.5
    assert (z[:, 1] == 0).all()
    np.testing.assert_allclose(scores.back(z), X, rtol=1e-2)
    far = scores.back(np.full((1, 3), 9, dtype=np.float32))
    np.testing.assert_allclose(far[0], X.max(axis=0))


# -- both generators ---------------------------------------------------------------------------------------------------

MAKERS = [
    pytest.param(lambda: NoisyDiffusion(**TINY), id="noisy"),
    pytest.param(lambda: DpDiffusion(**TINY_DP), id="private"),
]
Maker = Callable[[], Any]


@pytest.mark.parametrize("make", MAKERS)
def test_a_sample_depends_on_the_stream_alone_and_leaves_torchs_own_untouched(make: Maker) -> None:
    digests = []
    for disturbance in (1, 2):
        torch.manual_seed(disturbance)
        before = torch.get_rng_state()
        fitted = make().fit(people(60), rng=rng("fit"))
        digests.append(fitted.sample(30, rng=rng("sample")).digest)
        assert torch.equal(before, torch.get_rng_state())
    assert digests[0] == digests[1]


@pytest.mark.parametrize("make", MAKERS)
def test_a_saved_and_reloaded_model_samples_the_same(make: Maker) -> None:
    fitted = make().fit(people(60), rng=rng("fit"))
    expected = fitted.sample(25, rng=rng("sample")).digest
    for copied in (copy.deepcopy(fitted), pickle.loads(pickle.dumps(fitted))):
        assert copied.sample(25, rng=rng("sample")).digest == expected


@pytest.mark.parametrize("make", MAKERS)
def test_rare_missing_and_constant_parts_do_not_stop_it(make: Maker) -> None:
    cohort = people(72)
    keep = np.flatnonzero(cohort.y != "c")  # a class that the fold lacks
    X = cohort.X[keep].copy()
    X[:, 5] = 8.5
    odd = Cohort(X=X, y=cohort.y[keep], genes=cohort.genes, samples=[f"s{i}" for i in keep], units="vst")
    odd = odd.take(np.setdiff1d(np.arange(len(keep)), np.flatnonzero(odd.y == "b")[3:]))  # a class of three
    S = make().fit(odd, rng=rng("fit")).sample(40, rng=rng("sample"))
    assert set(S.y) <= {"a", "b"}
    assert np.isfinite(S.X).all()
    if isinstance(make(), NoisyDiffusion):
        assert (S.X[:, 5] == 8.5).all()


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("genes", [500, 20_000])
def test_it_takes_many_genes(make: Maker, genes: int) -> None:
    draw = rng("wide")
    y = np.repeat(["a", "b"], 15)
    X = draw.normal(8, 1, (30, genes)) + (y == "a")[:, None]
    wide = Cohort(X=X, y=y, genes=[f"G{i}" for i in range(genes)], samples=[f"s{i}" for i in range(30)], units="vst")
    model = make()
    if isinstance(model, NoisyDiffusion):
        model.per_class, model.epochs = 20, 1
    assert model.fit(wide, rng=rng("fit")).sample(7, rng=rng("sample")).X.shape == (7, genes)


LEARNERS = [
    pytest.param(lambda: NoisyDiffusion(per_class=200, hidden=(128,), epochs=25, batch=64, sampling_steps=50), 0.5, id="noisy"),
    pytest.param(lambda: DpDiffusion(hidden=32, steps=60, rate=1.0, draws=2, sampling_steps=30), 0.5, id="private"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "share"), LEARNERS)
def test_it_learns_classes_and_distribution(make: Maker, share: float) -> None:
    """Accuracy 0.2 above, and MMD at most this share of, what shuffled genes and noise reach."""
    train, holdout = people(360), people(120, name="holdout")
    scores = {}
    for name, model in {
        "model": make(),
        **{c: create(find("generator", c)) for c in ("shuffled_genes", "noise")},
    }.items():
        S = model.fit(train, rng=rng("fit", name)).sample(len(train), rng=rng("sample", name))
        tstr = create(find("metric", "tstr"))(train, holdout, S, rng=rng("m"))
        mmd = create(find("metric", "mmd"))(train, holdout, S, rng=rng("m"))
        scores[name] = (tstr["accuracy_synthetic"], next(iter(mmd.values())))
    for control in ("shuffled_genes", "noise"):
        assert scores["model"][0] > scores[control][0] + 0.2
        assert scores["model"][1] < share * scores[control][1]


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (NoisyDiffusion(hidden=(30,)), "multiples of 8"),
        (NoisyDiffusion(inverse="other"), "'same' or 'refit'"),
        (NoisyDiffusion(sampler="euler"), "expected one of ancestral, posterior, ddim"),
        (NoisyDiffusion(sampling_steps=1001), "expected 1 to timesteps"),
        (NoisyDiffusion(batch=0), "batch is 0"),
        (DpDiffusion(variant="other"), "'end-to-end' or 'published'"),
        (DpDiffusion(frame_share=1.0), "between 0 and 1"),
        (DpDiffusion(bounds=(3.0, 1.0)), "the lower first"),
        (DpDiffusion(epsilon=0.0), "epsilon is 0.0"),
        (DpDiffusion(rate=1.5), "rate 1.5"),
    ],
)
def test_a_wrong_parameter_is_named(model: Any, message: str) -> None:
    with pytest.raises(PluginError, match=message):
        model.fit(people(30), rng=rng("fit"))


def test_an_unknown_device_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_DEVICE", "tpu")
    with pytest.raises(PluginError, match="BENCH_DEVICE is 'tpu'"):
        pick_device()


# -- noisy_diffusion ---------------------------------------------------------------------------------------------------


def test_noisy_diffusion_claims_nothing_although_it_clips_and_adds_noise() -> None:
    assert claim_of(NoisyDiffusion(**TINY).fit(people(60), rng=rng("fit"))) is None


def test_the_published_configuration_runs() -> None:
    model = NoisyDiffusion(
        per_class=30, hidden=(32, 32), linear_skip=False, batch=32, epochs=2, dropout=0.2, ema=0, gradient_clip=1.0,
        sampler="ancestral", timesteps=50, sampling_steps=50, inverse="refit", schedule="power",
    )  # fmt: skip
    cohort = people(60)
    S = model.fit(cohort, rng=rng("fit")).sample(60, rng=rng("sample"))
    assert S.X.min() >= cohort.X.min()  # every value is between two order statistics of a real gene
    assert np.unique(S.y, return_counts=True)[1].tolist() == [30, 20, 10]


def test_gradient_noise_has_the_stated_size() -> None:
    net = torch.nn.Linear(200, 100)
    noise = GradientNoise(net, 0.3, torch.Generator().manual_seed(2))
    for p in net.parameters():
        p.grad = torch.zeros_like(p)
    noise.add_to(net)
    assert net.weight.grad is not None
    assert stats.kstest(net.weight.grad.numpy().ravel() / 0.3, "norm").pvalue > 1e-3


# -- the private training ----------------------------------------------------------------------------------------------


def pld_epsilon(plan: PrivateSteps, delta: float, sigmas: list[float]) -> float:
    """Recompute epsilon with Google's accountant from the parts of the mechanism."""
    accountant = PLDAccountant(dp_accounting.NeighboringRelation.ADD_OR_REMOVE_ONE)
    step = dp_accounting.PoissonSampledDpEvent(plan.rate, dp_accounting.GaussianDpEvent(plan.sigma))
    accountant.compose(step, plan.steps)
    for sigma in sigmas:
        accountant.compose(dp_accounting.GaussianDpEvent(sigma))
    return float(accountant.get_epsilon(delta))


@pytest.mark.parametrize("epsilon", [1.0, 10.0])
def test_the_claim_of_dp_diffusion_is_what_a_second_accountant_finds(epsilon: float) -> None:
    fitted = DpDiffusion(**{**TINY_DP, "rate": 0.4}, epsilon=epsilon).fit(people(120), rng=rng("fit"))
    claim = fitted.claim()
    assert claim.end_to_end
    assert claim.epsilon <= epsilon
    mu = fitted.frame_.mu
    assert mu == pytest.approx(gaussian_mu(epsilon, 1e-5) * math.sqrt(fitted.frame_share * sum(SHARES.values())))
    releases = [1 / (mu * math.sqrt(share / (3 if name == "lengths" else 1))) for name, share in SHARES.items()]
    releases += 2 * [1 / (mu * math.sqrt(SHARES["lengths"] / 3))]  # three radii are chosen
    referee = pld_epsilon(fitted.plan_, claim.delta, releases)
    assert claim.epsilon - 0.03 <= referee <= claim.epsilon + 1e-3  # the claim is the upper end of an error interval


def test_the_claim_of_per_example_training_is_what_two_other_accountants_find() -> None:
    model = NoisyDiffusion(**TINY, per_example=True, epsilon=4.0, rate=0.4, steps=20)
    claim = model.fit(people(60), rng=rng("fit")).claim()
    assert claim is not None
    assert claim.epsilon <= 4.0
    assert not claim.end_to_end
    assert any("quantiles" in step for step in claim.outside)
    assert any("class counts" in step for step in claim.outside)
    assert pld_epsilon(model.plan_, claim.delta, []) == pytest.approx(claim.epsilon, abs=0.03)
    renyi = RDPAccountant()
    renyi.history = [(model.plan_.sigma, model.plan_.rate, model.plan_.steps)]
    assert renyi.get_epsilon(claim.delta) > claim.epsilon - 1e-3  # RDP is an upper bound, and looser


def test_without_sampling_the_account_is_that_of_one_gaussian() -> None:
    plan = PrivateSteps(steps=9, rate=1.0, sigma=6.0)
    assert plan.epsilon(1e-5) == pytest.approx(gaussian_epsilon(0.5, 1e-5))
    assert calibrated(3.0, 1e-5, steps=9, rate=1.0).epsilon(1e-5) == pytest.approx(3.0, abs=1e-4)


def test_releases_that_cost_everything_leave_no_training() -> None:
    with pytest.raises(PluginError, match="nothing is left for the training"):
        calibrated(1.0, 1e-5, steps=5, rate=0.5, released_mu=5.0)


def linear_training(
    X: torch.Tensor, plan: PrivateSteps, clip: float, *, scale: float = 1.0, physical: int = 512
) -> torch.Tensor:
    """Return how far plain SGD of rate 1 moves the weights, for the loss scale * w @ x with gradient scale * x."""
    net = torch.nn.Linear(X.shape[1], 1, bias=False)
    torch.nn.init.zeros_(net.weight)
    train_privately(
        net, lambda watched, rows: scale * watched(X[rows])[:, 0], len(X), plan,
        torch.optim.SGD(net.parameters(), lr=1.0), clip=clip, divisor=1.0, draw=torch.Generator().manual_seed(4),
        physical=physical,
    )  # fmt: skip
    return -net.weight.detach()[0]


@pytest.mark.parametrize("physical", [512, 3])
def test_each_samples_gradient_is_clipped_before_the_sum(physical: int) -> None:
    X = torch.tensor(rng("clip").normal(0, 3, (10, 4)), dtype=torch.float32)
    X[0] *= 1e4  # a sample that would decide everything
    found = linear_training(X, PrivateSteps(1, 1.0, 1e-9), clip=2.0, physical=physical)
    lengths = X.norm(dim=1, keepdim=True)
    torch.testing.assert_close(found, (X * (2.0 / lengths).clamp(max=1)).sum(dim=0), rtol=1e-4, atol=1e-4)
    alone = linear_training(X[:1], PrivateSteps(1, 1.0, 1e-9), clip=2.0)
    assert float(alone.norm()) <= 2.0 + 1e-5


def test_noise_of_the_claimed_size_is_added_once_per_step() -> None:
    X = torch.ones(5, 20_000)
    moved = linear_training(X, PrivateSteps(1, 0.5, 1.7), clip=0.4, scale=0.0)  # no gradient: what is left is noise
    assert stats.kstest(moved.numpy() / (1.7 * 0.4), "norm").pvalue > 1e-3
    walked = linear_training(X, PrivateSteps(16, 0.5, 1.7), clip=0.4, scale=0.0, physical=2)
    assert float(walked.std()) == pytest.approx(4 * 1.7 * 0.4, rel=0.03)


def test_batches_are_drawn_by_one_coin_per_sample() -> None:
    batches = list(poisson_batches(40, 0.15, 3000, torch.Generator().manual_seed(6)))
    sizes = np.array([len(rows) for rows in batches])
    expected = stats.binom(40, 0.15).pmf(np.arange(13)) * 3000
    observed = np.bincount(np.minimum(sizes, 12), minlength=13)
    expected[12] = 3000 - expected[:12].sum()
    assert stats.chisquare(observed, expected).pvalue > 1e-3
    assert sizes.min() == 0  # a batch may be empty, and is a step all the same
    seen = np.array([np.isin(np.arange(40), rows.numpy()) for rows in batches])
    assert np.abs(seen.mean(axis=0) - 0.15).max() < 0.03
    off_diagonal = np.corrcoef(seen.T)[~np.eye(40, dtype=bool)]
    assert np.abs(off_diagonal).max() < 0.1  # no sample's coin depends on another's


def test_an_empty_batch_still_gets_its_noise() -> None:
    moved = linear_training(torch.ones(3, 2000), PrivateSteps(1, 1e-6, 2.0), clip=1.0)
    assert float(moved.std()) == pytest.approx(2.0, rel=0.1)


# -- the private frame -------------------------------------------------------------------------------------------------


def test_a_private_length_is_about_the_quantile() -> None:
    rows = np.diag(np.linspace(1, 100, 400))
    found = private_length(rows, 1000.0, 0.8, 1e-6, rng("length"))
    assert 80 <= found <= 80 * 1.15 * 1.02
    noisy = [private_length(rows, 1000.0, 0.8, 3.0, rng("length", i)) for i in range(20)]
    assert 60 < min(noisy) <= max(noisy) < 120


def test_the_frame_is_that_of_the_data_when_the_budget_is_huge() -> None:
    cohort = people(600)
    frame = release_frame(cohort.X.astype(float), cohort.y, cohort.classes, (0.0, 25.0), 1e5, rng("frame"))
    np.testing.assert_allclose(frame.counts, [300, 200, 100], atol=0.1)
    exact = np.array([X.mean(axis=0) for _, X in cohort.by_label()])
    np.testing.assert_allclose(frame.means, exact, atol=0.35)  # up to the rows that were clipped
    within = (cohort.X - exact[np.searchsorted(cohort.classes, cohort.y)]).std(axis=0)
    assert np.abs(np.log(frame.spreads / within)).max() < 0.4


def test_the_frames_noise_has_the_claimed_size() -> None:
    cohort, mu = people(600), 1.5
    X = cohort.X.astype(float)
    frames = [release_frame(X, cohort.y, cohort.classes, (0.0, 25.0), mu, rng("noise", i)) for i in range(150)]
    assert {round(frame.mu, 9) for frame in frames} == {round(mu * math.sqrt(sum(SHARES.values())), 9)}
    counts = np.array([frame.counts for frame in frames]) - [300, 200, 100]
    assert stats.kstest(counts.ravel() * mu * SHARES["counts"] ** 0.5, "norm").pvalue > 1e-3
    radius = np.quantile(np.linalg.norm(X - X.mean(axis=0), axis=1), 0.8)
    claimed = radius / (mu * SHARES["class means"] ** 0.5 * np.array([300, 200, 100]))
    found = np.array([frame.means for frame in frames]).std(axis=0).mean(axis=1)
    assert (found > 0.8 * claimed).all()
    assert (found < 1.6 * claimed).all()


@pytest.mark.parametrize("gone", [0, 4, 5])
def test_one_sample_moves_the_noisy_sums_by_no_more_than_their_radius(gone: int) -> None:
    cohort = people(60)
    X, rest = cohort.X.astype(float), np.delete(np.arange(60), gone)
    both = [noisy_class_sums(X[r], cohort.y[r], list("abc"), 7.0, 1.0, rng("sums")) for r in (np.arange(60), rest)]
    assert np.linalg.norm(both[0] - both[1]) <= 7.0 + 1e-9
    both = [noisy_sum(X[r] ** 2, 5.0, 1.0, rng("sum")) for r in (np.arange(60), rest)]
    assert np.linalg.norm(both[0] - both[1]) <= 5.0 + 1e-9


# -- dp_diffusion ------------------------------------------------------------------------------------------------------


def test_a_private_sample_keeps_to_the_public_range() -> None:
    fitted = DpDiffusion(**TINY_DP, epsilon=0.5, bounds=(4.0, 14.0)).fit(people(60), rng=rng("fit"))
    S = fitted.sample(200, rng=rng("sample"))
    assert S.X.min() >= 4.0
    assert S.X.max() <= 14.0


def test_units_without_a_public_range_need_bounds() -> None:
    cohort = people(30)
    other = Cohort(X=cohort.X, y=cohort.y, genes=cohort.genes, samples=cohort.samples, units="intensity")
    with pytest.raises(PluginError, match="never from this cohort"):
        DpDiffusion(**TINY_DP).fit(other, rng=rng("fit"))
    DpDiffusion(**TINY_DP, bounds=(0.0, 16.0)).fit(other, rng=rng("fit"))


def test_counts_stay_counts_in_size_and_sign() -> None:
    cohort = people(60)
    counts = Cohort(X=2**cohort.X - 1, y=cohort.y, genes=cohort.genes, samples=cohort.samples, units="counts")
    S = DpDiffusion(**TINY_DP).fit(counts, rng=rng("fit")).sample(50, rng=rng("sample"))
    assert S.X.min() >= 0
    assert 0.2 < np.median(S.X) / np.median(counts.X) < 5


def test_private_class_rates_are_not_the_exact_ones_and_the_published_are() -> None:
    cohort = people(120)
    private = DpDiffusion(**TINY_DP).fit(cohort, rng=rng("fit"))
    assert not np.allclose(private.frame_.counts, np.round(private.frame_.counts))
    published = DpDiffusion(**TINY_DP, variant="published").fit(cohort, rng=rng("fit"))
    S = published.sample(120, rng=rng("sample"))
    assert np.unique(S.y, return_counts=True)[1].tolist() == [60, 40, 20]
    claim = published.claim()
    assert claim.outside == ("gene means and standard deviations", "class counts", "number of samples")
    assert pld_epsilon(published.plan_, claim.delta, []) == pytest.approx(claim.epsilon, abs=0.03)


def test_the_net_starts_as_independent_genes_around_the_class_means() -> None:
    net = AdaGroupNet(6, 2, 16, 1, torch.Generator().manual_seed(0))
    out = net(torch.randn(3, 2, 6), torch.tensor([[1, 900]] * 3), torch.tensor([0, 1, 1]))
    assert not out.any()
    assert all(a > b for a, b in pairwise(signal_rates("cosine", 20).tolist()))
