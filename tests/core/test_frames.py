"""Cohorts to pandas and AnnData and back again, exactly; and what is wrong with a table that is no cohort."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bench import Cohort, DataError
from bench.datasets import Dataset, load_dataset


@pytest.fixture
def full(toy_cohort: Cohort) -> Cohort:
    """The toy cohort with donors and a second label."""
    people = np.array([f"P{i // 2}" for i in range(60)])
    return replace(toy_cohort, donors=people, obs={"tissue": np.resize(["skin", "lung"], 60)})


def test_a_cohort_survives_the_way_through_a_table(full: Cohort) -> None:
    frame = full.to_frame("kind")
    assert list(frame.columns) == ["kind", "donor", "tissue", *full.genes]
    again = Cohort.from_frame(frame, label="kind", units="vst", donor="donor", obs=["tissue"])
    assert again.digest == full.digest


def test_a_cohort_survives_the_way_through_anndata(full: Cohort) -> None:
    pytest.importorskip("anndata")
    data = full.to_anndata("kind")
    assert data.uns["units"] == "vst"
    assert Cohort.from_anndata(data, label="kind", donor="donor", obs=["tissue"]).digest == full.digest
    from scipy.sparse import csr_matrix

    data.X = csr_matrix(data.X)
    assert Cohort.from_anndata(data, label="kind", donor="donor", obs=["tissue"]).digest == full.digest


def test_labels_may_lie_outside_the_table(toy_cohort: Cohort) -> None:
    frame = toy_cohort.to_frame().drop(columns="label")
    assert Cohort.from_frame(frame, label=toy_cohort.y, units="vst").digest == toy_cohort.digest


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.rename(columns={"label": "lable"}), "has no column 'label'. Did you mean 'lable'?"),
        (lambda t: t.assign(site="x"), "1 columns hold no numbers, 'site' first; expected genes"),
        (lambda t: t.assign(GENE3=np.nan), "gene 'GENE3' is nan; expected a finite number"),
        (lambda t: t.set_axis(["s"] * 60), "sample names must be unique"),
        (lambda t: t.assign(label=[None] + ["a"] * 59), "row 0 has no label"),
    ],
)
def test_a_table_that_is_no_cohort_is_refused(change: Any, words: str, toy_cohort: Cohort) -> None:
    with pytest.raises(DataError, match=re.escape(words)):
        Cohort.from_frame(change(toy_cohort.to_frame()), label="label", units="vst")


def test_anndata_must_say_its_units(toy_cohort: Cohort) -> None:
    pytest.importorskip("anndata")
    data = toy_cohort.to_anndata()
    del data.uns["units"]
    with pytest.raises(DataError, match="does not say its units"):
        Cohort.from_anndata(data, label="label")
    with pytest.raises(DataError, match=re.escape("obs has no column 'lable'. Did you mean 'label'?")):
        Cohort.from_anndata(data, label="lable", units="vst")


def test_a_dataset_says_what_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: Any) -> None:
    pytest.importorskip("anndata")
    monkeypatch.setenv("BENCH_DATA_HOME", str(tmp_path))
    dataset = load_dataset("brca")
    data = dataset.to_anndata()
    assert (data.shape, data.uns["simulated"], data.uns["dataset"]) == ((1089, 978), True, "brca")
    assert list(dataset.to_frame().columns[:1]) == ["Subtype"] == list(data.obs.columns[:1])


def test_a_dataset_of_ones_own_has_a_name_of_its_own(toy_cohort: Cohort) -> None:
    dataset = Dataset.from_cohort("mine", toy_cohort, label="kind")
    assert (dataset.slug, dataset.label, dataset.simulated) == ("mine", "kind", False)
    pd.testing.assert_frame_equal(dataset.to_frame(), toy_cohort.to_frame("kind"))
    with pytest.raises(DataError, match="there is a dataset 'brca' already"):
        Dataset.from_cohort("brca", toy_cohort)
    with pytest.raises(DataError, match="cannot be the name of a dataset"):
        Dataset.from_cohort("My data", toy_cohort)
