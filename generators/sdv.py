"""Adapter: any single-table synthesizer of SDV, the Synthetic Data Vault, is a generator."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Self

import numpy as np
import sdv.single_table
from sdv.metadata import Metadata

from bench import Cohort, PluginError, generator

from ._foreign import LABEL, from_table, keyword_arguments, seeded_globally, to_table

_TABLE = "cohort"


@generator("sdv", family="adapter", opt_in=True, needs=("sdv",), doi="10.1109/DSAA.2016.49")
@dataclass(kw_only=True)
class SDV:
    """Fit any single-table synthesizer of SDV to the genes and the label, as columns of one table.

    SDV is made for tables of some tens of columns; with 978 genes its Gaussian copula takes a minute or two, its neural
    synthesizers much longer. Its samples are drawn from a fixed seed unless a private method sets another; that method
    is used here, and the global random states that its neural models rely on are seeded and put back. Nothing is
    private here. SDV has a licence of its own (Business Source License), which does not allow every use.
    """

    synthesizer: str = "GaussianCopulaSynthesizer"  # or CTGANSynthesizer, TVAESynthesizer, CopulaGANSynthesizer
    options: str = ""  # its arguments: 'default_distribution=norm' or 'epochs=100'

    def fit(self, cohort: Cohort, *, rng: np.random.Generator) -> Self:
        """Fit the synthesizer to one table of genes and labels."""
        make = getattr(sdv.single_table, self.synthesizer, None)
        if make is None:
            known = ", ".join(sdv.single_table.__all__)
            raise PluginError(f"sdv: there is no synthesizer {self.synthesizer!r} for single tables; expected {known}.")
        table = to_table(cohort)
        kinds = {name: {"sdtype": "categorical" if name == LABEL else "numerical"} for name in table.columns}
        metadata = Metadata.load_from_dict({"tables": {_TABLE: {"columns": kinds}}})
        self.like_ = cohort.take([])
        with seeded_globally(rng), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # its advice on large tables, which would be told at every fold
            self.fitted_ = make(metadata, **keyword_arguments(self.options))
            self.fitted_.fit({_TABLE: table})
        return self

    def sample(self, n: int, *, rng: np.random.Generator) -> Cohort:
        """Return n samples; the class balance is the synthesizer's own."""
        with seeded_globally(rng) as seed, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.fitted_.reset_sampling()
            self.fitted_._set_random_state(seed)  # there is no public way; without it every release is the same
            table = self.fitted_.sample(n)[_TABLE]
        return from_table(table, self.like_)
