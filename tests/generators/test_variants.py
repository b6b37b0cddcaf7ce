"""Generators of variants: what each keeps, what it cannot keep, and what one person changes in the private ones."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from bench.generators.variants._noisy_contexts import NoisyChain, context_counts, sensitivity
from bench.generators.variants._sequences import filled, sequences_of
from bench.generators.variants.mosaic import changes

from bench import PluginError, Variants, stream
from bench.conformance import haplotypes
from bench.registry.finding import create, find
from bench.statistics.contexts import Contexts, lengths_up_to

PEOPLE = haplotypes(300, sites=30, apart=0.3)


def fitted(name: str, people: Variants = PEOPLE, **params: Any) -> Any:
    return create(find("generator", name), params).fit(people, rng=stream(3, "fit"))


def drawn(model: Any, n: int = 300) -> Variants:
    found = model.sample(n, rng=stream(3, "sample"))
    assert isinstance(found, Variants)
    return found


def neighbours_r(people: Variants) -> float:
    """The mean correlation of sites two apart, which belong to one module."""
    r = np.corrcoef(people.calls.reshape(-1, people.n_sites).T)
    return float(np.nanmean(np.diag(r, 2)))


# -- chains ------------------------------------------------------------------------------------------------------------


def test_chances_are_backed_off_to_shorter_contexts_by_hand() -> None:
    seen = np.array([[0, 1], [0, 1], [0, 0], [1, 0]], dtype=np.int8)
    chain = Contexts(seen, alphabet=2, order=1, strength=2.0)
    shorter = (2 + 2 * 0.5) / (4 + 2)  # two of four sequences have 1 at the second site
    after_0, after_1 = (2 + 2 * shorter) / (3 + 2), (0 + 2 * shorter) / (1 + 2)
    given = np.array([[0, 0], [1, 0]], dtype=np.int8)
    np.testing.assert_allclose(chain.chances(given, None, 1)[:, 1], [after_0, after_1])
    first = (1 + 2 * 0.5) / (4 + 2)
    np.testing.assert_allclose(chain.losses(np.array([[0, 1]], dtype=np.int8)), [-np.log(1 - first) - np.log(after_0)])


def test_chances_are_those_of_the_class_where_the_class_was_seen() -> None:
    seen = np.array([[0]] * 50 + [[1]] * 50, dtype=np.int8)
    chain = Contexts(seen, alphabet=2, order=0, strength=1.0, classes=np.repeat([0, 1], 50))
    np.testing.assert_allclose(
        chain.chances(np.zeros((2, 1), dtype=np.int8), np.array([0, 1]), 0)[:, 1], [0.5 / 51, 50.5 / 51]
    )


def test_chances_of_all_sequences_sum_to_one() -> None:
    chain = Contexts(PEOPLE.haplotypes[:, :8], alphabet=2, order=3, strength=1.0)
    everything = (np.arange(256)[:, None] >> np.arange(8) & 1).astype(np.int8)
    np.testing.assert_allclose(np.exp(-chain.losses(everything)).sum(), 1.0)


def test_lengths_double_up_to_the_order() -> None:
    assert lengths_up_to(0) == (0,)
    assert lengths_up_to(1) == (0, 1)
    assert lengths_up_to(20) == (0, 1, 2, 4, 8, 16, 20)


# -- what each keeps ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "params", "keeps_linkage"),
    [
        ("sites", {}, False),
        ("markov", {"order": 6}, True),
        ("mosaic", {"switches": 2.0}, True),
        ("dp_sites", {"epsilon": 1e6}, False),
        ("dp_markov", {"epsilon": 1e6, "order": 3}, True),
    ],
)
def test_frequencies_are_kept_and_linkage_where_it_is_modelled(
    name: str, params: dict[str, Any], keeps_linkage: bool
) -> None:
    people = haplotypes(1200, sites=30, apart=0.0)
    made = drawn(fitted(name, people, **params), 1200)
    assert np.abs(made.frequencies - people.frequencies).max() < 0.05
    assert neighbours_r(people) > 0.1
    assert (neighbours_r(made) > 0.6 * neighbours_r(people)) == keeps_linkage


@pytest.mark.parametrize("name", ["sites", "markov", "mosaic"])
def test_classes_keep_their_rates_and_their_frequencies(name: str) -> None:
    people = haplotypes(900, sites=30, apart=1.5)
    made = drawn(fitted(name, people), 600)
    for label in people.classes:
        assert (made.y == label).sum() == 200
        gap = made.take(made.y == label).frequencies - people.take(people.y == label).frequencies
        assert np.abs(gap).mean() < 0.05


@pytest.mark.parametrize("name", ["sites", "markov", "mosaic", "dp_sites", "dp_markov"])
def test_genotypes_and_missing_calls_are_learnt_from_too(name: str) -> None:
    calls = PEOPLE.genotypes[:, None].copy()
    calls[::4, 0, ::3] = -1
    people = replace(PEOPLE, calls=calls, y=PEOPLE.y)
    made = drawn(fitted(name, people, **({"epsilon": 1e6} if name.startswith("dp") else {})))
    assert made.calls.shape == people.calls.shape
    assert made.n_missing == 0
    assert set(np.unique(made.calls)) == {0, 1, 2}
    known = people.frequencies
    assert np.abs(made.frequencies - known).mean() < 0.06


def test_missing_calls_are_drawn_from_those_at_the_site() -> None:
    calls = np.array([[1, -1, -1], [1, 0, -1], [-1, 1, -1]], dtype=np.int8)
    found = filled(calls, stream(0))
    assert found[2, 0] == 1
    assert found[:, 2].tolist() == [0, 0, 0]
    np.testing.assert_array_equal(found[calls >= 0], calls[calls >= 0])


def test_a_mosaic_without_switches_copies_and_with_many_does_not() -> None:
    known = {row.tobytes() for row in PEOPLE.haplotypes}
    copied = [
        np.mean([row.tobytes() in known for row in drawn(fitted("mosaic", switches=s)).haplotypes]) for s in (0, 20)
    ]
    assert copied[0] == 1.0
    assert copied[1] < 0.5


def test_switches_come_with_distance_and_always_between_chromosomes() -> None:
    people = Variants(
        calls=np.zeros((1, 2, 4)), y=["a"], sites=("1:100:A>G", "1:200:A>G", "1:500:A>G", "2:5:A>G"), samples=["p"]
    )
    np.testing.assert_allclose(changes(people, 2.0), [1, 1 - np.exp(-2 * 100 / 400), 1 - np.exp(-2 * 300 / 400), 1])


@pytest.mark.parametrize("name", ["sites", "markov", "dp_markov", "dp_sites"])
def test_losses_are_of_people_and_lower_where_the_model_fits(name: str) -> None:
    model = fitted(name, **({"epsilon": 1e6} if name.startswith("dp") else {}))
    real = model.losses(PEOPLE, rng=stream(0))
    strange = model.losses(replace(PEOPLE, calls=1 - PEOPLE.calls, y=PEOPLE.y), rng=stream(0))
    assert real.shape == (300, 1)
    assert (real < strange).mean() > 0.99


@pytest.mark.parametrize(
    ("name", "params", "message"),
    [
        ("markov", {"order": 63}, "order is 63 .* expected an order of 0 to 60"),
        ("markov", {"strength": 0.0}, "a strength above 0"),
        ("mosaic", {"switches": -1.0}, "switches is -1.0"),
        ("dp_markov", {"order": 13}, "order is 13"),
        ("dp_markov", {"epsilon": 0.0}, "epsilon is 0.0"),
        ("dp_sites", {"class_share": 1.0}, "class_share is 1.0"),
    ],
)
def test_what_makes_no_sense_is_refused(name: str, params: dict[str, Any], message: str) -> None:
    with pytest.raises(PluginError, match=message):
        fitted(name, **params)


# -- what one person changes -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [0, 1, 3])
@pytest.mark.parametrize("phased", [True, False])
def test_one_person_moves_the_counts_by_no_more_than_the_sensitivity(order: int, phased: bool) -> None:
    people = haplotypes(40, sites=25)
    calls = people.calls.copy()
    calls[0, 1] = calls[0, 0]  # both haplotypes of this person fall into the same cells: nobody moves the counts more
    calls[1, 0, 3] = -1
    people = replace(people, calls=calls, y=people.y)
    if not phased:
        people = replace(people, calls=people.genotypes[:, None], y=people.y)
    whole = context_counts(people, order)
    moved = [np.linalg.norm(whole - context_counts(people.take(np.arange(40) != i), order)) for i in range(40)]
    assert max(moved) <= sensitivity(people) + 1e-9
    assert moved[0] == pytest.approx(sensitivity(people))
    assert moved[1] < sensitivity(people)  # a missing call takes part nowhere


def test_context_counts_by_hand() -> None:
    people = Variants(
        calls=[[[0, 1, 1], [1, 1, 0]], [[1, 0, -1], [0, 0, 0]]], y=["a", "a"],
        sites=("1:1:A>G", "1:2:A>G", "1:3:A>G"), samples=["p", "q"],
    )  # fmt: skip
    found = context_counts(people, 1)  # (site, call before, call)
    assert found[0].tolist() == [[2, 2], [0, 0]]
    assert found[1].tolist() == [[1, 1], [1, 1]]
    assert found[2].tolist() == [[1, 0], [1, 1]]


def test_noise_has_the_size_that_the_claim_says() -> None:
    from bench.generators._privacy import gaussian_mu, split_mu

    model = fitted("dp_markov", epsilon=1.0, order=2)
    share = split_mu(gaussian_mu(1.0, 1e-5), (0.02, 0.98))[1]
    assert model.noise_ == pytest.approx(2 * np.sqrt(30) / share)
    claim = model.claim()
    assert (claim.epsilon, claim.delta, claim.unit) == (pytest.approx(1.0), 1e-5, "one person, with both haplotypes")
    assert claim.end_to_end
    # a chain of pure noise on no counts must not know anything: its chances scatter round a half
    chain = NoisyChain(stream(5).normal(0, 50, (200, 4, 2)), 50.0, 1.0)
    assert abs(chain.chances[:, :, 1].mean() - 0.5) < 0.03


def test_the_released_noise_is_that_of_the_claim_and_fresh_in_every_cell() -> None:
    people = haplotypes(40, sites=25)
    exact = context_counts(people, 2)

    class Kept(NoisyChain):
        def __init__(self, counts: Any, noise: float, trust: float) -> None:
            super().__init__(counts, noise, trust)
            self.counts = counts

    with pytest.MonkeyPatch.context() as patch:
        from bench.generators.variants import dp_markov

        patch.setattr(dp_markov, "NoisyChain", Kept)
        model = fitted("dp_markov", people, epsilon=1.0, order=2)
    added = (model.chain_.counts - exact).ravel()
    assert added.std() == pytest.approx(model.noise_, rel=0.15)
    assert len(np.unique(added)) == added.size


# -- transformers ------------------------------------------------------------------------------------------------------


def small(**more: Any) -> dict[str, Any]:
    return {"steps": 150, "width": 16, "layers": 1, "heads": 2, "calls": 4, **more}


def test_tokens_become_calls_again() -> None:
    from bench.generators.variants._transformer import Packing

    for alphabet, calls in ((2, 8), (3, 5), (2, 1)):
        packing = Packing(13, alphabet, calls)
        given = stream(1).integers(0, alphabet, (20, 13)).astype(np.int8)
        tokens = packing.pack(given)
        assert tokens.shape == (20, -(-13 // calls))
        assert int(tokens.max()) < packing.vocabulary
        np.testing.assert_array_equal(packing.unpack(tokens), given)


def test_a_transformer_sees_only_what_came_before_and_its_chances_sum_to_one() -> None:
    import torch
    from bench.generators.variants._transformer import Packing, Transformer

    packing = Packing(6, 2, 2)
    draw = torch.Generator().manual_seed(1)
    net = Transformer(packing, 2, layers=2, width=8, heads=2, bias=torch.zeros(3, 4), draw=draw)
    with torch.no_grad():
        for p in net.parameters():
            p.add_(0.3 * torch.randn(p.shape, generator=draw))
        everything = packing.pack((np.arange(64)[:, None] >> np.arange(6) & 1).astype(np.int8))
        assert float((-net.losses(everything, torch.ones(64, dtype=torch.long))).exp().sum()) == pytest.approx(
            1, abs=1e-5
        )
        first = torch.tensor([[0, 1, 2], [0, 3, 3]])
        logits = net(first, torch.zeros(2, dtype=torch.long))
        assert torch.allclose(logits[0, :2], logits[1, :2], atol=1e-6)
        assert not torch.allclose(logits[0, 2], logits[1, 2], atol=1e-3)


def test_what_is_written_with_kept_keys_has_the_chances_that_it_says() -> None:
    import torch
    from bench.generators.variants._transformer import Packing, Transformer

    packing, draw = Packing(4, 2, 2), torch.Generator().manual_seed(2)
    net = Transformer(packing, 1, layers=2, width=8, heads=2, bias=torch.zeros(2, 4), draw=draw)
    with torch.no_grad():
        for p in net.parameters():
            p.add_(0.5 * torch.randn(p.shape, generator=draw))
        tokens = net.write(torch.zeros(20000, dtype=torch.long), draw)
        seen = np.bincount((tokens[:, 0] * 4 + tokens[:, 1]).numpy(), minlength=16) / 20000
        everything = torch.tensor([[a, b] for a in range(4) for b in range(4)])
        chances = (-net.losses(everything, torch.zeros(16, dtype=torch.long))).exp().numpy()
    np.testing.assert_allclose(seen, chances, atol=0.012)


def test_a_small_transformer_learns_linkage_and_beats_independent_sites() -> None:
    people = haplotypes(400, sites=16, apart=0.3)
    other = haplotypes(400, "others", sites=16, apart=0.3)
    nats = {
        name: float(fitted(name, people, **params).losses(other, rng=stream(0)).mean())
        for name, params in (("sites", {}), ("minigpt", small()))
    }
    assert nats["minigpt"] < nats["sites"] - 0.5


@pytest.mark.parametrize("phased", [True, False])
def test_a_transformer_is_the_same_for_the_same_stream_and_leaves_torch_alone(phased: bool) -> None:
    import torch

    people = PEOPLE if phased else replace(PEOPLE, calls=PEOPLE.genotypes[:, None], y=PEOPLE.y)
    before = torch.random.get_rng_state()
    first, second = (drawn(fitted("minigpt", people, **small(steps=3)), 50) for _ in range(2))
    assert first.digest == second.digest
    assert torch.equal(before, torch.random.get_rng_state())


def test_people_aside_are_divided_with_both_haplotypes() -> None:
    from bench.generators.variants.minigpt import _divided

    learnt, kept = _divided(sequences_of(PEOPLE, stream(0)), 0.1, stream(1))
    assert len(kept) == 60
    assert {int(row) // 2 for row in kept}.isdisjoint({int(row) // 2 for row in learnt})


# -- a private language model ------------------------------------------------------------------------------------------


def local_model(people: Variants, reach: int = 5) -> Any:
    from bench.generators.variants._local_model import LocalModel

    p = np.clip(people.frequencies, 0.05, 0.95)
    model = LocalModel(p, people.chromosomes, len(people.classes), reach, int(people.calls.shape[1]))
    model.weights = model.noise(0.3, stream(4))
    return model


def two_kinds(phased: bool, missing: bool = True) -> Variants:
    """People whose sites fill more than one block, on two chromosomes, with missing calls."""
    people = haplotypes(30, sites=80)
    sites = tuple(f"{1 + (i > 40)}:{i + 1}:A>G" for i in range(80))
    calls = people.calls.copy() if phased else people.genotypes[:, None].copy()
    if missing:
        calls[3, 0, ::7] = -1
    return replace(people, calls=calls, sites=sites, y=people.y)


@pytest.mark.parametrize("phased", [True, False])
def test_norms_and_sums_of_gradients_are_those_of_the_losses(phased: bool) -> None:
    people = two_kinds(phased)
    model = local_model(people)
    read = model.people(people.calls, np.searchsorted(people.classes, people.y))
    norms = model.norms(model.surprise(read), model.reading(read))
    one = read.take(np.array([3]))
    whole = model.clipped_sum(one, model.reading(one), 1e9)
    assert norms[3] == pytest.approx(np.sqrt(sum((a.astype(float) ** 2).sum() for a in whole.arrays())), rel=2e-4)
    before, step = model.losses(one)[0], 1e-3
    for name, at in (("bias", (5,)), ("classes", (7, 1)), ("calls", (0, 30, 32)), ("calls", (1, 4, 6))):
        weights = getattr(model.weights, name)
        kept = weights[at]
        weights[at] = kept + step
        assert (before - model.losses(one)[0]) / step == pytest.approx(getattr(whole, name)[at], abs=0.02)
        weights[at] = kept


@pytest.mark.parametrize("phased", [True, False])
def test_one_person_moves_the_clipped_sum_by_no_more_than_the_clip(phased: bool) -> None:
    people = two_kinds(phased)
    model = local_model(people)
    read, clip = model.people(people.calls, np.searchsorted(people.classes, people.y)), 3.0
    whole = model.clipped_sum(read, model.reading(read), clip)
    moved = []
    for i in range(len(people)):
        others = read.take(np.flatnonzero(np.arange(len(people)) != i))
        rest = model.clipped_sum(others, model.reading(others), clip)
        gaps = zip(whole.arrays(), rest.arrays(), strict=True)
        moved.append(np.sqrt(sum(((a.astype(float) - b) ** 2).sum() for a, b in gaps)))
    assert max(moved) <= clip
    assert max(moved) == pytest.approx(clip, rel=1e-3)  # both haplotypes are clipped together, and the clip is reached


@pytest.mark.parametrize("phased", [True, False])
def test_a_local_model_is_a_distribution_and_draws_from_it(phased: bool) -> None:
    sites = ("1:1:A>G", "1:2:A>G", "1:3:A>G", "2:1:A>G")
    people = haplotypes(50, sites=4)
    calls = people.calls if phased else people.genotypes[:, None]
    people = replace(people, calls=calls, sites=sites, y=people.y)
    model = local_model(people, reach=2)
    levels = 2 if phased else 3
    each = np.stack(np.meshgrid(*[np.arange(levels)] * 4), axis=-1).reshape(-1, 4).astype(np.int8)
    alone = model.people(np.repeat(each[:, None], people.calls.shape[1], axis=1), np.zeros(len(each), dtype=int))
    chances = np.exp(-model.losses(alone) / people.calls.shape[1])  # a person with one sequence twice
    assert chances.sum() == pytest.approx(1, abs=1e-5)
    made = model.draw(np.zeros(20000, dtype=int), stream(6)).reshape(-1, 4)
    order = levels ** np.arange(4)
    seen = np.bincount(made @ order, minlength=levels**4) / len(made)
    np.testing.assert_allclose(seen[each @ order], chances, atol=0.012)


def test_nothing_is_read_across_chromosomes_or_beyond_reach_or_after_the_site() -> None:
    people = two_kinds(True, missing=False)
    model = local_model(people)
    read = model.people(people.calls, np.zeros(30, dtype=int))
    before = model.surprise(read)
    for at in (38, 39, 60):
        calls = people.calls.copy()
        calls[:, :, at] = 1 - calls[:, :, at]
        changed = model.surprise(model.people(calls, np.zeros(30, dtype=int)))
        differs = np.flatnonzero(np.abs(changed - before).max(axis=(0, 1)) > 1e-6)
        last = 40 if at < 41 else 79  # of its chromosome
        assert differs.tolist() == list(range(at, min(at + 5, last) + 1))


def test_a_private_language_model_keeps_linkage_where_a_private_chain_cannot() -> None:
    people = haplotypes(900, sites=40, apart=0.3)
    other = haplotypes(900, "others", sites=40, apart=0.3)
    nats = {
        name: float(fitted(name, people, epsilon=4.0, **more).losses(other, rng=stream(0)).mean())
        for name, more in (("dp_minigpt", {"rate": 1.0, "reach": 8}), ("dp_markov", {}), ("dp_sites", {}))
    }
    assert nats["dp_minigpt"] < min(nats["dp_markov"], nats["dp_sites"]) - 1


def test_a_private_language_model_claims_what_it_accounts_for() -> None:
    from bench.generators._dpsgd import PrivateSteps
    from bench.generators._privacy import gaussian_mu

    model = fitted("dp_minigpt", epsilon=2.0, rate=0.5, steps=8, reach=4)
    claim = model.claim()
    assert claim.epsilon <= 2.0
    assert claim.epsilon == pytest.approx(2.0, rel=0.02)
    assert model.released_ == pytest.approx(gaussian_mu(2.0, 1e-5) * 0.12**0.5)
    assert PrivateSteps(8, 0.5, model.plan_.sigma).epsilon(1e-5, model.released_) == pytest.approx(claim.epsilon)
    assert (claim.unit, claim.neighbours) == ("one person, with both haplotypes", "add-remove")
    assert claim.accountant.startswith("PRV (opacus), Poisson sampling at rate 0.5")
    assert claim.end_to_end


def test_every_step_draws_its_own_people_and_noise_of_the_planned_size() -> None:
    from bench.generators.variants import dp_minigpt
    from bench.generators.variants._local_model import LocalModel

    sizes, spreads = [], []

    class Watched(LocalModel):
        def clipped_sum(self, people: Any, reading: Any, clip: float) -> Any:
            sizes.append(len(people.calls))
            return super().clipped_sum(people, reading, clip)

        def noise(self, sd: float, rng: np.random.Generator) -> Any:
            found = super().noise(sd, rng)
            spreads.append((sd, float(found.bias.std()), float(found.calls[found.calls != 0].std())))
            return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dp_minigpt, "LocalModel", Watched)
        model = fitted("dp_minigpt", epsilon=1.0, rate=0.5, steps=10, reach=6)
    planned = model.plan_.sigma * 0.35 * np.sqrt(30)
    assert len(set(sizes)) > 3
    assert np.mean(sizes) == pytest.approx(150, rel=0.15)
    assert [sd for sd, _, _ in spreads] == pytest.approx([planned] * 10)
    assert np.mean([bias for _, bias, _ in spreads]) == pytest.approx(planned, rel=0.2)
    assert np.mean([calls for _, _, calls in spreads]) == pytest.approx(planned, rel=0.1)


def test_counts_of_alleles_are_clipped_to_what_their_noise_covers() -> None:
    from bench.generators.variants import dp_minigpt

    seen: list[tuple[float, float]] = []
    people = haplotypes(60, sites=25)
    whole = replace(people, calls=np.ones_like(people.calls), y=people.y)  # everybody carries everything twice

    def watched(rows: Any, radius: float) -> Any:
        found = clip(rows, radius)
        seen.append((radius, float(np.linalg.norm(found, axis=1).max())))
        return found

    clip = dp_minigpt.clip_rows
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dp_minigpt, "clip_rows", watched)
        fitted("dp_minigpt", whole, rate=1.0, steps=2)
    ((radius, longest),) = seen
    assert radius == pytest.approx(0.6 * 5)
    assert longest == pytest.approx(radius)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"reach": 0}, "reach is 0"),
        ({"site_share": 0.99}, "site_share 0.99"),
        ({"momentum": 1.0}, "momentum 1.0"),
        ({"clip": 0.0}, "clip, count_clip, lr and stride must be above 0"),
        ({"epsilon": -1.0}, "epsilon is -1.0"),
        ({"rate": 0.0}, "rate 0.0"),
    ],
)
def test_a_private_language_model_refuses_what_makes_no_sense(params: dict[str, Any], message: str) -> None:
    with pytest.raises(PluginError, match=message):
        fitted("dp_minigpt", **params)


# -- a hidden Markov model ---------------------------------------------------------------------------------------------


def hidden(states: int = 3, sites: int = 5, alphabet: int = 2) -> Any:
    from bench.generators.variants.hmm import Chain

    draw = stream(8)
    start, change, call = (
        draw.dirichlet(np.ones(n), shape)
        for n, shape in ((states, (2,)), (states, (sites, states)), (alphabet, (sites, states)))
    )
    return Chain(start, change, call)


def test_losses_of_a_hidden_chain_are_sums_over_all_paths() -> None:
    from itertools import product

    chain = hidden()
    calls = np.array([[0, 1, 1, 0, 1], [1, 1, 0, 0, 0]], dtype=np.int8)
    for row, label in ((0, 1), (1, 0)):
        whole = 0.0
        for path in product(range(3), repeat=5):
            chance = chain.start[label, path[0]]
            for site, state in enumerate(path):
                chance *= chain.change[site, path[site - 1], state] if site else 1
                chance *= chain.call[site, state, calls[row, site]]
            whole += chance
        assert chain.losses(calls, np.array([label, label]))[row] == pytest.approx(-np.log(whole))


def test_one_round_counts_what_all_paths_count() -> None:
    from itertools import product

    chain, calls, classes = hidden(2, 4), np.array([[0, 1, 1, 0]], dtype=np.int8), np.array([1])
    weights = {}
    for path in product(range(2), repeat=4):
        chance = chain.start[1, path[0]]
        for site, state in enumerate(path):
            chance *= (chain.change[site, path[site - 1], state] if site else 1) * chain.call[
                site, state, calls[0, site]
            ]
        weights[path] = chance
    whole = sum(weights.values())
    better = chain.improved(calls, classes, 1e-9)
    expected = np.zeros((2, 2))
    for path, weight in weights.items():
        expected[path[1], path[2]] += weight / whole
    np.testing.assert_allclose(better.change[2], expected / expected.sum(axis=1, keepdims=True), rtol=1e-6)
    first = sum(weight for path, weight in weights.items() if path[0] == 0) / whole
    assert better.start[1, 0] == pytest.approx(first)
    np.testing.assert_allclose(better.call[1, :, 1], 1, atol=1e-6)


@pytest.mark.parametrize("alphabet", [2, 3])
def test_rounds_never_make_a_hidden_chain_worse_and_it_draws_what_it_says(alphabet: int) -> None:
    chain = hidden(3, 4, alphabet)
    made = chain.draw(np.zeros(40000, dtype=int), stream(1))
    order = alphabet ** np.arange(4)
    everything = np.arange(alphabet**4)[:, None] // order % alphabet
    chances = np.exp(-chain.losses(everything.astype(np.int8), np.zeros(len(everything), dtype=int)))
    assert chances.sum() == pytest.approx(1)
    np.testing.assert_allclose(np.bincount(made @ order, minlength=alphabet**4) / 40000, chances, atol=0.01)
    other, nats = hidden(2, 4, alphabet), []
    for _ in range(6):
        nats.append(other.losses(made[:500], np.zeros(500, dtype=int)).mean())
        other = other.improved(made[:500], np.zeros(500, dtype=int), 1e-6)
    assert np.all(np.diff(nats) <= 1e-4)
    assert nats[-1] < nats[0]


def test_a_hidden_chain_beats_independent_sites_and_refuses_nonsense() -> None:
    people = haplotypes(400, sites=30, apart=0.3)
    other = haplotypes(400, "others", sites=30, apart=0.3)
    nats = {n: float(fitted(n, people).losses(other, rng=stream(0)).mean()) for n in ("sites", "hmm")}
    assert nats["hmm"] < nats["sites"] - 1
    with pytest.raises(PluginError, match="states is 0"):
        fitted("hmm", states=0)
