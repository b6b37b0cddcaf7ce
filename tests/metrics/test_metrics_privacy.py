"""What is told of members and not of others: copies tell all, other people, noise and good science tell nothing."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from bench.metrics._asked import Asked, nearest, regress
from bench.metrics._estimates import residual_risk, share_gone, success_rate
from bench.metrics.attribute_inference import _Task
from bench.metrics.reconstruction import _lowest
from bench.metrics.singling_out import Descriptions, describe
from cohorts import cohort
from numpy.typing import NDArray
from runs import planned, run, toy_dataset
from sklearn.linear_model import Ridge

from bench import Cohort, Estimate, PluginError, stream
from bench.boundary.checks import intervals_of
from bench.conformance import people
from bench.datasets import load_dataset
from bench.execution import Serial
from bench.execution.runner import Limits
from bench.registry.finding import create, find, plugins

METRICS = sorted(
    name
    for name, info in plugins("metric").items()
    if info.option("family") == "privacy" and "expression" in info.modalities and info.released == "data"
)
LEAKS = {
    "attribute_inference": ("attribute_gene_leak", "attribute_label_leak"),
    "linkability": ("linkability_risk",),
    "reconstruction": ("reconstruction_leak", "reconstruction_closest_leak"),
    "singling_out": ("singling_out_risk",),
}
TRAIN, HOLDOUT = people(240, "train", genes=40, apart=0.3), people(120, "holdout", genes=40, apart=0.3)
FRESH = people(1000, "fresh", genes=40, apart=0.3)


def measure(name: str, synthetic: Cohort, train: Cohort = TRAIN, holdout: Cohort = HOLDOUT) -> Mapping[str, Estimate]:
    """Return the estimates of a metric; a plain number becomes one without an interval."""
    values = create(find("metric", name))(train, holdout, synthetic, rng=np.random.default_rng(3))
    return {k: v if isinstance(v, Estimate) else Estimate(v) for k, v in values.items()}


def leaks(synthetic: Cohort) -> dict[str, Estimate]:
    return {leak: found[leak] for name in METRICS for found in [measure(name, synthetic)] for leak in LEAKS[name]}


def test_every_metric_of_privacy_has_its_known_answers_here() -> None:
    assert sorted(LEAKS) == METRICS


def test_copies_of_the_members_leak_all_there_is() -> None:
    found = leaks(TRAIN.synthetic(TRAIN.X, TRAIN.y))
    assert all(estimate.low > 0.05 for estimate in found.values()), found
    whole = {name: e.value for name, e in found.items() if name != "attribute_label_leak"}  # others are guessed, too
    assert whole == pytest.approx(dict.fromkeys(whole, 1.0), abs=0.01)


def test_other_people_leak_nothing_however_many_they_are() -> None:
    for release in (FRESH, FRESH.take(np.arange(240))):
        assert {name: e for name, e in leaks(release).items() if e.low > 0} == {}


def test_noise_leaks_nothing() -> None:
    rng = np.random.default_rng(1)
    release = TRAIN.synthetic(rng.normal(8, 1, TRAIN.X.shape), rng.permutation(TRAIN.y))
    assert {name: e for name, e in leaks(release).items() if e.low > 0} == {}


def test_what_is_true_of_everybody_is_told_and_is_no_leak() -> None:
    found = measure("attribute_inference", FRESH)
    assert found["attribute_gene_members"].value > 0.4 > abs(found["attribute_gene_leak"].value) * 4
    assert found["attribute_label_members"].value > 0.6 > abs(found["attribute_label_leak"].value) * 4


def test_the_span_of_the_members_tells_their_hidden_genes() -> None:
    """Random combinations of few people come close to nobody and link nobody: only a regression reads genes off."""
    few, rng = TRAIN.take(np.arange(30)), np.random.default_rng(2)
    mixed = few.synthetic(
        few.X.mean(axis=0) + rng.normal(size=(200, 30)) @ (few.X - few.X.mean(axis=0)) / 5,
        few.y[rng.integers(30, size=200)],
    )
    found = measure("attribute_inference", mixed, train=few)
    assert found["attribute_gene_leak"].low > 0.8
    assert measure("linkability", mixed, train=few)["linkability_risk"].value < 0.2


def test_five_copies_among_people_that_are_nobody_show_among_the_closest() -> None:
    train, holdout = people(400, "members", genes=40), people(200, "others", genes=40)
    X = np.random.default_rng(4).normal(8, 1, train.X.shape).astype(np.float32)
    honest = measure("reconstruction", train.synthetic(X, train.y), train, holdout)
    assert honest["reconstruction_closest_leak"].low < 0
    X[:5] = train.X[:5]
    found = measure("reconstruction", train.synthetic(X, train.y), train, holdout)
    assert found["reconstruction_closest_leak"].low > 0.1
    assert abs(found["reconstruction_leak"].value) < 0.1


@pytest.mark.full
def test_intervals_hold_where_nothing_leaks() -> None:
    outside: dict[str, list[bool]] = {}
    for i in range(120):
        everybody = people(700, "interval", i, genes=30, apart=0.3)
        train, holdout, release = (
            everybody.take(np.arange(700)[part]) for part in (slice(300), slice(300, 450), slice(450, None))
        )
        for name in METRICS:
            found = measure(name, release, train, holdout)
            for leak in LEAKS[name]:
                outside.setdefault(leak, []).append(found[leak].low > 0)
    share = {name: np.mean(wrong) for name, wrong in outside.items()}
    assert all(found <= 0.075 for found in share.values()), share  # 2.5 %, and three standard errors of 120 draws


# -- the arithmetic ----------------------------------------------------------------------------------------------------


def test_rates_and_residual_risk_are_those_of_anonymeter() -> None:
    """Numbers of anonymeter 1.1.0: success_rate and residual_success at a level of 0.95."""
    assert success_rate(137, 500) == pytest.approx((0.2757231009443108, 0.03898247527849024))
    assert success_rate(0, 500) == pytest.approx((0.0038121702307761206, 0.00381217023077612))
    assert success_rate(300, 300) == pytest.approx((0.993678514387727, 0.006321485612273018))
    for attack, control, value, error in (
        ((137, 500), (60, 400), 0.1445589157194666, 0.05804534209017479),
        ((40, 500), (60, 500), -0.04525698540253117, 0.0435672762865492),
    ):
        found = residual_risk(success_rate(*attack), success_rate(*control))
        assert found == pytest.approx((value, value - error, value + error))


def test_linked_are_whom_anonymeter_links() -> None:
    """With one gene in each half both distances give the same order: anonymeter links 24 of 200 members, 3 others."""
    rng = np.random.default_rng(5)

    def draw(n: int) -> NDArray[np.float64]:
        return rng.normal(size=(n, 2)) @ np.array([[1, 0.8], [0, 0.6]])

    train, other = draw(200), draw(200)
    release = np.concatenate([train[:100] + rng.normal(0, 0.01, (100, 2)), draw(100)])
    found = measure("linkability", *(cohort(X, ["a"] * 200) for X in (release, train, other)))
    assert found["linkability_members"].value == pytest.approx(0.1271612240233613)
    assert found["linkability_others"].value == pytest.approx(0.024139983292974287)
    assert found["linkability_risk"] == pytest.approx((0.10556969, 0.05609563, 0.15504375))


def test_members_are_singled_out_as_often_as_by_anonymeter() -> None:
    """Three runs of anonymeter (six genes, 1,000 queries) single out 575, 596 and 590 members, 60, 87 and 59 others."""
    rng = np.random.default_rng(6)
    loadings = rng.normal(size=(3, 12))

    def draw(n: int) -> NDArray[np.float64]:
        return rng.normal(size=(n, 3)) @ loadings + rng.normal(size=(n, 12))

    train, other = draw(200), draw(200)
    release = np.concatenate([train[:120], draw(80)])
    cohorts = [cohort(X, ["a"] * 200) for X in (train, other, release)]
    found = create(find("metric", "singling_out"), {"genes": 6})(*cohorts, rng=np.random.default_rng(0))
    assert found["singling_out_members"].value == pytest.approx(0.587, abs=0.04)
    assert 0.05 < found["singling_out_others"].value < 0.16  # matches, of which some are several by one description
    assert found["singling_out_risk"].value == pytest.approx(0.555, abs=0.07)


def test_a_description_fits_whom_it_describes() -> None:
    X = np.array([[1, 5], [2, 4], [3, 3], [4, 2], [5, 1]], dtype=np.float32)
    said = Descriptions(
        np.array([[0, 1], [0, 1]]), np.array([[4, 2], [2, 4]], np.float32), np.array([[True, False], [False, True]])
    )
    assert said.matches(X).tolist() == [2, 2]
    drawn = describe(X, 9, 50, np.random.default_rng(0))
    assert drawn.genes.shape == (50, 2)
    counts = [
        sum(all(row[g] >= v if up else row[g] <= v for g, v, up in zip(*one, strict=True)) for row in X)
        for one in zip(drawn.genes, drawn.values, drawn.above, strict=True)
    ]
    assert drawn.matches(X).tolist() == counts
    assert min(counts) >= 1


def test_fewer_others_are_counted_as_if_they_were_as_many_as_the_members() -> None:
    """What fits one other person in twenty descriptions would fit one in ten, if there were twice as many others."""
    metric = create(find("metric", "singling_out"), {"genes": 6})
    train, release = people(400, "many", genes=12), people(400, "release", genes=12)
    for n in (200, 400):
        found = metric(train, people(n, "few", genes=12), release, rng=np.random.default_rng(0))
        assert found["singling_out_others"].value == pytest.approx(0.13, abs=0.03)


def test_no_description_fits_exactly_one_of_many_by_chance_more_often_than_the_likeliest() -> None:
    """Noise around everybody: its descriptions are wide, and fit many others."""
    rng = np.random.default_rng(0)
    release = TRAIN.synthetic(rng.normal(8, 0.3, TRAIN.X.shape), TRAIN.y)
    found = create(find("metric", "singling_out"), {"genes": 3})(TRAIN, HOLDOUT, release, rng=rng)
    assert found["singling_out_others"].value == pytest.approx((1 - 1 / 240) ** 239, abs=0.01)
    assert found["singling_out_risk"].value > -0.6


def test_what_is_gone_is_a_ratio_of_ratios() -> None:
    errors, usual = np.array([1.0, 3.0, 8.0, 12.0]), np.array([4.0, 4.0, 10.0, 10.0])
    found = share_gone(errors, usual, np.array([True, True, False, False]))
    assert found.value == pytest.approx(1 - 0.5 / 1.0)
    members, others = (math.hypot(1 - r * u, e - r * w) / math.sqrt(2) / m for r, u, w, e, m in [(0.5, 4, 4, 3, 4)] * 2)
    assert found.high - found.value == pytest.approx(
        1.959964 * math.hypot(math.hypot(1, 1) / math.sqrt(2) / 4, 0.5 * math.hypot(2, 2) / math.sqrt(2) / 10)
    )
    assert members == others
    assert math.isnan(share_gone(errors, np.zeros(4), np.array([True, True, False, False])).value)


def test_the_lowest_are_counted_in_part() -> None:
    ratios = np.arange(30, 0, -1.0)  # a twentieth of 30 are one and a half: 1 and half of 2
    assert _lowest(ratios)[0] == pytest.approx((1 + 2 / 2) / 1.5)


def test_regressions_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    for n, k in ((60, 20), (20, 60)):
        known, hidden, asked = rng.normal(2, 3, (n, k)), rng.normal(1, 1, (n, 4)), rng.normal(2, 3, (7, k))
        alpha = 0.3 * n * known.var(axis=0).mean()
        expected = Ridge(alpha=alpha).fit(known, hidden).predict(asked)
        assert regress(known, hidden, asked, 0.3) == pytest.approx(expected)


def test_the_nearest_are_those_of_all_distances() -> None:
    rng = np.random.default_rng(0)
    mine, others = rng.normal(50, 1, (9, 5)).astype(np.float32), rng.normal(50, 1, (30, 5)).astype(np.float32)
    mine[0] = others[7]
    squared = ((mine[:, None].astype(float) - others) ** 2).sum(axis=2)
    which, found = nearest(mine, others)
    assert which.tolist() == squared.argmin(axis=1).tolist()
    assert found == pytest.approx(squared.min(axis=1))
    assert found[0] == 0


@pytest.mark.parametrize("name", METRICS)
def test_what_cannot_be_asked_is_not_a_number(name: str) -> None:
    few, constant = TRAIN.take(np.arange(3)), TRAIN.synthetic(np.full_like(TRAIN.X, 8), TRAIN.y)
    assert all(math.isnan(e.value) for e in measure(name, FRESH.take(np.arange(0))).values())
    if name != "singling_out":
        assert all(math.isnan(e.value) for e in measure(name, FRESH, few).values())
        assert math.isnan(measure(name, FRESH, holdout=few)[LEAKS[name][0]].value)
    found = measure(name, constant)
    assert name != "singling_out" or all(math.isnan(e.value) for e in found.values())


def test_labels_are_asked_of_a_release_that_has_some() -> None:
    found = measure("attribute_inference", FRESH.synthetic(FRESH.X, None))
    assert math.isnan(found["attribute_label_leak"].value)
    assert not math.isnan(found["attribute_gene_leak"].value)
    one = TRAIN.synthetic(TRAIN.X, ["a"] * len(TRAIN))
    assert math.isnan(
        measure("attribute_inference", FRESH, one, HOLDOUT.take(HOLDOUT.y == "a"))["attribute_label_leak"].value
    )


# -- through a run -----------------------------------------------------------------------------------------------------


def test_the_interval_of_an_estimate_reaches_the_rows(toy_cohort: Cohort, tmp_path: Path) -> None:
    scope, cells = planned(toy_dataset(toy_cohort), tmp_path, "copy_train", metrics="linkability")
    rows = run(scope, cells, Limits(1, 1), Serial()).rows.set_index("measure")
    risk = rows.loc["linkability_risk"]
    assert risk["family"] == "privacy"
    assert 0 < risk["low"] < risk["value"] < risk["high"]
    assert rows.loc["linkability_members", ["low", "high"]].isna().all()


@pytest.mark.parametrize(("end", "message"), [("far", "one real number"), (math.inf, "finite")])
def test_an_interval_that_is_none_is_refused(end: object, message: str) -> None:
    with pytest.raises(PluginError, match=f"metric 'linkability': the interval of linkability_risk is .*{message}"):
        intervals_of(find("metric", "linkability"), {"linkability_risk": Estimate(0.1, 0.0, end)})  # type: ignore[arg-type]


def test_the_population_is_taught_by_people_who_are_asked_nothing() -> None:
    """Genes that have nothing to do with each other are guessed by whoever was taught with the person asked about."""
    draw = np.random.default_rng(8).normal
    train, holdout, release = (cohort(draw(size=(n, 60)), np.arange(n) % 2) for n in (120, 90, 120))
    assert measure("attribute_inference", release, train, holdout)["attribute_gene_base"].value < 0.05


def test_the_way_to_guess_is_chosen_on_the_members_of_the_other_half() -> None:
    people_ = Asked(np.zeros((6, 2), np.float32), np.full(6, "a"), np.arange(6) < 4, np.arange(6) % 2)
    task = _Task(people_, people_, np.array([0]), np.array([1]), np.ones(2))
    values = np.array([[1.0, 0, 1, 0, 7, 7], [0.0, 1, 0, 1, 8, 8]])  # the first way is best on half 0, the other on 1
    assert task._choose(values, values).tolist() == [0, 0, 0, 0, 8, 7]


@pytest.mark.full
@pytest.mark.real_data
def test_what_real_people_have_in_common_is_no_leak_and_what_was_fitted_to_the_members_is() -> None:
    """A release of other people of `brca`, and a model of these, tell hidden genes well, of members as of others."""
    everybody = load_dataset("brca").expression
    wrong, leaks_found = 0, []
    for seed in range(4):
        order = np.random.default_rng(seed).permutation(len(everybody))
        train, holdout, fresh = (everybody.take(rows) for rows in np.array_split(order, 3))
        model = create(find("generator", "multivariate"))
        for release in (fresh, model.fit(fresh, rng=stream(seed)).sample(len(train), rng=stream(seed, "draw"))):
            found = measure("attribute_inference", release, train, holdout)
            wrong += sum(found[name].low > 0 for name in LEAKS["attribute_inference"])
            leaks_found.append([found[name].value for name in LEAKS["attribute_inference"]])
            assert found["attribute_gene_members"].value > 0.3
            assert found["attribute_label_members"].value > 0.5
    assert wrong <= 2  # of 16 intervals, of which one in forty lies above 0 by chance
    assert np.abs(np.mean(leaks_found, axis=0)).max() < 0.02
    own = model.fit(train, rng=stream(1)).sample(len(train), rng=stream(2))
    assert measure("attribute_inference", own, train, holdout)["attribute_gene_leak"].low > 0.1
