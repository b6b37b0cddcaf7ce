"""Controls and planted leaks: attacks are silent where nothing leaks and name the leak where something does."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pandas as pd
import pytest

from bench import AttackView, stream
from bench.core.roles import GRANTS
from bench.registry.finding import create, plugins
from bench.statistics.exposure import exposure_measures, outlying
from bench.statistics.membership import auc, membership_measures
from bench.statistics.strongest_attack import strongest_attack

N_MEMBERS, N_OTHERS, N_GENES = 72, 36, 120
CHEAP = {
    name: info
    for name, info in plugins("attack").items()
    if not info.option("opt_in", False) and info.released == "data" and "expression" in info.modalities
}
QUICK = {name: {"steps": 25} for name in ("logan", "domias_flow", "surrogate_loss")}  # tested elsewhere
TRAINED = {"surrogate_loss", "domias_flow", "logan", "ensemble", "marginal_ratio_class"}  # nine tenths of the time
COPIES = (  # the attacks that are meant for released copies
    "mc", "gan_leaks", "gan_leaks_official", "gan_leaks_cal", "nn_ratio", "neighbour_kde",
    "mahalanobis", "mahalanobis_blind", "mahalanobis_class", "mahalanobis_ratio", "mahalanobis_ratio_class",
    "span_residual", "span_residual_blind", "span_residual_class", "low_variance", "quantile_support",
    "marginal_ratio", "marginal_ratio_class", "ensemble",
)  # fmt: skip


class World:
    """Members, others, and a reference of one population: three classes, twelve hidden factors, skewed genes."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.centres = 0.7 * self.rng.normal(size=(3, N_GENES))
        self.factors = 0.35 * self.rng.normal(size=(12, N_GENES))
        self.members, self.member_labels = self.people(N_MEMBERS)
        self.others, self.other_labels = self.people(N_OTHERS)
        self.reference = self.people(60)[0]

    def people(self, n: int) -> tuple[np.ndarray, np.ndarray]:
        labels = self.rng.permutation(np.arange(n) % 3)
        values = self.centres[labels] + self.rng.normal(size=(n, 12)) @ self.factors
        values += 0.6 * self.rng.normal(size=values.shape)
        return (8 + values + 0.1 * values**2).astype(np.float32), labels.astype(str)

    def attacked(self, synthetic: np.ndarray, labels: np.ndarray, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Return scores and memberships of one attack that sees what its access grants."""
        order = stream(1, "order").permutation(N_MEMBERS + N_OTHERS)
        everything = {
            "synthetic_labels": labels,
            "target_labels": np.append(self.member_labels, self.other_labels)[order],
            "reference": self.reference,
        }
        granted = GRANTS[CHEAP[name].option("access", "black-box")]
        view = AttackView(
            synthetic=synthetic.astype(np.float32),
            targets=np.concatenate([self.members, self.others])[order],
            genes=tuple(f"g{i}" for i in range(N_GENES)),
            **{field: value for field, value in everything.items() if field in granted},
        )
        scores = create(CHEAP[name], QUICK.get(name)).score(view, rng=stream(1, name))
        return scores, (np.arange(len(order)) < N_MEMBERS)[order]

    def read(self, synthetic: np.ndarray, labels: np.ndarray, name: str) -> dict[str, float]:
        return {r.measure: r.value for r in membership_measures(*self.attacked(synthetic, labels, name))}


# -- controls ----------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=2)
def _silence(names: tuple[str, ...]) -> pd.DataFrame:
    """AUC of attacks on releases of other people, 20 times."""
    rows = []
    for repetition in range(20):
        world = World(100 + repetition)
        released = world.people(N_MEMBERS)
        for name in names:
            read = auc(*world.attacked(*released, name))
            rows.append({"fold": repetition, "attack": name, "value": read.value, "low": read.low, "high": read.high})
    common = {"dataset": "d", "seed": 1, "generator": "real_holdout", "params": "", "measure": "auc", "status": "ok"}
    return pd.DataFrame(rows).assign(**common)


@pytest.mark.full  # of each in turn, the conformance tests ask once
@pytest.mark.parametrize("name", CHEAP)
def test_an_attack_is_silent_when_other_people_are_released(name):
    found = _silence(tuple(CHEAP)).query("attack == @name")["value"]
    assert abs(found.mean() - 0.5) <= 4 * max(found.std(ddof=1), 0.01) / np.sqrt(20)


@pytest.mark.parametrize(
    "names",
    [
        pytest.param(tuple(name for name in CHEAP if name not in TRAINED), id="quick"),
        pytest.param(tuple(CHEAP), id="all", marks=pytest.mark.full),
    ],
)
def test_the_strongest_attack_read_honestly_is_silent_too(names):
    sound = [name for name in names if not CHEAP[name].option("official", False)]
    each = [strongest_attack(part, attacks=sound) for _, part in _silence(names).groupby("fold")]
    found = pd.concat([*each, strongest_attack(_silence(names), attacks=sound)])
    assert (found["low"] <= 0.5).sum() >= len(found) - 3
    assert abs(found["value"].mean() - 0.5) <= 0.02
    assert found["value"].iloc[-1] <= 0.51  # of all twenty together


@pytest.mark.parametrize("name", COPIES)
def test_an_attack_meant_for_copies_finds_released_members(name):
    world = World(0)
    assert world.read(world.members, world.member_labels, name)["auc"] >= 0.99


@pytest.mark.parametrize("name", sorted(set(CHEAP) - set(COPIES)))
def test_the_other_attacks_do_better_than_chance_on_copies(name):
    found = [World(seed) for seed in range(3)]
    assert np.mean([w.read(w.members, w.member_labels, name)["auc"] for w in found]) > 0.55


@pytest.mark.parametrize("name", sorted(set(CHEAP) - set(QUICK)))  # those draw batches of rows
def test_the_order_of_the_release_changes_no_reading(name):
    world = World(3)
    released, labels = world.members[::2] + 0.2 * world.people(N_MEMBERS // 2)[0], world.member_labels[::2]
    before = world.read(released, labels, name)["auc"]
    assert world.read(released[::-1], labels[::-1], name)["auc"] == pytest.approx(before, abs=1e-9)


# -- planted leaks -----------------------------------------------------------------------------------------------------


def test_five_percent_of_copied_rows_are_found_without_a_false_alarm():
    world = World(4)
    synthetic, labels = world.people(N_MEMBERS)
    synthetic[:4], labels[:4] = world.members[:4], world.member_labels[:4]
    for name in ("gan_leaks", "gan_leaks_cal", "nn_ratio", "mahalanobis_ratio"):
        readings = world.read(synthetic, labels, name)
        assert readings["tpr_at_fpr_001"] >= 4 / N_MEMBERS
        assert readings["auc"] < 0.8  # the average hides them


def test_members_with_a_little_noise_are_found_by_distance():
    world = World(5)
    synthetic = world.members + 0.05 * world.rng.normal(size=world.members.shape)
    for name in ("gan_leaks", "gan_leaks_cal", "nn_ratio", "mahalanobis_ratio", "ensemble"):
        assert world.read(synthetic, world.member_labels, name)["auc"] >= 0.99


def test_members_kept_smallest_and_largest_values_are_found_by_gene_range():
    world = World(6)
    synthetic, labels = world.people(N_MEMBERS)
    synthetic = np.clip(synthetic, world.members.min(axis=0), world.members.max(axis=0))
    synthetic[0], synthetic[1] = world.members.min(axis=0), world.members.max(axis=0)
    assert world.read(synthetic, labels, "gene_range")["auc"] >= 0.95
    assert world.read(synthetic, labels, "gan_leaks")["auc"] < 0.7


def test_values_mapped_back_through_the_quantiles_of_members_are_found_gene_by_gene():
    world = World(7)
    draws, labels = world.people(N_MEMBERS)
    ranks = (np.argsort(np.argsort(draws, axis=0), axis=0) + world.rng.random(draws.shape)) / N_MEMBERS
    known, grid = np.sort(world.members, axis=0), np.linspace(0, 1, N_MEMBERS)
    synthetic = np.array([np.interp(ranks[:, g], grid, known[:, g]) for g in range(N_GENES)]).T
    for name in ("quantile_support", "marginal_ratio"):
        assert world.read(synthetic, labels, name)["auc"] >= 0.9  # each gene adds a little; 120 genes are few
    assert world.read(synthetic, labels, "gan_leaks")["auc"] < 0.7


def test_a_gaussian_fitted_to_fewer_members_than_genes_gives_all_of_them_away():
    world = World(8)
    mean = world.members.mean(axis=0)
    z = world.rng.normal(size=(N_MEMBERS, N_MEMBERS)) * np.sqrt(1.5 / (N_MEMBERS - 1))
    synthetic = mean + z @ (world.members - mean)
    for name in ("span_residual", "mahalanobis", "mahalanobis_ratio", "low_variance", "ensemble"):
        readings = world.read(synthetic, world.member_labels, name)
        assert readings["auc"] >= 0.999
        assert readings["tpr_at_fpr_01"] >= 0.99
    assert world.read(synthetic, world.member_labels, "gan_leaks")["auc"] < 0.7


def test_a_class_gaussian_is_found_by_class_where_the_whole_release_spans_everything():
    world = World(9)
    many, labels = world.people(240)
    world.members, world.member_labels = many[:72], labels[:72]
    synthetic = many.copy()  # 240 people, 80 per class, 120 genes
    for label in "012":
        people = many[labels == label]
        z = world.rng.normal(size=(len(people), len(people))) / np.sqrt(len(people) - 1)
        synthetic[labels == label] = people.mean(axis=0) + z @ (people - people.mean(axis=0))
    assert world.read(synthetic, labels, "span_residual")["ties"] == 1.0
    for name in ("span_residual_class", "mahalanobis_class"):
        assert world.read(synthetic, labels, name)["auc"] >= 0.99


def test_a_release_that_keeps_away_from_its_people_is_found_with_the_sign_turned_around():
    """Of 2,000 people drawn from the population those are released who are farthest from all members."""
    rows = []
    for fold in range(3):
        world = World(20 + fold)
        many, labels = world.people(2000)
        near = np.min(np.linalg.norm(many[:, None] - world.members, axis=2), axis=1)
        kept = np.argsort(-near)[:N_MEMBERS]
        for name in ("gan_leaks", "nn_ratio", "mahalanobis_ratio", "tracing"):
            read = auc(*world.attacked(many[kept], labels[kept], name))
            rows.append({"fold": fold, "attack": name, "value": read.value, "low": read.low, "high": read.high})
    common = {"dataset": "d", "seed": 1, "generator": "g", "params": "", "measure": "auc", "status": "ok"}
    found = strongest_attack(pd.DataFrame(rows).assign(**common)).iloc[0]
    assert found["reversed"]
    assert found["low"] > 0.5
    assert found["p_value"] < 0.001


def test_one_memorised_class_shows_in_the_reading_by_class():
    world = World(10)
    synthetic, labels = world.people(N_MEMBERS)
    keep = world.member_labels == "1"
    synthetic, labels = synthetic[labels != "1"], labels[labels != "1"]
    synthetic, labels = np.concatenate([synthetic, world.members[keep]]), np.append(labels, world.member_labels[keep])
    scores, member = world.attacked(synthetic, labels, "nn_ratio")
    order = stream(1, "order").permutation(N_MEMBERS + N_OTHERS)
    targets = np.concatenate([world.members, world.others])[order]
    classes = np.append(world.member_labels, world.other_labels)[order]
    readings = {r.measure: r for r in exposure_measures(scores, member, classes, outlying(targets, classes))}
    assert readings["auc_worst_class"].value >= 0.99
    assert readings["auc_worst_class"].low > 0.5


def test_one_memorised_outlier_is_the_first_candidate_of_all():
    world = World(11)
    world.members[17] += 3 * world.rng.normal(size=N_GENES).astype(np.float32)
    synthetic, labels = world.people(N_MEMBERS)
    synthetic[5] = world.members[17] + 0.3 * world.rng.normal(size=N_GENES)
    order = stream(1, "order").permutation(N_MEMBERS + N_OTHERS)
    for name in ("gan_leaks_cal", "nn_ratio"):
        scores, _ = world.attacked(synthetic, labels, name)
        assert order[np.argmax(scores)] == 17
    people, classes = np.concatenate([world.members, world.others]), np.append(world.member_labels, world.other_labels)
    assert outlying(people, classes)[17]


def test_discretised_genes_with_exact_marginals_are_found_by_the_marginal_ratio():
    world = World(12)
    edges = np.quantile(world.members, [0.25, 0.5, 0.75], axis=0)  # (3, n_genes)
    synthetic = np.empty_like(world.members)
    for gene in range(N_GENES):
        bins = np.searchsorted(edges[:, gene], world.members[:, gene])
        means = np.array([world.members[bins == b, gene].mean() for b in range(4)])
        synthetic[:, gene] = world.rng.permutation(means[bins])
    assert world.read(synthetic, world.member_labels, "marginal_ratio")["auc"] > 0.7
