"""Tests of the generator my_command: pytest runs them, and `bench check` runs the first."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench import stream
from bench.conformance import CHECKS, Check, people
from bench.registry import add_plugin_file, create

INFO = add_plugin_file(Path(__file__).with_name("my_command.toml"))


@pytest.mark.parametrize("check", CHECKS["generator"], ids=lambda check: check.__name__)
def test_it_keeps_the_contract(check: Check) -> None:
    """The list that `bench check` prints."""
    check(INFO)


def test_a_large_sample_has_the_class_means_of_the_training_samples() -> None:
    """A known answer, which shows that the method is right: replace it by one for yours."""
    train = people(300, "train")
    synthetic = create(INFO).fit(train, rng=stream(1, "fit")).sample(6000, rng=stream(1, "sample"))
    for (_, real), (_, made) in zip(train.by_label(), synthetic.by_label(), strict=True):
        np.testing.assert_allclose(made.mean(axis=0), real.mean(axis=0), atol=0.15)
