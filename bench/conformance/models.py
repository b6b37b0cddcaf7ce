"""The contract of released models: of generators that train them, and of metrics and attacks that ask them."""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.boundary.checks import check_measures, check_model
from bench.boundary.views import Insider, candidates, view_of
from bench.conformance.example_cohorts import check_rng, example
from bench.core.cohort_file import read_npz, write_npz
from bench.core.errors import PluginError
from bench.core.records import Records
from bench.core.released import ReleasedModel
from bench.core.roles import Split
from bench.registry.declarations import PluginInfo
from bench.registry.finding import create
from bench.statistics.membership import membership_measures

_APART = 0.3  # of classes, for attacks: classes so close are told apart of members, and of others often wrongly


def _released(info: PluginInfo, people: Records, stream: str = "release") -> ReleasedModel:
    plugin = create(info, info.option("quick"))
    fitted = plugin.fit(people, rng=check_rng("fit"))
    if fitted is not plugin:
        raise PluginError("fit did not return self; end it with `return self`.")
    return check_model(plugin.release(rng=check_rng(stream)), like=people)


def answers_are_probabilities(info: PluginInfo) -> None:
    """A copy that was never fitted answers from the stored arrays alone: probabilities of the classes, for any n."""
    people, others = example(info, 60, "train"), example(info, 30, "others")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.npz"
        write_npz(file, _released(info, people))
        stored = read_npz(file)
    if not isinstance(stored, ReleasedModel):
        raise PluginError("what was released came back from its file as something else than a model.")
    model = stored.answered_by(create(info, info.option("quick")).predict_proba)
    together = model.predict_proba(others.X)
    one_by_one = np.concatenate([model.predict_proba(others.X[i : i + 1]) for i in range(len(others))])
    if not np.allclose(together, one_by_one, atol=1e-5):
        raise PluginError("the answer for a person depends on who is asked about beside; answer for each row alone.")


def same_stream_same_model(info: PluginInfo) -> None:
    """The same people and random stream give the same model."""
    people = example(info, 60, "train")
    if _released(info, people).digest != _released(info, people).digest:
        raise PluginError("two fits with the same rng gave different models; draw only from the rng that is handed in.")


# -- metrics and attacks ----------------------------------------------------------------------------------------------


def _memory(people: Records, sharp: bool) -> ReleasedModel:
    """Return a model that knows the people it was trained on by heart, or one that says the same of everybody."""

    def answer(model: ReleasedModel, X: NDArray[np.float32]) -> NDArray[np.float64]:
        classes = np.asarray(model.classes)
        if not sharp:
            return np.full((len(X), len(classes)), 1 / len(classes))
        squares = ((X[:, None] - model.arrays["X"]) ** 2).sum(axis=2, dtype=np.float64)
        nearest, sure = squares.argmin(axis=1), np.exp(-squares.min(axis=1))
        told: NDArray[np.float64] = (classes == model.arrays["y"][nearest][:, None]) * sure[:, None]
        told += (1 - told.sum(axis=1, keepdims=True)) / len(classes)
        return told

    arrays: dict[str, NDArray[Any]] = {"X": people.X, "y": people.y}
    return ReleasedModel(arrays, tuple(people.classes), people.features).answered_by(answer)


class _Memory:
    """The generator of `_memory`, for attackers who train it again."""

    def __init__(self, sharp: bool) -> None:
        self.sharp = sharp

    def fit(self, cohort: Records, *, rng: np.random.Generator) -> _Memory:
        self.people_ = cohort
        return self

    def release(self, *, rng: np.random.Generator) -> ReleasedModel:
        return _memory(self.people_, self.sharp)

    def predict_proba(self, model: ReleasedModel, X: NDArray[np.float32]) -> NDArray[np.float64]:
        return _memory(self.people_, self.sharp).predict_proba(X)


def a_model_is_measured(info: PluginInfo) -> None:
    """It returns exactly its declared measures, inside their bounds, for a good model and for a blind one."""
    train, holdout = example(info, 90, "train"), example(info, 45, "holdout")
    for sharp in (True, False):
        values = create(info)(train, holdout, _memory(train, sharp), rng=check_rng("metric"))
        check_measures(info, values)


def _auc(info: PluginInfo, sharp: bool) -> float:
    members, others, reference = (example(info, 90, who, apart=_APART) for who in ("members", "others", "reference"))
    split, model = Split(members, others, 1, 5, reference), _memory(members, sharp)
    again: Any = functools.partial(_Memory, sharp)
    insider = Insider(again, again)
    view = view_of(split, "conformance", model, info.option("access"), insider)
    scores = np.asarray(create(info).score(view, rng=check_rng("attack")), dtype=np.float64)
    readings = membership_measures(scores, candidates(split, "conformance").member)
    return next(reading.value for reading in readings if reading.measure == "auc")


def finds_a_model_that_remembers(info: PluginInfo) -> None:
    """It does better than chance on a model that knows its people by heart, and finds nothing in a constant one."""
    if (found := _auc(info, sharp=True)) <= 0.55:
        raise PluginError(f"AUC {found:.3f} on a model that knows its people by heart; expected more than 0.55.")
    if abs((found := _auc(info, sharp=False)) - 0.5) > 0.15:  # 3.5 standard errors of 90 against 90
        raise PluginError(f"AUC {found:.3f} on a model that says the same of everybody; expected 1/2.")
