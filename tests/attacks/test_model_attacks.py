"""Attacks on released classifiers: known answers, planted leaks, and silence where nothing leaks."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import pytest
from bench.attacks.classifiers._answers import Answers, owned
from bench.attacks.classifiers._shadow_models import Shadows, members_of_shadows, on_the_scale_of, own_shadows
from bench.attacks.classifiers.model_modified_entropy import best_threshold
from bench.attacks.classifiers.model_risk_score import risk
from bench.attacks.classifiers.model_white_box import gradient_lengths

from bench import AttackView, Cohort, PluginError, stream
from bench.boundary.views import Insider, candidates, view_of
from bench.conformance.plugins import people
from bench.core.released import ReleasedModel
from bench.core.roles import GRANTS, Split
from bench.registry.finding import create, find, plugins
from bench.registry.selection import made
from bench.statistics.membership import auc

ATTACKS = sorted(name for name, info in plugins("attack").items() if info.released == "model")
DEFAULT = [name for name in ATTACKS if not find("attack", name).option("opt_in", False)]
SPLIT = Split(people(120, "in", genes=100, apart=0.2), people(120, "out", genes=100, apart=0.2), 1, 5)
MEMBER = candidates(SPLIT, "tests").member


def view(model: ReleasedModel, access: str = "query", name: str = "") -> AttackView:
    insider = Insider(lambda: made("generator", name), lambda: made("generator", name))
    return view_of(SPLIT, "tests", model, access, insider if name else None)  # type: ignore[arg-type]


def found(name: str, seen: AttackView) -> float:
    return float(auc(create(find("attack", name)).score(seen, rng=stream(1, name)), MEMBER).value)


@lru_cache
def trained(text: str, on_others: bool = False) -> ReleasedModel:
    plugin = made("generator", text)
    cohort = people(120, "elsewhere", genes=100, apart=0.2) if on_others else SPLIT.train
    return plugin.fit(cohort, rng=stream(2, "fit")).release(rng=stream(2)).answered_by(plugin.predict_proba)


# -- arithmetic --------------------------------------------------------------------------------------------------------


def test_answers_are_read_as_published() -> None:
    shares = np.array([[0.7, 0.2, 0.1], [0.0, 1.0, 0.0], [0.0, 1.0, 0.0], [0.5, 0.25, 0.25]])
    found = Answers(shares, owned(np.array(["a", "b", "c", "unknown"]), ("a", "b", "c")))
    log = np.log
    assert found.modified_entropy[0] == pytest.approx(-(0.3 * log(0.7) + 0.2 * log(0.8) + 0.1 * log(0.9)))
    assert found.modified_entropy[1] == 0
    assert found.modified_entropy[2] == pytest.approx(-2 * log(1e-30))  # sure and wrong
    assert found.entropy == pytest.approx([-(0.7 * log(0.7) + 0.2 * log(0.2) + 0.1 * log(0.1)), 0, 0, 1.5 * log(2)])
    assert found.log_odds == pytest.approx([log(7 / 3), -log(1e-30), log(1e-30), log(1e-30)])
    assert found.right.tolist() == [True, True, False, False]


def test_a_threshold_divides_members_from_others() -> None:
    assert best_threshold(np.array([1.0, 2, 3]), np.array([4.0, 5])) == 3
    assert best_threshold(np.array([1.0, 2, 9]), np.array([2.5, 5])) == 2


def test_risk_is_the_share_of_members_in_a_bin() -> None:
    members, others = (
        np.array([0.01, 0.02, 0.03, 50]),
        np.array([0.01, 20, 30, 99]),
    )  # bins meet at 0.1, 1, 10 and 0.0995
    found = risk(np.array([0.001, 0.02, 70.0, 500]), members, others, 4)
    assert found == pytest.approx([0.75, 0.75, 0.25, 0.25])
    assert risk(np.array([5.0]), members, others, 4) == pytest.approx([0.5])  # nobody there


def test_everybody_is_left_out_once_a_round_whatever_the_order() -> None:
    seen = view(trained("logistic"))
    member = members_of_shadows(seen, 3)
    assert member.shape == (15, 240)
    assert ((~member).reshape(3, 5, 240).sum(axis=1) == 1).all()
    order = np.random.default_rng(0).permutation(240)
    turned = AttackView(synthetic=seen.synthetic, targets=seen.targets[order], genes=seen.genes)
    assert (members_of_shadows(turned, 3) == member[:, order]).all()
    assert abs(np.corrcoef(member[0], MEMBER)[0, 1]) < 0.2  # the cut knows nothing of the truth


def test_shadows_are_surer_of_their_members() -> None:
    shadows = own_shadows(view(trained("logistic")), "test", 2)
    assert isinstance(shadows, Shadows)
    odds = shadows.log_odds
    inside, outside = (shadows.mean(odds, inside=who).mean() for who in (True, False))
    assert inside > outside + 0.5
    by_hand = np.sqrt(np.mean([odds[~shadows.member[:, i], i].var(ddof=1) for i in range(240)]))
    assert shadows.spread(odds, inside=False) == pytest.approx(by_hand)


def test_shadows_are_put_on_the_scale_of_the_model() -> None:
    shadows = stream(3).normal(size=(7, 500)) * 0.1 + stream(4).normal(size=500)
    intercept, slope = on_the_scale_of(2 - 0 * shadows[0] + 3 * shadows.mean(axis=0), shadows)
    assert (intercept, slope) == pytest.approx((2, 3))
    assert on_the_scale_of(np.full(500, 0.3), shadows) == (0.3, 0.0)
    assert on_the_scale_of(-shadows.mean(axis=0), shadows)[1] == 0


# -- what is there is found, and nothing else --------------------------------------------------------------------------


def test_a_network_that_knows_its_people_by_heart_is_found() -> None:
    seen = view(trained("mlp[epochs=150,decay=0]"))
    assert max(found(name, seen) for name in ("model_confidence", "model_modified_entropy")) >= 0.7
    assert found("model_lira_online", seen) >= 0.7
    assert found("model_gap", seen) > 0.55


@pytest.mark.parametrize("name", DEFAULT)
def test_a_model_of_other_people_and_a_constant_one_say_nothing(name: str) -> None:
    others = view(trained("logistic", on_others=True))
    assert abs(found(name, others) - 0.5) < 0.12  # three standard errors of 120 against 120
    classes = tuple(SPLIT.train.classes)
    constant = ReleasedModel({}, classes, SPLIT.train.features, lambda model, X: np.full((len(X), 3), 1 / 3))
    if name not in ("model_gap", "model_label_only"):  # whose answer is a class: they know who is of it
        assert found(name, view(constant)) == pytest.approx(0.5, abs=0.06)


def leak(change: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> ReleasedModel:
    """Return an honest model of other people whose answers are changed for members."""
    honest, rows = trained("logistic", on_others=True), {x.tobytes() for x in SPLIT.train.X}

    def answer(model: ReleasedModel, X: np.ndarray) -> np.ndarray:
        member = np.array([x.tobytes() in rows for x in X])
        return change(honest.predict_proba(X), member)

    return ReleasedModel({}, honest.classes, honest.features, answer)


def sure(shares: np.ndarray, member: np.ndarray) -> np.ndarray:
    top = np.eye(3)[shares.argmax(axis=1)]
    return np.where(member[:, None], top, 0.99 * shares + 0.01 / 3)


def one_class(shares: np.ndarray, member: np.ndarray) -> np.ndarray:
    return sure(shares, member & (shares.argmax(axis=1) == 0))


def rounded(shares: np.ndarray, member: np.ndarray) -> np.ndarray:
    shares = np.round(sure(shares, member), 1)
    return shares / shares.sum(axis=1, keepdims=True)


@pytest.mark.parametrize(
    ("change", "attack", "least"),
    [
        (sure, "model_entropy", 0.99), (one_class, "model_entropy", 0.55), (rounded, "model_entropy", 0.6),
        (sure, "model_lira_offline", 0.7), (sure, "model_rmia", 0.7), (sure, "model_quantile", 0.7),
    ],
)  # fmt: skip
def test_planted_leaks_are_found(change: Any, attack: str, least: float) -> None:
    assert found(attack, view(leak(change))) >= least


def test_released_numbers_give_away_who_a_network_or_trees_know_by_heart() -> None:
    for text in ("mlp[epochs=150,decay=0]", "xgboost[rounds=20]"):
        assert found("model_white_box", view(trained(text), "query + parameters")) >= 0.7


def test_the_gradient_is_that_of_the_loss_in_units_of_each_array() -> None:
    """Of a linear model by hand: weights and biases, centre and scale of the genes, each times its array's spread."""
    model, labels = trained("logistic"), SPLIT.train.y
    own = owned(labels, model.classes)
    a, X = model.arrays, SPLIT.train.X.astype(np.float64)
    z = (X - a["centre"]) / a["scale"]
    error = model.predict_proba(X) - own
    back = error @ a["weights"].T  # by standardised gene
    by_hand = {
        "weights": np.linalg.norm(z, axis=1) * np.linalg.norm(error, axis=1),
        "bias": np.linalg.norm(error, axis=1),
        "centre": np.linalg.norm(back / a["scale"], axis=1),
        "scale": np.linalg.norm(back * z / a["scale"], axis=1),
    }
    expected = np.sqrt(sum((length * a[name].std()) ** 2 for name, length in by_hand.items()))
    assert gradient_lengths(model, SPLIT.train.X, own, 400, stream(1))[1] == pytest.approx(expected, rel=0.25)


@pytest.mark.parametrize("name", [n for n in ATTACKS if find("attack", n).option("access") == "query"])
def test_an_attack_by_query_reads_no_numbers_of_the_model(name: str) -> None:
    model = trained("logistic")
    answers_alone = ReleasedModel({}, model.classes, model.features, lambda _, X: model.predict_proba(X))
    shown, hidden = (
        create(find("attack", name)).score(view(one), rng=stream(1, name)) for one in (model, answers_alone)
    )
    assert (shown == hidden).all()


def test_shadows_by_the_code_see_what_the_attackers_own_do() -> None:
    seen = view(trained("logistic[C=100]"), "query + code", "logistic[C=100]")
    assert found("model_lira_code", seen) >= 0.7


# -- what an attacker sees ---------------------------------------------------------------------------------------------


def test_an_attacker_by_query_sees_answers_and_classes_and_nothing_else() -> None:
    seen = view(trained("logistic"), "query", "logistic")
    assert GRANTS["query"] == {"query", "target_labels"}
    assert (seen.make_generator, seen.fitted, seen.reference, seen.units, len(seen.synthetic)) == (
        None,
        None,
        None,
        None,
        0,
    )
    coded = view(trained("logistic"), "query + code", "logistic")
    assert coded.make_generator is not None
    assert coded.fitted is None


@pytest.mark.parametrize("name", ATTACKS)
def test_a_view_without_a_model_is_an_error_that_says_so(name: str) -> None:
    empty = AttackView(synthetic=np.zeros((0, 2)), targets=np.ones((4, 2), dtype=np.float32), genes=("a", "b"))
    with pytest.raises(PluginError, match=f"attack '{name}' asks a released model, but the view has none"):
        create(find("attack", name)).score(empty, rng=stream(0))


@pytest.mark.parametrize(
    ("name", "params", "words"),
    [
        ("model_rmia", {"gamma": 0.0}, "gamma=0.0"), ("model_risk_score", {"bins": 1}, "bins is 1"),
        ("model_quantile", {"components": 0}, "components is 0"), ("model_label_only", {"copies": 0}, "copies=0"),
        ("model_lira_online", {"rounds": 0}, "rounds is 0"), ("model_white_box", {"directions": 0}, "directions is 0"),
    ],
)  # fmt: skip
def test_a_wrong_parameter_is_an_error_that_names_it(name: str, params: dict[str, Any], words: str) -> None:
    with pytest.raises(PluginError, match=words):
        create(find("attack", name), params).score(view(trained("logistic")), rng=stream(0))


def test_measures_of_models_are_those_of_the_hand() -> None:
    labels = np.array(["a", "a", "a", "b", "b", "c"])
    cohort = Cohort(X=np.arange(6.0)[:, None], y=labels, genes=("G",), samples=tuple("123456"), units="log2")
    table = np.array([[0.8, 0.2], [0.6, 0.4], [0.4, 0.6], [0.1, 0.9], [0.7, 0.3], [0.5, 0.5]])
    model = ReleasedModel({}, ("a", "b"), ("G",), lambda model, X: table[X[:, 0].astype(int)])
    values = create(find("metric", "model_utility"))(cohort, cohort, model, rng=stream(0))
    assert values["model_accuracy"] == values["model_accuracy_train"] == pytest.approx(3 / 6)
    assert values["model_balanced_accuracy"] == pytest.approx((2 / 3 + 1 / 2 + 0) / 3)  # nobody is called c
    assert values["model_worst_class_recall"] == 0
    a, b, c = (1 / 1 + 2 / 3 + 3 / 5) / 3, (1 / 1 + 2 / 5) / 2, 1 / 6
    assert values["model_aupr"] == pytest.approx((a + b + c) / 3)
    brier = create(find("metric", "model_calibration"))(cohort, cohort, model, rng=stream(0))
    squares = [0.08, 0.32, 0.72, 0.02, 0.98, 1.5]
    assert brier["model_brier"] == pytest.approx(sum(squares) / 6)
    gaps = {0.5: 0.5, 0.6: 0.2, 0.7: 0.7, 0.8: -0.2, 0.9: -0.1}  # sums of confidence less right, by bin
    assert brier["model_calibration_error"] == pytest.approx(sum(map(abs, gaps.values())) / 6)
