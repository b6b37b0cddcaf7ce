"""A release may be a model: it is fitted, kept, asked by attackers, measured, claimed and shown like data."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import runs

from bench import Cohort, PluginError, ReleasedModel, generator, run
from bench.conformance.plugins import checks_of
from bench.core.cohort_file import read_cohort, read_npz, write_npz
from bench.core.errors import DataError
from bench.engine.tasks import run_tasks
from bench.execution import Serial
from bench.registry.finding import add_plugin_file
from bench.registry.selection import choose
from bench.store.store import Store
from bench.studies.audit import Audit, usable
from bench.studies.audit_reading import bounds
from bench.studies.suspects import suspects

CLASSIFIER = '''
from dataclasses import dataclass
import numpy as np
from bench import PrivacyClaim, ReleasedModel, generator

@generator("nearest_person", releases="model"{more})
@dataclass(kw_only=True)
class NearestPerson:
    """Tell the class of the nearest training person; surer the nearer it is."""

    def fit(self, cohort, *, rng):
        self.arrays_ = {{"X": cohort.X, "y": cohort.y}}
        self.names_ = tuple(cohort.classes), {features}
        return self

    def release(self, *, rng):
        classes, features = self.names_
        return ReleasedModel(arrays=self.arrays_, classes=classes, features=features)

    def predict_proba(self, model, X):
        classes = np.asarray(model.classes)
        squares = ((X[:, None] - model.arrays["X"]) ** 2).sum(axis=2)
        sure = 0.9 * np.exp(-squares.min(axis=1) / X.shape[1])
        told = (classes == model.arrays["y"][squares.argmin(axis=1)][:, None]) * sure[:, None]
        return told + (1 - told.sum(axis=1, keepdims=True)) / len(classes)

    def claim(self):
        return PrivacyClaim(mechanism="none at all", unit="one sample", neighbours="add-remove", epsilon=3.0,
                            delta=1e-5, accountant="a test", outside=("everything",))
'''
ACCURACY = '''
from dataclasses import dataclass
from bench import Measure, metric

@metric("model_accuracy", family="utility", releases="model", modalities="all",
        measures=(Measure("model_accuracy_holdout", "higher", 0, 1, table="utility", rank=9, title="model"),))
@dataclass(kw_only=True)
class ModelAccuracy:
    """Return the share of held-out people whose class the model tells."""

    def __call__(self, train, holdout, model, *, rng):
        return {"model_accuracy_holdout": float((model.predict(holdout.X) == holdout.y).mean())}
'''
CONFIDENCE = '''
from dataclasses import dataclass
import numpy as np
from bench import attack

@attack("own_class", access="query", modalities="all", family="model")
@dataclass(kw_only=True)
class OwnClass:
    """Score a person by how sure the model is of the person's own class."""

    def score(self, view, *, rng):
        assert view.synthetic.shape == (0, len(view.genes))
        assert view.synthetic_labels is None and view.reference is None and view.fitted is None
        told = view.query.predict_proba(view.targets)
        return told[np.arange(len(told)), np.searchsorted(view.query.classes, view.target_labels)]
'''


def planted(folder: Path, features: str = "cohort.features", more: str = "") -> list[Path]:
    """Write a classifier, a measure of models and an attack on models; return the files."""
    texts = {
        "nearest_person": CLASSIFIER.format(features=features, more=more),
        "model_accuracy": ACCURACY,
        "own_class": CONFIDENCE,
    }
    for name, text in texts.items():
        (folder / f"{name}.py").write_text(text)
    return [folder / f"{name}.py" for name in texts]


@pytest.fixture
def model() -> ReleasedModel:
    return ReleasedModel(arrays={"w": np.arange(6.0).reshape(2, 3)}, classes=("a", "b"), features=("G1", "G2", "G3"))


def test_a_model_runs_beside_data_and_each_is_judged_by_what_is_about_it(tmp_path: Path, toy_cohort: Cohort) -> None:
    results = run(
        "nearest_person,smote", runs.toy_dataset(toy_cohort), folds=1, metrics="model_accuracy,mmd", attacks="own_class,gan_leaks",
        plugins=planted(tmp_path), out=tmp_path / "out", executor=Serial(), progress=False,
    )  # fmt: skip
    assert results.lost == 0
    rows = results.rows.set_index(["generator", "measure", "attack"])["value"]
    assert rows["nearest_person", "model_accuracy_holdout", ""] > 0.5
    assert rows["nearest_person", "auc", "own_class"] == 1.0  # members are their own nearest person
    assert rows["nearest_person", "epsilon", ""] == 3.0
    n, genes = len(toy_cohort), toy_cohort.n_genes
    assert n * 0.7 * genes < rows["nearest_person", "n_parameters", ""] < n * genes
    judged = results.rows.groupby("generator")["measure"].agg(set)
    assert not judged["nearest_person"] & {"mmd", "n_synthetic"}
    assert not judged["smote"] & {"model_accuracy_holdout", "n_parameters"}
    assert set(results.rows.loc[results.rows["generator"] == "smote", "attack"]) == {"", "gan_leaks"}
    page = "".join(path.read_text() for path in (tmp_path / "out").rglob("*.md"))
    assert "nearest_person" in page
    assert "numbers of the model" in page


def test_a_stored_model_is_plain_arrays_and_the_same_when_read(tmp_path: Path, model: ReleasedModel) -> None:
    path = tmp_path / "model.npz"
    write_npz(path, model)
    again = read_npz(path)
    assert isinstance(again, ReleasedModel)
    assert (again.digest, again.classes, again.features) == (model.digest, model.classes, model.features)
    assert [np.load(path, allow_pickle=False)[name].dtype.hasobject for name in np.load(path).files] == [False] * 4
    with pytest.raises(DataError, match="a model was released, and this works with released data alone"):
        read_cohort(path)
    store = Store(tmp_path / "store").open()
    store.write_sample("ab" * 32, model)
    kept = store.read_sample("ab" * 32)
    assert kept is not None
    assert kept.digest == model.digest


def test_every_number_and_name_of_a_model_is_in_its_digest(model: ReleasedModel) -> None:
    w = model.arrays["w"]
    others = [
        ReleasedModel({"w": w + 1e-12}, model.classes, model.features),
        ReleasedModel({"v": w}, model.classes, model.features),
        ReleasedModel({"w": w.reshape(3, 2)}, model.classes, model.features),
        ReleasedModel({"w": w}, ("b", "a"), model.features),
        ReleasedModel({"w": w}, model.classes, ("G1", "G3", "G2")),
    ]
    assert len({model.digest, *(other.digest for other in others)}) == 6


def test_objects_are_no_part_of_a_model() -> None:
    with pytest.raises(DataError, match="'tree' of a model holds Python objects; expected numbers or text"):
        ReleasedModel({"tree": np.array([object()])}, ("a",), ("G1",))


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda model, X: np.full((len(X), 2), 0.6), "no probabilities"),
        (lambda model, X: np.tile([-0.5, 1.5], (len(X), 1)), "no probabilities"),
        (lambda model, X: np.tile([np.nan, 1.0], (len(X), 1)), "no probabilities"),
        (lambda model, X: np.full((len(X), 3), 1 / 3), r"shape \(4, 3\); expected 4 x 2 classes"),
    ],
)
def test_answers_that_are_no_probabilities_are_refused(model: ReleasedModel, answer: object, words: str) -> None:
    with pytest.raises(PluginError, match=words):
        model.answered_by(answer).predict_proba(np.zeros((4, 3)))  # type: ignore[arg-type]


def test_queries_have_the_features_of_the_model(model: ReleasedModel) -> None:
    with pytest.raises(DataError, match=r"shape \(4, 2\); the model expects n people x 3 features"):
        model.answered_by(lambda model, X: np.full((len(X), 2), 0.5)).predict_proba(np.zeros((4, 2)))
    with pytest.raises(PluginError, match="no code to answer with"):
        model.predict_proba(np.zeros((4, 3)))


def test_a_model_of_other_features_is_a_failure_of_its_row(tmp_path: Path, toy_cohort: Cohort) -> None:
    results = run(
        "nearest_person", runs.toy_dataset(toy_cohort), folds=1, metrics="none", attacks="none",
        plugins=planted(tmp_path, features="cohort.features[::-1]"), out=tmp_path / "out", executor=Serial(),
        progress=False,
    )  # fmt: skip
    failed = results.rows[results.rows["status"] == "failed"]
    assert set(failed["measure"]) == {"wall_s", "peak_mb", "n_parameters", "epsilon"}
    assert failed["reason"].str.contains("features that are not the").all()


def test_a_generator_that_releases_a_model_needs_its_methods() -> None:
    odd = type("Odd", (), {"__dataclass_fields__": {}, "fit": lambda *_: None, "sample": lambda *_: None})
    with pytest.raises(PluginError, match="no method 'release'; a generator needs fit, release, predict_proba"):
        generator("odd", releases="model")(odd)
    with pytest.raises(PluginError, match="releases='weights'; expected 'data' or 'model'"):
        generator("odd", releases="weights")(odd)  # type: ignore[arg-type]


def test_plugins_about_models_keep_the_contract(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in planted(tmp_path, more=', modalities="all"'):
        monkeypatch.delitem(sys.modules, f"bench_plugin_{path.stem}", raising=False)  # another test's file of that name
        info = add_plugin_file(path)
        for check in checks_of(info):
            check(info)


def test_a_model_is_audited_by_queries(tmp_path: Path, toy_cohort: Cohort, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in planted(tmp_path):
        monkeypatch.delitem(sys.modules, f"bench_plugin_{path.stem}", raising=False)
        add_plugin_file(path)
    (generator_choice,) = choose("generator", "nearest_person")
    attacks = usable(choose("attack", "own_class,gan_leaks"), generator_choice)
    assert [choice.info.name for choice in attacks] == ["own_class"]
    with pytest.raises(PluginError, match=r"the audit of nearest_person needs a sound attack .* access 'query'"):
        usable(choose("attack", "gan_leaks"), generator_choice)
    audit = Audit(suspects(toy_cohort, 0, 1), generator_choice, attacks, runs=2, seed=1)
    store = Store(tmp_path / "store").open()
    plan = audit.plan(store, "toy")
    for planned_cell in plan:
        run_tasks(planned_cell.cell, list(planned_cell.tasks), lambda *_: None)
    found = bounds(audit.trials(plan, store, {}), 1e-5)
    assert max(bound.low for bound in found) > 1  # everybody who was trained on is told
