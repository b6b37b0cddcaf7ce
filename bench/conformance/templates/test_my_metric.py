"""Tests of the metric my_metric: pytest runs them, and `bench check` runs the first."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench import stream
from bench.conformance import CHECKS, Check, people
from bench.registry import add_plugin_file, create

INFO = add_plugin_file(Path(__file__).with_name("my_metric.py"))


@pytest.mark.parametrize("check", CHECKS["metric"], ids=lambda check: check.__name__)
def test_it_keeps_the_contract(check: Check) -> None:
    """The list that `bench check` prints."""
    check(INFO)


def test_a_shift_by_three_is_an_error_of_three() -> None:
    """A known answer, which shows that the method is right: replace it by one for yours."""
    train = people(30, "train")
    shifted = train.synthetic(train.X + 3, train.y)
    values = create(INFO)(train, train, shifted, rng=stream(1))
    np.testing.assert_allclose(values["my_metric_mean_rmse"], 3, rtol=1e-5)
    assert values["my_metric_mean_rmse_base"] == 0
