"""On the real cohort, what depends on real people alone takes its published values."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from bench import Split
from bench.datasets import load_dataset
from bench.datasets.folds import make_splits
from bench.registry.finding import create, find


def on_real_people(name: str, split: Split) -> Mapping[str, float]:
    metric = create(find("metric", name))
    values: Mapping[str, float] = metric(split.train, split.holdout, split.holdout, rng=np.random.default_rng(0))
    return values


@pytest.fixture(scope="module")
def real_folds() -> list[Split]:
    return make_splits(load_dataset("brca").cohort, seed=42)


@pytest.mark.real_data
def test_the_published_distances_of_real_people(real_folds: list[Split]) -> None:
    found = [on_real_people("distance_to_closest", s) for s in real_folds]
    distances = [values["distance_to_closest_real"] for values in found]
    assert np.round(distances, 4) == pytest.approx([24.1871, 24.3844, 23.7678, 24.0923, 23.7860], abs=1e-9)


@pytest.mark.real_data
def test_the_published_values_of_real_people(real_folds: list[Split]) -> None:
    names = ("tstr", "tstr_2026", "kl", "mmd")
    rows = [[on_real_people(name, s) for name in names] for s in real_folds]
    mean = {key: np.mean([row[i][key] for row in rows]) for i in range(len(names)) for key in rows[0][i]}
    assert mean["accuracy_real"] == pytest.approx(0.865, abs=0.01)
    assert mean["aupr_real"] == pytest.approx(0.866, abs=0.01)
    assert mean["accuracy_real_2026"] == pytest.approx(0.8485, abs=0.01)
    assert mean["aupr_real_2026"] == pytest.approx(0.8513, abs=0.01)
    assert mean["kl_base"] == pytest.approx(0.235, abs=0.002)
    assert mean["mmd_base"] == pytest.approx(-0.0004, abs=0.0001)
