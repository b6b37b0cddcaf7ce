"""Attacks on releases of variants, against sums by hand and on releases whose leak is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from bench.attacks.variants._people import as_people, copies_of, frequencies
from bench.attacks.variants.nearest_haplotype import nearest

from bench import AttackView, PluginError, Variants, stream
from bench.conformance import haplotypes
from bench.registry.finding import create, find
from bench.statistics.membership import membership_measures

SITES = ("1:1:A>G", "1:2:A>G")
NAMES = tuple(f"{site}|{copy}" for copy in (1, 2) for site in SITES)


def flat(*people: tuple[tuple[int, int], tuple[int, int]]) -> Any:
    return np.array([[*first, *second] for first, second in people], dtype=np.float32)


def score(name: str, view: AttackView, **params: Any) -> Any:
    return create(find("attack", name), params).score(view, rng=stream(0, name))


# three synthetic people: frequencies (3.5 / 7, 1.5 / 7) with half a pseudo-count; two of reference: (1.5 / 5, 2.5 / 5)
VIEW = AttackView(
    synthetic=flat(((1, 0), (1, 0)), ((0, 1), (1, 0)), ((0, 0), (0, 0))),
    reference=flat(((0, 1), (0, 1)), ((1, 0), (0, 0))),
    targets=flat(((1, 0), (0, 1)), ((0, 0), (-1, 0)), ((1, 1), (1, 1))),
    genes=NAMES,
)
P, Q = np.array([3.5 / 7, 1.5 / 7]), np.array([1.5 / 5, 2.5 / 5])


def test_columns_say_whether_there_are_haplotypes() -> None:
    assert copies_of(NAMES) == 2
    assert copies_of(SITES) == 1
    assert copies_of(()) == 1
    people = as_people(NAMES, VIEW.targets, np.array(["a", "b", "a"]))
    assert (people.sites, people.calls[1].tolist()) == (SITES, [[0, 0], [-1, 0]])
    assert as_people(SITES, np.array([[0, 2]], dtype=np.float32), None).calls.tolist() == [[[0, 2]]]


def test_frequencies_leave_out_missing_calls_and_are_never_0_or_1() -> None:
    calls = np.array([[[0, 1], [-1, 1]], [[0, 1], [0, 1]]], dtype=np.int8)
    np.testing.assert_allclose(frequencies(calls), [0.5 / 4, 4.5 / 5])
    genotypes = np.array([[[0, 2]], [[-1, 2]]], dtype=np.int8)
    np.testing.assert_allclose(frequencies(genotypes), [0.5 / 3, 4.5 / 5])


def test_the_allele_ratio_by_hand() -> None:
    up, down = np.log(P / Q), np.log((1 - P) / (1 - Q))
    expected = [up.sum() + down.sum(), 1 * down[0] + 2 * down[1], 2 * up.sum()]
    np.testing.assert_allclose(score("allele_ratio", VIEW), expected)


def test_homer_by_hand() -> None:
    y = np.array([[0.5, 0.5], [0, 0], [1, 1]])
    np.testing.assert_allclose(score("homer", VIEW), (np.abs(y - Q) - np.abs(y - P)).sum(axis=1))


def test_the_beacon_by_hand() -> None:
    view = AttackView(
        synthetic=flat(((1, 0), (1, 0)), ((0, 0), (0, 0))), reference=VIEW.reference, targets=VIEW.targets, genes=NAMES
    )
    absent = 1 - Q
    yes = np.log(1 - 1e-3 * absent[0] ** 2) - np.log(1 - absent[0] ** 4)
    no = np.log(1e-3 * absent[1] ** 2) - np.log(absent[1] ** 4)
    np.testing.assert_allclose(score("beacon", view), [yes + no, 0, yes + no])


def test_the_nearest_haplotype_by_hand() -> None:
    # haplotypes of the release: 10, 10, 01, 10, 00, 00; of the reference: 01, 01, 10, 00
    expected = [0 - 0, 0 - 0, 1 - 1]
    np.testing.assert_allclose(score("nearest_haplotype", VIEW), expected)
    view = AttackView(synthetic=flat(((1, 1), (0, 0))), reference=VIEW.reference, targets=VIEW.targets, genes=NAMES)
    np.testing.assert_allclose(score("nearest_haplotype", view), [-1, 0, 1])
    np.testing.assert_allclose(score("nearest_haplotype", view, calibrate=False), [-1, 0, 0])


def test_distances_are_numbers_of_alleles_that_differ() -> None:
    rng = stream(4)
    some, others = (rng.integers(0, 3, (n, 9)).astype(np.int8) for n in (600, 40))
    expected = np.abs(some[:, None].astype(int) - others).sum(axis=2).min(axis=1)
    np.testing.assert_array_equal(nearest(some, others), expected)


def test_domias_takes_the_difference_of_two_chains() -> None:
    from bench.statistics.contexts import Contexts

    def loss(known: Any) -> Any:
        chain = Contexts(np.maximum(known, 0).astype(np.int8).reshape(-1, 2), alphabet=2, order=1, strength=1.0)
        targets = np.maximum(VIEW.targets, 0).astype(np.int8).reshape(-1, 2)
        return chain.losses(targets).reshape(3, 2).sum(axis=1)

    np.testing.assert_allclose(score("domias_markov", VIEW, order=1), loss(VIEW.reference) - loss(VIEW.synthetic))


# -- on releases whose leak is known -----------------------------------------------------------------------------------


def asked(released: Variants, members: Variants, others: Variants, reference: Variants, **more: Any) -> AttackView:
    return AttackView(
        synthetic=released.X, targets=np.concatenate([members.X, others.X]), genes=members.genes,
        reference=reference.X, target_labels=np.concatenate([members.y, others.y]), **more,
    )  # fmt: skip


def auc(scores: Any, n: int) -> float:
    member = np.arange(len(scores)) < n
    return next(r.value for r in membership_measures(scores, member) if r.measure == "auc")


@pytest.fixture(scope="module")
def roles() -> tuple[Variants, Variants, Variants]:
    members, others, reference = (haplotypes(200, who, sites=120, apart=0.2) for who in ("in", "out", "known"))
    return members, others, reference


@pytest.mark.parametrize(
    ("name", "least"),
    [("allele_ratio", 0.58), ("homer", 0.55), ("nearest_haplotype", 0.99), ("domias_markov", 0.97)],
)
def test_copies_are_found_and_other_people_are_not(
    name: str, least: float, roles: tuple[Variants, Variants, Variants]
) -> None:
    members, others, reference = roles
    assert auc(score(name, asked(members, members, others, reference)), 200) > least
    elsewhere = haplotypes(200, "elsewhere", sites=120, apart=0.2)
    assert abs(auc(score(name, asked(elsewhere, members, others, reference)), 200) - 0.5) < 0.1


def test_the_beacon_finds_those_who_carry_rare_alleles() -> None:
    rng = stream(9)
    frequency = 10 ** rng.uniform(-3.5, -1.5, 800)
    names = tuple(f"1:{i + 1}:A>G" for i in range(800))

    def some(n: int) -> Variants:
        calls = (rng.random((n, 2, 800)) < frequency).astype(np.int8)
        return Variants(calls=calls, y=["a"] * n, sites=names, samples=[f"p{i}" for i in range(n)])

    members, others, reference, elsewhere = (some(n) for n in (100, 100, 1000, 100))
    assert auc(score("beacon", asked(members, members, others, reference)), 100) > 0.75
    assert abs(auc(score("beacon", asked(elsewhere, members, others, reference)), 100) - 0.5) < 0.12


def test_the_loss_of_the_model_finds_who_trained_it_where_the_release_tells_less(
    roles: tuple[Variants, Variants, Variants],
) -> None:
    members, others, reference = roles
    model = create(find("generator", "markov"), {"order": 20, "strength": 0.5}).fit(members, rng=stream(0))
    made = model.sample(200, rng=stream(1))
    view = asked(made, members, others, reference, fitted=model)
    assert auc(score("model_loss", view), 200) > 0.9
    assert auc(score("model_loss", view), 200) > auc(score("nearest_haplotype", view), 200) + 0.05
    with pytest.raises(PluginError, match="offers no losses"):
        score("model_loss", asked(made, members, others, reference, fitted=object()))


@pytest.mark.parametrize("name", ["allele_ratio", "homer", "beacon", "nearest_haplotype", "domias_markov"])
def test_without_a_reference_there_is_one_clear_error(name: str) -> None:
    with pytest.raises(PluginError, match=f"{name} needs people of the population who are no members"):
        score(name, AttackView(synthetic=VIEW.synthetic, targets=VIEW.targets, genes=NAMES))


@pytest.mark.parametrize(("features", "least"), [("hybrid", 0.8), ("model", 0.8), ("genomic", 0.7)])
def test_the_hybrid_learns_from_shadows_which_features_tell(features: str, least: float) -> None:
    members, others, reference = (haplotypes(70, who, sites=60, apart=0.2) for who in ("in", "out", "known"))

    def fresh() -> Any:
        return create(find("generator", "markov"), {"order": 20, "strength": 0.3})

    model = fresh().fit(members, rng=stream(0))
    view = asked(model.sample(70, rng=stream(1)), members, others, reference, fitted=model, make_generator=fresh)
    assert auc(score("hybrid", view, shadows=2, features=features), 70) > least


def test_the_hybrid_knows_nothing_where_members_had_no_part() -> None:
    members, others, reference, elsewhere = (
        haplotypes(70, who, sites=60, apart=0.2) for who in ("in", "out", "known", "elsewhere")
    )

    def fresh() -> Any:
        return create(find("generator", "markov"), {"order": 20, "strength": 0.3})

    model = fresh().fit(elsewhere, rng=stream(0))
    view = asked(model.sample(70, rng=stream(1)), members, others, reference, fitted=model, make_generator=fresh)
    assert abs(auc(score("hybrid", view, shadows=2), 70) - 0.5) < 0.15
    with pytest.raises(PluginError, match="features is 'all'"):
        score("hybrid", view, features="all")
    with pytest.raises(PluginError, match="reads the fitted model and trains others"):
        score("hybrid", VIEW)
