"""Comparisons of generators: intervals that know of overlapping folds, rankings, the front, the scale of the controls."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from report_rows import board_rows
from scipy.stats import ttest_1samp

from bench.report.board import board_of, make_board
from bench.report.comparison import comparison_tables, held_out_per_train
from bench.report.privacy import candidates_of
from bench.report.table import markdown
from bench.statistics.comparison import by_fold, control_scaled, corrected_interval, on_front, ranks, resampled_means

VALUES = np.array([0.81, 0.84, 0.80, 0.86, 0.83])


def test_without_overlap_the_interval_is_students() -> None:
    found, known = corrected_interval(VALUES, 0.0), ttest_1samp(VALUES, 0).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((known.low, known.high))


def test_the_correction_widens_the_interval_by_the_published_factor() -> None:
    plain, corrected = corrected_interval(VALUES, 0.0), corrected_interval(VALUES, 0.25)
    widened = (corrected.high - corrected.low) / (plain.high - plain.low)
    assert widened == pytest.approx(math.sqrt((1 / 5 + 1 / 4) / (1 / 5)))
    assert corrected.mean == pytest.approx(VALUES.mean())


def test_one_fold_has_a_mean_and_no_interval() -> None:
    found = corrected_interval(VALUES[:1], 0.25)
    assert found.mean == 0.81
    assert math.isnan(found.low)
    assert not found.excludes_zero


def test_the_corrected_interval_holds_where_students_does_not() -> None:
    # cross-validation of a mean: predict the training mean, score the absolute error on the held-out people
    rng = np.random.default_rng(1)
    covered = np.zeros(2)
    for _ in range(400):
        people = rng.normal(size=50)
        parts = rng.permutation(50).reshape(5, 10)
        errors = np.array([np.abs(people[p] - np.delete(people, p).mean()).mean() for p in parts])
        for i, share in enumerate((0.0, 0.25)):
            found = corrected_interval(errors, share)
            covered[i] += found.low <= math.sqrt(2 / math.pi) * math.sqrt(1 + 1 / 40) <= found.high
    assert covered[1] / 400 >= 0.95
    assert covered[1] > covered[0]


def test_ranks_share_the_better_place() -> None:
    assert ranks(np.array([[0.3, 0.9, 0.3, 0.1]])).tolist() == [[2, 1, 2, 4]]


def test_the_front_of_a_case_worked_by_hand() -> None:
    points = np.array([[3.0, 1.0], [2.0, 2.0], [1.0, 3.0], [1.0, 2.0], [2.0, 2.0]])  # the last two: dominated, a twin
    assert on_front(points).tolist() == [True, True, True, False, True]
    assert on_front(np.stack([points, points[::-1]]))[1].tolist() == [True, False, True, True, True]


def test_resamples_take_the_same_folds_for_everybody_and_do_not_change() -> None:
    values = np.stack([VALUES, VALUES + 0.01])
    means = resampled_means(values)
    assert means[:, 1] - means[:, 0] == pytest.approx(0.01)
    assert np.array_equal(means, resampled_means(values))
    assert means[:, 0].mean() == pytest.approx(VALUES.mean(), abs=0.003)


def test_the_scale_of_the_controls_runs_from_the_worst_to_the_best() -> None:
    assert control_scaled(0.5, [0.2, 0.8, math.nan], True) == pytest.approx(0.5)
    assert control_scaled(0.02, [0.01, 0.21], False) == pytest.approx(0.95)
    assert math.isnan(control_scaled(0.5, [0.2], True))
    assert math.isnan(control_scaled(0.5, [0.2, 0.2], True))


def test_only_folds_that_everybody_has_are_compared() -> None:
    rows = [("a", 1, 0.1), ("a", 2, 0.2), ("b", 2, 0.4), ("b", 3, 0.5)]
    table = pd.DataFrame([{"label": n, "seed": 42, "fold": f, "value": v} for n, f, v in rows])
    assert by_fold(table, ["b", "a"]).tolist() == [[0.4], [0.2]]


# -- the section of a page ---------------------------------------------------------------------------------------------


def section(*args: Any, **more: Any) -> str:
    return markdown(comparison_tables(make_board(board_rows(*args, **more), simulated=False), 100))


ACCURACY = {"multivariate": 0.85, "smote": 0.80, "nmf": 0.75, "copy_train": 0.9, "noise": 0.2}
EXPOSURE = {"multivariate": 0.9, "smote": 0.6, "nmf": 0.7}


def cells(text: str, table: str, name: str) -> list[str]:
    part = text.split(f"**{table}")[1].split("\n**")[0]
    found = next(x for x in part.splitlines() if x.startswith(f"| `{name}`"))
    return [cell.strip() for cell in found.strip("|").split("|")]


def test_the_section_says_who_is_told_apart_and_who_is_on_the_front() -> None:
    text = section(ACCURACY, EXPOSURE)
    assert cells(text, "Paired", "multivariate")[2:] == ["-", "-", "-", "1 to 1", "1.00"]
    assert cells(text, "Paired", "smote")[2:] == ["-0.050 [-0.050, -0.050]", "yes", "0.00", "2 to 2", "0.00"]
    assert cells(text, "Front", "smote")[2:] == ["0.600", "yes", "1.00"]
    assert cells(text, "Front", "nmf")[2:] == ["0.700", "no", "0.00"]  # official attacks take no part
    assert cells(text, "On the scale", "smote")[1] == f"{(0.8 - 0.2) / 0.7:.2f}"


def test_a_release_of_another_size_does_not_change_what_the_folds_tell_apart() -> None:
    rows = board_rows(ACCURACY, EXPOSURE)
    larger = rows.copy()
    larger.loc[(rows["measure"] == "n_synthetic") & (rows["generator"] == "smote"), "value"] = 400.0
    shares = [
        held_out_per_train(make_board(r, simulated=False), ["multivariate", "smote", "nmf"], 100)
        for r in (rows, larger)
    ]
    assert shares == [0.25, 0.25]
    everywhere = larger.assign(value=larger["value"].where(larger["measure"] != "n_synthetic", 400.0))
    assert held_out_per_train(make_board(everywhere, simulated=False), ["multivariate", "smote"], 100) == 0.25


def test_what_the_rows_say_of_the_folds_decides_and_not_the_size_of_a_release() -> None:
    rows = board_rows(ACCURACY, EXPOSURE)
    rows.loc[rows["measure"] == "n_synthetic", "value"] = 50.0  # half of 100 people, as somebody's own release may have
    said = {"data": {"simulated": False, "trained_on": 80, "held_out": 20}}
    assert held_out_per_train(board_of(rows, said), ["multivariate", "smote"], 100) == 0.25
    assert candidates_of(board_of(rows, said), 100) == (80, 20)
    unsaid = board_of(rows, {"data": {"simulated": False}})
    assert candidates_of(unsaid, 100) == (50, 50)  # rows of an earlier version: all that there is to go by


def test_a_measure_without_a_known_margin_is_as_good_if_it_is_no_worse() -> None:
    rows = board_rows(ACCURACY, EXPOSURE).replace({"measure": {"accuracy_synthetic": "mmd"}})
    text = markdown(comparison_tables(make_board(rows, simulated=False), 100))
    assert "probability that it is no worse (Bayesian" in text
    assert "worse by less than 0.01" in section(ACCURACY, EXPOSURE)


def test_entries_on_folds_of_their_own_choice_are_not_paired_with_others() -> None:
    rows = board_rows(ACCURACY, EXPOSURE)
    rows.loc[rows["generator"] == "smote", "params"] = "split=own_and_not_of_its_seed,seed=42"
    text = markdown(comparison_tables(make_board(rows, simulated=False), 100))
    paired = text.split("**Paired")[1].split("\n**")[0]
    assert "`nmf`" in paired
    assert "smote" not in paired


def test_an_auc_below_chance_is_no_privacy() -> None:
    text = section(ACCURACY, {"multivariate": 0.9, "smote": 0.5, "nmf": 0.35})
    assert cells(text, "Front", "smote")[2] == "0.500"  # within luck of guessing
    assert cells(text, "Front", "nmf")[2] == "0.650"  # the attacker turns the sign around


def test_one_fold_or_one_generator_gives_no_comparison() -> None:
    assert section(ACCURACY, EXPOSURE, folds=1) == ""
    assert section({"smote": 0.8, "noise": 0.1}, {"smote": 0.6}) == ""


def test_simulated_data_are_named_in_every_caption() -> None:
    board = make_board(board_rows(ACCURACY, EXPOSURE), simulated=True)
    captions = [x for x in markdown(comparison_tables(board, 100)).splitlines() if x.startswith("**")]
    assert len(captions) == 3
    assert all("SIMULATED" in x for x in captions)
