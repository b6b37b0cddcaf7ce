"""On every degenerate release each measure and each attack gives a number, or says what makes it undefined."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from planted import generator, metric
from runs import plan, run, scope_of, toy_dataset

from bench import Cohort, PluginError
from bench.boundary.checks import check_measures
from bench.boundary.degenerate import degeneracy, undefined_where_degenerate
from bench.boundary.views import Insider, candidates, view_of
from bench.conformance import people
from bench.conformance.attacks import _Resample
from bench.core.roles import Split
from bench.execution.runner import Limits
from bench.execution.serial import Serial
from bench.registry.finding import create, find, missing_needs, plugins

Values = NDArray[np.float32]
ZOO: Mapping[str, Callable[[Cohort], Cohort]] = {
    "as it should be": lambda c: c.synthetic(c.X + 0.25, c.y),
    "collapsed": lambda c: c.synthetic(np.repeat(c.X[:1], len(c), axis=0), c.y),
    "collapsed, one class": lambda c: c.synthetic(np.repeat(c.X[:1], len(c), axis=0), np.repeat(c.y[:1], len(c))),
    "one class": lambda c: c.synthetic(c.X[c.y == "a"], c.y[c.y == "a"]),
    "one row": lambda c: c.synthetic(c.X[:1], c.y[:1]),
    "two rows": lambda c: c.synthetic(c.X[:2], c.y[:2]),
    "zeros": lambda c: c.synthetic(c.X * 0, c.y),
    "constant genes": lambda c: c.synthetic(np.where(np.arange(c.n_genes) % 2, c.X, 8), c.y),
    "duplicates": lambda c: c.synthetic(np.repeat(c.X[:4], len(c) // 4, axis=0), np.repeat(c.y[:4], len(c) // 4)),
    "huge": lambda c: c.synthetic(c.X * 1e37, c.y),
    "one huge": lambda c: c.synthetic(_with(c.X, 3e38), c.y),
    "tiny": lambda c: c.synthetic(c.X * 1e-38, c.y),
    "far": lambda c: c.synthetic(c.X + 1e6, c.y),
    "rare class": lambda c: c.synthetic(c.X, np.where(np.arange(len(c)) == 0, "b", "a")),
}
SLOW = {
    "confidence",
    "domias_flow",
    "logan",
    "shadow_meta",
    "ensemble",
    "tstr_trees",
    "surrogate_loss",
    "augmentation",
} | {"tstr", "calibration", "c2st", "classifier_ranking", "tstr_2026"}  # by seconds a release
KINDS = {k: [n for n, i in plugins(k).items() if "expression" in i.modalities and i.released == "data"] for k in ("metric", "attack")}  # type: ignore[arg-type]  # fmt: skip
CASES = [
    pytest.param(kind, name, genes, marks=[pytest.mark.full] * (name in SLOW or genes > 12), id=f"{name}-{genes}")
    for kind, names in KINDS.items()
    for name in sorted(names)
    for genes in (12, 60)  # fewer genes than people, and more
]


def _with(X: Values, value: float) -> Values:
    changed = X.copy()
    changed[0, 0] = value
    return changed


def evaluate(kind: str, name: str, split: Split, release: Cohort) -> None:
    """Do what a task does with a release."""
    info = find(kind, name)  # type: ignore[arg-type]
    with undefined_where_degenerate(release, split.train):
        if kind == "metric":
            values = create(info)(split.train, split.holdout, release, rng=np.random.default_rng(1))
            check_measures(info, values)
        else:
            insider = Insider(_Resample, lambda: _Resample().fit(release, rng=np.random.default_rng(2)))
            view = view_of(split, "zoo", release, info.option("access", "black-box"), insider)
            candidates(split, "zoo").readings(create(info).score(view, rng=np.random.default_rng(3)))


@pytest.mark.parametrize(("kind", "name", "genes"), CASES)
def test_every_degenerate_release_gives_a_number_or_a_stated_reason(kind: str, name: str, genes: int) -> None:
    if missing := missing_needs(find(kind, name)):  # type: ignore[arg-type]
        pytest.skip(missing)
    if find(kind, name).option("opt_in", False):  # type: ignore[arg-type]
        pytest.skip("opt-in: it asks for a file")
    train, holdout, reference = (people(n, who, genes=genes) for n, who in ((24, "a"), (12, "b"), (24, "c")))
    split = Split(train, holdout, 1, 5, reference)
    for case, make in ZOO.items():
        said = outcome(kind, name, split, make(train))
        assert not said or "undefined on this release, because " in said, (case, said)
        assert not said or case != "as it should be"


def outcome(kind: str, name: str, split: Split, release: Cohort) -> str:
    """Return why there is no number, or nothing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of numbers that overflow, on the way to a number or a reason
        try:
            evaluate(kind, name, split, release)
        except PluginError as error:
            return str(error)
    return ""


SAID = {
    "collapsed": "all its samples are equal",
    "one class": "all its labels are 'a'",
    "one row": "it has 1 sample",
    "two rows": "it has 2 samples",
    "constant genes": "6 of its 12 genes never vary",
    "duplicates": "its 24 samples are 4 different ones",
    "huge": "too large to be squared",
    "one huge": "its values reach 3e+38",
    "tiny": "lie outside the real ones",
    "far": "lie outside the real ones",
    "rare class": "its class 'b' has one sample",
    "as it should be": "",
}


@pytest.mark.parametrize("case", SAID)
def test_what_is_degenerate_is_named(case: str) -> None:
    found = degeneracy(ZOO[case](people(24, "a", genes=12)), people(24, "a", genes=12))
    assert SAID[case] in found
    assert bool(found) == bool(SAID[case])


def test_a_release_without_labels_can_be_degenerate_too() -> None:
    train = people(24, "a")
    assert degeneracy(train.synthetic(train.X * 0, None), train) == "all its samples are equal"
    assert degeneracy(train.synthetic(train.X, None), train) == ""


def test_a_gene_that_never_varies_among_real_people_either_is_no_fault() -> None:
    train = people(24, "a")
    flat = replace(train, X=np.where(np.arange(train.n_genes) == 3, 7, train.X))
    assert degeneracy(flat, flat) == ""
    assert degeneracy(flat, train) == "1 of its 24 genes never vary"


def test_a_failure_on_a_sound_release_is_not_excused() -> None:
    train = people(24, "a")
    with pytest.raises(ZeroDivisionError), undefined_where_degenerate(train.synthetic(train.X, train.y), train):
        raise ZeroDivisionError


def test_rows_of_a_collapsed_release_say_what_is_undefined(toy_cohort: Cohort, tmp_path: Path) -> None:
    scope = scope_of(toy_dataset(toy_cohort), tmp_path)
    fails = metric(tmp_path, "divides", "value = float(synthetic.X[0, 0] / 0) if 1 // int(np.ptp(synthetic.X[:, 0])) else 0.0")  # fmt: skip
    body = "row = self.cohort_.take([0])\nreturn row.synthetic(np.repeat(row.X, n, axis=0), np.repeat(row.y, n))"
    name = generator(tmp_path, "collapses_on_one", body)
    rows = run(scope, plan(scope, name, metrics=f"mmd,{fails}", attacks="mahalanobis,mc"), Limits(1, 1), Serial()).rows
    reasons = rows.set_index("measure")["reason"]
    assert "undefined on this release, because all its samples are equal: integer division or modulo" in reasons[fails]
    attacks = rows.query("family == 'privacy'").groupby("attack")
    assert attacks["status"].first().to_dict() == {"mahalanobis": "failed", "mc": "ok"}
    assert "undefined on this release, because all its samples are equal: " in attacks["reason"].first()["mahalanobis"]  # fmt: skip
