"""What attacks share or take a short way to, against the straightforward form."""

from __future__ import annotations

import gc

import numpy as np
import pytest
from bench.attacks import _memo
from bench.attacks._density import log_sum_exp
from bench.attacks._distances import Distances, distances, distances_within
from bench.attacks._marginals import binned, log_ratio, recovered_edges
from bench.attacks._spectra import spectrum
from bench.attacks._worlds import Players, interpolated, through
from numpy.typing import NDArray
from scipy.special import logsumexp
from scipy.stats import rankdata


def _people(n: int, n_genes: int = 30, seed: int = 0, scale: float = 1.0) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    return (8 + scale * rng.normal(size=(n, n_genes))).astype(np.float32)


# -- the nearest, sought in single precision -----------------------------------------------------------------------------


@pytest.mark.parametrize("block", [1 << 23, 700])
@pytest.mark.parametrize("scale", [1.0, 1e-3, 1e3])
def test_the_nearest_that_single_precision_finds_are_those_of_all_distances(
    monkeypatch: pytest.MonkeyPatch, block: int, scale: float
) -> None:
    monkeypatch.setattr("bench.attacks._distances._BLOCK", block)
    targets, others = _people(80, scale=scale), _people(60, seed=1, scale=scale)
    others[::3] = targets[:20] + np.float32(1e-3 * scale)
    (near, whose), (all_near, all_whose) = (Distances(targets, others, once=once).nearest() for once in (True, False))
    assert np.array_equal(whose, all_whose)
    assert np.allclose(near, all_near, rtol=1e-9, atol=1e-12 * scale**2)


def test_whose_distances_differ_by_less_than_single_precision_is_decided_in_double() -> None:
    target, others = np.zeros((1, 3), dtype=np.float32), np.full((3, 3), 100, dtype=np.float32)
    others[1, 0] = np.nextafter(np.float32(100), np.float32(0))
    near, whose = Distances(target, others, once=True).nearest()
    assert whose[0, 0] == 1
    assert near[0, 0] == float(others[1, 0]) ** 2 + 2e4


def test_the_nearest_of_others_that_lie_on_a_sphere_is_not_left_to_single_precision() -> None:
    rng = np.random.default_rng(0)
    others = rng.normal(size=(6, 40))
    others = (100 * others / np.linalg.norm(others, axis=1, keepdims=True)).astype(np.float32)
    targets = (1e-5 * rng.normal(size=(200, 40))).astype(np.float32)
    plain = ((targets[:, None].astype(float) - others.astype(float)) ** 2).sum(axis=2)
    near, whose = Distances(targets, others, once=True).nearest()
    assert np.array_equal(whose[:, 0], plain.argmin(axis=1))
    assert np.allclose(near[:, 0], plain.min(axis=1), rtol=1e-12)


@pytest.mark.parametrize("far", [1.0, 1e17])
def test_where_many_are_equally_near_or_far_too_far_all_are_computed(far: float) -> None:
    others = np.tile(np.float32(far), (40, 5)) * np.eye(40, 5, dtype=np.float32)
    targets = np.zeros((3, 5), dtype=np.float32)
    found, plain = Distances(targets, others, once=True), Distances(targets, others)
    assert np.allclose(found.nearest()[0], plain.nearest()[0])
    assert np.array_equal(found.count_below(0.5, strict=True), plain.count_below(0.5, strict=True))


def test_distances_of_which_only_the_nearest_was_wanted_still_give_the_others() -> None:
    targets, others = _people(20), _people(50, seed=1)
    found = distances(targets, others, once=True)
    found.nearest()
    assert distances(targets, others) is found
    assert np.allclose(found.nearest(7)[0], Distances(targets, others).nearest(7)[0])


# -- neighbours among those who play ----------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.8, 0.1])
def test_neighbours_among_players_are_those_of_a_search_among_them_alone(share: float) -> None:
    candidates, rng = _people(300), np.random.default_rng(3)
    chosen = rng.permutation(300)[: int(share * 300)]
    players = Players(candidates, chosen, np.zeros(len(chosen), dtype=np.int64))
    assert np.array_equal(players.neighbours(5), distances_within(candidates[chosen]).nearest(5)[1])


def test_few_players_have_each_other_as_neighbours() -> None:
    players = Players(_people(40), np.array([4, 9, 30]), np.zeros(3, dtype=np.int64))
    assert [sorted(row) for row in players.neighbours(5).tolist()] == [[1, 2], [0, 2], [0, 1]]
    assert interpolated(players, 6, np.random.default_rng(0)).shape == (6, 30)


@pytest.mark.parametrize("values", [[0.3, -1.0, 2.0, 0.5], [0.3, 0.3, 2.0, 0.3]])
def test_values_go_through_quantiles_by_their_mid_ranks(values: list[float]) -> None:
    known, grid = np.array([1, 2, 4, 8, 16], dtype=np.float32), np.linspace(0, 1, 5)
    expected = np.interp((rankdata(values) - 0.5) / 4, grid, known)
    assert np.array_equal(through(np.array(values), known, grid), expected)


# -- bins, densities, coordinates ----------------------------------------------------------------------------------------


def _plain_log_ratio(release: NDArray[np.float32], population: NDArray[np.float32], n_bins: int) -> NDArray[np.float64]:
    """Return the mean log ratio of frequencies, person by person and gene by gene."""
    total = np.zeros(len(population))
    for mine, theirs in zip(release.T.astype(float), population.T.astype(float), strict=True):
        edges = recovered_edges(np.sort(mine), np.sort(theirs), n_bins)
        bins, place = np.searchsorted(edges, mine), np.searchsorted(edges, theirs)
        p, q = (np.bincount(b, minlength=len(edges) + 1) + 1.0 for b in (bins, place))
        total += np.log(p[place] / p.sum()) - np.log(q[place] / q.sum())
    return total / release.shape[1]


@pytest.mark.parametrize("n_bins", [16, 300])
def test_ratios_of_marginals_are_those_of_counting_person_by_person(n_bins: int) -> None:
    population, release = _people(200), _people(150, seed=1)
    release[:, 3] = release[:, 3].round()  # a gene that was discretised
    release[:, 4] = population[:150, 4]  # values on edges
    population[:, 5] = population[:, 5].round()  # a population with ties
    assert np.allclose(log_ratio(release, population, n_bins, 1.0), _plain_log_ratio(release, population, n_bins))
    assert binned(population, n_bins).counts.sum(axis=1).tolist() == [200] * 30


def test_the_logarithm_of_a_sum_of_exponentials_is_that_of_scipy_also_far_below_zero() -> None:
    values = np.array([[-1e5, -1e5 + 1, -2e5], [0.0, 1.0, 2.0]])
    expected = logsumexp(values, axis=1)
    assert np.allclose(log_sum_exp(values.copy()), expected, rtol=1e-14)


def test_coordinates_are_computed_once_and_are_those_of_the_axes() -> None:
    people, others = _people(40, 60), _people(10, 60, seed=1)
    axes = spectrum(people)
    inside, outside = axes.coordinates(others)
    assert axes.coordinates(others)[0] is inside
    centred = others - people.mean(axis=0, dtype=np.float64)
    assert np.allclose(inside, centred @ axes.directions)
    assert np.allclose(outside, ((centred - inside @ axes.directions.T) ** 2).sum(axis=1))


# -- what is remembered of arrays ----------------------------------------------------------------------------------------


def test_what_is_remembered_of_an_array_goes_with_it() -> None:
    before = len(_memo._digests)
    array = _memo.frozen(_people(5))
    assert _memo._digest((array,)) == _memo._digest((array.copy(),))
    assert len(_memo._digests) == before + 1
    del array
    gc.collect()
    assert len(_memo._digests) == before


def test_a_view_that_cannot_be_written_to_may_change_with_what_it_shows() -> None:
    array = _people(5)
    view = array[:]
    view.setflags(write=False)
    before = _memo._digest((view,))
    array += 1
    assert _memo._digest((view,)) != before


def test_the_order_of_two_arrays_counts() -> None:
    one, other = _people(5), _people(5, seed=1)
    assert _memo._digest((one, other)) != _memo._digest((other, one))


def test_what_is_first_computed_in_passing_takes_nobodys_place() -> None:
    people, others = _people(12), _people(12, seed=1)
    kept = spectrum(people)
    with _memo.passing():
        assert spectrum(people) is kept
        passed = spectrum(others)
        assert spectrum(others) is passed
    assert spectrum(people) is kept
    assert spectrum(others) is not passed
