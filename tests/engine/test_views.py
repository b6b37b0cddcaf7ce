"""What an attacker sees is what the access grants, whoever is asked about, and the model is the one that released."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

import bench
from bench import Cohort, ReleasedModel, Split
from bench.boundary.views import Insider, candidates, order_of_audit, view_of, view_of_audit, view_of_round
from bench.core.errors import DataError
from bench.core.roles import GRANTS, Access, AttackView
from bench.datasets import Dataset
from bench.datasets.folds import make_splits
from bench.engine import tasks
from bench.engine.plan import PlannedCell, Scope, plan_generators, plan_given
from bench.registry.finding import add_plugin_file
from bench.registry.selection import choose
from bench.store.store import Store

INSIDE = """
from dataclasses import dataclass
import numpy as np
from bench import attack

@attack("inside_job", access="white-box", opt_in=True)
@dataclass(kw_only=True)
class InsideJob:
    \"\"\"Look the members up in the fitted model.\"\"\"

    def score(self, view, *, rng):
        assert type(view.make_generator()) is type(view.fitted)
        kept = {row.tobytes() for row in view.fitted.cohort_.X}
        return np.array([row.tobytes() in kept for row in view.targets], dtype=float)
"""


def access_levels() -> tuple[Access, ...]:
    return get_args(Access)


@pytest.mark.parametrize("access", access_levels())
def test_a_view_holds_what_its_access_grants_and_nothing_else(toy_split: Split, access: Access) -> None:
    train = toy_split.train
    split = Split(train, toy_split.holdout, 1, 0, reference=other_people(train))
    insider = Insider(lambda: "fresh", lambda: "fitted")  # type: ignore[arg-type,return-value]
    model = ReleasedModel({}, tuple(train.classes), train.features)
    release = model if access.startswith("query") else train.synthetic(train.X, train.y)
    view = view_of(split, "toy", release, access, insider)
    assert len(view.synthetic) == (0 if access.startswith("query") else len(train))
    held = {f.name for f in fields(AttackView) if getattr(view, f.name) is not None}
    assert held == {"synthetic", "targets", "genes"} | GRANTS[access]


def test_every_view_is_made_in_one_module() -> None:
    files = sorted(Path(bench.__file__).parent.rglob("*.py"))
    makers = {file.name for file in files if "AttackView" in _called(file) and "templates" not in file.parts}
    assert makers == {"views.py"}


def _called(file: Path) -> set[str]:
    """Return the last name of everything that a file calls."""
    calls = [node.func for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Call)]
    return {getattr(call, "attr", getattr(call, "id", "")) for call in calls}


@pytest.mark.parametrize("access", ["black-box", "black-box + labels", "black-box + reference"])
def test_a_red_team_sees_what_its_access_grants_and_labels_that_it_guessed(toy_split: Split, access: Access) -> None:
    cohort = toy_split.train
    view = view_of_round(cohort.X + np.float32(0.01), cohort, other_people(cohort), access)
    held = {f.name for f in fields(AttackView) if getattr(view, f.name) is not None}
    assert held == {"synthetic", "targets", "genes"} | GRANTS[access]
    assert np.array_equal(view.targets, cohort.X)
    if view.synthetic_labels is not None:
        assert (view.synthetic_labels == cohort.y).mean() > 0.9


@pytest.mark.parametrize("access", ["black-box", "black-box + labels"])
def test_an_audit_shows_everybody_in_an_order_that_is_another_in_each_training(
    toy_split: Split, access: Access
) -> None:
    people, release = toy_split.train, other_people(toy_split.train)
    orders = [order_of_audit(len(people), 1, run) for run in range(2)]
    assert not np.array_equal(*orders)
    view = view_of_audit(people, orders[0], release, access)
    held = {f.name for f in fields(AttackView) if getattr(view, f.name) is not None}
    assert held == {"synthetic", "targets", "genes"} | GRANTS[access]
    assert np.array_equal(view.targets, people.X[orders[0]])


def test_candidates_are_mixed_and_the_truth_follows_them(toy_split: Split) -> None:
    asked = candidates(toy_split, "toy")
    members = {row.tobytes() for row in toy_split.train.X}
    assert [row.tobytes() in members for row in asked.people] == asked.member.tolist()
    assert not (np.sort(asked.member)[::-1] == asked.member).all()
    assert asked.outlier.sum() == round(len(asked.people) / 10)


def test_a_white_box_attacker_gets_the_very_model_of_the_release(toy_cohort: Cohort, tmp_path: Path) -> None:
    planned = plan(toy_cohort, tmp_path, generator="copy_train")
    for task in planned.tasks:
        tasks.run_task(planned.cell, task)
    body = Store(tmp_path / "store").read(planned.tasks[-1].key)
    assert body is not None
    readings = {name: value for name, value, *_ in body["readings"]}
    assert readings["auc"] == 1.0
    assert body["curve"] == {"false": [0, 0, 12], "true": [0, 48, 48]}


def test_a_release_made_elsewhere_has_no_code_to_give(toy_cohort: Cohort, tmp_path: Path) -> None:
    attacks = choose("attack", inside(tmp_path))
    given: Mapping[int, Cohort] = {1: toy_cohort.synthetic(toy_cohort.X[:48], toy_cohort.y[:48])}
    with pytest.raises(DataError, match=r"inside_job.*needs the generator's code"):
        plan_given(scope(toy_cohort, tmp_path), "mine", dict(given), [], attacks)


def inside(folder: Path) -> str:
    path = folder / "inside_job.py"
    path.write_text(INSIDE)
    return add_plugin_file(path).name


def scope(cohort: Cohort, folder: Path) -> Scope:
    dataset = Dataset("toy", "toy", "label", cohort, None, False, "made here")
    return Scope(dataset, make_splits(cohort, seed=42), Store(folder / "store").open())


def plan(cohort: Cohort, folder: Path, generator: str) -> PlannedCell:
    attacks = choose("attack", inside(folder))
    return plan_generators(scope(cohort, folder), choose("generator", generator), [], attacks)[0]


def other_people(like: Cohort) -> Cohort:
    return like.synthetic(like.X + 1, like.y)
