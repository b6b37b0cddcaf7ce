"""The generators of images: known coefficients, moments and likelihoods, private steps against a loop, claims."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import dp_accounting
import numpy as np
import pytest
import torch
from bench.generators._dpsgd import PrivateSteps
from bench.generators._privacy import clip_rows
from bench.generators.images import _gaussian
from bench.generators.images._central import central_images
from bench.generators.images._dpgen_mechanism import answers, times_answered
from bench.generators.images._edm import (
    Guide,
    Prior,
    batch_loss,
    coefficients,
    denoise,
    image_loss,
    loss_weight,
    sample,
)
from bench.generators.images._gaussian import low_rank, release_gaussian
from bench.generators.images._image_nets import make_net
from bench.generators.images._per_image import clipped_sum, gradient_norms, image_gradients, train_images_privately
from bench.generators.images._public_images import read_public
from bench.generators.images._sde import SAMPLERS, SDES, Diffusion, Score, bits_per_dimension, log_density, walk_back
from bench.generators.images.dp_merf import fourier
from bench.generators.images.z_anonymity import expected_anonymity
from depth import in_depth
from dp_accounting.pld import PLDAccountant
from numpy.typing import NDArray
from scipy.stats import kstest
from torch import Tensor

from bench import Images, PluginError, stream
from bench.core.cohort_file import write_npz
from bench.core.roles import claim_of
from bench.registry.finding import create, find, plugins

CPU = torch.device("cpu")


def rng(*path: str | int) -> np.random.Generator:
    return stream(5, *path)


def draw(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def bars(n: int, *path: str | int) -> Images:
    """Return n images of 4 x 4 with a bright row (class "row") or a bright column, at random places."""
    random = rng("bars", *path)
    pixels = np.clip(random.normal(0.15, 0.05, (n, 4, 4, 1)), 0, 1)
    for i in range(n):
        place = random.integers(4)
        pixels[(i, place) if i % 2 else (i, slice(None), place)] = 0.9
    y = np.where(np.arange(n) % 2, "row", "column")
    return Images(pixels=pixels, y=y, samples=tuple(f"{path}{i}" for i in range(n)))


# -- denoisers ---------------------------------------------------------------------------------------------------------


def test_the_coefficients_are_those_of_karras_and_of_salimans() -> None:
    s = torch.tensor([0.5], dtype=torch.float64)
    spread = math.sqrt(1 / 3)
    skip, out, into, noise = coefficients(s, "edm")
    assert float(skip) == pytest.approx((1 / 3) / (0.25 + 1 / 3))  # sd^2 / (s^2 + sd^2)
    assert float(out) == pytest.approx(0.5 * spread / math.sqrt(0.25 + 1 / 3))
    assert float(into) == pytest.approx(1 / math.sqrt(0.25 + 1 / 3))
    assert float(noise) == pytest.approx(math.log(0.5) / 4)
    assert float(loss_weight(s, "edm")) == pytest.approx((0.25 + 1 / 3) / (0.5 * spread) ** 2)
    skip, out, into, noise = coefficients(s, "v")
    assert (float(skip), float(out)) == pytest.approx((1 / 1.25, 0.5 / math.sqrt(1.25)))
    assert (float(into), float(noise)) == pytest.approx((1 / math.sqrt(1.25), 2 / math.pi * math.atan(0.5)))
    assert float(loss_weight(s, "v")) == pytest.approx(1.25 / 0.25)  # signal to noise, and one


@pytest.mark.parametrize("form", ["edm", "v"])
def test_the_sampler_finds_the_normal_distribution_whose_denoiser_it_is_given(form: str) -> None:
    mean, sd = 0.2, 0.15

    def net(seen: Tensor, noise: Tensor, y: Tensor) -> Tensor:
        s = (4 * noise).exp() if form == "edm" else torch.tan(noise * math.pi / 2)
        skip, out, into, _ = (c[:, None] for c in coefficients(s, form))
        x = seen / into
        best = (mean * s[:, None] ** 2 + x * sd**2) / (s[:, None] ** 2 + sd**2)
        return (best - skip * x) / out

    found = sample(net, torch.zeros(3000, dtype=torch.long), 2, 40, draw(), CPU, form)
    assert float(found.mean()) == pytest.approx(mean, abs=0.01)
    assert float(found.std()) == pytest.approx(sd, rel=0.05)


def test_the_loss_of_an_image_is_the_mean_over_its_noises() -> None:
    net = make_net("mlp", (4, 4, 1), 2, 8, 1, draw())
    torch.nn.init.normal_(net.out.weight, generator=draw(2))  # type: ignore[union-attr,arg-type]
    x, y, s, noise = torch.rand(16), torch.tensor(1), torch.tensor([0.1, 0.7, 3.0]), torch.randn(3, 16)
    with torch.no_grad():
        by_hand = [
            float(
                loss_weight(s[k])
                * (denoise(net, (x + s[k] * noise[k])[None], s[k : k + 1], y[None]) - x).square().mean()
            )
            for k in range(3)
        ]
        found = float(image_loss(net, x, y, s, noise))
    assert found == pytest.approx(np.mean(by_hand), rel=1e-5)


def test_a_zero_network_on_a_prior_samples_the_prior() -> None:
    prior = Prior(torch.tensor([[0.2, -0.3], [-0.4, 0.1]]), torch.eye(2), torch.tensor([0.04, 0.01]))
    found = sample(
        lambda x, noise, y: torch.zeros_like(x), torch.arange(4000) % 2, 2, 40, draw(), CPU, "edm", prior
    )  # fmt: skip
    for code in (0, 1):
        mine = found[torch.arange(4000) % 2 == code]
        torch.testing.assert_close(mine.mean(dim=0), prior.means[code], atol=0.02, rtol=0)
        torch.testing.assert_close(mine.std(dim=0), prior.variances.sqrt(), atol=0.02, rtol=0)


def test_guidance_pushes_samples_away_from_what_is_found_without_a_label() -> None:
    prior = Prior(torch.tensor([[0.2, 0.0], [0.0, 0.0]]), torch.eye(2), torch.tensor([1e-4, 1e-4]))  # the last: none
    made = {
        w: sample(
            lambda x, noise, y: torch.zeros_like(x), torch.zeros(200, dtype=torch.long), 2, 40, draw(), CPU, "edm",
            prior, Guide(w, 1),
        )
        for w in (0.0, 1.0)
    }  # fmt: skip
    assert float(made[0.0][:, 0].mean()) == pytest.approx(0.2, abs=0.01)
    assert float(made[1.0][:, 0].mean()) == pytest.approx(0.4, abs=0.02)  # D + (D - D of no label)
    assert abs(float(made[1.0][:, 1].mean())) < 0.01


# -- private steps -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["mlp", "unet"])
def test_gradients_of_images_are_those_of_a_loop_and_clipped_after_the_mean_over_noises(kind: str) -> None:
    net = make_net(kind, (4, 4, 1), 2, 8, 1, draw())
    with torch.no_grad():
        net.out.weight.normal_(0, 0.1, generator=draw(2))  # type: ignore[union-attr,operator]
    n, k = 5, 3
    batch = (torch.rand(n, 16), torch.tensor([0, 1, 1, 0, 1]), torch.rand(n, k) + 0.1, torch.randn(n, k, 16))
    found = image_gradients(net, lambda F, entries: image_loss(F, *entries), batch)
    total = {name: torch.zeros_like(p) for name, p in net.named_parameters()}
    for i in range(n):
        net.zero_grad()
        x, y, s, noise = (values[i] for values in batch)
        batch_loss(net, x.expand(k, 16), y.expand(k), s, noise).backward()  # type: ignore[no-untyped-call]
        grads = {name: p.grad for name, p in net.named_parameters()}
        norm = math.sqrt(sum(float(g.square().sum()) for g in grads.values() if g is not None))
        for name, g in grads.items():
            assert g is not None
            torch.testing.assert_close(found[name][i], g, rtol=1e-4, atol=1e-5)
            total[name] += g * min(1, 0.5 / norm)
    for name, value in clipped_sum(found, 0.5).items():
        torch.testing.assert_close(value, total[name], rtol=1e-4, atol=1e-5)


def test_norms_of_gradients_are_those_of_each_tensor_and_do_not_depend_on_the_parts() -> None:
    net = make_net("mlp", (4, 4, 1), 2, 8, 1, draw())
    with torch.no_grad():
        net.out.weight.normal_(0, 0.1, generator=draw(2))  # type: ignore[union-attr,operator]
    x, y, s, noise = torch.rand(5, 16), torch.tensor([0, 1, 1, 0, 1]), torch.tensor([0.2, 1.0]), torch.randn(2, 16)
    found = gradient_norms(net, lambda F, e: image_loss(F, e[0], e[1], s, noise), (x, y), physical=2)
    batch_loss(net, x[3].expand(2, 16), y[3].expand(2), s, noise).backward()  # type: ignore[no-untyped-call]
    by_hand = [float(p.grad.norm()) for p in net.parameters() if p.grad is not None]
    torch.testing.assert_close(found[3], torch.tensor(by_hand), rtol=1e-4, atol=1e-5)
    assert found.shape == (5, len(list(net.parameters())))


def test_private_steps_add_noise_of_the_planned_size_and_divide_by_a_public_number() -> None:
    net = make_net("mlp", (4, 4, 1), 2, 32, 2, draw())
    before = torch.cat([p.detach().clone().ravel() for p in net.parameters()])
    optimiser = torch.optim.SGD(net.parameters(), lr=1.0)
    train_images_privately(
        net, lambda F, entries: 0 * F(entries[0][None], entries[1][None], entries[2][None]).sum(),
        lambda rows: (torch.zeros(len(rows), 16), torch.zeros(len(rows)), torch.zeros(len(rows), dtype=torch.long)), 7,
        PrivateSteps(4, 0.5, 3.0), optimiser, clip=0.25, divisor=10.0, rng=rng("noise"), physical=2,
    )  # fmt: skip
    moved = torch.cat([p.detach().ravel() for p in net.parameters()]) - before
    assert float(moved.std()) == pytest.approx(2 * 3.0 * 0.25 / 10, rel=0.05)  # four steps: twice the noise of one


@pytest.mark.parametrize(
    "form", ["gaussian", pytest.param("central", marks=pytest.mark.full), pytest.param("none", marks=pytest.mark.full)]
)
def test_a_second_accountant_finds_what_dpdm_claims(form: str) -> None:
    model = create(find("generator", "dpdm"), {"hidden": 8, "steps": 6, "rate": 0.5, "warmup": form, "epsilon": 3.0})
    model.fit(bars(60), rng=rng("fit"))
    claim = claim_of(model)
    assert claim is not None
    accountant = PLDAccountant(dp_accounting.NeighboringRelation.ADD_OR_REMOVE_ONE, value_discretization_interval=1e-3)
    accountant.compose(dp_accounting.GaussianDpEvent(1 / model.mu_))
    step = dp_accounting.PoissonSampledDpEvent(0.5, dp_accounting.GaussianDpEvent(model.plan_.sigma))
    accountant.compose(step, 6)
    assert accountant.get_epsilon(1e-5) == pytest.approx(claim.epsilon, rel=0.01)
    assert claim.epsilon == pytest.approx(3.0, rel=0.01)
    assert claim.epsilon <= 3.0
    assert claim.end_to_end


def test_one_image_moves_the_central_images_by_no_more_than_their_radius() -> None:
    """The sums without noise differ by at most half the diagonal of the cube, in one group alone."""
    images = bars(40)
    codes = (images.y == "row").astype(np.int64)
    counts = np.array([20.0, 20.0])
    both = [
        central_images(images.X[rows], codes[rows], counts, 3, 1e-9, rng("same"))[0]
        for rows in (slice(0, 40), slice(0, 39))
    ]
    apart = np.abs(both[0] - both[1]) * 20 / 3
    assert np.linalg.norm(apart) <= 16**0.5 / 2
    assert np.count_nonzero(apart.max(axis=1) > 1e-6) == 1
    alone = central_images(images.X, codes, counts, 1, 1e-9, rng("one"))[0]
    np.testing.assert_allclose(alone[1], images.X[codes == 1].mean(axis=0), atol=1e-4)


def test_the_noise_of_central_images_has_the_planned_size() -> None:
    X, codes = np.full((2000, 16), 0.5, dtype=np.float32), np.zeros(2000, dtype=np.int64)
    means = [central_images(X, codes, np.array([2000.0]), 1, 4.0, rng("noise", i))[0] for i in range(200)]
    assert np.std(means) == pytest.approx(4.0 * 2 / 2000, rel=0.05)  # multiplier x radius / size


# -- the Gaussian with noise -------------------------------------------------------------------------------------------


def test_the_gaussian_is_that_of_the_data_when_the_budget_is_huge() -> None:
    images = bars(400)
    found = release_gaussian(images.X.astype(float), images.y, images.classes, 1e6, 16, rng("release"))
    for code, (_, X) in enumerate(images.by_label()):
        np.testing.assert_allclose(found.frame.means[code], X.mean(axis=0), atol=0.01)
    z = found.frame.forward(images.X.astype(float), np.searchsorted(images.classes, images.y))
    np.testing.assert_allclose(found.directions @ found.directions.T, z.T @ z / 400, atol=0.12)


def test_the_second_moments_get_the_noise_that_one_image_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    """An image adds z z', whose upper half is no longer than |z|^2; the mirrored lower half is no second look."""
    images, mu = bars(12, "few"), 1.4
    cut: list[tuple[NDArray[np.float64], float]] = []
    kept: list[NDArray[np.float64]] = []

    def note_rows(rows: NDArray[np.float64], radius: float) -> NDArray[np.float64]:
        cut.append((clip_rows(rows, radius), radius))
        return cut[-1][0]

    def note_moments(moments: NDArray[np.float64], k: int) -> tuple[NDArray[np.float64], float]:
        kept.append(moments)
        return low_rank(moments, k)

    monkeypatch.setattr(_gaussian, "clip_rows", note_rows)
    monkeypatch.setattr(_gaussian, "low_rank", note_moments)
    noise, upper = [], np.triu_indices(16)
    for i in range(8):
        found = release_gaussian(images.X.astype(float), images.y, images.classes, mu, 3, rng("moments", i))
        (z, radius), moments = cut[-1], kept[-1]
        assert max(np.linalg.norm(np.outer(row, row)[upper]) for row in z) <= radius**2 * (1 + 1e-9)
        np.testing.assert_allclose(moments, moments.T)
        noise.append((moments * found.frame.total - z.T @ z)[upper] / radius**2)
        assert found.mu == pytest.approx(mu)
    sd = 1 / (mu * math.sqrt(0.5 * 0.97))  # half of the budget is the frame's, 3 % of the rest the radius's
    assert kstest(np.concatenate(noise) / sd, "norm").pvalue > 1e-3


@pytest.mark.parametrize("components", [0, 2, 16])
def test_the_covariance_is_that_of_the_samples(components: int) -> None:
    images = bars(400)
    found = release_gaussian(images.X.astype(float), images.y, images.classes, 1e3, components, rng("release"))
    values, vectors = found.covariance()
    known = np.cov((images.X - found.frame.means[np.searchsorted(images.classes, images.y)]).T)
    assert values.sum() == pytest.approx(np.trace(known), rel=0.1)
    if components == 16:
        np.testing.assert_allclose(vectors @ np.diag(values) @ vectors.T, known, atol=0.02)


def test_low_rank_keeps_the_strongest_directions_and_the_trace() -> None:
    directions, rest = low_rank(np.diag([4.0, 1.0, 9.0]), 1)
    np.testing.assert_allclose(np.abs(directions[:, 0]), [0, 0, 3])
    assert rest == pytest.approx(math.sqrt(2.5))


def test_without_noise_the_gaussian_claims_nothing() -> None:
    model = create(find("generator", "pca_gaussian"), {"private": False, "components": 16})
    model.fit(bars(400), rng=rng("fit"))
    assert claim_of(model) is None
    made = model.sample(4000, rng=rng("sample"))
    for label, X in bars(400).by_label():
        np.testing.assert_allclose(made.X[made.y == label].mean(axis=0), X.mean(axis=0), atol=0.05)


def test_random_features_approach_the_gaussian_kernel() -> None:
    X = rng("points").uniform(size=(2, 16))
    features = fourier(X, rng("waves").standard_normal((16, 20_000)) / 0.8)
    assert np.linalg.norm(features, axis=1) == pytest.approx([1, 1])
    assert features[0] @ features[1] == pytest.approx(math.exp(-((X[0] - X[1]) ** 2).sum() / (2 * 0.8**2)), abs=0.02)


# -- stochastic differential equations ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", SDES)
def test_the_moments_are_those_of_the_equation_walked_forward(kind: str) -> None:
    sde, n, steps = Diffusion(kind, largest=5.0), 4000, 400
    random = draw(4)
    x = torch.full((n, 1), 0.7)
    for i in range(steps):
        t = torch.full((n,), (i + 0.5) / steps * 0.6)
        noise = torch.randn(n, 1, generator=random)
        x = x + sde.drift(x, t) * 0.6 / steps + (sde.squared_g(t)[:, None] * 0.6 / steps).sqrt() * noise
    end = torch.tensor([0.6])
    assert float(x.std()) == pytest.approx(float(sde.sigma(end)), rel=0.04)
    assert float(x.mean()) == pytest.approx(0.7 * float(sde.alpha(end)), abs=4 * float(x.std()) / n**0.5)


def test_the_moments_are_those_of_the_paper() -> None:
    t = torch.tensor([0.3], dtype=torch.float64)
    m = -0.25 * 0.3**2 * 19.9 - 0.5 * 0.3 * 0.1
    assert float(Diffusion("vp").alpha(t)) == pytest.approx(math.exp(m))
    assert float(Diffusion("vp").sigma(t)) == pytest.approx(math.sqrt(1 - math.exp(2 * m)))
    assert float(Diffusion("subvp").sigma(t)) == pytest.approx(1 - math.exp(2 * m))
    ve = Diffusion("ve")
    assert float(ve.squared_g(t)) == pytest.approx(2 * math.log(2000) * (0.01 * 2000**0.3) ** 2)


def normal_score(sde: Diffusion, mean: float, sd: float) -> Score:
    def score(x: Tensor, t: Tensor) -> Tensor:
        alpha, sigma = sde.alpha(t)[:, None], sde.sigma(t)[:, None]
        return -(x - alpha * mean) / (alpha**2 * sd**2 + sigma**2)

    return score


@pytest.mark.parametrize("kind", SDES)
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_samplers_find_the_normal_distribution_whose_score_they_are_given(kind: str, sampler: str) -> None:
    sde = Diffusion(kind)
    found = walk_back(normal_score(sde, 0.3, 0.4), 3000, 2, sde, sampler=sampler, steps=250, draw=draw(6))
    assert float(found.mean()) == pytest.approx(0.3, abs=0.05)
    assert float(found.std()) == pytest.approx(0.4, rel=0.08)


@pytest.mark.parametrize("kind", SDES)
def test_the_likelihood_of_a_normal_distribution_is_found_in_bits(kind: str) -> None:
    sde, mean, sd, d = Diffusion(kind), 0.3, 0.4, 6
    x = mean + sd * torch.randn(50, d, generator=draw(7), dtype=torch.float64)
    found = log_density(normal_score(sde, mean, sd), x, sde, steps=400, draw=draw(8))
    known = (-0.5 * ((x - mean) / sd) ** 2 - math.log(sd) - 0.5 * math.log(2 * math.pi)).sum(dim=1)
    assert float((found - known).abs().max()) < 0.03 * d
    bits = bits_per_dimension(known, d, 2 / 255)
    assert float(bits[0]) == pytest.approx(-float(known[0]) / d / math.log(2) + math.log2(127.5))


# -- public images -----------------------------------------------------------------------------------------------------


def kept(folder: Path, images: Images) -> str:
    """Return the file of an image dataset, as an import leaves it."""
    (folder / "letters").mkdir(exist_ok=True)
    path = folder / "letters" / "cohort.npz"
    write_npz(path, images)
    return str(path)


def larger(images: Images) -> Images:
    """Return images of twice the height and width."""
    pixels = images.pixels.repeat(2, axis=1).repeat(2, axis=2)
    return Images(pixels=pixels, y=images.y, samples=images.samples)


def test_public_images_are_averaged_to_the_size_of_the_private_ones(tmp_path: Path) -> None:
    public = bars(30, "public")
    X, words = read_public(kept(tmp_path, larger(public)), bars(20))
    np.testing.assert_allclose(X, public.X, atol=1e-6)
    assert words.startswith("30 images of letters (digest ")


@pytest.mark.full
def test_a_start_on_public_images_is_in_the_claim_and_costs_nothing(tmp_path: Path) -> None:
    params = {"hidden": 16, "steps": 4, "rate": 0.5, "warmup_steps": 300, "lr": 3e-3}
    plain, started = (
        create(find("generator", "dpdm"), params | more).fit(bars(60), rng=rng("fit"))
        for more in ({"warmup": "none"}, {"warmup": "public", "public": kept(tmp_path, bars(200, "public"))})
    )
    claim = claim_of(started)
    assert claim is not None
    assert claim.end_to_end
    assert claim.public[0].startswith("200 images of letters")
    assert (started.plan_, started.mu_) == (plain.plan_, plain.mu_)  # the same noise as without them
    losses = [model.losses(bars(60), rng=rng("losses")).mean() for model in (plain, started)]
    assert losses[1] < 0.9 * losses[0]


@pytest.mark.parametrize(
    ("public", "message"),
    [
        (lambda: bars(20), "a private image is among the public ones"),
        (lambda: replace(bars(20, "p"), pixels=bars(20, "p").pixels[:, :3]), "have the size 3 x 4 x 1, the private"),
        (lambda: bars(20, "p").take([]), "holds no images"),
    ],
)
def test_public_images_that_do_not_fit_are_refused(public: object, message: str, tmp_path: Path) -> None:
    with pytest.raises(PluginError, match=message):
        read_public(kept(tmp_path, public()), bars(20))  # type: ignore[operator]


def test_a_public_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match=r"the public images cannot be read: .*nowhere\.npz"):
        read_public(str(tmp_path / "nowhere.npz"), bars(20))


@pytest.mark.full
def test_labels_dropped_in_training_leave_a_network_that_can_be_guided() -> None:
    params = {"hidden": 16, "steps": 20, "rate": 0.5, "epsilon": 50.0, "components": 4, "label_dropout": 0.2}
    fitted = [
        create(find("generator", "dpdm"), params | {"guidance": w}).fit(bars(200), rng=rng("fit")) for w in (0, 2)
    ]
    assert fitted[0].net_.labels.num_embeddings == 3  # two classes, and none
    assert fitted[0].plan_ == fitted[1].plan_
    plain, guided = (model.sample(300, rng=rng("sample")) for model in fitted)
    apart = [
        float(np.linalg.norm(made.X[made.y == "row"].mean(axis=0) - made.X[made.y == "column"].mean(axis=0)))
        for made in (plain, guided)
    ]
    assert apart[1] > 1.2 * apart[0]


# -- DP-GEN, refuted ---------------------------------------------------------------------------------------------------


def test_what_dpgen_answers_is_always_a_training_image() -> None:
    """The support argument: an image that is not in the data is never answered with, so no finite epsilon holds."""
    X = rng("data").uniform(size=(64, 9))
    for sd in (0.01, 0.3, 50.0):
        noisy, chosen = answers(X, sd, 1.0, 5.0, rng("answers"))
        assert set(chosen.tolist()) <= set(range(64))
        assert np.std(noisy - X) == pytest.approx(sd, rel=0.15)


def test_dpgen_answers_with_the_probabilities_of_its_paper() -> None:
    X = rng("data").uniform(size=(20, 4))
    kept = [np.mean(answers(X, 50.0, 2.0, 5.0, rng("p", i))[1] == np.arange(20)) for i in range(300)]
    assert np.mean(kept) == pytest.approx(math.exp(2) / (math.exp(2) + 19), abs=0.015)  # all are candidates


@pytest.mark.parametrize("epsilon", [0.2, 10.0])
def test_counting_refutes_any_delta_below_one_half(epsilon: float) -> None:
    X = rng("data").uniform(size=(256, 16))
    seen = times_answered(X, 17, 256, 50.0, epsilon, 5.0, 200, rng("count"))
    assert seen > 100  # in at least half of the passes; without the canary in the data it would be 0
    without = np.delete(X, 17, axis=0)
    _, chosen = answers(without, 50.0, epsilon, 5.0, rng("out"))
    assert not np.any(np.all(without[chosen] == X[17], axis=1))


def test_dpgen_says_that_its_claim_is_refuted() -> None:
    info = find("generator", "dpgen")
    model = create(info, info.option("quick"))
    model.fit(bars(60), rng=rng("fit"))
    claim = claim_of(model)
    assert claim is not None
    assert not claim.end_to_end
    assert "refuted" in claim.mechanism
    assert "certified epsilon none" in claim.mechanism


# -- z-anonymity -------------------------------------------------------------------------------------------------------


def test_a_value_is_released_once_z_people_share_it_and_one_fewer_suppresses_it() -> None:
    pixels = np.zeros((6, 1, 2, 1), dtype=np.float32)
    pixels[:3, 0, 0] = 0.9  # three share a bright first pixel, three a dark one
    images = Images(pixels=pixels, y=list("aabbab"), samples=tuple("uvwxyz"))
    info = find("generator", "z_anonymity")
    three = create(info, {"z": 3, "bins": 2}).fit(images, rng=rng("fit"))
    np.testing.assert_allclose(three.released_[:, 0], [0.75, 0.75, 0.75, 0.25, 0.25, 0.25])
    assert three.suppressed_ == 0
    four = create(info, {"z": 4, "bins": 2}).fit(images, rng=rng("fit"))
    np.testing.assert_allclose(four.released_, np.tile([0.5, 0.25], (6, 1)))
    assert (four.suppressed_, four.anonymity_) == (0.5, 1.0)
    assert claim_of(four) is None


def test_expected_anonymity_is_that_of_the_formula() -> None:
    p = np.array([0.5, 0.1])
    by_hand = [1 - (0.5) ** 3, 1 - 0.9**3]  # at least one of three others
    assert expected_anonymity(p, 4, 2) == pytest.approx((0.5 * by_hand[0] + 0.1 * by_hand[1]) / 0.6)


# -- the models as a whole ---------------------------------------------------------------------------------------------

LEARN = {
    "dpdm": {
        "epsilon": 50.0,
        "hidden": 32,
        "steps": 60,
        "rate": 0.5,
        "warmup_steps": 200,
        "noises": 4,
        "components": 8,
    },
    "score_sde": {"hidden": 64, "blocks": 1, "steps": 400, "ema": 0.99, "lr": 3e-3, "sampling_steps": 60},
    "dp_merf": {"epsilon": 50.0, "features": 300, "hidden": 64, "steps": 300},
    "class_means": {"epsilon": 50.0},
    "pca_gaussian": {"epsilon": 50.0, "components": 8},
}


@pytest.mark.parametrize("name", in_depth(LEARN, ("dpdm", "dp_merf")))
def test_a_generator_learns_which_row_or_column_belongs_to_a_class(name: str) -> None:
    model = create(find("generator", name), LEARN[name]).fit(bars(300), rng=rng("fit"))
    made = model.sample(400, rng=rng("sample"))
    real = dict(bars(300).by_label())
    image = made.X.reshape(-1, 4, 4)
    uneven = image.mean(axis=2).var(axis=1) - image.mean(axis=1).var(axis=1)  # rows against columns
    assert uneven[made.y == "row"].mean() > uneven[made.y == "column"].mean()
    assert abs(made.X.mean() - np.concatenate(list(real.values())).mean()) < 0.1


@pytest.mark.parametrize("name", ["dpdm", "score_sde", "dp_score_sde"])
def test_released_diffusion_models_tell_losses_and_estimates(name: str) -> None:
    info = find("generator", name)
    images = bars(40)
    settings = info.option("quick") | ({"warmup": "none"} if name == "dpdm" else {})
    model = create(info, settings).fit(images, rng=rng("fit"))
    losses = model.losses(images, rng=rng("losses"))
    assert losses.shape == (40, 4)
    np.testing.assert_allclose(losses[:5], model.losses(images.take(range(5)), rng=rng("losses")), rtol=1e-5)
    norms = model.gradient_norms(images, rng=rng("losses"))
    assert norms.shape == (40, len(list(model.net_.parameters())))
    np.testing.assert_allclose(norms[:5], model.gradient_norms(images.take(range(5)), rng=rng("losses")), rtol=1e-4)
    exact = model.denoised(images.X, 1e-3, images.y)
    np.testing.assert_allclose(exact, images.X, atol=0.02)  # next to no noise: the image itself
    with pytest.raises(PluginError, match="not trained on the label 'dot'"):
        model.denoised(images.X[:1], 0.1, np.array(["dot"]))


@pytest.mark.parametrize(
    ("name", "params", "message"),
    [
        ("dpdm", {"epsilon": 0}, "epsilon is 0"),
        ("dpdm", {"warmup": "mode"}, "warmup is 'mode'; expected 'gaussian' or 'central' or 'public' or 'none'"),
        ("dpdm", {"warmup": "public"}, "each needs the other"),
        ("dpdm", {"public": "letters.npz"}, "each needs the other"),
        ("dpdm", {"guidance": 1.0}, "no guidance without it"),
        ("dpdm", {"label_dropout": 1.0}, "label_dropout is 1.0"),
        ("dpdm", {"parametrisation": "x"}, "parametrisation is 'x'"),
        ("dpdm", {"warmup_share": 1.0}, "leave a part of 1"),
        ("dpdm", {"net": "unet", "hidden": 6}, "a U-Net of 6 channels on 4 x 4"),
        ("score_sde", {"sde": "vpp"}, "sde is 'vpp'; expected one of vp, ve, subvp"),
        ("score_sde", {"sampler": "x"}, "sampler is 'x'"),
        ("dpgen", {"largest": 0.001}, "largest is 0.001"),
        ("z_anonymity", {"z": 0}, "z=0"),
        ("pca_gaussian", {"frame_share": 1.0}, "frame_share 1.0"),
        ("dp_merf", {"width": 0}, "width is 0"),
    ],
)
def test_wrong_settings_are_named(name: str, params: dict[str, object], message: str) -> None:
    with pytest.raises(PluginError, match=message):
        create(find("generator", name), params).fit(bars(20), rng=rng("fit"))


def test_every_generator_of_images_is_listed_under_images_alone() -> None:
    ours = {name for name, info in plugins("generator").items() if info.path.parent.name == "images"}
    assert ours >= {
        "dpdm",
        "score_sde",
        "dp_score_sde",
        "dpgen",
        "dp_merf",
        "class_means",
        "pca_gaussian",
        "z_anonymity",
    }
    assert all(plugins("generator")[name].modalities == ("images",) for name in ours)
