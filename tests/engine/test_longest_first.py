"""Work is begun with what takes longest, and a plan that is played on many workers lasts as long as by hand."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import pytest

from bench.engine.cost_estimates import Cost
from bench.engine.costs import Costs, Todo, longest_first, makespan

ROOT = Path(__file__).parents[2]


class _Known:
    """Says of a task, which is its number of seconds here, what it takes; of None it knows nothing."""

    def of(self, planned: str, task: float | None) -> Cost | None:
        return None if task is None else Cost(task, 1.0, "by hand")


def _ordered(todo: list[tuple[str, list[float | None]]]) -> list[str]:
    return [str(cell) for cell, _ in longest_first(cast(Todo, todo), cast(Costs, _Known()))]


def test_the_longest_cell_is_begun_first_and_equal_ones_in_the_order_of_the_plan() -> None:
    assert _ordered([("a", [1, 1]), ("b", [1, 5]), ("c", [2]), ("d", [6])]) == ["b", "d", "a", "c"]


def test_a_task_that_nobody_knows_counts_as_the_mean() -> None:
    assert _ordered([("a", [3]), ("b", [None, None]), ("c", [5])]) == ["b", "c", "a"]
    assert _ordered([("a", [None]), ("b", [None])]) == ["a", "b"]
    assert _ordered([]) == []


def test_no_work_is_lost_and_the_tasks_of_a_cell_keep_their_order() -> None:
    todo = [("a", [1.0, 9.0, 2.0]), ("b", [4.0, 20.0])]
    assert longest_first(cast(Todo, todo), cast(Costs, _Known())) == cast(Todo, [todo[1], todo[0]])


# -- the plan at scale ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def scale() -> ModuleType:
    spec = importlib.util.spec_from_file_location("plan_at_scale", ROOT / "benchmarks/plan_at_scale.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def _cells(scale: ModuleType, *lengths: float) -> list[Any]:
    return [scale.Cell(length, ()) for length in lengths]


def test_whole_cells_are_played_as_the_estimate_of_a_plan_adds_them_up(scale: ModuleType) -> None:
    lengths = [3.0, 1, 4, 1, 5, 9, 2, 6]
    for workers in (1, 2, 3, 20):
        played = scale.play(_cells(scale, *lengths), workers)
        assert played.end == makespan(lengths, workers)
        assert played.idle == pytest.approx(1 - sum(lengths) / (played.end * workers))
        assert played.critical == 9


def test_a_long_cell_at_the_end_is_what_longest_first_saves(scale: ModuleType) -> None:
    cells = _cells(scale, 1, 1, 1, 1, 4)
    assert scale.play(cells, 2).end == 6
    assert scale.play(scale.longest_first(cells), 2).end == 4


def test_scoring_in_parts_waits_for_its_sample_and_runs_side_by_side(scale: ModuleType) -> None:
    cell = scale.Cell(2.0, (3.0, 1.0, 2.0))
    assert sorted(scale.in_parts(cell, 2)) == [3, 3]
    played = scale.play([cell], 2, parts=2, start=0.5)
    assert played.end == played.critical == 2.5 + 3.5
    assert played.messages == pytest.approx(4 * 3 / 6)
    assert scale.play([cell], 1, parts=2, start=0.5).end == 2.5 + 7


def test_cells_are_read_from_rows_each_task_once(scale: ModuleType, tmp_path: Path) -> None:
    lines = ["fold,seed,generator,params,family,measure,wall_s,key"]
    lines += [f"2,42,nmf,,cost,{name},2.0,k1" for name in ("wall_s", "peak_mb")]
    lines += [f"2,42,nmf,,utility,{name},0.5,k2" for name in ("accuracy", "aupr")]
    lines += ["1,42,smote,,cost,wall_s,1.0,k3", "1,42,smote,,privacy,auc,,k4"]
    (tmp_path / "rows.csv").write_text("\n".join(lines) + "\n")
    assert scale.read_cells(tmp_path / "rows.csv") == [scale.Cell(1.0, (0.0,)), scale.Cell(2.0, (0.5,))]
