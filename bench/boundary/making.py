"""Makes releases: hands people over, fits the generator, and checks what it gives and makes it plain.

Runs, audits and releases for publication all train here, so that what is published is what was measured.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from bench.boundary.checks import check_model, check_sample
from bench.boundary.handing_over import handed_over
from bench.boundary.plain_release import Plain, plain_release
from bench.core.cohort import Cohort
from bench.core.errors import PluginError
from bench.core.records import Records
from bench.core.released import ReleasedModel
from bench.registry.declarations import PluginInfo
from bench.registry.finding import create
from bench.statistics.public_prior import PublicPrior

# parameters by which generators name a prior, each with the value that means the one in the package
_PRIORS: Mapping[str, str] = {"prior": "shipped", "scale": "public"}


@dataclass(frozen=True, eq=False)
class Trained:
    """A fitted generator, and the people as they were handed to it.

    Parameters
    ----------
    generator : the plugin's object, after `fit`
    people : those it was fitted on, under random names
    """

    generator: Any
    people: Records

    def draw(self, n: int, *, rng: np.random.Generator) -> tuple[Records, Plain]:
        """Return a sample of n as the generator made it, and the same made plain.

        Raises
        ------
        PluginError
            If it is no cohort of the kind of the people.
        """
        raw = self.generator.sample(n, rng=rng)
        check_sample(raw, like=self.people, n=n)
        return raw, plain_release(raw, like=self.people)

    def release_model(self, *, rng: np.random.Generator) -> ReleasedModel:
        """Return the model that the generator releases, to the last bit: its answers must not change.

        Raises
        ------
        PluginError
            If it does not fit the people.
        """
        return check_model(self.generator.release(rng=rng), like=self.people)


def train(info: PluginInfo, params: Mapping[str, Any], people: Records, *, rng: np.random.Generator) -> Trained:
    """Return a new generator of these parameters, fitted on people.

    Raises
    ------
    PluginError
        If a public prior that the generator reads was made of some of them.
    """
    generator = create(info, params)
    if isinstance(people, Cohort):
        for prior in _priors({**info.params, **params}):
            prior.refuse(people)  # the generator could not tell: it is handed random names
    handed = handed_over(people)
    return Trained(generator.fit(handed, rng=rng), handed)


def _priors(params: Mapping[str, Any]) -> Iterator[PublicPrior]:
    """Yield the public prior that parameters name; what is no prior, the plugin complains of."""
    for name, of_the_package in _PRIORS.items():
        value = params.get(name)
        if value == of_the_package:
            yield _shipped()
        elif isinstance(value, str) and name == "prior" and Path(value).is_file():
            with contextlib.suppress(PluginError):
                yield PublicPrior.read(Path(value).read_bytes(), value)


@functools.cache
def _shipped() -> PublicPrior:
    file = files("bench.generators").joinpath("public_prior.npz")
    return PublicPrior.read(file.read_bytes(), file.name)
