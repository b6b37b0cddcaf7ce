"""The contract of datasets, as checks that say in words what is wrong with one."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from bench.conformance.findings import Finding, observe
from bench.core.errors import DataError
from bench.core.records import Units
from bench.datasets import Dataset, load_dataset
from bench.datasets.folds import folds_that_fit
from bench.datasets.known.providers import provided

DatasetCheck = Callable[[str], None]
_LOG_LIMIT = 64.0  # log2 of more than the number of molecules in a sample


def check_dataset(name: str) -> Iterator[Finding]:
    """Yield the finding of every check of a dataset; nothing after the first if it cannot be loaded."""
    provider = provided().get(name)
    for check in DATASET_CHECKS:
        finding = observe(check, name, None if provider is None else provider.path)
        yield finding
        if finding.problem and check is it_can_be_loaded:
            return


def it_can_be_loaded(name: str) -> None:
    """It can be loaded, and says what it is, what its labels are and where it came from."""
    dataset = load_dataset(name)
    for what in ("title", "label", "source"):
        value = getattr(dataset, what)
        if not isinstance(value, str) or not value.strip():
            raise DataError(f"its {what} is {value!r}; expected a text, which tables and exports show.")


def the_same_data_every_time(name: str) -> None:
    """Loading it twice gives the same data."""
    first, second = load_dataset(name), load_dataset(name)
    if first.digest != second.digest or _digest(first) != _digest(second):
        raise DataError(
            "two loads gave different data, so that no result could be found again; read a file, or draw from a fixed "
            "stream: bench.stream(1, 'its name')."
        )


def _digest(dataset: Dataset) -> str:
    return "" if dataset.reference is None else dataset.reference.digest


def classes_allow_folds(name: str) -> None:
    """It has two classes or more, and each has people enough for two folds; the reference shares nobody with it."""
    dataset = load_dataset(name)
    if len(dataset.cohort.classes) < 2:
        raise DataError(f"all labels are {str(dataset.cohort.classes[0])!r}; expected two classes or more.")
    folds_that_fit(dataset.cohort, seed=1, reference=dataset.reference)


def values_fit_the_units(name: str) -> None:
    """Its values can be what its units say."""
    dataset = load_dataset(name)
    X, units = dataset.cohort.X, dataset.cohort.units
    low, high = float(X.min()), float(X.max())
    if low == high:
        raise DataError(f"every value is {low:g}; expected measurements that differ.")
    if problem := _misfit(units, low, high, whole=bool((np.round(X) == X).all())):
        raise DataError(f"units are {units!r}, but {problem}. Mend the values or the units.")


def _misfit(units: Units, low: float, high: float, *, whole: bool) -> str:
    if units in ("counts", "genotype") and not whole:
        return "there are values that are no whole numbers"
    if units in ("counts", "intensity") and low < 0:
        return f"the smallest value is {low:g}; expected 0 or more"
    if units == "genotype" and (low < 0 or high > 2):
        return f"values lie between {low:g} and {high:g}; expected 0, 1 or 2"
    if units in ("log2", "vst") and high > _LOG_LIMIT:
        return f"the largest value is {high:g}, as counts have it; expected at most {_LOG_LIMIT:g} on a log scale"
    return ""


DATASET_CHECKS: tuple[DatasetCheck, ...] = (
    it_can_be_loaded,
    the_same_data_every_time,
    classes_allow_folds,
    values_fit_the_units,
)
