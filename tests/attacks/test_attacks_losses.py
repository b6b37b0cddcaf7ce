"""Losses of surrogate models against their formulas, and what they tell about members."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from bench.attacks._losses import LEVELS, N_TERMS, Autoencoder, Denoiser, Surrogates

from bench import AttackView, PluginError, stream
from bench.registry.finding import create, find
from bench.statistics.membership import auc

N_MEMBERS, N_OTHERS, N_GENES = 60, 40, 100


def _view(noise: float, seed: int = 0) -> tuple[AttackView, np.ndarray]:
    """Return a release of members with noise, and who they are."""
    rng = np.random.default_rng(seed)
    factors = rng.normal(size=(8, N_GENES))
    people = 8 + rng.normal(size=(N_MEMBERS + N_OTHERS, 8)) @ factors + 0.7 * rng.normal(size=(100, N_GENES))
    order = rng.permutation(len(people))
    released = people[:N_MEMBERS] + noise * rng.normal(size=(N_MEMBERS, N_GENES))
    view = AttackView(
        synthetic=released.astype(np.float32),
        targets=people[order].astype(np.float32),
        genes=tuple(f"g{i}" for i in range(N_GENES)),
    )
    return view, order < N_MEMBERS


def test_the_velocity_of_a_denoiser_that_says_nothing_is_all_error():
    net = Denoiser(5, 4, torch.Generator().manual_seed(0))
    torch.nn.init.zeros_(net.net[-1].weight)
    draw = torch.Generator().manual_seed(1)
    x, noise = torch.randn(3, 5, generator=draw), torch.randn(3, 5, generator=draw)
    level = 0.36  # 0.6 of the signal and 0.8 of the noise are kept
    expected = (0.6 * noise - 0.8 * x).square().mean(dim=1)
    assert torch.allclose(net.errors(x, noise, torch.tensor(level)), expected, atol=1e-6)


def test_the_denoiser_is_asked_about_the_noisy_person_and_its_level():
    net = Denoiser(4, 6, torch.Generator().manual_seed(0))
    x, noise = torch.randn(2, 2, 4, generator=torch.Generator().manual_seed(1))
    levels = torch.tensor([0.25, 0.64])
    for i, (kept, added) in enumerate([(0.5, 0.75**0.5), (0.8, 0.6)]):
        asked = torch.cat([kept * x[i] + added * noise[i], torch.tensor([2 * kept - 1])])
        expected = (net.net(asked) - (kept * noise[i] - added * x[i])).square().mean()
        assert net.errors(x, noise, levels)[i].item() == pytest.approx(expected.item(), abs=1e-5)


def test_the_terms_of_the_evidence_lower_bound_are_those_of_torch_distributions():
    net = Autoencoder(5, 6, 3, torch.Generator().manual_seed(0))
    draw = torch.Generator().manual_seed(1)
    x, noise = torch.randn(4, 5, generator=draw), torch.randn(4, 3, generator=draw)
    mean, log_variance = net.encoder(x).chunk(2, dim=1)
    code = torch.distributions.Normal(mean, torch.exp(log_variance / 2))
    prior = torch.distributions.Normal(0.0, 1.0)
    divergence = torch.distributions.kl_divergence(code, prior).sum(dim=1)
    rebuilt = torch.distributions.Normal(net.decoder(mean + code.stddev * noise), 1.0)
    log_p = rebuilt.log_prob(x).sum(dim=1) + 2.5 * np.log(2 * np.pi)
    found = net.evidence(x, noise)
    assert torch.allclose(found[:, 0], log_p, atol=1e-4)
    assert torch.allclose(found[:, 1], -divergence, atol=1e-4)


def test_equal_people_give_equal_losses_and_the_draws_are_fixed():
    view, _ = _view(0.5)
    models = Surrogates(targets=view.targets, seed=3, steps=5)
    first, second = models.losses(view.synthetic), models.losses(view.synthetic)
    assert first.shape == (len(view.targets), N_TERMS)
    assert np.array_equal(first, second)
    assert not np.array_equal(first, Surrogates(targets=view.targets, seed=4, steps=5).losses(view.synthetic))


def test_training_lowers_the_losses_on_those_it_trains_on():
    view, member = _view(0.0)
    few, many = (Surrogates(targets=view.targets, seed=0, steps=n).losses(view.synthetic) for n in (1, 200))
    assert (many[member].mean(axis=0)[1 : len(LEVELS)] > few[member].mean(axis=0)[1 : len(LEVELS)]).all()
    assert many[member][:, len(LEVELS) :].sum(axis=1).mean() > few[member][:, len(LEVELS) :].sum(axis=1).mean()
    assert auc(many[:, len(LEVELS) :].sum(axis=1), member).value > 0.8  # it knows them, uncalibrated, by heart


def test_members_in_a_noisy_release_are_found_by_their_losses():
    for seed in range(2):
        view, member = _view(0.7, seed)
        scores = create(find("attack", "surrogate_loss")).score(view, rng=stream(1, "surrogate_loss"))
        assert auc(scores, member).value > 0.8


def test_no_training_is_an_error():
    with pytest.raises(PluginError, match="steps is 0"):
        create(find("attack", "surrogate_loss"), {"steps": 0}).score(_view(0.5)[0], rng=stream(1))
