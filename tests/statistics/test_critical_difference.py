"""Which generators the folds tell apart, against independent implementations, and the picture of it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import baycomp
import numpy as np
import pytest
from scipy.stats import ttest_1samp

from bench.report.figures.png_files import drawn_from
from bench.report.figures.ranks import rank_figure
from bench.statistics.critical_difference import posterior, ranking

RNG = np.random.default_rng(5)
VALUES = np.array([0.9, 0.9, 0.6, 0.3])[:, None] + RNG.normal(0, 0.005, (4, 6))
LABELS = ["twin", "other", "middle", "last"]


def test_mean_ranks_of_a_case_worked_by_hand() -> None:
    values = np.array([[0.1, 0.5, 0.2], [0.3, 0.5, 0.1], [0.2, 0.9, 0.3]])
    found = ranking(["a", "b", "c"], values, 0.25)
    assert found.labels == ["c", "b", "a"]
    assert found.mean_ranks == pytest.approx([4 / 3, (1 + 2.5 + 3) / 3, (3 + 2.5 + 2) / 3])


def test_without_overlap_a_pair_is_told_apart_as_by_students_test() -> None:
    found = ranking(["a", "b"], VALUES[[0, 2]], 0.0)
    assert found.p_values[0, 1] == pytest.approx(ttest_1samp(VALUES[0] - VALUES[2], 0).pvalue)


def test_holm_pays_for_all_pairs() -> None:
    found = ranking(LABELS, VALUES, 0.25)
    alone = {}
    for i in range(4):
        for j in range(i + 1, 4):
            pair = [LABELS.index(found.labels[place]) for place in (i, j)]
            alone[i, j] = ranking(["a", "b"], VALUES[pair], 0.25).p_values[0, 1]
    worst = 0.0
    for step, (pair, p) in enumerate(sorted(alone.items(), key=lambda item: item[1])):
        worst = max(worst, min(1.0, p * (6 - step)))
        assert found.p_values[pair] == pytest.approx(worst)
        assert found.p_values[pair[::-1]] == found.p_values[pair]


def test_groups_join_neighbours_that_are_not_told_apart() -> None:
    found = ranking(LABELS, VALUES, 0.25)
    assert set(found.labels[:2]) == {"twin", "other"}
    assert found.groups == [(0, 1)]
    assert ranking(LABELS, RNG.normal(size=(4, 5)), 0.25).groups == [(0, 3)]


def test_twins_are_never_told_apart_and_a_constant_lead_always_is() -> None:
    values = np.stack([VALUES[0], VALUES[0], VALUES[0] - 0.5])
    found = ranking(["a", "b", "c"], values, 0.25)
    assert found.p_values[0, 1] == 1
    assert found.p_values[0, 2] < 1e-12


@pytest.mark.parametrize("shape", [(1, 5), (3, 1)])
def test_a_ranking_needs_two_generators_and_two_folds(shape: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="needs two of each"):
        ranking(["a"] * shape[0], np.ones(shape), 0.25)


@pytest.mark.parametrize("gap", [-0.02, 0.0, 0.004, 0.03])
def test_the_posterior_is_the_one_of_an_independent_implementation(gap: float) -> None:
    x = 0.8 + RNG.normal(0, 0.01, 5)
    y = x - gap + RNG.normal(0, 0.01, 5)
    found = posterior(x - y, 0.25, 0.01)
    y_better, same, x_better = baycomp.two_on_single(y, x, rope=0.01)
    assert (found.worse, found.same, found.better) == pytest.approx((y_better, same, x_better))


def test_the_posterior_of_equal_folds_is_certain_and_of_one_fold_unknown() -> None:
    assert vars(posterior(np.full(5, -0.25), 0.25)) == {"worse": 1.0, "same": 0.0, "better": 0.0}
    assert posterior(np.zeros(5), 0.25).same == 1.0
    assert math.isnan(posterior(np.array([0.1]), 0.25).same)


def test_every_name_of_the_picture_is_inside_it_with_its_rank() -> None:
    labels = [f"private_pgm[epsilon={i},variant=published]" for i in range(7)]
    figure = rank_figure(ranking(labels, RNG.normal(size=(7, 5)), 0.25), "a title\nand more")
    figure.canvas.draw()
    axes = figure.axes[0]
    boxes = [text.get_window_extent() for text in axes.texts]
    assert {text.get_text().strip("0123456789. ").split()[0] for text in axes.texts} == set(labels)
    assert all(box.x0 >= 0 and box.x1 <= figure.bbox.x1 and box.y0 >= 0 for box in boxes)
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


def test_a_page_gets_its_picture_and_a_changed_one_is_stale(tmp_path: Path, monkeypatch: Any) -> None:
    from report_rows import board_rows

    from bench.report.leaderboard import pictures_of, stale, write_leaderboard
    from bench.store.rows import write_rows

    data = {"title": "T", "name": "brca", "samples": 100, "genes": 3, "classes": {"a": 100}, "source": "s"}
    about = {"data": {**data, "digest": "d" * 64, "simulated": True}, "versions": {}, "command": "c", "created": "t"}
    about |= {"bench": "0", "machine": {"system": "s", "cpus": 1, "threads_per_task": 1}}
    rows = tmp_path / "rows" / "brca.csv"
    write_rows(rows, board_rows({"a": 0.8, "b": 0.5}, {"a": 0.6, "b": 0.7}), about)
    write_leaderboard(rows)
    assert "](../brca_ranks.png)" in (tmp_path / "leaderboard" / "brca" / "comparison.md").read_text()
    assert stale(rows) is None
    before = drawn_from(pictures_of(rows)["ranks"])
    write_rows(rows, board_rows({"a": 0.5, "b": 0.8}, {"a": 0.6, "b": 0.7}), about)
    assert "brca_ranks.png does not show what the rows give" in str(stale(rows))
    write_leaderboard(rows)
    assert drawn_from(pictures_of(rows)["ranks"]) != before
