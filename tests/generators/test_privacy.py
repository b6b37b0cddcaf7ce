"""What private generators claim is recomputed by a second accountant, and their mechanisms do what it accounts for.

Each check of the private training is also run on trainings that are broken on purpose, and must find them out.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import dp_accounting
import numpy as np
import pytest
import torch
from bench.generators import _dpsgd as dpsgd
from bench.generators import _private_frame
from bench.generators._cvae import Condition, ConditionalVAE
from bench.generators._dpsgd import PrivateSteps, calibrated, poisson_batches, train_privately
from bench.generators._nets import dense
from bench.generators._privacy import (
    compose_mu,
    epsilon_from_rho,
    gaussian_epsilon,
    gaussian_mu,
    noisy_class_sums,
    noisy_counts,
    noisy_sum,
    rho_from,
    split_mu,
)
from bench.generators._private_frame import SHARES, private_length, release_frame
from bench.generators.classifiers._deeptype_net import Net
from bench.generators.dp_cvae import DpCvae
from bench.generators.dp_diffusion import AdaGroupNet, DpDiffusion
from bench.generators.images._image_nets import DenseNet
from bench.generators.noisy_diffusion import NoisyDiffusion, ResLinearNet
from depth import in_depth
from dp_accounting.pld import PLDAccountant
from opacus import GradSampleModule
from opacus.accountants import RDPAccountant
from opacus.optimizers import DPOptimizer
from scipy import stats
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_pre_hook
from torch.optim.optimizer import register_optimizer_step_pre_hook

from bench import PluginError, stream
from bench.conformance.example_cohorts import example
from bench.conformance.plugins import people
from bench.core.roles import claim_of
from bench.registry.finding import create, plugins

TINY = {"hidden": 16, "steps": 8, "rate": 1.0, "draws": 2, "sampling_steps": 8}
TINY_CVAE = {"hidden": (16,), "steps": 8, "rate": 1.0, "draws": 2}
TINY_NOISY = {"hidden": (16,), "per_example": True, "sampling_steps": 8}


def rng(*path: str | int) -> np.random.Generator:
    return stream(3, *path)


def pld_epsilon(delta: float, sigmas: list[float], plan: PrivateSteps | None = None) -> float:
    """Recompute epsilon with Google's accountant from the parts of the mechanism."""
    accountant = PLDAccountant(dp_accounting.NeighboringRelation.ADD_OR_REMOVE_ONE, value_discretization_interval=5e-4)
    for sigma in sigmas:
        accountant.compose(dp_accounting.GaussianDpEvent(sigma))
    if plan is not None:
        step = dp_accounting.PoissonSampledDpEvent(plan.rate, dp_accounting.GaussianDpEvent(plan.sigma))
        accountant.compose(step, plan.steps)
    return float(accountant.get_epsilon(delta))


# -- the Gaussian mechanism --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("epsilon", [0.5, 1.0, 4.0, 7.0, 10.0])
def test_a_second_accountant_agrees_on_the_gaussian_mechanism(epsilon: float) -> None:
    mu = gaussian_mu(epsilon, 1e-5)
    assert pld_epsilon(1e-5, [1 / mu]) == pytest.approx(epsilon, rel=1e-3)
    assert gaussian_epsilon(mu, 1e-5) == pytest.approx(epsilon, rel=1e-6)
    assert epsilon_from_rho(mu**2 / 2, 1e-5) > epsilon  # concentrated privacy of the same noise is an upper bound
    assert epsilon_from_rho(rho_from(epsilon, 1e-5), 1e-5) <= epsilon


def test_shares_of_a_budget_compose_to_the_whole() -> None:
    mu = gaussian_mu(4.0, 1e-5)
    shares = split_mu(mu, [0.04, 0.3, 0.66])
    assert compose_mu(shares) == pytest.approx(mu)
    assert pld_epsilon(1e-5, [1 / share for share in shares]) == pytest.approx(4.0, rel=2e-3)


RELEASES: dict[str, tuple[Callable[[np.random.Generator], Any], Any, float]] = {  # release, its mean, sd of its noise
    "counts": (lambda r: noisy_counts(np.repeat(["a", "b"], [30, 70]), ["a", "b"], 2.5, r), [30, 70], 2.5),
    "sum": (lambda r: noisy_sum(np.full((4, 9), 2.0), 3.0, 0.7, r), np.full(9, 4.0), 2.1),
    "class sums": (
        lambda r: noisy_class_sums(np.full((4, 9), 2.0), list("abbb"), ["a", "b"], 3.0, 0.7, r),
        [[1.0] * 9, [3.0] * 9],
        2.1,
    ),
}


@pytest.mark.parametrize("name", RELEASES)
def test_a_release_clips_and_adds_noise_of_the_claimed_size(name: str) -> None:
    release, mean, sd = RELEASES[name]
    draw = rng("releases", name)
    noise = np.array([release(draw) for _ in range(1500)]) - mean
    assert stats.kstest(noise.ravel() / sd, "norm").pvalue > 1e-3


@pytest.mark.parametrize("gone", [0, 4, 5])
def test_one_sample_moves_the_noisy_sums_by_no_more_than_their_radius(gone: int) -> None:
    cohort = people(60, "neighbours")
    X, rest = cohort.X.astype(float), np.delete(np.arange(60), gone)
    both = [noisy_class_sums(X[r], cohort.y[r], list("abc"), 7.0, 1.0, rng("sums")) for r in (np.arange(60), rest)]
    assert np.linalg.norm(both[0] - both[1]) <= 7.0 + 1e-9
    both = [noisy_sum(X[r] ** 2, 5.0, 1.0, rng("sum")) for r in (np.arange(60), rest)]
    assert np.linalg.norm(both[0] - both[1]) <= 5.0 + 1e-9


# -- the private frame -------------------------------------------------------------------------------------------------


def test_a_private_length_is_about_the_quantile() -> None:
    rows = np.diag(np.linspace(1, 100, 400))
    found = private_length(rows, 1000.0, 0.8, 1e-6, rng("length"))
    assert 80 <= found <= 80 * 1.15 * 1.02
    noisy = [private_length(rows, 1000.0, 0.8, 3.0, rng("length", i)) for i in range(20)]
    assert 60 < min(noisy) <= max(noisy) < 120


def test_the_frame_is_that_of_the_data_when_the_budget_is_huge() -> None:
    cohort = people(600, "frame")
    frame = release_frame(cohort.X.astype(float), cohort.y, cohort.classes, (0.0, 25.0), 1e5, rng("frame"))
    np.testing.assert_allclose(frame.counts, [200, 200, 200], atol=0.1)
    exact = np.array([X.mean(axis=0) for _, X in cohort.by_label()])
    np.testing.assert_allclose(frame.means, exact, atol=0.35)  # up to the rows that were clipped
    within = (cohort.X - exact[np.searchsorted(cohort.classes, cohort.y)]).std(axis=0)
    assert np.abs(np.log(frame.spreads / within)).max() < 0.4


class OneInCell:
    """In place of a stream: noise of 1 in one cell of a histogram and of 0 in the others."""

    def __init__(self, cell: int) -> None:
        self.cell = cell

    def normal(self, mean: float, sd: float, size: int) -> Any:
        noise = np.full(size, mean)
        noise[self.cell] += sd
        return noise


@pytest.mark.parametrize("length", [0.0, 1e-9, 0.4, 9.99, 10.0, np.nextafter(10, 11), 40.0, 1e100])
def test_a_row_of_any_length_is_in_one_cell_and_counts_as_one(length: float) -> None:
    """Whether it weighs as much as noise of 1 elsewhere is seen where a quantile lies."""
    shortest = float(private_length(np.zeros((1, 2)), 10.0, 0.5, 0.0, rng("none")))
    row = np.array([[0.6, -0.8]]) * length
    elsewhere: Any = OneInCell(-1 if length < shortest else 0)
    below, above = (private_length(row, 10.0, q, 1.0, elsewhere) for q in (0.49, 0.51))
    assert below == pytest.approx(shortest)
    assert above == pytest.approx(10.0 if length < shortest or length > 9 else 0.4, rel=0.15)


@pytest.mark.parametrize("mu", [0.3, 2.0])
def test_everything_that_the_frame_releases_composes_to_its_strength(
    mu: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    sigmas: list[float] = []

    def noted(release: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any) -> Any:
            sigmas.append(given[-2])  # before the stream
            return release(*given)

        return call

    for name in ("noisy_counts", "private_length", "noisy_sum", "noisy_class_sums"):
        monkeypatch.setattr(_private_frame, name, noted(getattr(_private_frame, name)))
    cohort = people(60, "frame")
    frame = release_frame(cohort.X.astype(float), cohort.y, cohort.classes, (0.0, 25.0), mu, rng("frame"))
    assert len(sigmas) == 7  # counts, three lengths, centre, class means, spreads
    assert compose_mu([1 / sigma for sigma in sigmas]) == pytest.approx(mu)
    assert frame.mu == pytest.approx(mu)


def test_the_frames_noise_has_the_claimed_size() -> None:
    cohort, mu = people(600, "frame"), 1.5
    X = cohort.X.astype(float)
    frames = [release_frame(X, cohort.y, cohort.classes, (0.0, 25.0), mu, rng("noise", i)) for i in range(150)]
    assert {round(frame.mu, 9) for frame in frames} == {round(mu * math.sqrt(sum(SHARES.values())), 9)}
    counts = np.array([frame.counts for frame in frames]) - 200
    assert stats.kstest(counts.ravel() * mu * SHARES["counts"] ** 0.5, "norm").pvalue > 1e-3
    radius = np.quantile(np.linalg.norm(X - X.mean(axis=0), axis=1), 0.8)
    claimed = radius / (mu * SHARES["class means"] ** 0.5 * 200)
    found = np.array([frame.means for frame in frames]).std(axis=0).mean(axis=1)
    assert (found > 0.8 * claimed).all()
    assert (found < 1.6 * claimed).all()


# -- the private training, and what a broken one would do --------------------------------------------------------------

Training = Callable[..., None]  # called like `train_privately`


def without_noise(net: nn.Module, loss: Any, n: int, plan: PrivateSteps, *rest: Any, **options: Any) -> None:
    train_privately(net, loss, n, replace(plan, sigma=1e-9), *rest, **options)


def with_noise_for_the_mean(net: nn.Module, loss: Any, n: int, plan: PrivateSteps, *rest: Any, **options: Any) -> None:
    train_privately(net, loss, n, replace(plan, sigma=plan.sigma / options["divisor"]), *rest, **options)


def without_clipping(net: nn.Module, loss: Any, n: int, plan: PrivateSteps, *rest: Any, **options: Any) -> None:
    plan = replace(plan, sigma=plan.sigma * options["clip"] / 1e9)  # the noise stays as it is
    train_privately(net, loss, n, plan, *rest, **{**options, "clip": 1e9})


def on_batches(
    batches: Iterator[Tensor], net: nn.Module, loss: Any, plan: PrivateSteps, optimiser: torch.optim.Optimizer,
    clip: float, divisor: float, rng: np.random.Generator,
) -> None:  # fmt: skip
    """Clip the gradient of the whole batch, as the published "private" diffusion does, and add noise."""
    for rows in batches:
        optimiser.zero_grad()
        loss(net, rows).sum().backward()
        nn.utils.clip_grad_norm_(net.parameters(), clip)
        for p in net.parameters():
            noise = torch.from_numpy(rng.normal(0, plan.sigma * clip, p.shape)).float()
            p.grad = (noise if p.grad is None else p.grad + noise) / divisor
        optimiser.step()


def clipping_the_batch(net: nn.Module, loss: Any, n: int, plan: PrivateSteps, *rest: Any, **options: Any) -> None:
    batches = poisson_batches(n, plan.rate, plan.steps, options["rng"])
    on_batches(batches, net, loss, plan, *rest, **options)


def on_batches_of_one_size(net: nn.Module, loss: Any, n: int, plan: PrivateSteps, *rest: Any, **options: Any) -> None:
    size = round(plan.rate * n)
    batches = (torch.from_numpy(options["rng"].permutation(n)[:size]) for _ in range(plan.steps))
    on_batches(batches, net, loss, plan, *rest, **options)


def linear_training(
    train: Training, X: Tensor, plan: PrivateSteps, *, clip: float, scale: float = 1.0, divisor: float = 1.0,
    seen: list[Tensor] | None = None, **options: Any,
) -> Tensor:  # fmt: skip
    """Return how far plain SGD of rate 1 moves the weights, for the loss scale * w @ x with gradient scale * x."""
    net = nn.Linear(X.shape[1], 1, bias=False)
    nn.init.zeros_(net.weight)

    def loss(watched: nn.Module, rows: Tensor) -> Tensor:
        if seen is not None:
            seen.append(rows)
        return scale * watched(X[rows])[:, 0]

    optimiser = torch.optim.SGD(net.parameters(), lr=1.0)
    train(net, loss, len(X), plan, optimiser, clip=clip, divisor=divisor, rng=rng("training"), **options)
    return -net.weight.detach()[0]


def check_clipping(train: Training, **options: Any) -> None:
    """Each sample's gradient is shortened to the clip before the sum."""
    X = torch.tensor(rng("clip").normal(0, 3, (10, 4)), dtype=torch.float32)
    X[0] *= 1e4  # a sample that would decide everything
    found = linear_training(train, X, PrivateSteps(1, 1.0, 1e-9), clip=2.0, **options)
    expected = (X * (2.0 / X.norm(dim=1, keepdim=True)).clamp(max=1)).sum(dim=0)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def check_noise(train: Training, **options: Any) -> None:
    """The sum of a batch gets noise of sd sigma * clip, once per step, and is then divided by the divisor."""
    X, divisor = torch.ones(5, 20_000), 2.5
    moved = linear_training(train, X, PrivateSteps(1, 0.5, 1.7), clip=0.4, scale=0.0, divisor=divisor, **options)
    assert stats.kstest(moved.numpy() * divisor / (1.7 * 0.4), "norm").pvalue > 1e-3
    walked = linear_training(train, X, PrivateSteps(16, 0.5, 1.7), clip=0.4, scale=0.0, divisor=divisor, **options)
    assert float(walked.std()) * divisor == pytest.approx(4 * 1.7 * 0.4, rel=0.03)


def check_binomial(sizes: list[int], n: int, rate: float) -> None:
    """Batch sizes are those of n independent coins."""
    top = int(stats.binom(n, rate).ppf(0.995))
    expected = stats.binom(n, rate).pmf(np.arange(top + 1)) * len(sizes)
    expected[top] += len(sizes) - expected.sum()
    assert stats.chisquare(np.bincount(np.minimum(sizes, top), minlength=top + 1), expected).pvalue > 1e-3


def check_sampling(train: Training, **options: Any) -> None:
    """Every sample is in every batch by its own coin."""
    seen: list[Tensor] = []
    linear_training(train, torch.ones(20, 2), PrivateSteps(1500, 0.15, 1.0), clip=1.0, seen=seen, **options)
    assert len(seen) == 1500  # an empty batch is a step all the same
    check_binomial([len(rows) for rows in seen], 20, 0.15)
    present = np.array([np.isin(np.arange(20), rows.numpy()) for rows in seen])  # (steps, samples)
    assert np.abs(present.mean(axis=0) - 0.15).max() < 0.04
    assert np.abs(np.corrcoef(present.T)[~np.eye(20, dtype=bool)]).max() < 0.12  # nobody's coin depends on another's


@pytest.mark.parametrize(
    ("check", "options"),
    [(check_clipping, {}), (check_clipping, {"physical": 3}), (check_noise, {}), (check_noise, {"physical": 2}), (check_sampling, {})],
)  # fmt: skip
def test_the_private_training_is_what_its_accountant_assumes(check: Any, options: Any) -> None:
    check(train_privately, **options)


@pytest.mark.parametrize(
    ("broken", "check"),
    [
        (without_noise, check_noise), (with_noise_for_the_mean, check_noise), (without_clipping, check_clipping),
        (clipping_the_batch, check_clipping), (on_batches_of_one_size, check_sampling),
    ],
)  # fmt: skip
def test_a_broken_private_training_is_found_out(broken: Training, check: Callable[[Training], None]) -> None:
    with pytest.raises(AssertionError):
        check(broken)


def test_the_noise_of_a_step_is_that_of_numpy_in_double_precision() -> None:
    moved = linear_training(train_privately, torch.ones(3, 2000), PrivateSteps(1, 1.0, 2.0), clip=1.0, scale=0.0)
    stream = rng("training")
    stream.random(3)  # the coins of three people
    np.testing.assert_array_equal(moved.numpy(), stream.normal(0, 2.0, 2000).astype(np.float32))


def test_an_empty_batch_still_gets_its_noise() -> None:
    moved = linear_training(train_privately, torch.ones(3, 2000), PrivateSteps(1, 1e-6, 2.0), clip=1.0)
    assert float(moved.std()) == pytest.approx(2.0, rel=0.1)


NETS: dict[str, Callable[[torch.Generator], nn.Module]] = {
    "dp_diffusion": lambda draw: AdaGroupNet(12, 3, 16, 1, draw),
    "noisy_diffusion": lambda draw: ResLinearNet(12, 3, (64, 64), 0.0, False, draw),
    "dp_cvae": lambda draw: ConditionalVAE(12, Condition(3, 0, draw), 4, (8,), draw),
    "deeptype": lambda draw: Net((12, 16, 8, 3), draw),
    "dp_score_sde": lambda draw: DenseNet(12, 3, 16, 1, draw),
    "dp_mlp": lambda draw: nn.Sequential(dense(12, 16, draw), nn.Tanh(), dense(16, 3, draw)),
}


def trained_by_dp_sgd() -> set[str]:
    """Return the generators whose code hands a network to the private training."""
    folder = Path(dpsgd.__file__).parent
    return {path.stem for path in folder.rglob("[a-z]*.py") if "train_privately(" in path.read_text()}


def test_every_network_that_trains_by_dp_sgd_is_checked() -> None:
    assert set(NETS) == trained_by_dp_sgd()
    assert {name.partition(",")[0] for name in (*MODELS, *HANDS_OVER)} == trained_by_dp_sgd()


@pytest.mark.parametrize("name", NETS)
def test_the_gradients_that_are_clipped_are_those_of_one_sample_each(name: str) -> None:
    draw = torch.Generator().manual_seed(1)
    net = NETS[name](draw)
    weights = [p for p in net.parameters() if p.requires_grad]
    for p in weights:
        nn.init.normal_(p, std=0.4, generator=draw)
    x, t, y = torch.randn(7, 12, generator=draw), torch.arange(7) * 90, torch.arange(7) % 3
    inputs: tuple[Tensor, ...]
    if name == "dp_diffusion":  # it takes several timesteps of a sample at once
        x, t = torch.stack([x, -x], dim=1), torch.stack([t, t + 5], dim=1)
    inputs = (x, t, y)
    if name == "dp_cvae":  # it draws several latent points of a sample at once, and has an encoder's outputs beside
        inputs = (x, y, torch.randn(7, 2, 4, generator=draw))
    if name == "dp_score_sde":
        inputs = (x, t / 1000, y)
    if name in ("deeptype", "dp_mlp"):
        inputs = (x,)

    def loss(watched: nn.Module, rows: Tensor) -> Tensor:
        found = watched(*(part[rows] for part in inputs))
        parts = found if isinstance(found, tuple) else (found,)
        squares: Tensor = sum((part.square().flatten(1).mean(dim=1) for part in parts), torch.zeros(len(rows)))
        return squares

    expected, clip = [torch.zeros_like(p) for p in weights], 0.5
    for row in range(7):
        alone = torch.autograd.grad(loss(net, torch.tensor([row])).sum(), weights)
        length = torch.stack([part.norm() for part in alone]).norm()
        assert length > clip
        for total, part in zip(expected, alone, strict=True):
            total += part * (clip / length)
    before = [p.detach().clone() for p in weights]
    sgd = torch.optim.SGD(weights, lr=1.0)
    train_privately(
        net, loss, 7, PrivateSteps(1, 1.0, 1e-9), sgd, clip=clip, divisor=1.0, rng=rng("training"), physical=3
    )
    for was, p, total in zip(before, weights, expected, strict=True):
        torch.testing.assert_close(was - p.detach(), total, rtol=1e-3, atol=1e-5)


# -- what the generators themselves do ---------------------------------------------------------------------------------


@contextmanager
def watched(steps: list[Tensor], batches: list[int]) -> Iterator[None]:
    """Note the gradient of every step of an optimiser, after clipping and noise, and the size of every private batch."""

    def note_step(optimiser: torch.optim.Optimizer, args: Any, options: Any) -> None:
        if not isinstance(optimiser, DPOptimizer):  # that is the one around it, called before the noise
            parts = [p.grad.flatten() for group in optimiser.param_groups for p in group["params"]]
            steps.append(torch.cat(parts).clone())

    def note_batch(module: nn.Module, args: Any) -> None:
        if isinstance(module, GradSampleModule):
            batches.append(len(args[0]))

    hooks = [
        register_optimizer_step_pre_hook(note_step),
        register_module_forward_pre_hook(note_batch),
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


MODELS: dict[str, Callable[..., Any]] = {
    "dp_diffusion": lambda **more: DpDiffusion(**{**TINY, **more}),
    "dp_diffusion, published": lambda **more: DpDiffusion(**{**TINY, **more}, variant="published"),
    "noisy_diffusion, per_example": lambda **more: NoisyDiffusion(**{**TINY_NOISY, **more}),
    "dp_cvae": lambda **more: DpCvae(**{**TINY_CVAE, **more}),
    "dp_cvae, published": lambda **more: DpCvae(**{**TINY_CVAE, **more}, variant="published"),
}


@pytest.mark.parametrize("name", in_depth(MODELS, list(MODELS)[::2]))
def test_the_gradients_of_a_fit_carry_the_claimed_noise(name: str) -> None:
    """With so many weights the clipped gradients of 12 people vanish beside the noise, which is then measured."""
    steps: list[Tensor] = []
    model, cohort = MODELS[name](epsilon=2.0, steps=3, rate=0.5), people(12, "wide", genes=1000)
    with watched(steps, []):
        model.fit(cohort, rng=rng("fit"))
    assert len(steps) == 3
    total = len(cohort) if isinstance(model, NoisyDiffusion) else model.frame_.total
    clip = model.gradient_clip if isinstance(model, NoisyDiffusion) else model.clip
    claimed = model.plan_.sigma * clip / (0.5 * total)
    assert f"{model.plan_.sigma:.4g}" in model.claim().mechanism
    for gradient in steps:
        assert float(gradient.std()) == pytest.approx(claimed, rel=0.02)
        assert stats.kstest(gradient[:40_000].numpy() / claimed, "norm").pvalue > 1e-3
    assert abs(float(torch.corrcoef(torch.stack(steps[:2]))[0, 1])) < 0.02  # each step has noise of its own


@pytest.mark.parametrize("name", in_depth(MODELS, ("dp_diffusion", "dp_cvae")))
def test_the_batches_of_a_fit_are_drawn_at_the_claimed_rate(name: str) -> None:
    batches: list[int] = []
    model = MODELS[name](steps=300, rate=0.15, epsilon=2.0)
    with watched([], batches):
        model.fit(people(40, "train"), rng=rng("fit"))
    assert len(batches) == 300
    assert model.claim().accountant == "PRV (opacus), Poisson sampling at rate 0.15, 300 steps"
    check_binomial(batches, 40, 0.15)


HANDS_OVER: dict[str, dict[str, Any]] = {  # they hand the private training what their claims say, and nothing else
    "deeptype": {"private": True, "hidden": 16, "width": 8, "steps": 4, "rate": 0.5, "sigma": 3.0, "clip": 0.7},
    "dp_score_sde": {"hidden": 16, "steps": 4, "rate": 1.0, "clip": 0.7},
    "dp_mlp": {"prior": None, "hidden": 8, "steps": 4, "rate": 1.0, "clip": 0.7},
}


def released_before(model: Any) -> float:
    """Return the strength of what a generator released before its training."""
    return compose_mu([mu for _, mu in model.mus_]) if hasattr(model, "mus_") else getattr(model, "mu_", 0.0)


@pytest.mark.parametrize("name", HANDS_OVER)
def test_the_private_training_is_handed_what_the_claim_says(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    info, handed = plugins("generator")[name], {}

    def train(net: nn.Module, loss: Any, n: int, plan: PrivateSteps, optimiser: Any, **options: Any) -> None:
        handed.update(options, n=n, plan=plan)

    model = create(info, HANDS_OVER[name])
    monkeypatch.setattr(sys.modules[type(model).__module__], "train_privately", train)
    sizes = []
    for n in (60, 61):
        model.fit(example(info, n, "train"), rng=rng("fit"))
        assert (handed["n"], handed["clip"], handed["plan"]) == (n, 0.7, model.plan_)
        assert model.claim().epsilon == pytest.approx(model.plan_.epsilon(1e-5, released_before(model)), abs=1e-3)
        words = f"{model.plan_.sigma:.3g};" if name == "dp_mlp" else f"{model.plan_.sigma:.4g}, clip 0.7"
        assert f"noise multiplier {words}" in model.claim().mechanism
        sizes.append(handed["divisor"])
    if name == "deeptype":
        assert sizes == [256.0, 256.0]  # public
    else:
        mu = model.mu_ if name == "dp_score_sde" else dict(model.mus_)["class sizes"]
        assert (
            0 < abs(sizes[0] - 60) < 6 * math.sqrt(len(model.classes_) if name == "dp_mlp" else 1) / mu
        )  # a noisy count


@pytest.mark.parametrize("epsilon", [1.0, 10.0])
def test_a_second_accountant_finds_what_dp_diffusion_claims(epsilon: float) -> None:
    fitted = DpDiffusion(**{**TINY, "rate": 0.4}, epsilon=epsilon).fit(people(60, "train"), rng=rng("fit"))
    claim, mu = fitted.claim(), fitted.frame_.mu
    assert claim.end_to_end
    assert claim.epsilon <= epsilon
    assert mu == pytest.approx(gaussian_mu(epsilon, 1e-5) * math.sqrt(fitted.frame_share * sum(SHARES.values())))
    shares = [share for name, share in SHARES.items() if name != "lengths"] + 3 * [SHARES["lengths"] / 3]
    referee = pld_epsilon(claim.delta, [1 / (mu * math.sqrt(share)) for share in shares], fitted.plan_)
    assert claim.epsilon - 0.03 <= referee <= claim.epsilon + 1e-3  # the claim is the upper end of an error interval


@pytest.mark.parametrize("name", ["dp_diffusion, published", "noisy_diffusion, per_example"])
def test_second_accountants_find_what_a_claim_that_is_not_end_to_end_says(name: str) -> None:
    model = MODELS[name](epsilon=4.0, rate=0.4, steps=20).fit(people(60, "train"), rng=rng("fit"))
    claim = model.claim()
    assert claim.epsilon <= 4.0
    assert not claim.end_to_end
    for outside in ("class counts", "number of samples"):
        assert any(outside in step for step in claim.outside)
    assert claim.epsilon - 0.03 <= pld_epsilon(claim.delta, [], model.plan_) <= claim.epsilon + 1e-3
    renyi = RDPAccountant()
    renyi.history = [(model.plan_.sigma, model.plan_.rate, model.plan_.steps)]
    assert renyi.get_epsilon(claim.delta) > claim.epsilon - 1e-3  # RDP is an upper bound, and looser


def test_without_sampling_the_account_is_that_of_one_gaussian() -> None:
    plan = PrivateSteps(steps=9, rate=1.0, sigma=6.0)
    assert plan.epsilon(1e-5) == pytest.approx(gaussian_epsilon(0.5, 1e-5))
    assert calibrated(3.0, 1e-5, steps=9, rate=1.0).epsilon(1e-5) == pytest.approx(3.0, abs=1e-4)
    assert plan.account == "Gaussian differential privacy, exact; everybody in each of 9 steps"


def test_releases_that_cost_everything_leave_no_training() -> None:
    with pytest.raises(PluginError, match="nothing is left for the training"):
        calibrated(1.0, 1e-5, steps=5, rate=0.5, released_mu=5.0)


PRIVATE = sorted(name for name in plugins("generator") if name.startswith(("dp_", "p_", "private_")))


@pytest.mark.parametrize("name", PRIVATE)
def test_a_generator_that_is_called_private_is_so_end_to_end_by_default(name: str) -> None:
    info = plugins("generator")[name]
    cohort = example(info, 60, "train")
    claim = claim_of(create(info, info.option("quick")).fit(cohort, rng=rng("fit")))
    assert claim is not None
    assert claim.end_to_end
    assert claim.delta <= 1 / len(cohort)


@pytest.mark.parametrize(("variant", "end_to_end"), [("end_to_end", True), ("published", False)])
def test_private_pgm_says_what_it_guarantees(variant: str, end_to_end: bool) -> None:
    info = plugins("generator")["private_pgm"]
    fitted = create(info, {"variant": variant, "epsilon": 4.0}).fit(people(90, "train"), rng=rng("fit"))
    claim = fitted.claim()
    assert (claim.epsilon, claim.delta, claim.neighbours) == (4.0, 1e-5, "add-remove")
    assert claim.end_to_end is end_to_end


# -- people whose values cannot be ---------------------------------------------------------------------------------------

STRANGE: dict[str, dict[str, Any]] = {
    "deeptype": HANDS_OVER["deeptype"],
    "dp_copula": {},
    "dp_cvae": TINY_CVAE,
    "dp_diffusion": TINY,
    "dp_logistic": {"prior": None, "steps": 10},
    "dp_mlp": HANDS_OVER["dp_mlp"],
    "dp_objective": {"prior": None},
    "dp_prior": {"prior": None},
    "mst": {"bins": 4},
    "p_nmf": {"passes": 20},
    "private_pgm": {},
}
EXPRESSION = {name for name in PRIVATE if "expression" in plugins("generator")[name].modalities}


def test_every_private_generator_of_expression_is_tried_on_strange_people() -> None:
    assert set(STRANGE) >= EXPRESSION


@pytest.mark.parametrize("name", STRANGE)
@pytest.mark.parametrize("value", [-3e38, 1e10])
def test_a_person_of_any_value_leaves_a_release_of_numbers(name: str, value: float) -> None:
    """An exact infinity or no number in a sum would get through any noise and tell of that person."""
    cohort = people(31, "strange", genes=12)
    X = cohort.X.copy()
    X[0] = value
    model = create(plugins("generator")[name], STRANGE[name]).fit(replace(cohort, X=X), rng=rng("fit"))
    if hasattr(model, "release"):
        arrays = model.release(rng=rng("release")).arrays.values()
        assert all(np.isfinite(array).all() for array in arrays if array.dtype.kind == "f")
    else:
        assert np.isfinite(model.sample(40, rng=rng("sample")).X).all()


def test_a_person_at_the_end_of_the_range_where_genes_hardly_vary_leaves_a_release_of_numbers() -> None:
    """Her values are lawful, and yet the loss of the network is infinite."""
    cohort = people(201, "flat", genes=12)
    X = np.where(rng("flat").random(cohort.X.shape) < 0.5, 8.0, 8.01).astype(np.float32)
    X[0] = 25.0
    settings = {**TINY_CVAE, "epsilon": 50.0, "steps": 40, "lr": 0.05}
    model = create(plugins("generator")["dp_cvae"], settings).fit(replace(cohort, X=X), rng=rng("fit"))
    assert np.isfinite(model.sample(40, rng=rng("sample")).X).all()


@pytest.mark.parametrize(("name", "settings"), [("dp_diffusion", TINY), ("dp_cvae", TINY_CVAE)])
def test_a_negative_count_leaves_a_release_of_numbers(name: str, settings: dict[str, Any]) -> None:
    cohort = people(31, "counts", genes=12)
    X = np.rint(np.exp2(cohort.X / 2)).astype(np.float32)
    X[0] = -2
    model = create(plugins("generator")[name], settings).fit(replace(cohort, X=X, units="counts"), rng=rng("fit"))
    assert np.isfinite(model.sample(40, rng=rng("sample")).X).all()
