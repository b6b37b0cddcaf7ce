"""My dataset: say here who was measured, how, and under which terms the data may be used.

Two tables on this machine need no code: `bench data import my_dataset --counts X.tsv --labels y.csv`. A dataset in code
is for data that are computed, or that a package brings along.
"""

from __future__ import annotations

import numpy as np

from bench import Cohort, stream
from bench.datasets import Dataset


def my_dataset() -> Dataset:
    """Return the dataset; the function has the name of this file and takes nothing."""
    cohort = _read()
    return Dataset(
        name="my_dataset",
        title="My dataset: invented values, to be replaced",  # one line for tables
        label="disease",  # what the labels are, as rows and exports call it
        cohort=cohort,
        reference=None,  # or a Cohort of further people with the same genes, for attackers
        simulated=True,  # False once the values are measured ones
        source="invented by my_dataset.py",  # where they came from, in one line
        outside=(),  # what was fitted on people of every fold, such as ("VST",): every privacy claim lists it
    )


def _read() -> Cohort:
    """Return 150 invented samples of three classes x 40 genes: read your own here, the same ones at every call."""
    rng = stream(1, "my_dataset")
    y = np.array(["asthma", "healthy", "copd"])[np.arange(150) % 3]
    centres = rng.normal(8, 1, size=(3, 40))[np.arange(150) % 3]
    X = centres + rng.normal(size=(150, 40))
    return Cohort(
        X=X.astype(np.float32),  # samples x genes, finite
        y=y,  # one label, a text, per sample
        genes=tuple(f"GENE{i + 1}" for i in range(40)),  # unique, in the order of the columns
        samples=tuple(f"P{i + 1:03d}" for i in range(150)),  # unique, in the order of the rows
        units="log2",  # or counts, vst, zscore, genotype, intensity
        donors=None,  # one name per sample, where a person gave several: roles are disjoint by person
    )
