"""What a released classifier tells of its members beyond who they are: their class's profile, a hidden gene, the label."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest
from bench.metrics._asked import asked
from bench.metrics.classifiers.model_inversion import _gains, _slopes, invert

from bench import Cohort, Estimate, stream
from bench.conformance.plugins import people
from bench.core.released import ReleasedModel
from bench.core.roles import Split
from bench.registry.finding import create, find
from bench.registry.selection import made

SPLIT = Split(people(120, "in", genes=100, apart=0.2), people(120, "out", genes=100, apart=0.2), 1, 5)
ELSEWHERE = people(120, "elsewhere", genes=100, apart=0.2)
BY_HEART = "mlp[epochs=150,decay=0]"
LEAKS = {
    "model_inversion": ("model_inversion_leak",),
    "model_attribute_inference": ("model_attribute_gene_leak", "model_attribute_label_leak"),
}


@lru_cache
def trained(text: str, on_others: bool = False) -> ReleasedModel:
    plugin = made("generator", text)
    fitted = plugin.fit(ELSEWHERE if on_others else SPLIT.train, rng=stream(2, "fit"))
    return fitted.release(rng=stream(2)).answered_by(plugin.predict_proba)


def constant() -> ReleasedModel:
    answer = lambda model, X: np.tile([0.5, 0.3, 0.2], (len(X), 1))  # noqa: E731
    return ReleasedModel({}, tuple(SPLIT.train.classes), SPLIT.train.features, answer)


def measured(name: str, model: ReleasedModel) -> dict[str, Estimate | float]:
    return create(find("metric", name))(SPLIT.train, SPLIT.holdout, model, rng=stream(1))


@pytest.mark.parametrize("name", LEAKS)
def test_a_network_that_knows_its_people_by_heart_tells_of_members_what_it_does_not_tell_of_others(name: str) -> None:
    values = measured(name, trained(BY_HEART))
    assert all(values[leak].low > 0.02 for leak in LEAKS[name])


@pytest.mark.parametrize("name", LEAKS)
def test_a_constant_model_and_one_of_other_people_tell_nothing_of_members(name: str) -> None:
    for model in (constant(), trained(BY_HEART, on_others=True), trained("logistic", on_others=True)):
        values = measured(name, model)
        assert all(values[leak].low <= 0 + 1e-12 for leak in LEAKS[name])
        assert all(values[leak].high >= 0 - 1e-12 for leak in LEAKS[name])


def test_a_constant_model_leaves_who_asks_it_where_he_was() -> None:
    values = measured("model_inversion", constant())
    assert (values["model_inversion_members"], values["model_inversion_others"]) == (0, 0)
    values = measured("model_attribute_inference", constant())
    assert values["model_attribute_gene_others"] == pytest.approx(values["model_attribute_gene_base"], abs=1e-6)


def test_the_slopes_of_a_linear_model_are_its_weights() -> None:
    model = trained("logistic")
    at, a = SPLIT.train.X.mean(axis=0, dtype=np.float64), model.arrays
    unit = 1e-3 * a["scale"]  # so near that the curve is a line
    shares = model.predict_proba(at[None])[0]
    weights = 1e-3 * (a["weights"] - (a["weights"] * shares).sum(axis=1, keepdims=True))
    assert _slopes(model, at, unit) == pytest.approx(weights, abs=1e-5)


def test_a_profile_lies_where_the_model_points_as_far_as_the_population_says() -> None:
    start, scale = np.zeros(3), np.array([1.0, 1.0, 2.0])
    means = {"a": np.array([3.0, 0, 0]), "b": np.array([0, 0, 4.0])}

    def model(sign: float) -> ReleasedModel:
        def answers(model: ReleasedModel, X: np.ndarray) -> np.ndarray:  # a rises with the first gene, b with the last
            raised = np.exp(sign * 0.1 * (X[:, [0, 2]] / scale[[0, 2]]))
            return raised / raised.sum(axis=1, keepdims=True)

        return ReleasedModel({}, ("a", "b"), tuple("wxy"), answers)

    found = invert(model(1), means, start, scale)
    # a's direction is (1, 0, -1) / sqrt(2) in standard deviations, on which the mean of a, at 3, lies at 3 / sqrt(2)
    assert found["a"] == pytest.approx([1.5, 0, -3.0], abs=1e-3)
    assert found["b"] == pytest.approx([-1.0, 0, 2.0], abs=1e-3)
    turned = invert(model(-1), means, start, scale)
    assert (turned["a"] == start).all()  # a direction against the population's mean is not followed


def test_a_model_that_is_sure_at_the_true_value_alone_gives_hidden_genes_away() -> None:
    known = {tuple(np.round(x, 3)): y for x, y in zip(SPLIT.train.X.astype(float), SPLIT.train.y, strict=True)}
    X, y = np.array(list(known)), np.array(list(known.values()))
    classes = np.array(SPLIT.train.classes)

    def answers(model: ReleasedModel, asked: np.ndarray) -> np.ndarray:
        squares = (asked.astype(float) ** 2).sum(axis=1)[:, None] - 2 * asked @ X.T + (X**2).sum(axis=1)
        sure = np.exp(-np.maximum(squares.min(axis=1), 0))[:, None]
        return sure * (y[squares.argmin(axis=1)][:, None] == classes) + (1 - sure) / 3

    values = measured("model_attribute_inference", ReleasedModel({}, tuple(classes), SPLIT.train.features, answers))
    assert values["model_attribute_gene_leak"].value > 0.8
    assert values["model_attribute_gene_members"] > 0.9 > values["model_attribute_gene_base"] + 0.3
    assert values["model_attribute_gene_others"] == pytest.approx(values["model_attribute_gene_base"], abs=0.01)
    assert values["model_attribute_label_leak"].low > 0.3


def test_who_is_told_worse_with_the_model_is_no_easier_to_beat() -> None:
    """A leak is what is gone of the population's error, not what the model adds to the error about others."""
    values = measured("model_attribute_inference", trained(BY_HEART))
    members, others, base = (values[f"model_attribute_gene_{x}"] for x in ("members", "others", "base"))
    assert others < base < members
    assert values["model_attribute_gene_leak"].value < 2 * (members - base) / (1 - base)


@pytest.mark.parametrize("name", LEAKS)
def test_too_few_people_or_no_gene_that_varies_is_undefined(name: str) -> None:
    few, flat = SPLIT.train.take(np.arange(5)), np.ones_like(SPLIT.train.X)
    same = Cohort(X=flat, y=SPLIT.train.y, genes=SPLIT.train.genes, samples=SPLIT.train.samples, units="log2")
    for train in (few, same):
        values = create(find("metric", name))(train, SPLIT.holdout, constant(), rng=stream(1))
        assert set(values) == {m.name for m in find("metric", name).measures}
        assert all(np.isnan(v.value if isinstance(v, Estimate) else v) for v in values.values())


def test_the_class_means_themselves_are_the_whole_share_and_the_start_none_of_it() -> None:
    everybody = asked(SPLIT.train, SPLIT.holdout, stream(3))
    start, scale = everybody.X.mean(axis=0, dtype=np.float64), np.full(100, 2.0)
    means = {c: everybody.X[everybody.y == c].mean(axis=0, dtype=np.float64) for c in map(str, np.unique(everybody.y))}
    assert _gains(everybody, means, start, scale).mean() == pytest.approx(1)
    assert _gains(everybody, dict.fromkeys(means, start), start, scale).mean() == 0
    half = {c: (start + mean) / 2 for c, mean in means.items()}
    assert _gains(everybody, half, start, scale).mean() == pytest.approx(1 - 0.5**2)
