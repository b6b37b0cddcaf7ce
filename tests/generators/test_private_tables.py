"""Private methods for tables at the size of expression: what they spend, what they keep, and what counts become."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import dp_accounting
import numpy as np
import pytest
from dp_accounting.pld import PLDAccountant
from numpy.typing import NDArray
from scipy.stats import kstest

from bench import Cohort, PluginError, stream

if importlib.util.find_spec("mbi") is None:
    pytest.skip("mbi is not installed", allow_module_level=True)

from bench.generators import dp_copula, mst
from bench.generators._mbi import Domain, LinearMeasurement, estimation
from bench.generators._pgm_pairs import choice_mu, choose_forest
from bench.generators._privacy import compose_mu, gaussian_mu
from bench.generators.dp_copula import DpCopula, loadings_of, noisy_moments
from bench.generators.mst import Mst, consistent, from_the_label, noisy_tables, pair_scores

from bench.registry.finding import create, find

GENES = 24


def people(n: int, who: str, *, units: str = "vst") -> Cohort:
    """Return invented people of three classes, the first half of whose genes rises and falls together."""
    rng = np.random.default_rng(sum(map(ord, who)))
    fixed = np.random.default_rng(0)
    places, apart = fixed.uniform(5, 12, GENES), fixed.normal(0, 1.5, (3, GENES))
    kind = np.arange(n) % 3
    shared = rng.standard_normal((n, 1)) * (np.arange(GENES) < GENES // 2)
    X = places + apart[kind] + 0.9 * shared + 0.45 * rng.standard_normal((n, GENES))
    values = np.rint(np.exp2(np.maximum(X, 0))) if units == "counts" else X
    genes, samples = tuple(f"G{g}" for g in range(GENES)), tuple(f"{who}-{i}" for i in range(n))
    return Cohort(X=values, y=np.array(list("abc"))[kind], genes=genes, samples=samples, units=units)


@pytest.mark.parametrize("make", [DpCopula, Mst])
@pytest.mark.parametrize("epsilon", [1.0, 10.0])
def test_a_second_accountant_agrees_on_all_that_is_released(make: Callable[..., Any], epsilon: float) -> None:
    fitted = make(epsilon=epsilon).fit(people(60, "private"), rng=stream(1))
    assert compose_mu([mu for _, mu in fitted.mus_]) == pytest.approx(gaussian_mu(epsilon, 1e-5))
    accountant = PLDAccountant(dp_accounting.NeighboringRelation.ADD_OR_REMOVE_ONE)
    for _, mu in fitted.mus_:
        accountant.compose(dp_accounting.GaussianDpEvent(1 / mu))
    assert accountant.get_epsilon(1e-5) == pytest.approx(epsilon, rel=2e-3)
    claim = fitted.claim()
    assert (claim.epsilon, claim.delta, claim.end_to_end, claim.public) == (epsilon, 1e-5, True, ())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: DpCopula(epsilon=0), "epsilon"),
        (lambda: DpCopula(correlations=1.0), "correlations is 1.0"),
        (lambda: Mst(bins=1), "bins is 1"),
        (lambda: Mst(sizes=0.5, places=0.5), "shares of the budget"),
    ],
)
def test_settings_that_cannot_be_are_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(PluginError, match=message):
        make().fit(people(30, "p"), rng=stream(1))


@pytest.mark.parametrize(("module", "make"), [(dp_copula, DpCopula), (mst, Mst)])
def test_too_many_genes_are_refused(module: Any, make: Callable[[], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_GENES", GENES - 1)
    with pytest.raises(PluginError, match=r"24 genes; at most 23"):
        make().fit(people(30, "p"), rng=stream(1))


# -- dp_copula -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0.3, 1.0, 2.5])
def test_one_sample_moves_the_second_moments_by_no_more_than_is_paid_for(size: float) -> None:
    scores, mu = np.random.default_rng(0).standard_normal((20, GENES)), 0.7
    scores[0] = size
    (all_of_them, sd), (less, _) = (noisy_moments(some, mu, stream(3)) for some in (scores, scores[1:]))
    change = all_of_them - less  # equal noise cancels
    upper = np.triu_indices(GENES, 1)
    in_noise = math.sqrt((change[upper] ** 2).sum() / sd**2 + (np.diag(change) ** 2).sum() / (2 * sd**2))
    assert in_noise <= mu * (1 + 1e-9)
    if size == 2.5:
        assert in_noise == pytest.approx(mu)  # clipped, and at the bound


def test_second_moments_get_the_noise_they_are_said_to_have() -> None:
    quiet, _ = noisy_moments(np.zeros((2, GENES)), 1e12, stream(0))
    parts = []
    for k in range(60):
        noisy, sd = noisy_moments(np.zeros((2, GENES)), 0.5, stream(4, k))
        np.testing.assert_array_equal(noisy, noisy.T)
        parts += [(noisy - quiet)[np.triu_indices(GENES, 1)] / sd, np.diag(noisy - quiet) / sd / math.sqrt(2)]
    values = np.concatenate(parts)
    assert kstest(values, "norm").pvalue > 1e-4
    assert values.std() == pytest.approx(1, abs=0.05)


def test_loadings_hold_what_stands_out_from_noise_and_none_of_the_noise() -> None:
    rng, n, sd = np.random.default_rng(0), 300, 0.05
    upper = np.triu(rng.standard_normal((n, n)), 1)
    noise = sd * (upper + upper.T)
    assert np.abs(loadings_of(np.eye(n) + noise, 1.2 * sd)).max() == 0
    planted = np.where(np.arange(n) < n // 2, 0.6, 0.0)
    found = loadings_of(np.eye(n) + np.outer(planted, planted) - np.diag(planted**2) + noise, sd)
    assert found.shape == (n, 1)
    assert np.abs(found[: n // 2]).mean() == pytest.approx(0.6, abs=0.06)
    assert (found**2).sum(axis=1).max() <= 0.95 + 1e-9


def test_genes_that_go_together_do_so_in_a_release_and_others_do_not() -> None:
    made = DpCopula(epsilon=30).fit(people(900, "many"), rng=stream(1)).sample(600, rng=stream(2))
    within = np.mean([np.corrcoef(made.X[made.y == label].T) for label in made.classes], axis=0)
    half = GENES // 2
    assert within[:half, :half][np.triu_indices(half, 1)].mean() > 0.4  # 0.8 in the people
    assert abs(within[half:, half:][np.triu_indices(half, 1)].mean()) < 0.1


# -- mst -----------------------------------------------------------------------------------------------------------------


def drawn(n: int, d: int, cells: int, seed: int = 0) -> NDArray[np.int8]:
    """Return codes, (n, d), each attribute often that of the one before it."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, cells, (n, d)).astype(np.int8)
    for k in range(1, d):
        codes[:, k] = np.where(rng.random(n) < 0.7, codes[:, k - 1], codes[:, k])
    return codes


def test_one_sample_moves_the_score_of_each_pair_by_no_more_than_1() -> None:
    codes, shares = drawn(200, 70, 3), np.full((70, 3), 1 / 3)
    scores, less = pair_scores(codes, shares, 180.0), pair_scores(codes[1:], shares, 180.0)
    assert np.abs(scores - less).max() == pytest.approx(1, abs=1e-3)
    counts = np.zeros((3, 3))
    np.add.at(counts, (codes[:, 5], codes[:, 68]), 1)
    assert scores[5, 68] == pytest.approx(np.abs(counts - 20).sum(), abs=1e-3)
    np.testing.assert_allclose(scores, scores.T, atol=1e-3)


def test_one_sample_moves_all_tables_together_by_the_root_of_their_number() -> None:
    codes, tree = drawn(50, 10, 4), [(k, k + 1) for k in range(9)]
    change = noisy_tables(codes, tree, 4, 2.0, stream(1)) - noisy_tables(codes[1:], tree, 4, 2.0, stream(1))
    assert np.linalg.norm(change) == pytest.approx(math.sqrt(9))
    noise = np.stack([noisy_tables(codes[:0], tree, 4, 2.0, stream(1, k)) for k in range(40)])
    assert kstest(noise.ravel() / 2.0, "norm").pvalue > 1e-4


def test_mst_spends_on_each_part_what_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, float] = {}

    def tables(*args: Any) -> Any:
        seen["tables of pairs"] = math.sqrt(GENES) / args[3]
        return noisy_tables(*args)

    def forest(scores: Any, n_pairs: int, epsilon: float, rng: np.random.Generator) -> list[tuple[int, int]]:
        seen["choice of pairs"] = choice_mu(epsilon) * math.sqrt(n_pairs)
        return choose_forest(scores, n_pairs, epsilon, rng)

    monkeypatch.setattr(mst, "noisy_tables", tables)
    monkeypatch.setattr(mst, "choose_forest", forest)
    cohort = people(90, "private")
    fitted = Mst().fit(cohort, rng=stream(1))
    exact = np.stack([(fitted.bins_.codes(cohort) == k).sum(axis=0) for k in range(fitted.bins)], axis=1)
    seen["tables of genes"] = math.sqrt(GENES) / float((fitted.genes_ - exact).std())
    said = dict(fitted.mus_)
    assert seen["tables of pairs"] == pytest.approx(said["tables of pairs"])
    assert seen["choice of pairs"] == pytest.approx(said["choice of pairs"], rel=1e-3)
    assert seen["tables of genes"] == pytest.approx(said["tables of genes"], rel=0.2)


def test_a_tree_is_walked_from_the_label_and_reaches_everybody() -> None:
    ordered = from_the_label([(3, 1), (0, 3), (2, 0), (4, 3)])
    assert sorted(child for _, child in ordered) == [1, 2, 3, 4]
    seen = {0}
    for parent, child in ordered:
        assert parent in seen
        seen.add(child)


def test_tables_without_noise_come_back_as_they_are() -> None:
    codes, tree = drawn(500, 4, 3), [(0, 1), (1, 2), (2, 3)]
    shares = np.stack([np.bincount(column, minlength=3) / 500 for column in codes.T])
    tables = noisy_tables(codes, tree, 3, 0.0, stream(1))
    np.testing.assert_allclose(consistent(tables, tree, shares), tables / tables.sum(axis=2, keepdims=True), atol=0.01)


def test_consistent_tables_are_near_those_of_mirror_descent_over_all_at_once() -> None:
    codes, tree, sd = drawn(600, 4, 3, seed=2), [(0, 1), (1, 2), (2, 3)], 6.0
    exact = np.stack([np.bincount(column, minlength=3) for column in codes.T]).astype(float)
    rng = np.random.default_rng(1)
    ones = exact + rng.normal(0, 1.0, exact.shape)
    tables = noisy_tables(codes, tree, 3, sd, stream(1))
    names = [f"a{k}" for k in range(4)]
    measured = [LinearMeasurement(ones[k], (names[k],), 1.0) for k in range(4)]
    measured += [LinearMeasurement(t.ravel(), (names[a], names[b]), sd) for (a, b), t in zip(tree, tables, strict=True)]
    model = estimation.MirrorDescent().estimate(Domain(tuple(names), (3,) * 4), measured, known_total=600, iters=500)
    ours = consistent(tables, tree, ones / ones.sum(axis=1, keepdims=True))
    for (a, b), table in zip(tree, ours, strict=True):
        theirs = np.asarray(model.project((names[a], names[b])).datavector()).reshape(3, 3)
        np.testing.assert_allclose(table, theirs / theirs.sum(axis=1, keepdims=True), atol=0.12)


def test_mst_keeps_classes_apart_and_genes_together_where_the_budget_allows() -> None:
    cohort = people(900, "many")
    fitted = Mst(epsilon=100).fit(cohort, rng=stream(1))
    made = fitted.sample(600, rng=stream(2))
    assert len(fitted.tree_) == GENES
    together = [(a - 1, b - 1) for a, b in fitted.tree_ if 0 < a <= GENES // 2 and b <= GENES // 2]
    assert len(together) >= GENES // 4
    real, released = np.corrcoef(cohort.X.T), np.corrcoef(made.X.T)
    assert np.mean([released[pair] for pair in together]) > 0.6 * np.mean([real[pair] for pair in together])
    for label in "abc":
        apart = made.X[made.y == label].mean(axis=0) - cohort.X[cohort.y == label].mean(axis=0)
        assert np.sqrt((apart**2).mean()) < 0.9  # 1.5 is how far classes are from the mean of all


# -- counts stay counts --------------------------------------------------------------------------------------------------

SMALL = {"steps": 4, "rate": 1.0, "draws": 2}
OF_COUNTS: dict[str, dict[str, Any]] = {
    "dp_copula": {},
    "dp_cvae": {"hidden": (16,), **SMALL},
    "dp_diffusion": {"hidden": 16, "sampling_steps": 4, **SMALL},
    "dp_prior": {"prior": None},
    "mst": {},
    "multivariate": {},
    "p_nmf": {},
    "private_pgm": {},
}


@pytest.mark.parametrize("name", OF_COUNTS)
def test_counts_stay_counts(name: str) -> None:
    cohort = people(90, "private", units="counts")
    made = (
        create(find("generator", name), OF_COUNTS[name])
        .fit(cohort, rng=stream(1, "fit"))
        .sample(60, rng=stream(1, "sample"))
    )
    assert made.units == "counts"
    assert (made.X >= 0).all()
    np.testing.assert_array_equal(made.X, np.rint(made.X))
    assert made.X.max() <= 2**25
    assert len(np.unique(made.X)) > 50  # and no constant either


@pytest.mark.parametrize("make", [DpCopula, Mst])
def test_values_stay_in_the_public_range(make: Callable[..., Any]) -> None:
    cohort = people(60, "private")
    X = cohort.X.copy()
    X[0] = 1e6
    made = make(low=2.0, high=13.0).fit(replace(cohort, X=X), rng=stream(1)).sample(40, rng=stream(2))
    assert made.X.min() >= 2
    assert made.X.max() <= 13
