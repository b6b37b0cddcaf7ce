"""At the edges: undefined measures are NaN, and no input is an error, a warning or an invented number."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pytest

from bench import Cohort, Estimate, Split
from bench.registry.finding import create, find, plugins

METRICS = sorted(
    name
    for name, info in plugins("metric").items()
    if not info.option("opt_in", False) and info.released == "data" and "expression" in info.modalities
)


def measure(name: str, split: Split, synthetic: Cohort) -> Mapping[str, float]:
    metric = create(find("metric", name))
    values = metric(split.train, split.holdout, synthetic, rng=np.random.default_rng(0))
    return {key: value.value if isinstance(value, Estimate) else value for key, value in values.items()}


@pytest.mark.parametrize("name", METRICS)
def test_an_empty_release_has_no_score(toy_split: Split, name: str) -> None:
    values = measure(name, toy_split, toy_split.train.take([]))
    for measured, value in values.items():
        of_real_people = measured.removesuffix("_2026").endswith(("_real", "_base")) or "_edges_" in measured
        of_real_people &= (
            name != "attribute_inference"
        )  # the population is asked what the release is asked, or not at all
        assert math.isnan(value) != of_real_people, measured


@pytest.mark.parametrize("name", METRICS)
def test_one_synthetic_sample_is_no_error(toy_split: Split, name: str) -> None:
    measure(name, toy_split, toy_split.train.take([0]))


@pytest.mark.parametrize("name", ["mmd", "prdc"])
def test_one_synthetic_sample_has_no_spread(toy_split: Split, name: str) -> None:
    values = measure(name, toy_split, toy_split.train.take([0]))
    assert all(math.isnan(value) for key, value in values.items() if key != "mmd_base")


@pytest.mark.parametrize("name", METRICS)
def test_constant_genes_are_no_error(toy_split: Split, name: str) -> None:
    train = toy_split.train
    constant = train.synthetic(np.full(train.X.shape, 8.0), train.y)
    values = measure(name, toy_split, constant)
    if name != "singling_out":  # no description fits one of many equal samples alone: NaN, as its page says
        assert not any(math.isnan(value) for value in values.values())


@pytest.mark.parametrize("name", METRICS)
def test_a_gene_that_never_varies_anywhere_adds_nothing(toy_split: Split, name: str) -> None:
    def flat(cohort: Cohort) -> Cohort:
        X = cohort.X.copy()
        X[:, 3] = 7.1
        return Cohort(X=X, y=cohort.y, genes=cohort.genes, samples=cohort.samples, units=cohort.units)

    split = Split(flat(toy_split.train), flat(toy_split.holdout), 1, 0)
    assert not any(math.isnan(value) for value in measure(name, split, flat(toy_split.train.take(range(20)))).values())


def test_one_class_among_the_held_out_has_no_auroc(toy_split: Split) -> None:
    split = Split(toy_split.train, toy_split.holdout.take(toy_split.holdout.y == "a"), 1, 0)
    values = measure("tstr", split, toy_split.train)
    assert math.isnan(values["auroc_real"])
    assert values["accuracy_real"] == 1


def test_two_classes_are_each_told_from_the_other(toy_split: Split) -> None:
    train, holdout = (c.take(c.y != "c") for c in (toy_split.train, toy_split.holdout))
    values = measure("tstr", Split(train, holdout, 1, 0), train)
    assert values["accuracy_synthetic"] == 1
    assert values["feature_overlap"] == 16  # every gene is for one class or for the other


def test_a_release_without_a_class_has_no_error_in_any_measure(toy_split: Split) -> None:
    lacking = toy_split.train.take(toy_split.train.y != "b")
    for name in METRICS:
        assert not any(math.isnan(value) for value in measure(name, toy_split, lacking).values())


def test_a_discriminator_that_is_sure_scores_one(toy_split: Split) -> None:
    far = toy_split.train.synthetic(toy_split.train.X + 9, toy_split.train.y)
    assert measure("discriminative", toy_split, far) == {"discriminative_score": 1}


def test_trees_take_values_whose_sum_overflows(toy_split: Split) -> None:
    def huge(cohort: Cohort) -> Cohort:
        X = cohort.X.copy()
        X[:, 2] = 3e38
        return Cohort(X=X, y=cohort.y, genes=cohort.genes, samples=cohort.samples, units=cohort.units)

    with np.errstate(over="ignore"):
        split = Split(huge(toy_split.train), huge(toy_split.holdout), 1, 0)
        assert not split.train.X.flags.writeable
        values = measure("tstr_trees", split, split.train)
    assert values["accuracy_forest_real"] == values["accuracy_forest_synthetic"] > 0.5
