"""Tests of the dataset my_dataset: pytest runs them, and `bench check` runs the first."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.conformance import DATASET_CHECKS, DatasetCheck
from bench.datasets import load_dataset
from bench.datasets.known.providers import add_dataset_file

NAME = add_dataset_file(Path(__file__).with_name("my_dataset.py"))


@pytest.mark.parametrize("check", DATASET_CHECKS, ids=lambda check: check.__name__)
def test_it_keeps_the_contract(check: DatasetCheck) -> None:
    """The list that `bench check` prints."""
    check(NAME)


def test_its_size_and_classes_are_the_ones_its_source_states() -> None:
    """A known answer, which shows that the reading is right: replace the numbers by those of your data."""
    cohort = load_dataset(NAME).cohort
    assert cohort.X.shape == (150, 40)
    assert cohort.classes.tolist() == ["asthma", "copd", "healthy"]
