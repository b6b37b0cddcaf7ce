"""Why a number is undefined, as pages say it."""

from __future__ import annotations

import math

import pytest
from report_rows import row

from bench.registry.finding import plugins
from bench.report.measures import lost_rows
from bench.report.undefined import why_undefined
from bench.statistics.exposure import EXPOSURE_MEASURES
from bench.store.rows import table

MAY_BE = {info.name: info for info in plugins("metric").values() if "nan" in info.path.read_text().split("class ")[1]}


def test_the_reason_is_what_the_metric_says_of_itself() -> None:
    assert why_undefined("mmd") == "undefined where a cohort has fewer than two samples"
    assert why_undefined("auroc_synthetic").startswith(
        "undefined without a synthetic sample; AUROC is undefined if all"
    )
    assert why_undefined("no_such") == "the measure is not defined for this release (NaN)"


def test_readings_of_few_people_say_how_many_are_needed() -> None:
    assert "five others, are among the outliers (a tenth" in why_undefined("tpr_at_fpr_10_outliers")
    assert why_undefined("auc_worst_class") == "no class has five members and five others in the fold"
    assert all("five" in why_undefined(name) for name in EXPOSURE_MEASURES)


@pytest.mark.parametrize("name", MAY_BE)
def test_every_metric_that_may_be_undefined_says_when(name: str) -> None:
    said = why_undefined(MAY_BE[name].measures[0].name)
    assert "(NaN)" not in said, name
    assert "NaN" not in said
    assert not said.endswith(".")


def test_rows_without_a_number_have_the_reason_and_failures_keep_theirs() -> None:
    rows = table([row("smote", "mmd", math.nan, fold=1), row("smote", "auc_outliers", math.nan, fold=1, attack="mc")])
    assert list(lost_rows(rows)["reason"]) == [why_undefined("mmd"), why_undefined("auc_outliers")]
