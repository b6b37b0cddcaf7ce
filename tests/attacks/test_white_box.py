"""The attack on the released model itself, and the losses that it reads."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import pytest
from bench.attacks.white_box_loss import _losses_without

from bench import AttackView, Cohort, PluginError, stream
from bench.registry.finding import create, find
from bench.statistics.membership import auc

torch = pytest.importorskip("torch")
from bench.generators._cvae import Condition, ConditionalVAE  # noqa: E402
from bench.generators._diffusion import signal_rates  # noqa: E402
from bench.generators._record_losses import denoising_losses, evidence_losses  # noqa: E402

N_MEMBERS, N_OTHERS, N_GENES = 60, 60, 30


@dataclass(kw_only=True)
class Remembers:
    """Releases noise; its loss on a person is the distance to the nearest person it was trained on."""

    def fit(self, cohort: Cohort, *, rng: np.random.Generator) -> Self:
        self.cohort_ = cohort
        return self

    def sample(self, n: int, *, rng: np.random.Generator) -> Cohort:
        return self.cohort_.synthetic(8 + rng.normal(size=(n, N_GENES)), np.resize(self.cohort_.y, n))

    def losses(self, cohort: Cohort, *, rng: np.random.Generator) -> np.ndarray:
        return np.linalg.norm(cohort.X[:, None] - self.cohort_.X, axis=2).min(axis=1)[:, None]


def people(n: int, seed: int) -> Cohort:
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    X = 8 + y[:, None] + rng.normal(size=(n, N_GENES)) * rng.uniform(0.3, 3, size=(n, 1))  # some are unlike all others
    genes, samples = (tuple(f"{kind}{i}" for i in range(m)) for kind, m in (("g", N_GENES), ("s", n)))
    return Cohort(X=X, y=y.astype(str), genes=genes, samples=samples, units="vst")


def attacked(generator: Any, seed: int, *, elsewhere: bool = False) -> tuple[AttackView, np.ndarray]:
    everybody = people(2 * N_MEMBERS + N_OTHERS, seed)
    trained = everybody.take(np.arange(N_MEMBERS) + (N_MEMBERS + N_OTHERS if elsewhere else 0))
    fitted = generator.fit(trained, rng=stream(seed, "fit"))
    release = fitted.sample(N_MEMBERS, rng=stream(seed, "sample"))
    order = np.random.default_rng(seed).permutation(N_MEMBERS + N_OTHERS)
    asked = everybody.take(order)
    view = AttackView(
        synthetic=release.X, targets=asked.X, genes=asked.genes, synthetic_labels=release.y, target_labels=asked.y,
        units="vst", make_generator=lambda: replace(generator), fitted=fitted,
    )  # fmt: skip
    return view, order < N_MEMBERS


def found(view: AttackView, member: np.ndarray, **params: Any) -> float:
    return auc(create(find("attack", "white_box_loss"), params).score(view, rng=stream(1, "attack")), member).value


@pytest.mark.parametrize("calibrate", [True, False])
def test_a_model_that_knows_its_people_gives_them_away(calibrate: bool) -> None:
    assert found(*attacked(Remembers(), 1), calibrate=calibrate) > 0.95


def test_a_model_of_other_people_gives_nobody_away() -> None:
    aucs = [found(*attacked(Remembers(), seed, elsewhere=True)) for seed in range(10)]
    assert abs(np.mean(aucs) - 0.5) < 4 * np.std(aucs, ddof=1) / np.sqrt(10)


@pytest.mark.full
def test_a_diffusion_model_trained_long_on_few_people_gives_them_away() -> None:
    generator = create(
        find("generator", "noisy_diffusion"),
        {
            "per_class": 30,
            "hidden": (256,),
            "epochs": 150,
            "patience": 1000,
            "batch": 30,
            "linear_skip": False,
            "gradient_clip": 1.0,
            "lr": 3e-3,
            "sampling_steps": 5,
        },
    )
    view, member = attacked(generator, 3)
    assert found(view, member) > 0.75


@pytest.mark.parametrize("name", ["noisy_diffusion", "dp_diffusion", "cvae", "cvae_gmm"])
def test_losses_are_one_finite_row_per_person_the_same_for_the_same_stream(name: str) -> None:
    cohort = people(40, 1)
    info = find("generator", name)
    fitted = create(info, dict(info.option("quick", {}))).fit(cohort, rng=stream(1, "fit"))
    first, again, other = (fitted.losses(cohort, rng=stream(seed, "losses")) for seed in (1, 1, 2))
    assert first.shape[0] == 40
    assert np.isfinite(first).all()
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    alone = fitted.losses(cohort.take([7]), rng=stream(1, "losses"))
    assert alone[0] == pytest.approx(first[7], rel=1e-4)  # a person's loss does not depend on who else is asked about


@pytest.mark.parametrize("name", ["noisy_diffusion", "dp_diffusion", "cvae", "cvae_gmm"])
def test_there_is_no_loss_for_a_label_that_was_never_seen(name: str) -> None:
    cohort = people(40, 1)
    info = find("generator", name)
    fitted = create(info, dict(info.option("quick", {}))).fit(cohort, rng=stream(1, "fit"))
    stranger = Cohort(X=cohort.X[:1], y=["new"], genes=cohort.genes, samples=("s",), units="vst")  # type: ignore[arg-type]
    with pytest.raises(PluginError, match="'new'"):
        fitted.losses(stranger, rng=stream(1, "losses"))


def test_denoising_losses_of_denoisers_worked_by_hand() -> None:
    x, rates = torch.full((3, 4), 2.0), signal_rates("linear", 1000)

    def draw() -> Any:
        return torch.Generator().manual_seed(5)

    def perfect(noisy: Any, t: Any, codes: Any) -> Any:
        signal = rates[t][:, None]
        return (noisy - signal.sqrt() * x[: len(noisy)]) / (1 - signal).sqrt()

    assert denoising_losses(perfect, x, torch.zeros(3), rates, draw()) == pytest.approx(0, abs=1e-9)
    nothing = denoising_losses(lambda noisy, t, codes: torch.zeros_like(noisy), x, torch.zeros(3), rates, draw())
    draws = torch.stack([torch.randn(8, 1, 4, generator=g) for g in [draw()] for _ in range(5)])
    assert nothing == pytest.approx(draws.square().mean(dim=(1, 3)).mean(dim=1).repeat(3, 1).numpy(), rel=1e-5)


def test_each_target_is_compared_with_a_model_that_never_saw_it() -> None:
    view, _ = attacked(Remembers(), 1)
    asked = people(2 * N_MEMBERS + N_OTHERS, 1).take(np.arange(N_MEMBERS + N_OTHERS))
    losses = _losses_without(view, asked, 1, stream(1, "halves"))
    assert (losses > 0).all()  # the nearest person in training is always somebody else


def test_a_class_with_one_candidate_is_scored_too() -> None:
    view, _ = attacked(Remembers(), 1)
    assert view.target_labels is not None
    labels = view.target_labels.copy()
    labels[5] = "rare"
    view.fitted.cohort_ = replace(view.fitted.cohort_, y=np.resize(labels, N_MEMBERS))  # type: ignore[union-attr]
    scores = create(find("attack", "white_box_loss")).score(replace(view, target_labels=labels), rng=stream(1, "a"))
    assert np.isfinite(scores).all()


def test_evidence_losses_are_those_of_each_record_and_draw_computed_alone() -> None:
    draw = torch.Generator().manual_seed(1)
    model = ConditionalVAE(6, Condition(2, 0, draw), 3, (8, 4), draw).eval()
    x, codes = torch.randn(5, 6, generator=draw), torch.tensor([0, 1, 0, 1, 1])
    found = evidence_losses(model, x, codes, 0.5, torch.Generator().manual_seed(9))
    noise = torch.randn(1, 8, 3, generator=torch.Generator().manual_seed(9))[0]
    with torch.no_grad():
        for i in range(5):
            mean, log_var = model.encode(x[i : i + 1], codes[i : i + 1])
            rebuilt = [model.decode(mean + (0.5 * log_var).exp() * e, codes[i : i + 1]) for e in noise]
            error = np.mean([float(((r - x[i]) ** 2).mean()) for r in rebuilt])
            posterior = torch.distributions.Normal(mean, (0.5 * log_var).exp())
            kl = torch.distributions.kl_divergence(posterior, torch.distributions.Normal(0.0, 1.0)).sum()
            assert found[i] == pytest.approx([error, error + 0.5 * float(kl)], rel=1e-4)


@pytest.mark.full
def test_an_autoencoder_trained_long_on_few_people_gives_them_away() -> None:
    generator = create(find("generator", "cvae"), {"steps": 200, "batch": 30})
    assert found(*attacked(generator, 3)) > 0.75


def test_a_generator_without_losses_and_a_view_without_the_model_are_errors() -> None:
    view, member = attacked(create(find("generator", "multivariate")), 1)
    with pytest.raises(PluginError, match="offers no losses"):
        found(view, member)
    with pytest.raises(PluginError, match="does not grant"):
        found(replace(view, fitted=None), member)


def test_losses_of_the_wrong_shape_are_refused() -> None:
    class Wrong(Remembers):
        def losses(self, cohort: Cohort, *, rng: np.random.Generator) -> np.ndarray:
            return np.zeros(3)

    with pytest.raises(PluginError, match="expected \\(120, n_terms\\)"):
        found(*attacked(Wrong(), 1))
