"""Sanitisers: the noise is the one that was promised, one row a person, and the claim prints what it is worth."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from bench.generators._public_prior import read_prior
from bench.generators.classifiers._sanitise import (
    Scale,
    cosines,
    laplace_noise,
    radial_noise,
    randomised_response,
    sanitise,
)
from scipy.fft import dct
from scipy.stats import gamma, kstest

from bench import AttackView, Cohort, PluginError, stream
from bench.conformance.plugins import people
from bench.registry.selection import made
from bench.statistics.membership import auc

TRAIN = people(60, "train")
NAMES = ("dct_laplace", "dct_sampling", "pca_sampling")


def fitted(text: str, cohort: Cohort = TRAIN, run: int = 1) -> Any:
    return made("generator", text).fit(cohort, rng=stream(run, "fit"))


@pytest.mark.parametrize(("epsilon", "mean", "rms"), [(50, 1.0, 1.00995), (100, 0.5, 0.504975), (200, 0.25, 0.2524875)])
def test_the_moments_of_both_mechanisms_are_the_known_ones(epsilon: float, mean: float, rms: float) -> None:
    radial = radial_noise(20_000, 50, epsilon, stream(epsilon))
    lengths = np.linalg.norm(radial, axis=1)
    assert lengths.mean() == pytest.approx(mean, rel=0.005)
    assert np.sqrt((lengths**2).mean()) == pytest.approx(rms, rel=0.005)
    assert radial.std() == pytest.approx(0.14283 * 50 / epsilon, rel=0.005)
    laplace = np.linalg.norm(laplace_noise(20_000, 50, epsilon, "l2", stream(epsilon)), axis=1)
    assert np.sqrt((laplace**2).mean()) == pytest.approx(1.41421 * 50 / epsilon, rel=0.005)
    assert kstest(lengths, gamma(50, scale=1 / epsilon).cdf).pvalue > 0.01
    assert np.abs((radial / lengths[:, None]).mean(axis=0)).max() < 0.005  # no direction is preferred
    narrow = laplace_noise(20_000, 50, epsilon, "l1", stream(epsilon))
    assert np.abs(narrow).mean() == pytest.approx(1 / epsilon, rel=0.005)


def test_cosines_are_those_of_scipy_and_orthonormal() -> None:
    x = stream(1).normal(size=(5, 24))
    assert x @ cosines(24, 7) == pytest.approx(dct(x, type=2, norm="ortho", axis=1)[:, :7])
    assert cosines(24, 99).T @ cosines(24, 99) == pytest.approx(np.eye(24))


def test_labels_are_kept_as_often_as_promised_and_lies_are_even() -> None:
    classes = np.array(["a", "b", "c", "d"])
    told = randomised_response(np.full(40_000, "b"), classes, 1.0, stream(2))
    shares = [(told == label).mean() for label in classes]
    kept = np.e / (np.e + 3)
    assert shares == pytest.approx([(1 - kept) / 3, kept, (1 - kept) / 3, (1 - kept) / 3], abs=0.01)
    assert (randomised_response(np.full(9, "b"), np.array(["b"]), 1.0, stream(2)) == "b").all()


@pytest.mark.parametrize("columns", ["cosines", "public basis"])
def test_no_two_people_are_farther_apart_than_the_claim_counts_on(columns: str) -> None:
    """Before the noise everybody lies in the ball of radius 1, those of no expression and of values that cannot be too."""
    X = np.stack([np.zeros(24), np.ones(24), -np.ones(24), np.eye(24)[3] * 3e38, np.full(24, 1e-38), np.arange(24) - 9])
    odd = replace(TRAIN.take(np.arange(6)), X=X)
    basis = cosines(24, 7) if columns == "cosines" else np.linalg.qr(stream(1).standard_normal((24, 7)))[0]
    for scale in (None, Scale(np.full(24, 8.0), np.geomspace(0.1, 4, 24))):
        centre, spread = (scale.centre, scale.spread) if scale else (0.0, 1.0)
        made_ = sanitise(odd, basis, 1.0, None, lambda n, k: np.zeros((n, k)), stream(1), scale)
        coordinates = ((made_.X - centre) / spread) @ basis
        assert np.linalg.norm(coordinates, axis=1).max() <= 1 + 1e-5
        assert np.linalg.norm(coordinates[:, None] - coordinates, axis=2).max() <= 2 + 1e-5


@pytest.mark.parametrize("name", NAMES)
def test_without_noise_the_row_is_the_projection_of_a_person(name: str) -> None:
    found = fitted(f"{name}[epsilon=1e9,coefficients=24,length=31]").sample(60, rng=stream(3))
    rows = 31 * TRAIN.X / np.linalg.norm(TRAIN.X, axis=1, keepdims=True)
    nearest = ((found.X[:, None] - rows) ** 2).sum(axis=2)
    assert nearest.min(axis=1).max() < 1e-4
    assert sorted(nearest.argmin(axis=1).tolist()) == list(range(60))  # everybody once
    assert (TRAIN.y[nearest.argmin(axis=1)] == found.y).all()


def of_the_prior() -> Cohort:
    prior = read_prior("shipped")
    genes = tuple(prior.genes[:40])
    of = prior.on(genes)
    X = of.mean + of.spread * stream(8).normal(size=(60, 40))
    return Cohort(X=X, y=["a", "b"] * 30, genes=genes, samples=tuple(map(str, range(60))), units="log2")


@pytest.mark.parametrize("name", ["dct_sampling", "dct_laplace"])
def test_a_scale_is_taken_off_before_the_noise_and_put_back_after(name: str) -> None:
    cohort = of_the_prior()
    of = read_prior("shipped").on(cohort.genes)
    scales = {"public": (of.mean, of.spread), "cohort": (cohort.X.mean(axis=0), cohort.X.std(axis=0))}
    for how, (centre, spread) in scales.items():
        z = (cohort.X - centre) / spread
        rows = centre + spread * (5 * z / np.linalg.norm(z, axis=1, keepdims=True))
        made_of = fitted(f"{name}[epsilon=1e9,coefficients=40,length=5,scale={how}]", cohort).rows_.X
        assert made_of == pytest.approx(rows, abs=1e-3)
    noisy = fitted(f"{name}[epsilon=1,coefficients=40,length=5,scale=public]", cohort).rows_.X
    around = (noisy - of.mean) / of.spread
    assert around.std(axis=0) == pytest.approx(around.std(), rel=0.5)  # the noise is on the scale, not on the genes


def test_where_a_scale_comes_from_is_in_the_claim() -> None:
    cohort = of_the_prior()
    claims = {
        how: fitted(f"dct_sampling[scale={how},length=5]", cohort).claim() for how in ("none", "public", "cohort")
    }
    assert "mean and spread of each gene" in claims["cohort"].outside
    assert claims["public"].outside == claims["none"].outside
    assert claims["public"].public[0].startswith("rnaseqdb")
    assert not claims["none"].public


@pytest.mark.parametrize("name", NAMES)
def test_nobody_is_given_fresh_noise_twice(name: str) -> None:
    release = fitted(name)
    drawn = np.concatenate([release.sample(n, rng=stream(n)).X for n in (10, 60, 150)])
    assert len(np.unique(drawn, axis=0)) == 60


@pytest.mark.parametrize(
    ("text", "epsilon"),
    [
        ("dct_sampling", 100), ("dct_sampling[epsilon=200,label_epsilon=3]", 403), ("pca_sampling[epsilon=1]", 2),
        ("dct_laplace[epsilon=10]", 20), ("dct_laplace[epsilon=10,norm=l1,coefficients=16]", 80),
    ],
)  # fmt: skip
def test_the_claim_prints_what_the_metric_is_worth_for_any_two_people(text: str, epsilon: float) -> None:
    claim = fitted(text).claim()
    assert (claim.epsilon, claim.delta, claim.neighbours) == (epsilon, 0.0, "replace-one")
    assert "per unit of distance" in claim.mechanism
    assert not claim.end_to_end
    assert ("class labels, released as they are" in claim.outside) == ("label_epsilon" not in text)
    assert "mean length of a row" in claim.outside
    assert (
        "mean length of a row"
        not in fitted(text.replace("[", "[length=9,") if "[" in text else text + "[length=9]").claim().outside
    )


def test_a_public_basis_keeps_what_cosines_lose() -> None:
    prior = read_prior("shipped")
    genes = tuple(prior.genes[:300])
    of, rng = prior.on(genes), stream(9)
    inside = rng.normal(size=(80, 20)) @ (of.basis[:, :20] * 9 * of.spread[:, None]).T
    cohort = Cohort(
        X=of.mean + inside, y=["a", "b"] * 40, genes=genes, samples=tuple(map(str, range(80))), units="log2"
    )
    lost = []
    for name in ("pca_sampling", "dct_sampling"):
        release = fitted(f"{name}[epsilon=1e9,coefficients=30]", cohort)
        rows = np.linalg.norm(cohort.X, axis=1).mean() * cohort.X / np.linalg.norm(cohort.X, axis=1, keepdims=True)
        made_of = release.rows_.X  # in the order of the people
        lost.append(((made_of - rows) ** 2).sum() / ((rows - rows.mean(axis=0)) ** 2).sum())
    assert lost[0] < 0.05 < 0.5 < lost[1]
    assert fitted("pca_sampling").claim().public[0].startswith("none: the prior has 0 of 24 genes")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("dct_sampling[epsilon=0]", "epsilon is 0.0"), ("dct_laplace[norm=l3]", "norm is 'l3'; expected 'l1' or 'l2'"),
        ("pca_sampling[coefficients=0]", "coefficients is 0"), ("dct_sampling[label_epsilon=-1]", "label_epsilon is -1"),
        ("dct_sampling[length=0]", "length is 0"), ("dct_laplace[scale=ours]", "dct_laplace: scale is 'ours'; expected"),
        ("dct_sampling[scale=public]", "needs most of the genes in the shipped prior, which has 0 of 24"),
    ],
)  # fmt: skip
def test_bad_parameters_are_one_clear_error(text: str, words: str) -> None:
    with pytest.raises(PluginError, match=words):
        fitted(text)


@pytest.mark.parametrize(("epsilon", "low", "high"), [(1e9, 0.99, 1.0), (0.1, 0.3, 0.7)])
@pytest.mark.parametrize("name", ["dct_sampling", "dct_laplace"])
def test_a_person_s_row_is_found_in_the_space_of_the_release_unless_noise_hides_it(
    name: str, epsilon: float, low: float, high: float
) -> None:
    released = fitted(f"{name}[epsilon={epsilon},coefficients=9]").sample(60, rng=stream(4))
    targets = np.concatenate([TRAIN.X, people(60, "others").X])
    view = AttackView(synthetic=released.X, targets=targets, genes=TRAIN.genes)
    scores = made("attack", "linked_nearest").score(view, rng=stream(5))
    assert low <= auc(scores, np.arange(120) < 60).value <= high
