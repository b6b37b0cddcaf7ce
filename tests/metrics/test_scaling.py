"""What is computed in blocks is what one matrix gives, and memory grows with the samples, not with their square."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Mapping

import numpy as np
import pytest
from bench.attacks import domias_gaussian
from bench.metrics import _distances
from bench.metrics._distances import blocks, kernel_sum, nearest, neighbour_distance
from bench.metrics.mmd_median import median_distance
from numpy.typing import ArrayLike
from scipy.spatial.distance import cdist, pdist

from bench import AttackView, Cohort
from bench.registry.finding import create, find

MEASURED_BY_DISTANCES = ("alpha_precision", "distance_to_closest", "mmd", "mmd_median", "prdc")


def people(n: int, genes: int = 20, seed: int = 0, *, copied: Cohort | None = None) -> Cohort:
    """Return n people of three classes; the first twenty may be copies, so that some distances are 0."""
    X = np.random.default_rng([seed, n]).normal(size=(n, genes)).astype(np.float32)
    if copied is not None:
        X[:20] = copied.X[:20]
    return cohort(X)


def cohort(X: ArrayLike) -> Cohort:
    rows, genes = np.shape(X)
    names = tuple(f"G{g}" for g in range(genes))
    labels = np.resize(["a", "b", "c"], rows)
    return Cohort(X=np.asarray(X), y=labels, genes=names, samples=tuple(map(str, range(rows))), units="zscore")


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Return what makes every matrix of more than 10 distances too large to be kept; blocks have seven rows."""

    def switch() -> None:
        monkeypatch.setattr(_distances, "_KEEP", 10)
        monkeypatch.setattr(_distances, "_BLOCK", 1)
        monkeypatch.setattr(_distances, "_FEWEST_ROWS", 7)

    return switch


def scores(name: str, train: Cohort, holdout: Cohort, synthetic: Cohort) -> Mapping[str, float]:
    # cohorts of their own: what was computed from them before is not found again
    fresh = [c.take(np.arange(len(c))) for c in (train, holdout, synthetic)]
    return create(find("metric", name))(*fresh, rng=np.random.default_rng(0))


@pytest.mark.parametrize("name", MEASURED_BY_DISTANCES)
def test_a_measure_in_blocks_is_that_of_one_matrix(name: str, small_blocks: Callable[[], None]) -> None:
    train, holdout = people(90), people(40, seed=1)
    synthetic = people(150, seed=2, copied=train)
    whole = scores(name, train, holdout, synthetic)
    small_blocks()
    found = scores(name, train, holdout, synthetic)
    assert list(found) == list(whole)
    assert list(found.values()) == pytest.approx(list(whole.values()), rel=1e-6, abs=1e-9)
    assert len(set(whole.values())) > 1


def test_blocks_hold_every_distance_once_and_copies_at_zero(small_blocks: Callable[[], None]) -> None:
    a = people(50)
    b = people(80, seed=1, copied=a)
    small_blocks()
    parts = list(blocks(a, b))
    assert [rows.start for rows, _ in parts] == list(range(0, 50, 7))
    found = np.concatenate([squared for _, squared in parts])
    assert found.dtype == np.float32
    assert found == pytest.approx(cdist(a.X, b.X, "sqeuclidean"), rel=1e-6, abs=1e-12)
    assert np.all(np.diag(found)[:20] == 0)


def test_the_upper_blocks_of_a_cohort_hold_each_pair_once(small_blocks: Callable[[], None]) -> None:
    a = people(30)
    small_blocks()
    pairs = [squared[i, i + 1 :] for _, squared in blocks(a, a, upper=True) for i in range(len(squared))]
    assert np.concatenate(pairs) == pytest.approx(pdist(a.X, "sqeuclidean"), rel=1e-6)


def test_a_kernel_in_blocks_sums_over_both_triangles(small_blocks: Callable[[], None]) -> None:
    a = people(40)
    small_blocks()
    expected = np.exp(-cdist(a.X, a.X, "sqeuclidean") / 20).sum()
    assert kernel_sum(a, a, width=20.0) == pytest.approx(expected, rel=1e-6)


def test_neighbours_in_blocks_leave_the_sample_itself_out(small_blocks: Callable[[], None]) -> None:
    a = people(40)
    small_blocks()
    distances = np.sort(cdist(a.X, a.X, "sqeuclidean"), axis=1)  # position 0 is the sample itself
    assert neighbour_distance(a, k=1) == pytest.approx(distances[:, 1], rel=1e-6)
    assert neighbour_distance(a, k=5) == pytest.approx(distances[:, 5], rel=1e-6)


def test_of_tied_nearest_samples_the_first_is_named(small_blocks: Callable[[], None]) -> None:
    a = people(30)
    twice = cohort(np.concatenate([a.X, a.X]))
    small_blocks()
    squared, which = nearest(twice, a)
    assert which.tolist() == list(range(30))
    assert squared.tolist() == [0] * 30


@pytest.mark.parametrize("n", [2, 3, 24, 25])
def test_the_median_distance_is_exact_for_odd_and_even_numbers_of_pairs(
    n: int, small_blocks: Callable[[], None]
) -> None:
    a = people(n)
    whole = np.concatenate([squared[np.triu_indices(n, 1)] for _, squared in blocks(a, a)])
    small_blocks()
    assert median_distance(a.take(np.arange(n))) == pytest.approx(float(np.median(whole)), rel=1e-6)


def test_the_median_of_equal_distances_is_that_distance() -> None:
    assert median_distance(cohort(np.eye(4))) == 2.0
    assert median_distance(cohort(np.ones((4, 4)))) == 0.0


@pytest.mark.parametrize("name", MEASURED_BY_DISTANCES)
def test_no_measure_holds_all_distances_of_a_large_release(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_distances, "_KEEP", 1 << 20)
    monkeypatch.setattr(_distances, "_BLOCK", 1 << 18)
    train, holdout, synthetic = people(400, 5), people(100, 5, seed=1), people(6000, 5, seed=2)
    tracemalloc.start()
    found = scores(name, train, holdout, synthetic)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * len(synthetic) ** 2 / 4  # bytes: a quarter of the distances in float32
    assert all(np.isfinite(value) for value in found.values())


@pytest.mark.parametrize(("n", "genes"), [(40, 90), (90, 40)], ids=["more genes", "more people"])
def test_a_gaussian_of_many_genes_needs_no_covariance_matrix(
    n: int, genes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    release, targets, reference = (people(size, genes, seed=size).X for size in (n, 30, n + 1))
    view = AttackView(synthetic=release, targets=targets, reference=reference, genes=tuple(map(str, range(genes))))
    attack = create(find("attack", "domias_gaussian"))
    dense = attack.score(view, rng=np.random.default_rng(0))
    monkeypatch.setattr(domias_gaussian, "_WIDE", 1)
    assert attack.score(view, rng=np.random.default_rng(0)) == pytest.approx(dense, rel=1e-9)
    assert np.ptp(dense) > 0
