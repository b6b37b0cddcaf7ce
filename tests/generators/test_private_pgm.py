"""Private-PGM: the star is solved as mbi would, the noise is the noise claimed, and nothing else touches the data."""

from __future__ import annotations

import copy
import importlib.util
import math
import pickle
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.stats import kstest

from bench import Cohort, PluginError, stream
from bench.datasets import load_dataset
from bench.datasets.folds import make_splits

if importlib.util.find_spec("mbi") is None:
    pytest.skip("mbi is not installed", allow_module_level=True)

from bench.generators._discretise import QuantileBins, ScaledBins
from bench.generators._locate import fourier_sums, locate
from bench.generators._mbi import LABEL, Contrast, estimation, gene_name, star_domain
from bench.generators._pgm import Star, label_gene_tables, maximum_entropy, pooled, posterior_mean
from bench.generators._pgm_end_to_end import measure_contrasts, measure_end_to_end
from bench.generators._pgm_least_squares import NoisyStar, least_squares_star, project_star
from bench.generators._pgm_pairs import choice_epsilon, choice_mu, choose_forest, pair_scores
from bench.generators._pgm_published import measure_published, noisy_star
from bench.generators._pgm_release import Release, star_measurements
from bench.generators._privacy import gaussian_delta, gaussian_mu
from bench.generators.private_pgm import PrivatePgm
from bench.metrics.tstr import TSTR

VARIANTS = ("end_to_end", "published")


def people(n: int, genes: int, classes: int = 3, *, seed: int = 0, apart: float = 1.0) -> Cohort:
    """Return n invented people, classes in turn, whose genes have different places and spreads."""
    rng = np.random.default_rng(seed)
    kind = np.arange(n) % classes
    places, spreads = rng.uniform(4, 16, genes), rng.uniform(0.4, 1.6, genes)
    X = places + spreads * (rng.normal(0, apart, (classes, genes))[kind] + rng.standard_normal((n, genes)))
    names = tuple(f"G{g}" for g in rng.permutation(genes))
    return Cohort(X=X, y=np.array(list("abcdefgh"))[kind], genes=names, samples=tuple(map(str, range(n))), units="vst")


def codes_of(cohort: Cohort) -> NDArray[np.intp]:
    return np.unique(cohort.y, return_inverse=True)[1]


# -- the estimate is the one that Private-PGM defines --------------------------------------------------------------------


def noisy_tables(genes: int = 6, classes: int = 3, bins: int = 4, sd: float = 6.0) -> tuple[NoisyStar, float]:
    cohort = people(150, genes, classes)
    release = measure_published(cohort, codes_of(cohort), classes, bins, math.sqrt(2 * genes) / sd, 0.5, stream(1, "t"))
    return noisy_star(release), 150.0


def mbi_fit(release: Release, total: float, iters: int) -> tuple[float, NDArray[np.float64]]:
    """Return the loss that mbi's mirror descent reaches, and its label x gene tables."""
    model = estimation.MirrorDescent().estimate(
        release.domain, list(release.measurements), known_total=total, iters=iters
    )
    genes = [a for a in release.domain.attributes if a != LABEL]
    tables = np.stack([np.asarray(model.project((LABEL, g)).values, dtype=np.float64) for g in genes])
    loss = 0.0
    for m in release.measurements:
        seen = np.asarray(m.query(model.project(m.clique)), dtype=np.float64)
        loss += 0.5 * float((((seen - np.asarray(m.noisy_measurement)) / m.stddev) ** 2).sum())
    return loss, tables


def test_the_star_of_least_squares_is_the_one_that_mbi_finds() -> None:
    cohort = people(150, 6)
    release = measure_published(cohort, codes_of(cohort), 3, 4, 0.6, 0.3, stream(1, "mbi"))
    ours = least_squares_star(noisy_star(release), 150.0)
    loss, theirs = mbi_fit(release, 150.0, iters=20_000)
    assert noisy_star(release).loss(ours) <= loss * (1 + 1e-6)
    np.testing.assert_allclose(ours, theirs, atol=0.3)  # of 150 samples; mirror descent nears zero cells slowly


def test_no_solver_of_general_problems_finds_nearer_tables() -> None:
    noisy, total = noisy_tables(genes=2, classes=2, bins=3, sd=12.0)
    ours = least_squares_star(noisy, total)
    rows = [{"type": "eq", "fun": lambda t: t.reshape(2, 2, 3).sum(axis=2)[0] - t.reshape(2, 2, 3).sum(axis=2)[1]}]
    whole = [{"type": "eq", "fun": lambda t: t.reshape(2, 2, 3)[0].sum() - total}]
    found = minimize(
        lambda t: noisy.loss(t.reshape(2, 2, 3)), np.full(12, total / 6), bounds=[(0, None)] * 12,
        constraints=rows + whole, method="SLSQP", options={"maxiter": 500, "ftol": 1e-14},
    )  # fmt: skip
    assert noisy.loss(ours) == pytest.approx(found.fun, rel=1e-6)
    np.testing.assert_allclose(ours.ravel(), found.x, atol=1e-3)


def test_fitted_tables_are_non_negative_and_agree_on_the_class_sizes() -> None:
    noisy, total = noisy_tables(sd=40.0)  # the noise drowns the counts
    tables = least_squares_star(noisy, total)
    assert tables.min() >= 0
    np.testing.assert_allclose(tables.sum(axis=(1, 2)), total)
    np.testing.assert_allclose(tables.sum(axis=2), np.broadcast_to(tables[0].sum(axis=1), (6, 3)), atol=1e-6)


@pytest.mark.parametrize("level", [-1e4, 0.0, 1e4])
def test_projection_takes_noisy_tables_of_any_size_to_the_total(level: float) -> None:
    rough = level + np.random.default_rng(0).normal(0, 300, (5, 4, 3))
    nearest = project_star(rough, 20.0, np.array([500.0, -90.0, 0.0, 3.0]), label_weight=2.0)
    assert nearest.min() >= 0
    np.testing.assert_allclose(nearest.sum(axis=(1, 2)), 20.0)


def test_projection_leaves_consistent_tables_as_they_are() -> None:
    tables = label_gene_tables(np.array([[0, 1], [2, 1], [1, 0]], dtype=np.int8), np.array([0, 1, 1]), 2, 3)
    np.testing.assert_allclose(project_star(tables, 3.0, np.zeros(2), label_weight=0.0), tables, atol=1e-9)
    assert tables[0].tolist() == [[1, 0, 0], [0, 1, 1]]


def test_maximum_entropy_gives_the_distribution_that_mbi_gives() -> None:
    contrasts = np.array([[-1.2, 1.0], [-0.4, -1.0], [0.3, -0.8], [1.1, 0.9]])
    truth = np.array([[[0.1, 0.2, 0.3, 0.4], [0.4, 0.3, 0.2, 0.1]], [[0.3, 0.3, 0.3, 0.1], [0.1, 0.1, 0.3, 0.5]]])
    sizes = np.array([30.0, 70.0])
    ours = maximum_entropy(np.full(4, 0.25), contrasts, truth @ contrasts, ridge=1e-9)
    query = Contrast(contrasts)
    two_way = (truth * sizes[:, None]) @ contrasts
    measured = star_measurements(
        (sizes, 0.1), ((truth * sizes[:, None]).sum(axis=1) @ contrasts, 1.0), (two_way, 1.0), query, query
    )
    release = Release(star_domain(2, 2, 4), QuantileBins(np.zeros((3, 2)), np.zeros((4, 2))), measured, ())
    _, theirs = mbi_fit(release, 100.0, iters=20_000)
    np.testing.assert_allclose(ours * sizes[:, None], theirs, atol=0.05)


def test_maximum_entropy_has_the_moments_asked_for_and_survives_impossible_ones() -> None:
    reference, contrasts = ScaledBins(np.zeros(1), np.ones(1), 0, 25, 16, "vst").contrasts()
    moments = np.array([[0.0, 0.0], [0.8, 0.1], [-0.5, -0.4]])
    p = maximum_entropy(reference, contrasts, moments)
    np.testing.assert_allclose(p[0], reference, atol=1e-6)
    np.testing.assert_allclose(p @ contrasts, moments, atol=1e-3)
    impossible = maximum_entropy(reference, contrasts, np.array([[2.4, -0.7], [9.0, 9.0]]))
    assert np.isfinite(impossible).all()
    np.testing.assert_allclose(impossible.sum(axis=1), 1)


def test_a_star_draws_the_tables_it_holds() -> None:
    star = Star.of(np.array([[[30.0, 10.0], [0.0, 60.0]], [[20.0, 20.0], [45.0, 15.0]]]))
    assert star.rates.tolist() == [0.4, 0.6]
    labels = np.repeat([0, 1], 20_000)
    drawn = star.draw(labels, np.random.default_rng(0))
    shares = label_gene_tables(drawn, labels, 2, 2) / 20_000
    np.testing.assert_allclose(shares, star.given_label, atol=0.015)


# -- post-processing that removes noise ----------------------------------------------------------------------------------


def test_shrinking_keeps_what_was_measured_without_noise_and_drops_what_is_all_noise() -> None:
    rng = np.random.default_rng(0)
    signal, noise = rng.standard_normal((500, 4)), rng.standard_normal((500, 4))
    np.testing.assert_allclose(posterior_mean(signal, 1e-9 * np.eye(4)), signal, atol=1e-6)
    np.testing.assert_allclose(
        posterior_mean(noise, np.eye(4)), np.broadcast_to(noise.mean(axis=0), (500, 4)), atol=0.6
    )
    noisy = signal + 2 * noise
    better = posterior_mean(noisy, 4 * np.eye(4))
    assert np.square(better - signal).mean() < 0.9 < 3.5 < np.square(noisy - signal).mean()


def test_a_small_class_borrows_from_the_class_it_goes_with() -> None:
    rng = np.random.default_rng(1)
    common = rng.standard_normal(2_000)
    truth = np.stack([common, 0.9 * common + 0.1 * rng.standard_normal(2_000)], axis=1)
    sd = np.array([0.1, 3.0])
    better = posterior_mean(truth + sd * rng.standard_normal(truth.shape), np.diag(sd**2))
    assert np.corrcoef(better[:, 1], truth[:, 1])[0, 1] > 0.95


def test_pooling_weighs_class_means_and_overall_means_by_their_precision() -> None:
    rates, sd = np.array([0.25, 0.75]), np.array([2.0, 1.0])
    truth = np.array([[4.0, 8.0]])
    estimate, covariance = pooled(truth, sd, truth @ rates, 0.5, rates)
    np.testing.assert_allclose(estimate, truth)  # measurements that agree are kept
    design, weights = np.vstack([np.eye(2), rates]), np.diag([1 / 4, 1, 4])
    np.testing.assert_allclose(covariance, np.linalg.inv(design.T @ weights @ design))


def test_genes_are_found_from_fourier_sums() -> None:
    cohort = people(400, 300, classes=1)
    sums = fourier_sums(cohort, 0, 25)
    centre, scale = locate(sums + np.random.default_rng(0).normal(0, 10, sums.shape), 10.0, 400.0, 0, 25)
    sd = cohort.X.std(axis=0)
    assert np.median(np.abs(centre - cohort.X.mean(axis=0)) / sd) < 0.1
    assert np.abs(np.log(scale / sd)).max() < 0.7


# -- the guarantee -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize(("epsilon", "delta", "pairs"), [(1.0, 1e-5, 0), (10.0, 1e-5, 0), (4.0, 1e-6, 5)])
def test_another_accountant_confirms_epsilon(variant: str, epsilon: float, delta: float, pairs: int) -> None:
    dp_accounting = pytest.importorskip("dp_accounting")
    from dp_accounting.pld import PLDAccountant

    fitted = PrivatePgm(epsilon=epsilon, delta=delta, variant=variant, pairs=pairs)
    fitted.fit(people(60, 8), rng=stream(1, "fit"))
    accountant = PLDAccountant(dp_accounting.NeighboringRelation.ADD_OR_REMOVE_ONE)
    for _, mu in fitted.release_.mus:
        accountant.compose(dp_accounting.GaussianDpEvent(1 / mu))
    assert accountant.get_epsilon(delta) == pytest.approx(epsilon, rel=2e-3)
    claim = fitted.claim()
    assert (claim.epsilon, claim.delta, claim.neighbours) == (epsilon, delta, "add-remove")


def test_the_claim_lists_what_is_outside_the_budget() -> None:
    end_to_end, published = (PrivatePgm(variant=v).fit(people(60, 8), rng=stream(1)).claim() for v in VARIANTS)
    assert end_to_end.end_to_end
    assert len(published.outside) == 3
    assert "class sizes" in end_to_end.mechanism


def normal(residuals: list[NDArray[np.float64]]) -> bool:
    """Return whether values are standard normal, as far as some thousands of them can tell."""
    values = np.concatenate([np.ravel(r) for r in residuals])
    assert len(values) > 1_000
    return bool(kstest(values, "norm").pvalue > 1e-4) and abs(values.std() - 1) < 0.06


def test_every_published_table_gets_the_noise_it_is_said_to_have() -> None:
    cohort, runs = people(60, 12), range(40)
    exact = label_gene_tables(QuantileBins.of(cohort.X, 4).codes(cohort), codes_of(cohort), 3, 4)
    releases = [measure_published(cohort, codes_of(cohort), 3, 4, 0.7, 0.3, stream(5, "run", k)) for k in runs]
    mu_first, mu_second = (mu for _, mu in releases[0].mus)
    assert releases[0].one_way[1] == pytest.approx(math.sqrt(13) / mu_first)  # one sample is in 13 one-way tables
    assert releases[0].two_way[1] == pytest.approx(math.sqrt(12) / mu_second)
    assert releases[0].labels[1] == releases[0].one_way[1]
    assert normal([(r.two_way[0] - exact) / r.two_way[1] for r in releases])
    assert normal([(r.one_way[0] - exact.sum(axis=1)) / r.one_way[1] for r in releases])
    labels = [measure_published(cohort, codes_of(cohort), 3, 4, 0.7, 0.3, stream(6, k)).labels for k in range(400)]
    assert normal([(values - 20) / sd for values, sd in labels])


def test_every_release_end_to_end_gets_the_noise_it_is_said_to_have() -> None:
    cohort, codes = people(60, 12), codes_of(people(60, 12))
    exact, mu = fourier_sums(cohort, 0, 25), 0.7
    sizes, places = [], []
    for k in range(400):
        rng = stream(7, "run", k)
        release = measure_end_to_end(cohort, codes, 16, mu, (0.1, 0.3, 0.25), (0.0, 25.0), rng)
        parts = dict(release.mus)
        sizes.append((release.labels[0] - 20) * parts["class sizes"])
        assert release.located is not None
        places.append((release.located - exact) * parts["places of the bins"] / math.sqrt(12 * 5))
    assert normal(sizes)
    assert normal(places)


def test_the_contrasts_of_tables_get_the_noise_they_are_said_to_have() -> None:
    cohort, codes = people(60, 12), codes_of(people(60, 12))
    bins = ScaledBins(cohort.X.mean(axis=0), cohort.X.std(axis=0), 0, 25, 16, "vst")
    quiet = measure_contrasts(cohort, codes, 3, bins, 1e12, 0.25, stream(0))
    noisy = [measure_contrasts(cohort, codes, 3, bins, 0.5, 0.25, stream(8, k)) for k in range(100)]
    for part in (0, 1):  # one-way tables, label x gene tables
        assert normal([(r[part][0] - quiet[part][0]) / r[part][1] for r in noisy])
        assert noisy[0][part][1] == pytest.approx(quiet[part][1] * 1e12 / 0.5)  # radius / mu in both


def extremes(n: int, genes: int) -> Cohort:
    """Return people of whom one is far out in every gene and the others are not."""
    cohort = people(n, genes)
    X = cohort.X.copy()
    X[0] = np.where(np.arange(genes) % 2, -1e6, 1e6)
    return replace(cohort, X=X)


@pytest.mark.parametrize("row", [0, 1, 5])
def test_one_sample_moves_an_end_to_end_release_by_no_more_than_is_paid_for(row: int) -> None:
    cohort = extremes(60, 30)
    without = cohort.take(np.delete(np.arange(60), row))
    shift = fourier_sums(cohort, 0, 25) - fourier_sums(without, 0, 25)
    assert np.linalg.norm(shift) == pytest.approx(math.sqrt(30 * 5))  # every gene and octave: a point of the circle
    bins = ScaledBins(np.full(30, 10.0), np.full(30, 0.7), 0, 25, 16, "vst")
    mu = 0.8
    moved = []
    for some in (cohort, without):  # the same stream: the same noise, so that it cancels
        (one, sd), (two, _), *_ = measure_contrasts(some, codes_of(some), 3, bins, mu, 0.25, stream(3))
        moved.append(np.concatenate([one.ravel(), two.ravel()]) / sd)
    assert np.linalg.norm(moved[0] - moved[1]) <= mu * (1 + 1e-9)


def test_one_sample_is_in_one_cell_of_each_published_table() -> None:
    cohort, bins = people(40, 9), QuantileBins.of(people(40, 9).X, 4)
    without = cohort.take(np.arange(1, 40))
    both = [label_gene_tables(bins.codes(c), codes_of(c), 3, 4) for c in (cohort, without)]
    difference = both[0] - both[1]
    assert np.linalg.norm(difference) == pytest.approx(math.sqrt(9))
    assert np.linalg.norm(difference.sum(axis=1)) == pytest.approx(math.sqrt(9))


def test_the_model_is_a_function_of_the_release() -> None:
    fitted = PrivatePgm().fit(people(90, 20), rng=stream(1, "fit"))
    again = PrivatePgm()._estimate(fitted.release_)
    np.testing.assert_array_equal(fitted.star_.given_label, again.given_label)
    release, bins = fitted.release_, fitted.release_.bins
    assert isinstance(bins, ScaledBins)
    assert release.located is not None
    parts = dict(release.mus)
    total = np.maximum(release.labels[0], max(1, release.labels[1])).sum()
    placed = locate(release.located, math.sqrt(20 * 5) / parts["places of the bins"], total, 0, 25)
    np.testing.assert_array_equal(bins.centre, placed[0])
    np.testing.assert_array_equal(bins.scale, placed[1])


def test_neighbouring_cohorts_give_releases_of_the_same_shape_and_noise() -> None:
    cohort = extremes(60, 12)
    first, second = (
        PrivatePgm(epsilon=1.0).fit(c, rng=stream(1)).release_ for c in (cohort, cohort.take(range(1, 60)))
    )
    assert first.domain == second.domain
    assert first.mus == second.mus
    assert [(m.clique, m.stddev, np.shape(m.noisy_measurement)) for m in first.measurements] == [
        (m.clique, m.stddev, np.shape(m.noisy_measurement)) for m in second.measurements
    ]
    assert first.total is second.total is None


# -- pairs ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("epsilon", [0.05, 0.5, 2.0, 8.0])
def test_a_choice_costs_no_less_than_its_worst_coin(epsilon: float) -> None:
    mu = choice_mu(epsilon)
    for t in np.linspace(0.01, 0.99, 25) * epsilon:  # losses t and t - epsilon
        rare = -math.expm1(t - epsilon) / (math.exp(t) - math.exp(t - epsilon))
        for level in np.linspace(0, t, 9)[:-1]:
            delta = math.exp(t) * rare - math.exp(level) * rare
            assert delta <= gaussian_delta(mu, float(level)) + 1e-9
    assert choice_epsilon(mu) == pytest.approx(epsilon, rel=1e-4)


def linked(n: int, genes: int) -> Cohort:
    """Return people in whom gene 1 follows gene 0 within classes, and gene 3 follows gene 2 downwards."""
    cohort = people(n, genes, apart=0.5)
    X = cohort.X - cohort.X.mean(axis=0)
    X[:, 1], X[:, 3] = X[:, 0] + 0.3 * X[:, 1], -X[:, 2] + 0.3 * X[:, 3]
    return replace(cohort, X=X + 10)


@pytest.mark.parametrize("variant", VARIANTS)
def test_pairs_that_move_together_are_chosen_and_kept(variant: str) -> None:
    cohort = linked(600, 10)
    fitted = PrivatePgm(epsilon=20.0, variant=variant, pairs=2, pair_share=0.5).fit(cohort, rng=stream(1, "fit"))
    assert {frozenset((p.parent, p.child)) for p in fitted.pairs_} == {frozenset((0, 1)), frozenset((2, 3))}
    real, synthetic = (np.corrcoef(c.X.T) for c in (cohort, fitted.sample(3_000, rng=stream(2, "sample"))))
    assert synthetic[0, 1] == pytest.approx(real[0, 1], abs=0.2)
    assert synthetic[2, 3] == pytest.approx(real[2, 3], abs=0.2)
    assert abs(synthetic[4, 5] - real[4, 5]) < 0.2


def test_one_sample_moves_the_score_of_a_pair_by_at_most_one() -> None:
    cohort = extremes(40, 6)
    bins = ScaledBins(np.full(6, 10.0), np.full(6, 0.5), 0, 25, 16, "vst")
    star = Star(np.ones(3), np.full((6, 3, 16), 1 / 16))
    without = cohort.take(range(1, 40))
    scores = [pair_scores(bins.codes(c), codes_of(c), star, bins.location_contrast()) for c in (cohort, without)]
    assert np.abs(scores[0] - scores[1]).max() <= 1 + 1e-9


def test_pairs_form_trees() -> None:
    chosen = choose_forest(np.ones((12, 12)), 11, 1.0, np.random.default_rng(0))
    assert len(chosen) == 11
    reached = {0}
    for _ in range(12):
        reached |= {g for pair in chosen for g in pair if reached & set(pair)}
    assert reached == set(range(12))  # 11 pairs that join 12 genes have no circle


def test_the_choice_of_a_pair_has_the_odds_of_the_exponential_mechanism() -> None:
    scores = np.zeros((3, 3))
    scores[0, 1], scores[0, 2] = 4.0, 2.0
    rng = np.random.default_rng(0)
    first = [choose_forest(scores, 1, 1.0, rng)[0] for _ in range(4_000)]
    expected = np.exp([2.0, 1.0, 0.0]) / np.exp([2.0, 1.0, 0.0]).sum()
    assert [first.count(pair) / 4_000 for pair in ((0, 1), (0, 2), (1, 2))] == pytest.approx(expected, abs=0.03)


# -- as a generator ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("pairs", [0, 3])
def test_a_copied_or_reloaded_model_samples_the_same(variant: str, pairs: int) -> None:
    fitted = PrivatePgm(variant=variant, pairs=pairs).fit(people(60, 8), rng=stream(1))
    digest = fitted.sample(30, rng=stream(2)).digest
    for other in (copy.deepcopy(fitted), pickle.loads(pickle.dumps(fitted))):
        assert other.sample(30, rng=stream(2)).digest == digest


def centroid_accuracy(synthetic: Cohort, holdout: Cohort) -> float:
    """Return the share of held-out people whose class has the nearest synthetic mean, genes scaled by their spread."""
    scale = synthetic.X.std(axis=0) + 1e-6
    centres = np.stack([X.mean(axis=0) for _, X in synthetic.by_label()]) / scale
    distance = ((holdout.X[:, None] / scale - centres) ** 2).sum(axis=2)
    return float((synthetic.classes[distance.argmin(axis=1)] == holdout.y).mean())


@pytest.mark.parametrize("variant", VARIANTS)
def test_it_learns_more_than_the_controls(variant: str) -> None:
    split = make_splits(load_dataset("brca").cohort, seed=42)[0]
    fitted = PrivatePgm(variant=variant).fit(split.train, rng=stream(1, "fit"))
    synthetic = fitted.sample(len(split.train), rng=stream(1, "sample"))
    chance = max(np.unique(split.holdout.y, return_counts=True)[1]) / len(split.holdout)  # all that controls can do
    assert centroid_accuracy(synthetic, split.holdout) > chance + 0.15


def test_less_budget_gives_worse_tables() -> None:
    cohort = people(300, 40)
    error = {}
    for epsilon in (0.5, 50.0):
        synthetic = PrivatePgm(epsilon=epsilon).fit(cohort, rng=stream(1)).sample(3_000, rng=stream(2))
        means = [np.stack([X.mean(axis=0) for _, X in c.by_label()]) for c in (cohort, synthetic)]
        error[epsilon] = float(np.abs(means[0] - means[1]).mean())
    assert error[50.0] < 0.15 < error[0.5]


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_constant_gene_a_tied_gene_and_a_gene_out_of_range_are_survived(variant: str) -> None:
    cohort = people(60, 6)
    X = cohort.X.copy()
    X[:, 0], X[:, 1], X[:, 2] = 7.0, (np.arange(60) % 2) * 9.0, -400.0
    synthetic = PrivatePgm(variant=variant).fit(replace(cohort, X=X), rng=stream(1)).sample(200, rng=stream(2))
    assert np.isfinite(synthetic.X).all()
    if variant == "published":
        assert set(synthetic.X[:, 0]) == {7.0}
        assert set(synthetic.X[:, 1]) <= {0.0, 4.5, 9.0}  # noise also fills the empty bin between, at its edge
    else:
        assert synthetic.X.min() >= 0  # the public range


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("sizes", [(3, 40), (40, 3), (1, 1), (30,)])
def test_classes_of_any_size_are_survived(variant: str, sizes: tuple[int, ...]) -> None:
    cohort = people(sum(sizes), 5, classes=len(sizes))
    cohort = replace(cohort, y=np.repeat(list("abc"[: len(sizes)]), sizes))
    synthetic = PrivatePgm(epsilon=1.0, variant=variant).fit(cohort, rng=stream(1)).sample(101, rng=stream(2))
    assert len(synthetic) == 101
    assert set(synthetic.y) <= set(cohort.y)
    assert np.isfinite(synthetic.X).all()


@pytest.mark.parametrize(("units", "scale"), [("counts", 1000.0), ("genotype", 2.0), ("zscore", 1.0), ("log2", 9.0)])
def test_samples_have_the_units_of_the_cohort(units: str, scale: float) -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(0, 1, (80, 5)) if units == "zscore" else rng.binomial(int(scale), 0.4, (80, 5))
    cohort = replace(people(80, 5), X=X.astype(np.float32), units=units)
    synthetic = PrivatePgm(epsilon=50.0).fit(cohort, rng=stream(1)).sample(400, rng=stream(2))
    assert synthetic.units == units
    if units in ("counts", "genotype"):
        assert synthetic.X.min() >= 0
        assert np.array_equal(synthetic.X, np.rint(synthetic.X))
    np.testing.assert_allclose(synthetic.X.mean(axis=0), cohort.X.mean(axis=0), atol=0.4 * cohort.X.std())


def test_twenty_thousand_genes_are_sampled() -> None:
    cohort = people(30, 20_000)
    fitted = PrivatePgm(variant="published").fit(cohort, rng=stream(1))
    assert fitted.sample(4, rng=stream(2)).X.shape == (4, 20_000)
    wide = PrivatePgm().fit(people(30, 3_000), rng=stream(1))  # end to end needs half a minute for 20,000
    assert np.isfinite(wide.sample(4, rng=stream(2)).X).all()


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"epsilon": 0.0}, "epsilon"),
        ({"delta": 1.0}, "delta"),
        ({"variant": "private"}, "variant"),
        ({"bins": 1}, "bins"),
        ({"one_way": 1.0}, "one_way"),
        ({"sizes": 0.6, "places": 0.5}, "leave some"),
        ({"low": 5.0, "high": 5.0}, "low < high"),
        ({"pairs": 8}, "pairs"),
    ],
)
def test_a_parameter_that_makes_no_sense_is_refused(wrong: dict[str, float], word: str) -> None:
    with pytest.raises(PluginError, match=word):
        PrivatePgm(**wrong).fit(people(30, 8), rng=stream(1))


def test_a_measurement_can_be_read_by_mbi() -> None:
    release = PrivatePgm().fit(people(60, 4), rng=stream(1)).release_
    loss, _ = mbi_fit(release, 60.0, iters=200)
    assert math.isfinite(loss)
    assert release.measurements[1].clique == (gene_name(0),)
    assert release.mu == pytest.approx(gaussian_mu(10.0, 1e-5))


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("variant", "epsilon", "accuracy", "aupr"),
    [
        pytest.param("published", 10.0, 0.82, 0.77, marks=pytest.mark.full),
        pytest.param("published", 4.0, 0.79, 0.67, marks=pytest.mark.full),
        ("end_to_end", 10.0, 0.82, 0.77),
        pytest.param("end_to_end", 4.0, 0.80, 0.74, marks=pytest.mark.full),
    ],
)
def test_real_people_are_classified_from_synthetic_ones(
    variant: str, epsilon: float, accuracy: float, aupr: float
) -> None:
    found = []
    for split in make_splits(load_dataset("brca").cohort, seed=42):
        fitted = PrivatePgm(variant=variant, epsilon=epsilon).fit(split.train, rng=stream(1, "fit", split.fold))
        synthetic = fitted.sample(len(split.train), rng=stream(1, "sample", split.fold))
        row = TSTR()(split.train, split.holdout, synthetic, rng=stream(1))
        found.append((row["accuracy_synthetic"], row["aupr_synthetic"]))
    assert (np.mean(found, axis=0) >= (accuracy, aupr)).all()
