"""A dataset that is computed, not measured."""

from __future__ import annotations

import numpy as np

from bench import Cohort, stream
from bench.datasets import Dataset


def two_tissues() -> Dataset:
    """Return 120 invented people with two tissues that differ in half of 30 genes."""
    rng = stream(1, "two_tissues")
    y = np.array(["liver", "lung"])[np.arange(120) % 2]
    X = rng.normal(8, 1, size=(120, 30)) + rng.uniform(0, 6, size=30)
    X[y == "lung", :15] += 2
    cohort = Cohort(
        X=X.astype(np.float32),
        y=y,
        genes=tuple(f"GENE{i + 1}" for i in range(30)),
        samples=tuple(f"P{i + 1:03d}" for i in range(120)),
        units="log2",
    )
    title = "Two tissues, invented"
    return Dataset("two_tissues", title, "tissue", cohort, None, True, "computed by bench-example-plugins")
