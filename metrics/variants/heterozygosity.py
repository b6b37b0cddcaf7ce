"""Heterozygosity: whether the two haplotypes of a synthetic person go together as in a real one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import nan

import numpy as np
from scipy.special import gammaln

from bench import Measure, Variants, fold_fact, metric

from ._genotypes import Floats

_UNLIKELY = 1e-3


@metric(
    "heterozygosity",
    modalities=("variants",),
    family="fidelity",
    measures=(
        Measure("het_mae", "lower", 0, 1, table="sites", rank=8, title="het MAE"),
        Measure("het_mae_real", "none", 0, 1, table="sites", rank=9, title="het MAE real"),
        Measure("inbreeding", "none", -1, 1, table="sites", rank=10, title="F"),
        Measure("inbreeding_real", "none", -1, 1, table="sites", rank=11, title="F real"),
        Measure("hwe_departures", "none", 0, 1, table="sites", rank=12, title="HWE p < .001"),
        Measure("hwe_departures_real", "none", 0, 1, table="sites", rank=13, title="HWE real"),
    ),
)
@dataclass(kw_only=True)
class Heterozygosity:
    """Compare the share of heterozygous people at each site, and its departure from equilibrium, with held-out people.

    ``het_mae`` is the mean absolute difference of the shares over sites. ``inbreeding`` is F = 1 - observed / expected
    heterozygotes, summed over sites; populations that are lumped together have F above 0 (Wahlund). ``hwe_departures``
    is the share of varying sites whose exact test of Hardy-Weinberg equilibrium has p below 0.001; it grows with the
    number of people, and so each set is cut to as many people as the smallest. What ends in ``_real`` is that of
    held-out people, ``het_mae_real`` that of training people against held-out people. NaN where nothing varies.

    Wigginton, Cutler and Abecasis 2005, American Journal of Human Genetics 76, 887-893 (the exact test).
    """

    def __call__(
        self, train: Variants, holdout: Variants, synthetic: Variants, *, rng: np.random.Generator
    ) -> Mapping[str, float]:
        """Return the measures of the release, and of real people."""
        n = min(len(holdout), len(synthetic))
        made = counts(synthetic.take(rng.permutation(len(synthetic))[:n]))
        real = counts(holdout.take(rng.permutation(len(holdout))[:n]))
        return {
            "het_mae": _gap(counts(holdout), counts(synthetic)),
            "het_mae_real": _floor(train, holdout),
            "inbreeding": _inbreeding(counts(synthetic)),
            "inbreeding_real": _inbreeding(counts(holdout)),
            "hwe_departures": _departures(made),
            "hwe_departures_real": _departures(real),
        }


@fold_fact
def _floor(train: Variants, holdout: Variants) -> float:
    return _gap(counts(holdout), counts(train))


def counts(people: Variants) -> Floats:
    """Return (3, n_sites) numbers of people with 0, 1 and 2 alternate alleles; the missing ones are left out."""
    return np.stack([(people.genotypes == k).sum(axis=0) for k in range(3)]).astype(np.float64)


def _gap(a: Floats, b: Floats) -> float:
    both = (a.sum(axis=0) > 0) & (b.sum(axis=0) > 0)
    if not both.any():
        return nan
    p, q = (c[1, both] / c[:, both].sum(axis=0) for c in (a, b))
    return float(np.abs(p - q).mean())


def _inbreeding(c: Floats) -> float:
    n = np.maximum(c.sum(axis=0), 1)
    p = (c[1] + 2 * c[2]) / (2 * n)
    expected = (2 * p * (1 - p) * n).sum()
    return float(1 - c[1].sum() / expected) if expected > 0 else nan


def _departures(c: Floats) -> float:
    varying = (c[1] + 2 * c[2] > 0) & (c[1] + 2 * c[0] > 0)
    if not varying.any():
        return nan
    return float(np.mean([hardy_weinberg(*site) < _UNLIKELY for site in c[:, varying].T.astype(int).tolist()]))


def hardy_weinberg(homozygous: int, heterozygous: int, other: int) -> float:
    """Return the p-value of the exact test of Hardy-Weinberg equilibrium for numbers of people with each genotype.

    All numbers of heterozygotes that the two allele counts allow are as likely as their multinomial weights say; p is
    the chance of one that is no likelier than what was seen.
    """
    n = homozygous + heterozygous + other
    rare = 2 * min(homozygous, other) + heterozygous
    het = np.arange(rare % 2, rare + 1, 2)
    rarer = (rare - het) // 2
    weight = het * np.log(2) - gammaln(het + 1) - gammaln(rarer + 1) - gammaln(n - het - rarer + 1)
    chance = np.exp(weight - weight.max())
    chance /= chance.sum()
    seen = chance[het == heterozygous][0]
    return float(min(1.0, chance[chance <= seen * (1 + 1e-9)].sum()))
