"""Released classifiers answer as the libraries that trained them, and what is called private is so, step by step."""

from __future__ import annotations

from typing import Any

import dp_accounting
import numpy as np
import pytest
from bench.generators._privacy import gaussian_mu
from bench.generators._public_prior import read_prior
from bench.generators.classifiers import _private_scale
from bench.generators.classifiers.dp_logistic import clipped_sum
from dp_accounting.pld import PLDAccountant

from bench import Cohort, PluginError, stream
from bench.conformance.plugins import people
from bench.core.released import ReleasedModel
from bench.registry.digests import code_digest
from bench.registry.finding import find
from bench.registry.selection import choose, made

CLASSIFIERS = ("dp_logistic", "forest", "logistic", "mlp", "xgboost")
TRAIN, OTHERS = people(120, "train"), people(60, "others")


def trained(text: str, cohort: Cohort = TRAIN, run: int = 1) -> tuple[Any, ReleasedModel]:
    """Return a fitted classifier and its model, which answers."""
    plugin = made("generator", text)
    fitted = plugin.fit(cohort, rng=stream(run, "fit"))
    return fitted, fitted.release(rng=stream(run, "release")).answered_by(plugin.predict_proba)


def accuracy(model: ReleasedModel, cohort: Cohort = OTHERS) -> float:
    return float((model.predict(cohort.X) == cohort.y).mean())


# -- answers -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["logistic", "forest[trees=40]", "mlp", "xgboost[rounds=10]", "dp_logistic[epsilon=100]"]
)
def test_classes_that_are_apart_are_told(text: str) -> None:
    assert accuracy(trained(text)[1]) > 0.9


def test_logistic_answers_as_scikit_learn() -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    for rows in (np.arange(120), np.flatnonzero(TRAIN.y != "c")):  # three classes, and two
        cohort = TRAIN.take(rows)
        scaler = StandardScaler().fit(cohort.X.astype(np.float64))
        theirs = LogisticRegression(C=0.3, tol=1e-8, max_iter=5000).fit(scaler.transform(cohort.X), cohort.y)
        _, model = trained("logistic[C=0.3]", cohort)
        assert model.predict_proba(OTHERS.X) == pytest.approx(
            theirs.predict_proba(scaler.transform(OTHERS.X)), abs=1e-3
        )


def test_a_forest_of_arrays_answers_as_the_forest_that_was_grown() -> None:
    from bench.generators.classifiers.forest import _flat
    from sklearn.ensemble import RandomForestClassifier

    theirs = RandomForestClassifier(30, random_state=1).fit(TRAIN.X, TRAIN.y)
    model = ReleasedModel(_flat([one.tree_ for one in theirs.estimators_]), tuple(theirs.classes_), TRAIN.features)
    model = model.answered_by(made("generator", "forest").predict_proba)
    assert model.predict_proba(OTHERS.X) == pytest.approx(theirs.predict_proba(OTHERS.X), abs=1e-12)


@pytest.mark.parametrize("labels", ["abc", "ab"])
def test_boosted_trees_of_arrays_answer_as_the_library(labels: str) -> None:
    import xgboost
    from bench.generators.classifiers.xgboost import _flat

    cohort = TRAIN.take(np.isin(TRAIN.y, list(labels)))
    data = xgboost.DMatrix(cohort.X, label=np.unique(cohort.y, return_inverse=True)[1])
    settings = {
        "objective": "multi:softprob",
        "num_class": len(labels),
        "max_depth": 4,
        "base_score": 0.5,
        "nthread": 1,
    }
    booster = xgboost.train(settings, data, 12)
    model = ReleasedModel(_flat(booster), tuple(labels), TRAIN.features)
    model = model.answered_by(made("generator", "xgboost").predict_proba)
    asked = np.concatenate([OTHERS.X, cohort.X])  # training values lie on the cuts
    assert model.predict_proba(asked) == pytest.approx(booster.predict(xgboost.DMatrix(asked)), abs=1e-5)


@pytest.mark.parametrize(
    "name", ["logistic[C=0.01", "forest[trees=60,least_leaf=8", "mlp[epochs=4", "xgboost[rounds=8"]
)
def test_balanced_classes_lift_the_rare_one(name: str) -> None:
    rows = np.concatenate([np.flatnonzero(TRAIN.y != "a"), np.flatnonzero(TRAIN.y == "a")[:6]])
    rare, blurred = TRAIN.take(rows), OTHERS.X + stream(3).normal(0, 2.5, OTHERS.X.shape)
    share = [trained(f"{name}{more}]", rare)[1].predict_proba(blurred)[:, 0].mean() for more in ("", ",balanced=true")]
    assert share[1] > share[0] + 0.02


# -- trained on a release ----------------------------------------------------------------------------------------------


def test_a_classifier_of_a_private_release_has_the_guarantee_of_the_release() -> None:
    pytest.importorskip("mbi")
    fitted, model = trained("logistic[train_on='private_pgm[epsilon=4]']")
    claim = fitted.claim()
    assert (claim.epsilon, claim.delta, claim.outside) == (4.0, 1e-5, ())
    assert claim.mechanism.startswith("a classifier of people released by private_pgm[epsilon=4]: Gaussian")
    assert trained("logistic")[0].claim() is None
    assert accuracy(model) > 0.6


def test_a_classifier_of_a_release_never_sees_the_people() -> None:
    _, model = trained("logistic[train_on=noise]")
    assert accuracy(model, TRAIN) < 0.6
    fitted, _ = trained("forest[train_on=smote,n_synthetic=33,trees=3]")
    assert len(fitted.lesson_.X) == 33
    assert not set(map(bytes, fitted.lesson_.X)) & set(map(bytes, TRAIN.X))


def test_the_generator_that_is_trained_on_is_part_of_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    info = find("generator", "logistic")
    texts = ("", "smote", "smote[neighbours=3]", "multivariate")
    digests = [code_digest(info, {**info.params, "train_on": text}) for text in texts]
    assert digests[0] == code_digest(info)
    assert digests[1] == digests[2] != digests[3]  # the text itself is a parameter, and in the key as such
    assert len(set(digests)) == 3


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("logistic[train_on=smoke]", "there is no generator 'smoke'"),
        ("logistic[train_on='smote,noise']", "names 2 generators; expected one"),
        ("logistic[train_on=forest]", "train_on='forest' releases a model; expected a generator of data"),
        ("logistic[train_on=smote,n_synthetic=0]", "n_synthetic is 0"),
        ("logistic[C=0]", "C is 0.0; expected more than 0"),
        ("forest[trees=0]", "expected 1 or more"),
        ("xgboost[depth=0]", "expected 1 or more"),
        ("mlp[hidden=0]", "hidden is 0; expected more than 0"),
        ("mlp[decay=-1]", "decay is -1.0; expected 0 or more"),
        ("dp_logistic[epsilon=0]", "epsilon is 0.0"),
        ("dp_logistic[lr=0]", "lr is 0.0; expected more than 0"),
        ("dp_logistic[centring=0.99]", "leave some for the training"),
        ("dp_logistic[momentum=1]", "momentum is 1.0"),
    ],
)
def test_bad_parameters_are_one_clear_error(text: str, words: str) -> None:
    with pytest.raises(PluginError, match=words):
        trained(text)


def test_one_class_is_nothing_to_tell_apart() -> None:
    with pytest.raises(PluginError, match="everybody to learn from is 'a'; a classifier needs two classes"):
        trained("logistic", TRAIN.take(TRAIN.y == "a"))


def test_models_are_a_group_and_no_part_of_all() -> None:
    models = {choice.info.name for choice in choose("generator", "models")}
    assert set(CLASSIFIERS) <= models
    assert not models & {choice.info.name for choice in choose("generator", "all")}
    assert "smote" not in models
    assert (
        {"model_utility"}
        <= {c.info.name for c in choose("metric", "models")}
        <= {c.info.name for c in choose("metric", "all")}
    )


# -- dp_logistic -------------------------------------------------------------------------------------------------------


def test_the_sum_of_gradients_is_that_of_clipped_outer_products_and_moves_by_the_clip() -> None:
    rng = np.random.default_rng(0)
    X, error = rng.normal(size=(30, 7)), rng.normal(size=(30, 4))
    total = np.zeros((7, 4))
    for x, e in zip(X, error, strict=True):
        one = np.outer(x, e)
        total += one * min(1, 1.3 / np.linalg.norm(one))
    assert clipped_sum(X, error, 1.3) == pytest.approx(total)
    for scale in (0.1, 1, 1e6):  # one person more, whoever it is
        more = clipped_sum(np.vstack([X, scale * X[:1]]), np.vstack([error, error[:1]]), 1.3)
        assert np.linalg.norm(more - total) <= 1.3 + 1e-9
    assert np.linalg.norm(more - total) == pytest.approx(1.3)


@pytest.mark.parametrize("epsilon", [1.0, 8.0])
@pytest.mark.parametrize("prior", ["shipped", "none"])
def test_everything_dp_logistic_releases_composes_to_its_claim(epsilon: float, prior: str) -> None:
    fitted, _ = trained(f"dp_logistic[epsilon={epsilon},prior={prior}]")
    assert fitted.spent() == pytest.approx(gaussian_mu(epsilon, 1e-5))
    accountant = PLDAccountant(dp_accounting.NeighboringRelation.ADD_OR_REMOVE_ONE)
    (_, sizes), (_, scale), (_, steps) = fitted.mus_
    for sigma, times in ((1 / sizes, 1), (1 / scale, 1), (fitted.steps**0.5 / steps, fitted.steps)):
        accountant.compose(dp_accounting.GaussianDpEvent(sigma), times)
    assert accountant.get_epsilon(1e-5) == pytest.approx(epsilon, rel=2e-3)
    assert fitted.claim().end_to_end


class Spy:
    """A random stream that keeps the standard deviation of every normal draw, and draws nothing but zeros."""

    def __init__(self) -> None:
        self.sds: list[float] = []

    def normal(self, mean: float, sd: float, size: Any = None) -> Any:
        self.sds.append(sd)
        return np.zeros(size if size is not None else ())


def test_every_step_gets_the_noise_that_the_accountant_was_told_of() -> None:
    plugin, spy = made("generator", "dp_logistic[epsilon=3,steps=9,clip=0.5,prior=none]"), Spy()
    plugin.fit(TRAIN, rng=spy)
    assert spy.sds[0] == pytest.approx(1 / plugin.mus_[0][1])
    assert spy.sds[-9:] == pytest.approx([0.5 * 3 / plugin.mus_[2][1]] * 9)  # clip * sqrt(steps) / mu
    assert len(spy.sds) == 1 + 4 + 9  # sizes; two radii, centre, spreads; steps


def test_the_parts_of_a_private_scale_have_the_noise_of_their_radius(monkeypatch: pytest.MonkeyPatch) -> None:
    """Count what is spent from the calls themselves: each sum by its noise multiplier, each radius by its own."""
    spent: list[float] = []
    real_sum, real_length = _private_scale.noisy_sum, _private_scale.private_length

    def noisy_sum(rows: Any, radius: float, sigma: float, rng: Any) -> Any:
        spent.append(1 / sigma)
        return real_sum(rows, radius, sigma, rng)

    def private_length(rows: Any, longest: float, quantile: float, sigma: float, rng: Any) -> Any:
        spent.append(1 / sigma)
        return real_length(rows, longest, quantile, sigma, rng)

    monkeypatch.setattr(_private_scale, "noisy_sum", noisy_sum)
    monkeypatch.setattr(_private_scale, "private_length", private_length)
    genes = tuple(read_prior("shipped").genes[:200])
    X = stream(1).normal(6, 2, (80, 200))
    for prior in (None, read_prior("shipped").on(genes)):
        spent.clear()
        found = _private_scale.release_scale(X, 80, (0, 25), prior, 0.7, stream(2))
        assert np.linalg.norm(spent) == pytest.approx(0.7) == found.mu


def test_a_prior_finds_the_centre_of_another_platform() -> None:
    prior = read_prior("shipped")
    genes = tuple(prior.genes[:400])
    of = prior.on(genes)
    rng = stream(5)
    X = 9 + 0.5 * of.mean + rng.normal(0, 0.3, 400) + of.spread * rng.normal(size=(800, 400))
    found = _private_scale.release_scale(X, 800, (0, 25), of, 0.4, rng)
    off = np.linalg.norm((found.centre - X.mean(axis=0)) / of.spread)
    assert off < 8  # the public means themselves are more than 100 away, and people spread by 20
    assert np.linalg.norm((of.mean - X.mean(axis=0)) / of.spread) > 100


def test_people_of_the_prior_are_refused_and_a_panel_without_its_genes_says_so() -> None:
    prior = read_prior("shipped")
    someone = sorted(prior.people)[0]
    cohort = Cohort(X=TRAIN.X, y=TRAIN.y, genes=TRAIN.genes, samples=(someone, *TRAIN.samples[1:]), units="log2")
    with pytest.raises(PluginError, match="is in the training cohort and in the prior"):
        trained("dp_logistic", cohort)
    fitted, _ = trained("dp_logistic")
    assert fitted.claim().public == ("none: the prior has 0 of 24 genes, too few to use it",)


def test_balance_spends_nothing_and_lifts_a_rare_class() -> None:
    rows = np.concatenate([np.flatnonzero(TRAIN.y != "a"), np.flatnonzero(TRAIN.y == "a")[:8]])
    plain, even = (trained(f"dp_logistic[epsilon=500,balance={b},clip=3]", TRAIN.take(rows)) for b in (0, 1))
    assert plain[0].mus_ == even[0].mus_
    found = [model.predict_proba(OTHERS.X)[OTHERS.y == "a", 0].mean() for _, model in (plain, even)]
    assert found[1] > found[0] + 0.02
