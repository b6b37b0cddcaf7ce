"""Tests of the attack my_attack: pytest runs them, and `bench check` runs the first."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench import AttackView, stream
from bench.conformance import CHECKS, Check
from bench.registry import add_plugin_file, create

INFO = add_plugin_file(Path(__file__).with_name("my_attack.py"))


@pytest.mark.parametrize("check", CHECKS["attack"], ids=lambda check: check.__name__)
def test_it_keeps_the_contract(check: Check) -> None:
    """The list that `bench check` prints."""
    check(INFO)


def test_scores_are_minus_the_squared_distances_computed_by_hand() -> None:
    """A known answer, which shows that the method is right: replace it by one for yours."""
    synthetic = np.array([[0, 0], [3, 4]], dtype=np.float32)
    targets = np.array([[0, 0], [0, 2], [3, 5]], dtype=np.float32)
    view = AttackView(synthetic=synthetic, targets=targets, genes=("A", "B"))
    np.testing.assert_allclose(create(INFO).score(view, rng=stream(1)), [0, -4, -1])
