"""Classifiers are tested on a second cohort as scikit-learn tests them, and on nobody else's genes, units or people."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, average_precision_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.preprocessing import StandardScaler

from bench import Cohort, DataError
from bench.core.cohort_file import write_npz
from bench.datasets import Dataset
from bench.datasets.folds import make_splits
from bench.engine.plan import Scope, plan_generators
from bench.registry.finding import create, find
from bench.registry.selection import choose
from bench.store.store import Store

CENTRES = np.random.default_rng(1).normal(0, 0.7, size=(4, 24))


def draw(n: int, seed: int, labels: str = "abc", shift: float = 0.0, who: str = "s") -> Cohort:
    """Return n people of overlapping classes and 24 genes; `shift` is what another laboratory adds to each gene."""
    rng = np.random.default_rng(seed)
    y = np.array(list(labels))[np.arange(n) % len(labels)]
    X = 8 + CENTRES[np.searchsorted(list("abcd"), y)] + rng.normal(size=(n, 24)) + shift * np.arange(24)
    names = {"genes": tuple(f"g{i}" for i in range(24)), "samples": tuple(f"{who}{seed}-{i}" for i in range(n))}
    return Cohort(X=X.astype(np.float32), y=y, units="vst", **names)


TRAIN, HOLDOUT, RELEASE = draw(90, 1), draw(45, 2), draw(120, 3)


def measure(path: Path | str, synthetic: Cohort = RELEASE, **params: object) -> Mapping[str, float]:
    metric = create(find("metric", "transfer"), {"cohort": str(path), **params})
    values: Mapping[str, float] = metric(TRAIN, HOLDOUT, synthetic, rng=np.random.default_rng(0))
    return values


def written(folder: Path, cohort: Cohort) -> Path:
    path = folder / "cohort.npz"
    write_npz(path, cohort)
    return path


def test_scores_are_those_of_scikit_learn_on_the_common_genes_and_classes(tmp_path: Path) -> None:
    second = draw(80, 5, labels="cbd")  # no a, and d is unknown
    order = np.r_[np.arange(20)[::-1], 22]  # 21 genes, in another order
    fewer = Cohort(
        X=second.X[:, order],
        y=second.y,
        genes=tuple(second.genes[i] for i in order),
        samples=second.samples,
        units="vst",
    )
    found = measure(written(tmp_path, fewer))
    common, tested = [*range(20), 22], second.y != "d"
    scale = StandardScaler().fit(TRAIN.X[:, common].astype(float)).transform
    X, y = scale(second.X[tested][:, common].astype(float)), second.y[tested]
    for role, source in (("synthetic", RELEASE), ("real", TRAIN)):
        exact = OneVsRestClassifier(LogisticRegression(solver="newton-cholesky", tol=1e-8, max_iter=1000))
        exact.fit(scale(source.X[:, common].astype(float)), source.y)
        called, shares = exact.predict(X), exact.predict_proba(X)
        assert found[f"transfer_accuracy_{role}"] == pytest.approx(accuracy_score(y, called))
        recalls = [np.mean(called[y == label] == label) for label in "bc"]
        assert found[f"transfer_balanced_accuracy_{role}"] == pytest.approx(np.mean(recalls))
        aupr = [average_precision_score(y == label, shares[:, k + 1]) for k, label in enumerate("bc")]
        assert found[f"transfer_aupr_{role}"] == pytest.approx(np.mean(aupr), abs=1e-6)
    assert (found["transfer_samples_real"], found["transfer_genes_real"]) == (tested.sum(), 21)


def test_wrong_labels_do_not_transfer(tmp_path: Path) -> None:
    path = written(tmp_path, draw(90, 5))
    rng = np.random.default_rng(0)
    good, bad = measure(path), measure(path, RELEASE.synthetic(RELEASE.X, rng.permutation(RELEASE.y)))
    for name in ("accuracy", "balanced_accuracy", "aupr"):
        assert good[f"transfer_{name}_synthetic"] > bad[f"transfer_{name}_synthetic"] + 0.2
        assert good[f"transfer_{name}_real"] == bad[f"transfer_{name}_real"]


def test_another_laboratory_is_bridged_by_own_scales(tmp_path: Path) -> None:
    path = written(tmp_path, draw(90, 5, shift=1.0))
    apart, bridged = measure(path), measure(path, own_scale=True)
    assert bridged["transfer_balanced_accuracy_real"] > apart["transfer_balanced_accuracy_real"] + 0.2
    assert bridged["transfer_balanced_accuracy_synthetic"] > apart["transfer_balanced_accuracy_synthetic"] + 0.2
    unshifted = tmp_path / "unshifted"
    unshifted.mkdir()
    same = measure(written(unshifted, draw(90, 5)), own_scale=True)
    assert same["transfer_aupr_real"] == pytest.approx(bridged["transfer_aupr_real"], abs=1e-4)


def test_a_class_that_the_release_lacks_is_never_recognised(tmp_path: Path) -> None:
    path = written(tmp_path, draw(60, 5, labels="ab"))
    found = measure(path, RELEASE.take(RELEASE.y == "a"))
    assert found["transfer_balanced_accuracy_synthetic"] == 0.5
    assert found["transfer_accuracy_real"] > 0.5


def test_without_a_file_or_a_release_nothing_is_defined(tmp_path: Path) -> None:
    assert all(math.isnan(value) for value in measure("").values())
    found = measure(written(tmp_path, draw(60, 5)), RELEASE.take([]))
    assert {name for name, value in found.items() if math.isnan(value)} == {
        n for n in found if n.endswith("_synthetic")
    }


def renamed(cohort: Cohort, **fields: object) -> Cohort:
    return dataclasses.replace(cohort, **fields)  # type: ignore[arg-type]


SECOND = draw(60, 5)
FAULTS = {
    "units": (renamed(SECOND, units="log2"), "in units 'log2', the training samples in 'vst'"),
    "genes": (renamed(SECOND, genes=tuple(f"ENSG{i}" for i in range(24))), "has 0 of 24 genes"),
    "classes": (renamed(SECOND, y=np.array(["a", "z"])[np.arange(60) % 2]), "at least two of them must be among"),
    "people": (renamed(SECOND, samples=(*SECOND.samples[:-1], HOLDOUT.samples[0])), "'s2-0' is in the second cohort"),
    "donors": (renamed(SECOND, donors=np.array([TRAIN.samples[0]] * 60)), "'s1-0' is in the second cohort"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_cohort_that_does_not_fit_is_an_error(tmp_path: Path, fault: str) -> None:
    cohort, message = FAULTS[fault]
    with pytest.raises(DataError, match=message):
        measure(written(tmp_path, cohort))


def test_a_share_of_the_genes_may_be_missing_but_no_more(tmp_path: Path) -> None:
    half = Cohort(X=SECOND.X[:, :12], y=SECOND.y, genes=SECOND.genes[:12], samples=SECOND.samples, units="vst")
    path = written(tmp_path, half)
    assert measure(path)["transfer_genes_real"] == 12
    with pytest.raises(DataError, match=r"12 of 24 genes, fewer than a share of 0\.6"):
        measure(path, least_genes=0.6)


def test_other_units_are_no_error_where_each_cohort_has_its_own_scale(tmp_path: Path) -> None:
    assert measure(written(tmp_path, renamed(SECOND, units="log2")), own_scale=True)["transfer_accuracy_real"] > 0.5


def test_a_file_that_is_no_cohort_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "matrix.tsv"
    path.write_text("gene\ts1\n")
    with pytest.raises(DataError, match=r"expected the cohort\.npz"):
        measure(path)


def test_what_is_in_a_named_file_is_part_of_the_choice(tmp_path: Path) -> None:
    path = written(tmp_path, SECOND)
    before = choose("metric", f"transfer[cohort={path}]")[0].files
    assert before.keys() == {"cohort"}
    assert choose("metric", f"transfer[cohort={path}]")[0].files == before
    written(tmp_path, draw(60, 6))
    assert choose("metric", f"transfer[cohort={path}]")[0].files != before
    assert all(choice.files == {} for kind in ("metric", "attack", "generator") for choice in choose(kind, "all"))


def test_a_changed_file_is_scored_again(tmp_path: Path) -> None:
    path = written(tmp_path, SECOND)
    dataset = Dataset("first", "first", "class", TRAIN, None, False, "here")
    scope = Scope(dataset, make_splits(TRAIN, seed=1, n_folds=3)[:1], Store(tmp_path / "store").open())

    def keys() -> dict[str, str]:
        metrics = choose("metric", f"transfer[cohort={path}],mmd")
        cell = plan_generators(scope, choose("generator", "copy_train"), metrics, [])[0]
        return {task.plugin.name: task.key for task in cell.tasks}

    before = keys()
    assert keys() == before
    written(tmp_path, draw(60, 6))
    assert {name for name, key in keys().items() if key != before[name]} == {"transfer"}
