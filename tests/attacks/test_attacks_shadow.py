"""Shadow attacks: they train the attacked generator again, and see what a single release hides."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import pytest
from bench.attacks._shadow import Shadows, calibrated, calibrated_inside, play, tracing
from bench.attacks.shadow_lira import _log_ratios
from bench.attacks.shadow_rmia import shares
from depth import in_depth
from scipy.stats import norm

from bench import AttackView, Cohort, PluginError, stream
from bench.registry.finding import create, find, plugins
from bench.statistics.membership import auc

SHADOWS = ("shadow_calibrated", "shadow_lira", "shadow_meta", "shadow_rmia")
N_MEMBERS, N_OTHERS, N_GENES = 40, 10, 120


@dataclass(kw_only=True)
class SeededMean:
    """Release the mean of the training data under large noise, whose seed is always the same."""

    seed: int | None = 0  # None draws honest noise

    def fit(self, cohort: Cohort, *, rng: np.random.Generator) -> Self:
        self.cohort_ = cohort
        return self

    def sample(self, n: int, *, rng: np.random.Generator) -> Cohort:
        draw = rng if self.seed is None else np.random.default_rng(self.seed)
        X = self.cohort_.X.mean(axis=0) + 20 * draw.normal(size=(n, N_GENES))
        return self.cohort_.synthetic(X, np.resize(self.cohort_.y, n))


@dataclass(kw_only=True)
class Copies:
    """Release the training data."""

    def fit(self, cohort: Cohort, *, rng: np.random.Generator) -> Self:
        self.cohort_ = cohort
        return self

    def sample(self, n: int, *, rng: np.random.Generator) -> Cohort:
        rows = np.resize(np.arange(len(self.cohort_)), n)
        return self.cohort_.synthetic(self.cohort_.X[rows], self.cohort_.y[rows])


def _attacked(generator, seed: int, other_people: bool = False) -> tuple[AttackView, np.ndarray]:
    rng = np.random.default_rng(seed)
    X = (8 + rng.normal(size=(2 * N_MEMBERS + N_OTHERS, N_GENES))).astype(np.float32)
    y = rng.permutation(np.arange(len(X)) % 2).astype(str)
    genes = tuple(f"g{i}" for i in range(N_GENES))
    everybody = Cohort(X=X, y=y, genes=genes, samples=tuple(f"s{i}" for i in range(len(X))), units="vst")
    trained = everybody.take(np.arange(N_MEMBERS) + (N_MEMBERS + N_OTHERS if other_people else 0))
    released = generator.fit(trained, rng=rng).sample(N_MEMBERS, rng=rng)
    order = rng.permutation(N_MEMBERS + N_OTHERS)
    view = AttackView(
        synthetic=released.X, targets=X[order], genes=genes, synthetic_labels=released.y, target_labels=y[order],
        units="vst", make_generator=lambda: replace(generator),
    )  # fmt: skip
    return view, order < N_MEMBERS


QUICK = {
    "shadow_meta": {"steps": 10, "trees": 50},
    "shadow_calibrated": {"steps": 10},
}  # the losses are tested by themselves


def _made(name: str):
    return create(find("attack", name), QUICK.get(name))


def _auc(name: str, view: AttackView, member: np.ndarray) -> float:
    return auc(_made(name).score(view, rng=stream(1, name)), member).value


def test_shadow_attacks_are_opt_in_and_ask_for_the_code():
    for name in SHADOWS:
        info = plugins("attack")[name]
        assert info.option("opt_in") is True
        assert info.option("access") == "code"


@pytest.mark.parametrize("name", SHADOWS)
def test_copies_are_found_and_the_order_of_targets_changes_nothing(name):
    view, member = _attacked(Copies(), 0)
    found = _made(name).score(view, rng=stream(1, name))
    assert auc(found, member).value >= 0.99
    order = np.random.default_rng(5).permutation(len(member))
    turned = replace(view, targets=view.targets[order], target_labels=view.target_labels[order])
    again = _made(name).score(turned, rng=stream(1, name))
    assert auc(again, member[order]).value == pytest.approx(auc(found, member).value, abs=1e-9)
    assert np.allclose(again, found[order], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", in_depth(SHADOWS, ("shadow_lira",)))
def test_a_shadow_attack_is_silent_when_the_release_comes_from_other_people(name):
    found = [_auc(name, *_attacked(Copies(), seed, other_people=True)) for seed in range(6)]
    assert abs(np.mean(found) - 0.5) <= 4 * np.std(found, ddof=1) / np.sqrt(6)


def test_noise_from_a_fixed_seed_hides_nothing_from_shadows_though_no_single_release_shows_it():
    for seed in range(2):
        view, member = _attacked(SeededMean(), seed)
        assert _auc("shadow_lira", view, member) >= 0.8
        assert abs(_auc("gan_leaks", view, member) - 0.5) < 0.3
    honest = [_auc("shadow_lira", *_attacked(SeededMean(seed=None), seed)) for seed in range(4)]
    assert abs(np.mean(honest) - 0.5) < 0.15


def test_everybody_is_out_of_one_shadow_in_five_and_shadows_have_the_size_of_the_training_set():
    view, _ = _attacked(Copies(), 0)
    shadows = play(view, "shadow_lira", 2, 0, np.random.default_rng(0))
    assert shadows.member.shape == (10, N_MEMBERS + N_OTHERS)
    assert np.array_equal((~shadows.member).sum(axis=0), np.full(N_MEMBERS + N_OTHERS, 2))
    assert np.array_equal(shadows.member.sum(axis=1), np.full(10, N_MEMBERS))


def _shadows(seed: int = 0) -> Shadows:
    """Return made-up scores of four people under six shadows by two attacks; the second attack says nothing."""
    rng = np.random.default_rng(seed)
    member = np.array([[1, 1, 0, 1], [0, 1, 1, 1], [1, 0, 1, 0], [1, 1, 0, 1], [0, 1, 1, 0], [1, 0, 1, 1]], bool)
    scores = np.stack([3 * member + rng.normal(size=member.shape), rng.normal(size=member.shape)], axis=2)
    return Shadows(rng.normal(size=(4, 2)), scores, member, np.arange(4))


def test_calibrated_scores_are_the_distances_to_the_means_of_the_other_shadows_written_out():
    shadows = _shadows()
    real, known, member = calibrated(shadows)
    spread = np.sqrt(
        sum(
            ((shadows.scores[shadows.member[:, i], i] - shadows.scores[shadows.member[:, i], i].mean(axis=0)) ** 2).sum(
                0
            )
            for i in range(4)
        )
        / shadows.member.sum()
    )
    for i in range(4):
        mine, own = shadows.member[:, i], shadows.scores[:, i]
        assert np.allclose(real[i, :2], (shadows.real[i] - own[~mine].mean(axis=0)) / spread)
        assert np.allclose(real[i, 2:], (shadows.real[i] - own[mine].mean(axis=0)) / spread)
        for j in range(6):
            others = np.arange(6) != j
            assert member[4 * j + i] == mine[j]
            expected = [(own[j] - own[others & kind].mean(axis=0)) / spread for kind in (~mine, mine)]
            assert np.allclose(known[4 * j + i], np.concatenate(expected))


def test_five_shadows_calibrate_each_score_by_the_mean_of_the_others_that_hold_the_person():
    shadows = _shadows()
    real, known, member = calibrated_inside(shadows)
    spread = calibrated(shadows)[0][:, 2:] / (
        shadows.real - np.array([shadows.scores[shadows.member[:, i], i].mean(axis=0) for i in range(4)])
    )  # one over it, as the test above has it
    for i in range(4):
        mine, own = shadows.member[:, i], shadows.scores[:, i]
        assert np.allclose(real[i], np.arcsinh((shadows.real[i] - own[mine].mean(axis=0)) * spread[0]))
        for j in range(6):
            others = mine & (np.arange(6) != j)
            assert np.allclose(known[4 * j + i], np.arcsinh((own[j] - own[others].mean(axis=0)) * spread[0]))
            assert member[4 * j + i] == mine[j]


def test_the_log_ratio_of_lira_is_that_of_two_normals_up_to_its_bound():
    out, inside = np.array([0.5, -1.0, 2.0]), np.array([-2.5, 0.1, 0.3])
    expected = norm.logpdf(inside) - norm.logpdf(out)
    assert np.allclose(_log_ratios(np.array([[*out, *inside]]))[0], np.arcsinh(expected))


def test_rmia_is_the_share_of_others_whose_gain_is_smaller():
    shadows = _shadows()
    found = shares(shadows)
    gain = shadows.real - shadows.scores.mean(axis=0)
    for i in range(4):
        assert found[i] == pytest.approx(np.mean([(gain[:, a] < gain[i, a]).sum() / 3 for a in range(2)]))


def test_tracing_is_the_inner_product_with_the_shift_of_the_mean_in_whitened_axes():
    view, _ = _attacked(SeededMean(), 0)
    view = replace(view, targets=view.targets[:, :20], synthetic=view.synthetic[:, :20])
    targets = view.targets.astype(float)
    covariance = np.cov(targets, rowvar=False)
    added = 0.1 * np.trace(covariance) / 20
    shift = view.synthetic.astype(float).mean(axis=0) - targets.mean(axis=0)
    expected = (targets - targets.mean(axis=0)) @ np.linalg.solve(covariance + added * np.eye(20), shift)
    assert np.allclose(tracing(view), expected, rtol=1e-4, atol=1e-4)


def test_a_view_without_the_code_or_a_single_round_is_an_error():
    view, _ = _attacked(Copies(), 0)
    with pytest.raises(PluginError, match="does not grant its code"):
        create(find("attack", "shadow_lira")).score(replace(view, make_generator=None), rng=stream(1))
    assert play(view, "shadow_calibrated", 1, 0, stream(1)).member.shape == (5, N_MEMBERS + N_OTHERS)
    with pytest.raises(PluginError, match="rounds is 0"):
        play(view, "shadow_calibrated", 0, 0, stream(1))
    with pytest.raises(PluginError, match="rounds is 1"):
        create(find("attack", "shadow_lira"), {"rounds": 1}).score(view, rng=stream(1))
