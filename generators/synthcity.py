"""Adapter: any plugin of synthcity for plain tables is a generator."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import synthcity.plugins
from synthcity.plugins.core.dataloader import GenericDataLoader

from bench import Cohort, PluginError, generator

from ._foreign import LABEL, from_table, keyword_arguments, seeded_globally, to_table


@generator(
    "synthcity",
    family="adapter",
    opt_in=True,
    needs=("synthcity",),
    doi="10.48550/arXiv.2301.07573",
    quick={"options": "n_iter=2"},
)
@dataclass(kw_only=True)
class Synthcity:
    """Fit any plugin of synthcity for plain tables to the genes and the label, as columns of one table.

    synthcity (0.2.12) needs torch below 2.3, so it cannot share an environment with the neural generators here: install
    `omics-bench[synthcity]` into an environment of its own and run this generator there, or run synthcity by commands
    (see docs/adapters.md). Whatever a plugin says of privacy is not claimed here: nobody accounted for it.
    """

    plugin: str = "ctgan"  # see synthcity.plugins.Plugins().list()
    options: str = ""  # its arguments: 'n_iter=100'

    def fit(self, cohort: Cohort, *, rng: np.random.Generator) -> Self:
        """Fit the plugin to one table of genes and labels."""
        with seeded_globally(rng) as seed:
            known = synthcity.plugins.Plugins(categories=["generic", "privacy"])
            if self.plugin not in known.list():
                raise PluginError(
                    f"synthcity: there is no plugin {self.plugin!r}. It has {', '.join(sorted(known.list()))}."
                )
            options = {
                "workspace": Path(tempfile.gettempdir()),
                "random_state": seed,
                **keyword_arguments(self.options),
            }
            self.fitted_ = known.get(self.plugin, **options)
            self.fitted_.fit(GenericDataLoader(to_table(cohort), target_column=LABEL, random_state=seed))
        self.like_ = cohort.take([])
        return self

    def sample(self, n: int, *, rng: np.random.Generator) -> Cohort:
        """Return n samples; the class balance is the plugin's own."""
        with seeded_globally(rng) as seed:
            table = self.fitted_.generate(count=n, random_state=seed).dataframe()
        return from_table(table, self.like_)
