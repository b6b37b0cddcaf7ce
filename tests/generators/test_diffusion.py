"""The diffusion generators: their samplers are exact, and their models learn. Their claims: `test_privacy.py`."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from bench.generators._diffusion import (
    SAMPLERS,
    SCHEDULES,
    GradientNoise,
    MovingAverage,
    Patience,
    reverse,
    signal_rates,
)
from bench.generators._normal_scores import NormalScores, oversampled
from bench.generators._torch import pick_device
from bench.generators.dp_diffusion import AdaGroupNet, DpDiffusion
from bench.generators.noisy_diffusion import NoisyDiffusion
from cohorts import cohort_of
from scipy import stats

from bench import Cohort, PluginError, stream
from bench.core.roles import claim_of
from bench.registry.finding import create, find

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
@pytest.mark.parametrize("genes", [500, pytest.param(20_000, marks=pytest.mark.full)])
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


@pytest.mark.parametrize("make", MAKERS)
def test_the_device_is_the_one_asked_for(make: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_DEVICE", "cpu")
    expected = make().fit(people(30), rng=rng("fit")).sample(9, rng=rng("sample"))
    monkeypatch.setenv("BENCH_DEVICE", "cuda")
    if not torch.cuda.is_available():
        with pytest.raises(PluginError, match="torch sees no GPU"):
            make().fit(people(30), rng=rng("fit"))
        return
    found = make().fit(people(30), rng=rng("fit")).sample(9, rng=rng("sample"))
    assert np.array_equal(found.y, expected.y)
    assert np.isfinite(found.X).all()


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
    assert published.claim().outside == ("gene means and standard deviations", "class counts", "number of samples")


def test_the_net_starts_as_independent_genes_around_the_class_means() -> None:
    net = AdaGroupNet(6, 2, 16, 1, torch.Generator().manual_seed(0))
    out = net(torch.randn(3, 2, 6), torch.tensor([[1, 900]] * 3), torch.tensor([0, 1, 1]))
    assert not out.any()
    assert all(a > b for a, b in pairwise(signal_rates("cosine", 20).tolist()))


@pytest.mark.parametrize(("name", "params"), [("noisy_diffusion", {"per_example": True}), ("dp_diffusion", {})])
def test_a_private_batch_may_be_empty(name: str, params: dict[str, object]) -> None:
    # a small cohort at a small rate: most batches hold nobody, and each still takes its step of noise
    info = find("generator", name)
    quick = {**info.params, **(info.option("quick") or {}), **params, "rate": 0.02, "steps": 12}
    people = cohort_of(24, 12, "ab")
    assert len(create(info, quick).fit(people, rng=stream(1)).sample(6, rng=stream(2))) == 6
