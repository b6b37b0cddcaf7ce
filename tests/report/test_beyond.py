"""The section on what is told of members and not of others: numbers, intervals, verdicts, and when it is absent."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd
import pytest
from report_rows import row

from bench.report.beyond import beyond_tables, leaks_of
from bench.report.board import Board, make_board
from bench.report.table import Table
from bench.statistics.leaks import leak_over_folds


def leak(generator: str, measure: str, value: float, reach: float, fold: int = 1, **others: Any) -> dict[str, Any]:
    ends = {"low": value - reach, "high": value + reach, "family": "privacy"}
    return row(generator, measure, value, fold, **{**ends, **others})


def board(*rows: dict[str, Any]) -> Board:
    return make_board(pd.DataFrame(rows), simulated=False)


def tables(of: Board) -> list[Table]:
    return [block for block in beyond_tables(of) if isinstance(block, Table)]


def line(table: Table, generator: str) -> list[str]:
    return next([c.plain() for c in cells] for cells in table.rows if cells[0].plain().startswith(generator))


def bold(table: Table) -> list[tuple[str, str]]:
    return [(cells[0].plain(), cell.plain()) for cells in table.rows for cell in cells if cell.flag == "leak"]


LEAKY = [leak("multivariate", "attribute_gene_leak", 0.5 + 0.02 * fold, 0.1, fold) for fold in (1, 2)]
QUIET = [leak("noise", "attribute_gene_leak", 0.01, 0.1, fold) for fold in (1, 2)]


def test_nothing_is_shown_where_no_such_metric_was_run() -> None:
    assert list(beyond_tables(board(row("multivariate", "accuracy_synthetic", 0.8, 1)))) == []


def test_a_leak_has_the_interval_of_its_mean_and_is_bold() -> None:
    (table,) = tables(board(*LEAKY, *QUIET))
    assert [c.heading for c in table.columns] == ["generator", "hidden genes ↓", "p"]
    assert line(table, "multivariate")[1:] == ["0.530 [0.459, 0.601]", "< 0.001"]  # 0.1 over the root of two
    assert bold(table) == [("multivariate", "0.530 [0.459, 0.601]"), ("multivariate", "< 0.001")]


def test_lost_folds_are_told_and_a_number_without_an_interval_judges_nobody() -> None:
    lost = leak("smote", "attribute_gene_leak", math.nan, 0.1, 2, status="failed", reason="broken")
    (table,) = tables(
        board(leak("smote", "attribute_gene_leak", 0.5, 0.1), lost, row("noise", "attribute_gene_leak", 0.9, 1))
    )
    assert line(table, "smote")[1] == "0.500 [0.400, 0.600] (1/2)"
    assert line(table, "noise")[1:] == ["none (0/1)", "-"]


def test_every_generator_and_measure_is_paid_for_and_controls_are_not() -> None:
    """A leak of 2.33 standard errors has p = 0.01: alone it leaks, among six tests it does not."""
    reach = 1.959964
    one = leak("smote", "attribute_gene_leak", 2.3263, reach)
    assert leaks_of(board(one))["smote"]["attribute_gene_leak"].p_value == pytest.approx(0.01, rel=1e-3)
    rest = [leak("smote", "linkability_risk", 0.0, reach)]
    rest += [
        leak(g, m, 0.0, reach) for g in ("multivariate", "nmf") for m in ("attribute_gene_leak", "linkability_risk")
    ]
    many = leaks_of(board(one, *rest, leak("noise", "attribute_gene_leak", 2.3263, reach)))
    assert many["smote"]["attribute_gene_leak"].p_value == pytest.approx(0.06, rel=1e-3)
    assert many["noise"]["attribute_gene_leak"].p_value == pytest.approx(0.02, rel=1e-3)


def test_the_rates_behind_a_leak_stand_in_a_table_of_their_own() -> None:
    rates = [
        row("multivariate", f"attribute_gene_{who}", value, 1) for who, value in (("members", 0.9), ("others", 0.4))
    ]
    first, second = tables(board(LEAKY[0], *rates))
    assert len(first.columns) == 3
    assert [c.title for c in second.columns[1:]] == ["hidden genes, members", "hidden genes, others"]
    assert line(second, "multivariate")[1:] == ["0.900", "0.400"]


@pytest.mark.parametrize(("values", "p_value"), [((0.0, 0.0), 0.5), ((1.0, 1.0), 0.0), ((-1.0, -1.0), 1.0)])
def test_numbers_without_an_error_are_sure_and_zero_is_even(values: Sequence[float], p_value: float) -> None:
    rows = pd.DataFrame({"value": values, "low": values, "high": values, "status": "ok"})
    assert leak_over_folds(rows).p_value == p_value
