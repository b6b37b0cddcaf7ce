"""Each measure gives the number that a hand, or an independent implementation, finds."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil

import numpy as np
import pytest
from cohorts import cohort
from numpy.typing import NDArray
from scipy.spatial.distance import cdist
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.multiclass import OneVsRestClassifier
from sklearn.preprocessing import StandardScaler

from bench import Cohort, Estimate
from bench.registry.finding import create, find, plugins


def measure(name: str, train: Cohort, holdout: Cohort, synthetic: Cohort, seed: int = 0) -> Mapping[str, float]:
    values = create(find("metric", name))(train, holdout, synthetic, rng=np.random.default_rng(seed))
    return {key: value.value if isinstance(value, Estimate) else value for key, value in values.items()}


@pytest.fixture(scope="module")
def people() -> tuple[Cohort, Cohort, Cohort]:
    """Train (80), holdout (40) and a release (80): 4 overlapping classes, 100 genes of unequal spread."""
    rng = np.random.default_rng(3)
    label = np.arange(200) % 4
    X = rng.normal(8, 0.25, size=(4, 100))[label] + rng.normal(size=(200, 100)) * rng.uniform(0.3, 2, size=100)
    X[120:] += rng.normal(0, 0.4, size=(80, 100))
    y = np.array([f"class {k}" for k in label])
    return cohort(X[:80], y[:80]), cohort(X[80:120], y[80:120]), cohort(X[120:], y[120:])


# -- utility -----------------------------------------------------------------------------------------------------------


def reference_tstr(
    train: Cohort, holdout: Cohort, synthetic: Cohort, scaler: StandardScaler | None
) -> dict[str, float]:
    scale = scaler.transform if scaler else (lambda X: X)
    values: dict[str, float] = {}
    top = {}
    for role, source in (("real", train), ("synthetic", synthetic)):
        exact = LogisticRegression(solver="newton-cholesky", tol=1e-8, max_iter=1000)
        model = OneVsRestClassifier(exact).fit(scale(source.X.astype(float)), source.y)
        p = model.predict_proba(scale(holdout.X.astype(float)))
        code, called = np.searchsorted(model.classes_, holdout.y), model.classes_[p.argmax(axis=1)]
        values |= {
            f"accuracy_{role}": float(np.mean(called == holdout.y)),
            f"aupr_{role}": average_precision_score(code, p, average="macro"),
            f"aupr_weighted_{role}": average_precision_score(code, p, average="weighted"),
            f"f1_macro_{role}": f1_score(holdout.y, called, average="macro"),
            f"f1_weighted_{role}": f1_score(holdout.y, called, average="weighted"),
            f"auroc_{role}": roc_auc_score(code, p, multi_class="ovr", average="macro"),
        }
        top[role] = {g for e in model.estimators_ for g in np.argsort(e.coef_[0])[-10:]}
    common = len(top["real"] & top["synthetic"])
    return values | {
        "feature_overlap": common,
        "feature_overlap_proportion": common / len(top["synthetic"]),
    }


def test_tstr_agrees_with_scikit_learn_solved_to_the_end(people: tuple[Cohort, Cohort, Cohort]) -> None:
    expected = reference_tstr(*people, scaler=None)
    assert measure("tstr", *people) == pytest.approx(expected, abs=1e-9)
    assert 0.5 < expected["accuracy_synthetic"] < 1  # the case is neither trivial nor hopeless
    assert 5 < expected["feature_overlap"] < 35


def test_tstr_2026_standardises_by_the_training_samples(people: tuple[Cohort, Cohort, Cohort]) -> None:
    expected = reference_tstr(*people, scaler=StandardScaler().fit(people[0].X.astype(float)))
    found = measure("tstr_2026", *people)
    assert found == pytest.approx({f"{name}_2026": value for name, value in expected.items()}, abs=1e-9)
    assert found["aupr_synthetic_2026"] != measure("tstr", *people)["aupr_synthetic"]


def test_a_class_that_the_release_lacks_is_matched_by_label(people: tuple[Cohort, Cohort, Cohort]) -> None:
    train, holdout, synthetic = people
    lacking = synthetic.take(synthetic.y != "class 1")
    found = measure("tstr", train, holdout, lacking)
    rest = holdout.take(holdout.y != "class 1")
    among_the_rest = measure("tstr", train, rest, lacking)
    share = len(rest) / len(holdout)
    assert found["accuracy_synthetic"] == pytest.approx(share * among_the_rest["accuracy_synthetic"])
    assert found["accuracy_real"] == measure("tstr", *people)["accuracy_real"]
    # the class that is never predicted ranks its members like everybody else: at chance
    assert found["aupr_synthetic"] < among_the_rest["aupr_synthetic"]
    only = measure("tstr", train, holdout, synthetic.take(synthetic.y == "class 1"))
    assert only["accuracy_synthetic"] == pytest.approx(1 - share)
    assert only["aupr_synthetic"] == pytest.approx(1 / 4)
    assert only["auroc_synthetic"] == pytest.approx(1 / 2)
    assert only["feature_overlap"] == 0


def test_the_discriminator_agrees_with_scikit_learn(people: tuple[Cohort, Cohort, Cohort]) -> None:
    train, holdout, synthetic = people
    X, real = np.concatenate([train.X, synthetic.X]).astype(float), np.repeat([1, 0], [len(train), len(synthetic)])
    order = np.random.default_rng(5).permutation(len(X))
    judged, fitted = np.split(order, [ceil(0.3 * len(X))])
    scaler = StandardScaler().fit(X[fitted])
    model = LogisticRegression(solver="newton-cholesky", tol=1e-8).fit(scaler.transform(X[fitted]), real[fitted])
    called = model.predict(scaler.transform(np.concatenate([X[judged], holdout.X])))
    expected = f1_score(np.append(real[judged], np.ones(len(holdout))), called)
    assert measure("discriminative", *people, seed=5)["discriminative_score"] == pytest.approx(expected)


# -- distances ---------------------------------------------------------------------------------------------------------

TRAIN, HOLDOUT, RELEASE = [[0, 0], [0, 4], [8, 0]], [[0, 1], [5, 4]], [[3, 0], [0, 4], [8, 6]]


def test_distance_to_closest_of_a_hand_worked_case() -> None:
    found = measure("distance_to_closest", cohort(TRAIN), cohort(HOLDOUT), cohort(RELEASE))
    assert found == pytest.approx({"distance_to_closest": (3 + 0 + 6) / 3, "distance_to_closest_real": (1 + 5) / 2})


def test_a_copy_lies_at_distance_exactly_zero(people: tuple[Cohort, Cohort, Cohort]) -> None:
    train, holdout, _ = people
    far = cohort(train.X + 1000, train.y)  # where rounding is at its worst
    found = measure("distance_to_closest", far, holdout, cohort(far.X, far.y))
    assert found["distance_to_closest"] == 0
    expected = cdist(holdout.X.astype(float), far.X.astype(float)).min(axis=1).mean()
    assert found["distance_to_closest_real"] == pytest.approx(expected, abs=1e-4)


def test_mmd_of_a_hand_worked_case() -> None:
    e = np.exp(-0.5 * np.array([16, 64, 80, 9, 25]))  # gamma is 1 / 2 genes
    pair = cohort([[0, 0], [3, 0]])
    found = measure("mmd", cohort(TRAIN), cohort([[0, 0], [0, 4]]), pair)
    within_train, within_pair = (e[0] + e[1] + e[2]) / 3, e[3]
    between = (1 + e[3] + e[0] + e[4] + e[1] + np.exp(-0.5 * 25)) / 6
    assert found["mmd"] == pytest.approx(within_train + within_pair - 2 * between)
    assert found["mmd_holdout"] == pytest.approx(e[0] + within_pair - 2 * (1 + e[3] + e[0] + e[4]) / 4)


def test_mmd_agrees_with_an_independent_kernel(people: tuple[Cohort, Cohort, Cohort]) -> None:
    def unbiased(a: Cohort, b: Cohort) -> float:
        inside = [(rbf_kernel(c.X).sum() - len(c)) / (len(c) * (len(c) - 1)) for c in (a, b)]
        return float(sum(inside) - 2 * rbf_kernel(a.X, b.X).mean())

    train, holdout, synthetic = people
    expected = {
        "mmd": unbiased(train, synthetic),
        "mmd_holdout": unbiased(holdout, synthetic),
        "mmd_base": unbiased(train, holdout),
    }
    assert measure("mmd", *people) == pytest.approx(expected, abs=1e-6)


def reference_prdc(real: NDArray[np.float32], other: NDArray[np.float32], k: int) -> dict[str, float]:
    radius = [np.sort(row)[k] for row in cdist(real, real)]  # position 0 is the sample itself
    other_radius = [np.sort(row)[k] for row in cdist(other, other)]
    between = cdist(real, other)
    n, m = between.shape
    inside = [[between[i, j] < radius[i] for j in range(m)] for i in range(n)]
    return {
        "precision": sum(any(inside[i][j] for i in range(n)) for j in range(m)) / m,
        "recall": sum(any(between[i, j] < other_radius[j] for j in range(m)) for i in range(n)) / n,
        "density": sum(map(sum, inside)) / (k * m),
        "coverage": sum(map(any, inside)) / n,
    }


def test_prdc_agrees_with_plain_loops(people: tuple[Cohort, Cohort, Cohort]) -> None:
    train, holdout, synthetic = people
    expected = {
        f"prdc_{name}_{role}": value
        for role, real in (("train", train), ("holdout", holdout))
        for name, value in reference_prdc(real.X, synthetic.X, k=5).items()
    }
    assert measure("prdc", *people) == pytest.approx(expected)
    assert 0 < expected["prdc_precision_train"] < 1


def test_prdc_of_a_hand_worked_case() -> None:
    line = cohort([[0], [1], [2], [10]])  # with k = 1 the radii are 1, 1, 1, 8
    release = cohort([[0.5], [3], [30]])  # radii 2.5, 2.5, 27
    found = create(find("metric", "prdc"), {"k": 1})(line, line, release, rng=np.random.default_rng(0))
    assert found["prdc_precision_train"] == pytest.approx(2 / 3)  # 0.5 lies in two balls, 3 in that of 10
    assert found["prdc_density_train"] == pytest.approx(3 / 3)
    assert found["prdc_coverage_train"] == pytest.approx(3 / 4)
    assert found["prdc_recall_train"] == pytest.approx(4 / 4)  # 10 is within 27 of 30


# -- histograms --------------------------------------------------------------------------------------------------------


def reference_kl(real: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    total = 0.0
    for r, o in zip(real.T.astype(float), other.T.astype(float), strict=True):
        edges = np.linspace(min(r.min(), o.min()), max(r.max(), o.max()), 50)
        p, q = (np.histogram(v, edges, density=True)[0] + 1e-10 for v in (r, o))
        p, q = p / p.sum(), q / q.sum()
        total += float(np.sum(p * np.log(p / q)))
    return total / real.shape[1]


@pytest.mark.parametrize("decimals", [6, 0], ids=["continuous", "many values on bin edges"])
def test_kl_agrees_with_a_loop_over_histograms(people: tuple[Cohort, Cohort, Cohort], decimals: int) -> None:
    train, holdout, synthetic = (cohort(c.X.round(decimals), c.y) for c in people)
    expected = {
        "kl_train": reference_kl(train.X, synthetic.X),
        "kl_holdout": reference_kl(holdout.X, synthetic.X),
        "kl_base": reference_kl(holdout.X, train.X),
    }
    assert measure("kl", train, holdout, synthetic) == pytest.approx(expected, rel=1e-9)


def test_kl_of_a_hand_worked_case() -> None:
    real, other = cohort([[0], [0], [0], [49]]), cohort([[0], [49], [49], [49]])
    expected = 3 / 4 * np.log(3) + 1 / 4 * np.log(1 / 3)
    found = measure("kl", real, real, other)
    assert found["kl_train"] == pytest.approx(expected, abs=1e-6)
    assert found["kl_base"] == 0


# -- every measure -----------------------------------------------------------------------------------------------------


OF_DATA = {
    name: info
    for name, info in plugins("metric").items()
    if info.released == "data" and "expression" in info.modalities
}
LEAKS = {
    "attribute_inference",
    "linkability",
    "reconstruction",
    "singling_out",
}  # of nobody, whatever the data are worth
# rows are shuffled or drawn by position
SPLIT_BY_CHANCE = {"augmentation", "discriminative", "c2st", "tstr_trees", "explanations"} | LEAKS - {"linkability"}


@pytest.mark.parametrize("name", sorted(set(OF_DATA) - SPLIT_BY_CHANCE))
def test_the_order_of_rows_does_not_matter(people: tuple[Cohort, Cohort, Cohort], name: str) -> None:
    shuffled = [c.take(np.random.default_rng(9).permutation(len(c))) for c in people]
    assert measure(name, *shuffled) == pytest.approx(measure(name, *people), abs=1e-6, nan_ok=True)


def with_biology(people: Cohort, rng: np.random.Generator) -> Cohort:
    """Return the people with two modules of 20 genes, and 20 genes that differ between two classes by more than 1."""
    X = people.X.copy()
    X[:, :40] += np.repeat(rng.normal(0, 2, size=(len(X), 2)), 20, axis=1)
    X[people.y == "class 1", 40:50] += 2
    X[people.y == "class 2", 50:60] -= 2
    return cohort(X, people.y)


def test_worse_data_score_worse(people: tuple[Cohort, Cohort, Cohort]) -> None:
    rng = np.random.default_rng(4)
    train, holdout, good = (with_biology(c, rng) for c in people)
    bad = cohort(rng.normal(14, 1, good.X.shape), rng.permutation(good.y))
    for name, info in ((n, i) for n, i in OF_DATA.items() if n not in LEAKS):
        better, worse = measure(name, train, holdout, good), measure(name, train, holdout, bad)
        for m in info.measures:
            if (
                m.better != "none" and not info.option("opt_in", False) and "winner" not in m.name
            ):  # luck may pick it too
                assert (better[m.name] - worse[m.name]) * (1 if m.better == "higher" else -1) > 0, m.name
