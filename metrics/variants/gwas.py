"""GWAS: whether an association study of the release finds what one of real people finds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import nan

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from bench import Measure, PluginError, Variants, metric

from ._genotypes import Floats, correlation, dosages

_LEVEL = 0.05  # of all sites of a trait together (Bonferroni)
_NAMES = ("gwas_r", "gwas_replicated", "gwas_false")


@metric(
    "gwas",
    modalities=("variants",),
    family="utility",
    measures=(
        Measure("gwas_r", "higher", -1, 1, table="structure", rank=11, title="GWAS r"),
        Measure("gwas_r_real", "none", -1, 1, table="structure", rank=12, title="GWAS r real"),
        Measure("gwas_replicated", "higher", 0, 1, table="structure", rank=13, title="hits found"),
        Measure("gwas_replicated_real", "none", 0, 1, table="structure", rank=14, title="hits real"),
        Measure("gwas_false", "lower", 0, 1, table="structure", rank=15, title="hits false"),
        Measure("gwas_false_real", "none", 0, 1, table="structure", rank=16, title="hits false real"),
    ),
)
@dataclass(kw_only=True)
class Gwas:
    """Invent traits, study them in the release and in held-out people, and compare the sites that come out.

    A trait is the sum of the alternate alleles at a few sites, each with an effect of its own, and noise, so that
    `heritability` of its variance in held-out people comes from genes. Both groups of people get it by the same
    effects, and noise of the same size. Each site is tested on its own (the z score of a correlation). ``gwas_r`` is
    the correlation of z scores between both studies over sites, ``gwas_replicated`` the share of sites that held-out
    people find (Bonferroni, 5 % a trait) which the release finds too with the same sign, and ``gwas_false`` the share
    of the release's findings that held-out people show nothing of (p above 5 %); all are means over `traits`. Linkage
    and frequencies must both be right: a causal site is found through its neighbours. Both groups are cut to one size.
    What ends in ``_real`` has training people in the place of the release. NaN where nothing was found.
    """

    traits: int = 20
    causal: int = 5  # sites a trait
    heritability: float = 0.3

    def __call__(
        self, train: Variants, holdout: Variants, synthetic: Variants, *, rng: np.random.Generator
    ) -> Mapping[str, float]:
        """Return what studies of the release, and of training people, say of those of held-out people."""
        if not (self.traits >= 1 and self.causal >= 1 and 0 < self.heritability < 1):
            raise PluginError("gwas: expected traits and causal of 1 or more, and a heritability between 0 and 1.")
        n = min(len(train), len(holdout), len(synthetic))
        names = [*_NAMES, *(f"{name}_real" for name in _NAMES)]
        if n < 10:
            return dict.fromkeys(names, nan)
        groups = [_some(g, n, rng) for g in (holdout, synthetic, train)]
        effects = self._effects(groups[0], rng)
        genetic = [g @ effects for g in groups]
        noise = noise_of(genetic[0], self.heritability)
        real, made, known = (
            z_scores(g, values + noise * rng.standard_normal(values.shape))
            for g, values in zip(groups, genetic, strict=True)
        )
        found, floor = compared(real, made), compared(real, known)
        return {**found, **{f"{name}_real": value for name, value in floor.items()}}

    def _effects(self, real: Floats, rng: np.random.Generator) -> Floats:
        """Return (n_sites, traits) effects: a few sites that vary, each moving a trait by a similar spread."""
        spread = real.std(axis=0)
        varying = np.flatnonzero(spread > 0)
        effects = np.zeros((real.shape[1], self.traits))
        for trait in range(self.traits):
            some = rng.permutation(varying)[: self.causal]
            effects[some, trait] = rng.standard_normal(len(some)) / spread[some]
        return effects


def _some(people: Variants, n: int, rng: np.random.Generator) -> Floats:
    """Return the (n, n_sites) dosages of some of the people by chance, whatever order they came in."""
    order = sorted(range(len(people)), key=lambda i: people.calls[i].tobytes())
    some: Floats = dosages(people)[np.array(order)[rng.permutation(len(people))[:n]]]
    return some


def noise_of(genetic: Floats, heritability: float) -> Floats:
    """Return (n_traits,) the standard deviation of noise beside which genes make so much of the variance of a trait."""
    sd: Floats = genetic.std(axis=0) * np.sqrt(1 / heritability - 1)
    return sd


def z_scores(genotypes: Floats, traits: Floats) -> Floats:
    """Return (n_sites, n_traits) z scores of the correlation of each site with each trait; 0 where one is constant."""
    x, y = genotypes - genotypes.mean(axis=0), traits - traits.mean(axis=0)
    size = np.outer(np.sqrt((x**2).sum(axis=0)), np.sqrt((y**2).sum(axis=0)))
    r = np.divide(x.T @ y, size, out=np.zeros(size.shape), where=size > 1e-9)
    z: Floats = r * np.sqrt((len(x) - 2) / np.maximum(1 - r**2, 1e-12))
    return z


def compared(real: Floats, other: Floats) -> dict[str, float]:
    """Return the three measures from (n_sites, n_traits) z scores of two studies, real people's first."""
    level = float(norm.isf(_LEVEL / 2 / len(real)))
    hits, findings = np.abs(real) > level, np.abs(other) > level
    return {
        "gwas_r": _mean([correlation(a, b) for a, b in zip(real.T, other.T, strict=True)]),
        "gwas_replicated": _share(findings & (np.sign(real) == np.sign(other)), hits),
        "gwas_false": _share(np.abs(real) < float(norm.isf(0.025)), findings),
    }


def _mean(values: list[float]) -> float:
    known = [value for value in values if np.isfinite(value)]
    return float(np.mean(known)) if known else nan


def _share(what: NDArray[np.bool_], among: NDArray[np.bool_]) -> float:
    """Return the mean over traits of the share of `among` that are `what`."""
    return _mean([float(w[a].mean()) for w, a in zip(what.T, among.T, strict=True) if a.any()])
