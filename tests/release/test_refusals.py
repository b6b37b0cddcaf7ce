"""What is looked for in a release before it is published, on releases that have it and on one that has not."""

from __future__ import annotations

import numpy as np
import pytest

from bench import Cohort
from bench.boundary.plain_release import plain_release
from bench.conformance import people
from bench.release.refusals import RowChecks, check


@pytest.fixture(scope="module")
def cohort() -> Cohort:
    return people(200, "refusals")


def found_in(X: np.ndarray, cohort: Cohort) -> RowChecks:
    raw = cohort.synthetic(X, cohort.y[: len(X)])
    return check(raw, plain_release(raw, like=cohort), cohort)


def test_other_people_of_the_same_population_are_no_reason(cohort: Cohort) -> None:
    for draw in range(5):
        found = found_in(people(200, "others", draw).X, cohort)
        assert (found.copies, found.near_copies) == (0, 0)
        assert list(found.reasons()) == []


def test_copies_are_counted_however_few(cohort: Cohort) -> None:
    X = people(200, "others").X.copy()
    X[7] = cohort.X[3]
    found = found_in(X, cohort)
    assert found.copies == 1
    assert "1 row is a person of the cohort" in next(found.reasons())


def test_a_copy_is_found_after_a_change_below_the_grid(cohort: Cohort) -> None:
    X = people(200, "others").X.copy()
    X[7] = cohort.X[3] * (1 + 1e-6)
    assert found_in(X, cohort).copies + found_in(X, cohort).near_copies == 1


def test_blurred_copies_are_near_copies(cohort: Cohort) -> None:
    rng = np.random.default_rng(0)
    X = people(200, "others").X.copy()
    X[:20] = cohort.X[:20] + rng.normal(scale=0.05, size=(20, cohort.n_genes))
    found = found_in(X, cohort)
    assert found.copies == 0
    assert found.near_copies == 20
    assert "20 rows lie within " in next(found.reasons())


def test_features_that_end_in_a_persons_value_are_counted(cohort: Cohort) -> None:
    X = people(200, "others").X
    clipped = np.clip(X, cohort.X.min(axis=0), cohort.X.max(axis=0))
    found = found_in(clipped, cohort)
    assert found.ends_of_people > cohort.n_genes / 2
    assert "features end in the exact value of one person" in list(found.reasons())[-1]
    assert list(found_in(np.clip(X, 0.0, 7.0), cohort).reasons()) == []  # limits that are nobody's


def test_counts_may_end_in_the_counts_of_people() -> None:
    rng = np.random.default_rng(0)
    X = rng.poisson(20.0, size=(200, 12)).astype(np.float32)
    counts = Cohort(
        X=X, y=["a", "b"] * 100, genes=[f"G{i}" for i in range(12)], samples=[f"s{i}" for i in range(200)],
        units="counts",
    )  # fmt: skip
    assert found_in(rng.poisson(20.0, size=(200, 12)), counts).ends_of_people == 0
