"""The variants known by name: the real files where they are, simulated people where they are not."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from bench import DataError, Variants
from bench.datasets import load_dataset, where_is
from bench.datasets.folds import make_splits
from bench.datasets.known.genomes import common, simulated_people


def people_of(name: str) -> Variants:
    cohort = load_dataset(name).cohort
    assert isinstance(cohort, Variants)
    return cohort


def test_the_shipped_people_are_simulated_and_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_DATA_HOME", str(tmp_path))
    dataset = load_dataset("g1k_chr1")
    assert (dataset.simulated, dataset.slug, where_is("g1k_chr1")) == (True, "g1k_chr1-simulated", "simulated")
    assert "simulated" in dataset.title
    people = dataset.cohort
    assert isinstance(people, Variants)
    assert people.build == "simulated"
    assert all(name.startswith("SIM-") for name in people.samples)
    with pytest.raises(DataError, match="no simulated stand-in"):
        load_dataset("g1k_chr22")


def test_the_shipped_people_look_like_three_populations_out_of_africa() -> None:
    people = simulated_people()
    assert {str(label): int((people.y == label).sum()) for label in people.classes} == {
        "AFR": 835, "EAS": 834, "EUR": 835,
    }  # fmt: skip
    frequency = people.frequencies
    assert np.minimum(frequency, 1 - frequency).min() >= 0.01
    diversity = {}
    for label in people.classes:
        p = people.take(people.y == label).frequencies
        diversity[str(label)] = (2 * p * (1 - p)).mean()
    assert diversity["AFR"] > 1.15 * max(diversity["EUR"], diversity["EAS"])  # the bottleneck out of Africa
    assert (np.diff(people.positions) > 0).all()


def test_folds_keep_the_populations_in_proportion() -> None:
    people = simulated_people()
    for split in make_splits(people, seed=42):
        counts = np.unique(split.holdout.y, return_counts=True)[1]
        assert counts.min() >= 166
        assert counts.max() <= 168


def test_common_sites_are_those_of_enough_minor_alleles() -> None:
    people = simulated_people()
    some = common(people, 0.05)
    frequency = people.frequencies
    assert some.n_sites == int((np.minimum(frequency, 1 - frequency) >= 0.05).sum()) < people.n_sites


@pytest.mark.real_data
@pytest.mark.full
def test_the_real_files_have_the_published_sizes() -> None:
    if not os.environ.get("BENCH_DATA_HOME") or where_is("g1k_chr1") != "files":
        pytest.skip("the 1000 Genomes files are not in the data home")
    for name, shape, populations in (
        ("g1k_chr1", (2504, 2, 742), 5),
        ("g1k_chr1_all", (2504, 2, 4296), 5),
        ("g1k_chr22", (1092, 2, 6400), 4),
        ("g1k_805", (2504, 1, 805), 5),
    ):
        people = people_of(name)
        assert people.calls.shape == shape
        assert (len(people.classes), people.n_missing, people.build) == (populations, 0, "GRCh37")
        assert load_dataset(name).outside
