"""The private generator with a public prior: nothing but the budget reaches the data, and the prior is other people's."""

from __future__ import annotations

import hashlib
import importlib.util
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import kstest

from bench import Cohort, PluginError, stream

if importlib.util.find_spec("mbi") is None:
    pytest.skip("mbi is not installed", allow_module_level=True)

from bench.generators import _public_prior
from bench.generators._locate import OCTAVES, fourier_sums, locate
from bench.generators._locate_public import locate_with_prior
from bench.generators._pgm import Star, posterior_mean
from bench.generators._privacy import compose_mu, gaussian_mu
from bench.generators._programmes import (
    denoise_by_programmes,
    draw_together,
    loadings,
    measure_moments,
    measure_products,
    measure_programmes,
    normal_scores,
    score_table,
    shrink_singular_values,
)
from bench.generators._public_prior import PriorOnGenes, PublicPrior, read_prior
from bench.generators.dp_prior import DpPrior

from bench.registry.digests import code_digest
from bench.registry.finding import find
from bench.store.rows import claim_columns
from bench.studies.audit import claim_in

ABOUT = {"name": "invented", "source": "nobody", "licence": "CC0", "made": "by a test"}
GENES, PROGRAMMES = 80, 4


def people(n: int, who: str, *, genes: int = GENES, classes: int = 3, seed: int = 0) -> Cohort:
    """Return invented people in whom each quarter of the genes rises and falls together, in all classes alike."""
    rng = np.random.default_rng(sum(map(ord, who)))
    fixed = np.random.default_rng(seed)
    places, spreads = fixed.uniform(4, 16, genes), fixed.uniform(0.4, 1.6, genes)
    apart = fixed.normal(0, 1, (classes, genes))
    kind = np.arange(n) % classes
    of_programme = rng.standard_normal((n, PROGRAMMES))[:, np.arange(genes) * PROGRAMMES // genes]
    X = places + spreads * (apart[kind] + 0.8 * of_programme + 0.6 * rng.standard_normal((n, genes)))
    names, samples = tuple(f"G{g}" for g in range(genes)), tuple(f"{who}-{i:04d}" for i in range(n))
    return Cohort(X=X, y=np.array(list("abcdefgh"))[kind], genes=names, samples=samples, units="vst")


@pytest.fixture(scope="module")
def prior() -> PublicPrior:
    return PublicPrior.of(people(300, "public"), 10, ABOUT)


@pytest.fixture
def file(prior: PublicPrior, tmp_path: Path) -> str:
    prior.write(tmp_path / "prior.npz")
    return str(tmp_path / "prior.npz")


def scores_of(n: int, seed: int = 0) -> NDArray[np.float64]:
    """Return scores like those of `people`, within their bounds."""
    cohort = people(n, f"scores {seed}", classes=1)
    z = (cohort.X - cohort.X.mean(axis=0)) / cohort.X.std(axis=0)
    return np.clip(z, -2.5, 2.5).astype(np.float64)


# -- the guarantee -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("epsilon", "delta"), [(1.0, 1e-5), (10.0, 1e-5), (4.0, 1e-6)])
def test_another_accountant_confirms_epsilon(epsilon: float, delta: float, file: str) -> None:
    dp_accounting = pytest.importorskip("dp_accounting")
    from dp_accounting.pld import PLDAccountant

    fitted = DpPrior(epsilon=epsilon, delta=delta, prior=file).fit(people(60, "private"), rng=stream(1, "fit"))
    accountant = PLDAccountant(dp_accounting.NeighboringRelation.ADD_OR_REMOVE_ONE)
    for _, mu in fitted.mus_:
        accountant.compose(dp_accounting.GaussianDpEvent(1 / mu))
    assert accountant.get_epsilon(delta) == pytest.approx(epsilon, rel=2e-3)
    assert len(fitted.mus_) == 6
    claim = fitted.claim()
    assert (claim.epsilon, claim.delta, claim.neighbours, claim.end_to_end) == (epsilon, delta, "add-remove", True)


@pytest.mark.parametrize("size", [0.0, 1.0, 2.5])
def test_one_sample_moves_each_moment_by_no_more_than_is_paid_for(size: float, prior: PublicPrior) -> None:
    on = prior.on(people(1, "x").genes)
    scores, mu_cut, mu = scores_of(50), 0.3, 0.7
    towards = np.sign(on.basis[:, 0])  # the row that reaches furthest along the strongest programme
    scores[0] = size * towards
    followed = np.eye(len(on.strengths))[:, :3], on.strengths[:3]
    for measure in (
        lambda some: measure_moments(some, on, mu_cut, mu, stream(3)),
        lambda some: measure_products(some, on, followed, mu_cut, mu, stream(3)),
    ):
        (cut, moments, sd), (less_cut, less, _) = measure(scores), measure(scores[1:])  # equal noise cancels
        assert np.abs(cut - less_cut).max() <= 1 + 1e-9
        change, symmetric = moments - less, moments.shape[0] == moments.shape[1]
        # of a symmetric matrix the noise on the diagonal is sqrt(2) larger: in its units, lengths count it half
        length = np.linalg.norm(change) / (math.sqrt(2) if symmetric else 1)
        assert length / sd <= mu * (1 + 1e-9)
        if size == 2.5 and symmetric:
            assert length / sd == pytest.approx(mu)  # clipped, and at the bound


def test_moments_get_the_noise_they_are_said_to_have(prior: PublicPrior) -> None:
    on, scores = prior.on(people(1, "x").genes), scores_of(50)
    followed = np.eye(len(on.strengths))[:, :3], on.strengths[:3]
    quiet = [
        measure_moments(scores, on, 1e12, 1e12, stream(0)),
        measure_products(scores, on, followed, 1e12, 1e12, stream(0)),
    ]
    noisy: list[list[NDArray[np.float64]]] = [[], [], []]
    for k in range(100):
        cut, moments, sd = measure_moments(scores, on, 0.5, 0.7, stream(4, k))
        noise = (moments - quiet[0][1]) / sd
        np.testing.assert_allclose(noise, noise.T)
        noisy[0] += [noise[np.triu_indices(len(noise), 1)], np.diag(noise) / math.sqrt(2)]
        noisy[1].append((cut - quiet[0][0]) * 0.5 / math.sqrt(2))  # two sums of at most 1 each
        _, products, sd = measure_products(scores, on, followed, 0.5, 0.7, stream(5, k))
        noisy[2].append(((products - quiet[1][1]) / sd).ravel())
    for values in map(np.concatenate, noisy):
        assert kstest(values, "norm").pvalue > 1e-4
        assert values.std() == pytest.approx(1, abs=0.1)


def test_the_model_is_a_function_of_the_release(file: str) -> None:
    fitted = DpPrior(prior=file).fit(people(90, "private"), rng=stream(1, "fit"))
    assert fitted.public_ is not None
    assert fitted.moments_ is not None
    np.testing.assert_array_equal(fitted._star().given_label, fitted.star_.given_label)
    np.testing.assert_array_equal(loadings(fitted.moments_, fitted.public_, fitted._total()), fitted.loadings_)
    assert compose_mu([mu for _, mu in fitted.mus_]) == pytest.approx(gaussian_mu(10.0, 1e-5))


def test_scores_are_bounded_whatever_the_data() -> None:
    cohort = people(60, "private")
    X = cohort.X.copy()
    X[0] = np.where(np.arange(GENES) % 2, -1e6, 1e6)
    fitted = DpPrior(prior=None).fit(replace(cohort, X=X), rng=stream(1))
    codes = np.unique(cohort.y, return_inverse=True)[1]
    scores = normal_scores(fitted.star_, fitted.release_.bins.codes(fitted.like_.take([])), codes[:0])
    assert scores.shape == (0, GENES)
    assert np.abs(score_table(fitted.star_)).max() <= 2.5


# -- the prior is public, and of other people ----------------------------------------------------------------------------


def test_a_prior_made_of_the_cohort_or_of_somebody_in_it_is_refused(tmp_path: Path) -> None:
    cohort = people(60, "private")
    PublicPrior.of(cohort, 5, ABOUT).write(tmp_path / "own.npz")
    with pytest.raises(PluginError, match=r"'private-0000' is in the training cohort .* \(60 such\)"):
        DpPrior(prior=str(tmp_path / "own.npz")).fit(cohort, rng=stream(1))
    others = people(60, "other")
    shared = replace(others, samples=("private-0007", *others.samples[1:]))
    PublicPrior.of(shared, 5, ABOUT).write(tmp_path / "shared.npz")
    with pytest.raises(PluginError, match=r"'private-0007' is in the training cohort .* \(1 such\)"):
        DpPrior(prior=str(tmp_path / "shared.npz")).fit(cohort, rng=stream(1))


def test_another_sample_of_a_donor_in_the_prior_is_refused(prior: PublicPrior) -> None:
    of_donors = replace(prior, people=frozenset({"TCGA-A1-A0SB"}))
    tumour = replace(people(3, "p"), samples=("TCGA-A1-A0SB-01A-11R", "TCGA-A1-A0SC-01A-11R", "x"))
    with pytest.raises(PluginError, match=r"TCGA-A1-A0SB-01A-11R.*\(1 such\)"):
        of_donors.refuse(tumour)
    of_donors.refuse(tumour.take([1, 2]))
    with pytest.raises(PluginError, match="TCGA-A1-A0SB"):
        of_donors.refuse(replace(people(2, "p"), donors=np.array(["TCGA-A1-A0SB", "d"])))


def test_the_shipped_prior_is_small_says_what_it_is_and_holds_nobody_of_brca() -> None:
    path = Path(_public_prior.__file__).with_name("public_prior.npz")
    assert path.stat().st_size <= 500_000
    assert hashlib.sha256(path.read_bytes()).hexdigest() == _public_prior.SHIPPED_SHA256
    shipped = read_prior("shipped")
    assert set(shipped.about) == {"name", "source", "licence", "made"}
    assert "no breast" in shipped.about["source"]
    assert len(shipped.people) == 989 + 923
    assert not any(name.startswith("TCGA-BRCA") for name in shipped.people)
    on = shipped.on(tuple(shipped.symbols[:200]))
    assert on.known.all()
    np.testing.assert_allclose(on.basis.T @ on.basis, np.eye(on.basis.shape[1]), atol=1e-9)


def test_a_changed_shipped_file_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_public_prior, "SHIPPED_SHA256", "0" * 64)
    _public_prior._shipped.cache_clear()
    with pytest.raises(PluginError, match="install the package again"):
        read_prior("shipped")
    _public_prior._shipped.cache_clear()


def test_the_claim_names_the_public_data(file: str) -> None:
    claim = DpPrior(prior=file).fit(people(60, "private"), rng=stream(1)).claim()
    assert claim.public == ("invented: nobody; licence CC0; 100% of the genes",)
    assert "genes of programmes" in claim.mechanism
    assert DpPrior(prior=None).fit(people(60, "private"), rng=stream(1)).claim().public == ()


def test_public_data_reach_the_rows_and_come_back_from_the_store(file: str) -> None:
    claim = DpPrior(prior=file).fit(people(60, "private"), rng=stream(1)).claim()
    stored = {**vars(claim), "outside": [], "public": list(claim.public)}
    assert claim_columns(stored)["mechanism"] == f"{claim.mechanism}; public data used: {claim.public[0]}"
    assert claim_in({"claim": stored}) == claim
    before = {name: value for name, value in stored.items() if name != "public"}  # of a store of an earlier version
    assert claim_columns(before)["mechanism"] == claim.mechanism
    assert claim_in({"claim": before}) == replace(claim, public=())


def test_genes_that_the_prior_lacks_leave_the_private_form_and_the_claim_says_so(file: str) -> None:
    cohort = people(60, "private")
    panel = replace(cohort, genes=tuple(f"miR-{g}" for g in range(GENES)))
    fitted, without = (DpPrior(prior=p).fit(panel, rng=stream(1)) for p in (file, None))
    assert fitted.claim().public == ("none: the prior has 0 of 80 genes, too few to use it",)
    assert [name for name, _ in fitted.mus_] == ["class sizes", "places of the bins", "contrasts of marginals"]
    assert compose_mu([mu for _, mu in fitted.mus_]) == pytest.approx(gaussian_mu(10.0, 1e-5))
    assert fitted.sample(30, rng=stream(2)).digest == without.sample(30, rng=stream(2)).digest
    partly = replace(cohort, genes=(*cohort.genes[:60], *(f"miR-{g}" for g in range(20))))
    fitted = DpPrior(prior=file).fit(partly, rng=stream(1))
    assert "75% of the genes" in fitted.claim().public[0]
    assert np.isfinite(fitted.sample(30, rng=stream(2)).X).all()


def test_another_prior_under_the_same_name_is_another_generator(file: str, prior: PublicPrior) -> None:
    info = find("generator", "dp_prior")
    before, shipped = code_digest(info, {"prior": file}), code_digest(info)
    assert before != shipped
    assert code_digest(info, {"prior": None}) == shipped
    replace(prior, mean=prior.mean + 1).write(Path(file))
    assert code_digest(info, {"prior": file}) not in (before, shipped)


@pytest.mark.parametrize("content", [b"", b"PK no zip", None])
def test_what_is_no_prior_is_refused(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "wrong.npz"
    if content is None:
        np.savez(path, genes=np.array("a\nb"))
    else:
        path.write_bytes(content)
    with pytest.raises(PluginError, match="is no prior"):
        read_prior(str(path))
    with pytest.raises(PluginError, match="expected shipped, none or a file"):
        read_prior(str(tmp_path / "missing.npz"))


def test_a_prior_comes_back_from_its_file_as_it_was_up_to_rounding(prior: PublicPrior, file: str) -> None:
    back = read_prior(file)
    assert (back.people, dict(back.about), list(back.genes)) == (prior.people, dict(prior.about), list(prior.genes))
    np.testing.assert_allclose(back.programmes, prior.programmes, atol=0.004)
    np.testing.assert_allclose(back.mean, prior.mean, rtol=1e-3)


# -- known answers -------------------------------------------------------------------------------------------------------


def test_programmes_of_public_people_are_those_planted(prior: PublicPrior) -> None:
    planted = np.repeat(np.eye(PROGRAMMES), GENES // PROGRAMMES, axis=0) / math.sqrt(GENES / PROGRAMMES)
    inside = prior.programmes[:, :PROGRAMMES].T @ planted
    assert np.linalg.svd(inside, compute_uv=False).min() > 0.98
    assert prior.strengths[:PROGRAMMES] == pytest.approx([0.64 * GENES / PROGRAMMES] * PROGRAMMES, rel=0.25)


def test_without_noise_loadings_give_the_correlations_of_the_cohort_even_outside_the_prior(prior: PublicPrior) -> None:
    on = prior.on(people(1, "x").genes)
    scores = scores_of(4_000)
    truth = np.corrcoef(scores.T)
    found = loadings(measure_programmes(scores, on, 4_000.0, 1e4, stream(1)), on, 4_000.0)
    apart = (found @ found.T - truth)[np.triu_indices(GENES, 1)]
    assert np.sqrt((apart**2).mean()) < 0.03
    half = PriorOnGenes(
        on.known, on.mean, on.spread, np.linalg.qr(on.basis * (np.arange(GENES) % 2)[:, None])[0], on.strengths
    )
    found = loadings(measure_programmes(scores, half, 4_000.0, 1e4, stream(1)), half, 4_000.0)
    unseen = np.ix_(np.arange(0, 20, 2), np.arange(1, 20, 2))  # of one programme, half of its genes known
    assert (found @ found.T)[unseen].mean() == pytest.approx(truth[unseen].mean(), abs=0.08)


def test_the_release_keeps_what_goes_together_and_none_of_it_without_a_prior(file: str) -> None:
    cohort = people(900, "private")
    found = {}
    for name in (file, None):
        made = DpPrior(prior=name).fit(cohort, rng=stream(1, "fit")).sample(900, rng=stream(1, "sample"))
        within = [np.corrcoef(made.X[made.y == label][:, :20].T) for label in made.classes]
        found[name] = np.mean([r[np.triu_indices(20, 1)].mean() for r in within])
    assert found[file] > 0.4  # 0.64 in the people
    assert abs(found[None]) < 0.1


def test_a_copula_leaves_the_margins_as_they_are() -> None:
    star = Star(np.array([1.0, 1.0]), np.array([[[0.1, 0.2, 0.7], [0.5, 0.4, 0.1]]] * 2))
    labels = np.repeat([0, 1], 20_000)
    codes, inside = draw_together(star, labels, np.array([[0.9], [0.9]]), stream(1))
    for label in (0, 1):
        shares = [np.bincount(codes[labels == label, g], minlength=3) / 20_000 for g in (0, 1)]
        np.testing.assert_allclose(shares, star.given_label[:, label], atol=0.012)
    assert kstest(inside.ravel(), "uniform").statistic < 0.01
    assert np.corrcoef(codes[labels == 0].T)[0, 1] > 0.5
    alone, _ = draw_together(star, labels, np.zeros((2, 1)), stream(1))
    assert abs(np.corrcoef(alone[labels == 0].T)[0, 1]) < 0.03


def test_a_score_is_the_mean_of_the_normal_in_its_bin() -> None:
    even = Star(np.ones(1), np.full((1, 1, 4), 0.25))
    z = np.sort(np.random.default_rng(0).standard_normal(400_000)).reshape(4, -1).mean(axis=1)
    np.testing.assert_allclose(score_table(even)[0, 0], z, atol=0.01)


def test_shrinking_drops_noise_and_keeps_signal() -> None:
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((500, 4))
    assert np.abs(shrink_singular_values(noise, 1.0)).max() < 0.2
    signal = np.outer(rng.standard_normal(500), [3.0, 1.0, 0.0, 0.0])
    better = shrink_singular_values(signal + noise, 1.0)
    assert np.square(better - signal).mean() < 0.4 * np.square(noise).mean()
    np.testing.assert_allclose(shrink_singular_values(signal, 1e-9), signal, atol=1e-6)


def test_class_differences_along_programmes_are_told_from_noise_better_than_without() -> None:
    rng = np.random.default_rng(0)
    basis = np.linalg.qr(rng.standard_normal((400, 10)))[0]
    truth = 5 * basis @ rng.standard_normal((10, 3))
    noisy = truth + rng.standard_normal(truth.shape)
    by_programmes = denoise_by_programmes(noisy, np.eye(3), basis)
    error, without = (np.square(found - truth).mean() for found in (by_programmes, posterior_mean(noisy, np.eye(3))))
    assert error < 0.5 * without
    np.testing.assert_allclose(denoise_by_programmes(truth, 1e-9 * np.eye(3), basis), truth, atol=1e-6)


def test_public_places_help_where_they_are_right_and_do_little_harm_where_they_are_not() -> None:
    cohort = people(300, "private", genes=300, classes=1)
    rng, sd = np.random.default_rng(0), 110.0
    sums = fourier_sums(cohort, 0, 25) + rng.normal(0, sd, (300, OCTAVES, 2))
    mean, spread, known = cohort.X.mean(axis=0), cohort.X.std(axis=0), np.arange(300) < 290
    right = locate_with_prior(sums, sd, 300.0, 0, 25, known, 3 + 0.5 * mean, 2 * spread)
    mixed = rng.permutation(300)
    wrong = locate_with_prior(sums, sd, 300.0, 0, 25, known, mean[mixed], spread[mixed])
    plain = locate(sums, sd, 300.0, 0, 25)

    def error(found: tuple[NDArray[np.float64], NDArray[np.float64]]) -> float:
        return float(np.sqrt(np.square(found[0] - mean).mean()))

    assert error(right) < 0.5 * error(plain)
    assert error(wrong) < 1.3 * error(plain)
    np.testing.assert_array_equal(right[0][290:], plain[0][290:])  # the prior has nothing to say of these


# -- as a generator ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"epsilon": 0.0}, "epsilon"),
        ({"together": 1.0}, "together is 1.0"),
        ({"places": 0.0}, "places is 0.0"),
        ({"sizes": 0.5, "places": 0.5}, "leave some for tables"),
        ({"programmes": 0}, "programmes is 0"),
    ],
)
def test_settings_that_cannot_be_are_refused(wrong: dict[str, float], message: str) -> None:
    with pytest.raises(PluginError, match=message):
        DpPrior(prior=None, **wrong).fit(people(60, "private"), rng=stream(1))  # type: ignore[arg-type]
