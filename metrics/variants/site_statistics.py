"""Site statistics: rare alleles by how rare they are, kinds of changes, and where on the chromosome they lie."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import nan

import numpy as np
from numpy.typing import NDArray
from scipy.stats import hypergeom

from bench import Measure, Variants, fold_fact, metric

from ._genotypes import Floats, frequencies, minor

_BINS = (("below_1", 0.0, 0.01), ("1_to_5", 0.01, 0.05), ("above_5", 0.05, 0.51))
_TRANSITIONS = {("A", "G"), ("G", "A"), ("C", "T"), ("T", "C")}
_COMPARED = ("af_error_below_1", "af_error_1_to_5", "af_error_above_5", "positions_distance")


@metric(
    "site_statistics",
    modalities=("variants",),
    family="fidelity",
    measures=(
        Measure("af_error_below_1", "lower", 0, 1, table="sites", rank=14, title="AF error, MAF < 1 %"),
        Measure("af_error_1_to_5", "lower", 0, 1, table="sites", rank=15, title="AF error, 1 to 5 %"),
        Measure("af_error_above_5", "lower", 0, 1, table="sites", rank=16, title="AF error, > 5 %"),
        Measure("af_error_below_1_real", "none", 0, 1),
        Measure("af_error_1_to_5_real", "none", 0, 1, table="sites", rank=17, title="error real, 1 to 5 %"),
        Measure("af_error_above_5_real", "none", 0, 1),
        Measure("singletons", "none", 0, 1, table="sites", rank=18, title="singletons"),
        Measure("singletons_real", "none", 0, 1, table="sites", rank=19, title="singletons real"),
        Measure("ts_tv", "none", 0, table="sites", rank=20, title="Ts/Tv"),
        Measure("ts_tv_real", "none", 0, table="sites", rank=21, title="Ts/Tv real"),
        Measure("het_hom", "none", 0, table="sites", rank=22, title="het/hom"),
        Measure("het_hom_real", "none", 0, table="sites", rank=23, title="het/hom real"),
        Measure("alternates", "none", 0, table="sites", rank=24, title="alleles a person"),
        Measure("alternates_real", "none", 0, table="sites", rank=25, title="alleles a person real"),
        Measure("positions_distance", "lower", 0, 1, table="sites", rank=26, title="positions"),
        Measure("positions_distance_real", "none", 0, 1, table="sites", rank=27, title="positions real"),
    ),
)
@dataclass(kw_only=True)
class SiteStatistics:
    """Compare what geneticists count at sites first, in the release and in held-out people.

    ``af_error_*`` is the mean absolute difference of allele frequencies over sites whose minor allele has, in held-out
    people, less than 1 %, 1 to 5 % and more. ``singletons`` is the share of sites whose alternate allele is seen once,
    expected in as many people of both. The other statistics weigh each site by the alternate alleles that people carry
    at it, as a file of their variants would: ``ts_tv`` is transitions to transversions among single-base changes,
    ``het_hom`` heterozygous to alternate homozygous calls, ``alternates`` the alternate alleles of a person, and
    ``positions_distance`` the Kolmogorov-Smirnov distance between positions of the alternate alleles along each
    chromosome, the largest over chromosomes. In what ends in ``_real``, held-out people stand alone, or training people
    in the place of the release. NaN where nothing is counted.
    """

    def __call__(
        self, train: Variants, holdout: Variants, synthetic: Variants, *, rng: np.random.Generator
    ) -> Mapping[str, float]:
        """Return the statistics of the release, and of real people."""
        n = min(len(holdout), len(synthetic))
        own = _counted(synthetic) | {"singletons": singletons(synthetic, n)}
        other = _counted(holdout) | {"singletons": singletons(holdout, n)}
        compared = _compared(holdout, synthetic)
        floor = _floor(train, holdout)
        return {
            **own, **{f"{name}_real": value for name, value in other.items()},
            **compared, **{f"{name}_real": value for name, value in floor.items()},
        }  # fmt: skip


@fold_fact
def _floor(train: Variants, holdout: Variants) -> dict[str, float]:
    return _compared(holdout, train)


def _counted(people: Variants) -> dict[str, float]:
    """Return Ts/Tv, het/hom and alternate alleles a person."""
    genotypes = np.maximum(people.genotypes, 0)
    carried = _carried(people)
    single = np.array([len(ref) == len(alt) == 1 for ref, alt in people.alleles], dtype=bool)
    transition = np.array([pair in _TRANSITIONS for pair in people.alleles], dtype=bool)
    return {
        "ts_tv": _ratio(carried[transition].sum(), carried[single & ~transition].sum()),
        "het_hom": _ratio((genotypes == 1).sum(), (genotypes == 2).sum()),
        "alternates": _ratio(carried.sum(), len(people)),
    }


def _carried(people: Variants) -> Floats:
    """Return (n_sites,) numbers of alternate alleles that were called."""
    counts: Floats = np.maximum(people.calls, 0).sum(axis=(0, 1), dtype=np.float64)
    return counts


def _ratio(a: float, b: float) -> float:
    return float(a / b) if b > 0 else nan


def singletons(people: Variants, n: int) -> float:
    """Return the share of sites at which n of the people are expected to show the alternate allele exactly once.

    Alleles are taken as drawn one by one (hypergeometric); NaN if there is nobody.
    """
    if n < 1 or not people.n_sites:
        return nan
    return float(hypergeom.pmf(1, 2 * len(people), _carried(people), 2 * n).mean())


def _compared(real: Variants, other: Variants) -> dict[str, float]:
    if not len(real) or not len(other):
        return dict.fromkeys(_COMPARED, nan)
    p, q = frequencies(real), frequencies(other)
    known, rarer = np.isfinite(p) & np.isfinite(q), minor(p)
    gaps = {}
    for name, low, high in _BINS:
        inside = known & (rarer >= low) & (rarer < high)
        gaps[f"af_error_{name}"] = float(np.abs(p - q)[inside].mean()) if inside.any() else nan
    return gaps | {"positions_distance": positions_distance(real, other)}


def positions_distance(real: Variants, other: Variants) -> float:
    """Return the largest gap between the distributions of alternate alleles along a chromosome, in both."""
    positions, chromosomes = real.positions, real.chromosomes
    order: NDArray[np.intp] = np.argsort(positions, kind="stable")
    gaps = []
    for chromosome in np.unique(chromosomes):
        along = order[chromosomes[order] == chromosome]
        last = np.append(np.diff(positions[along]) > 0, True)  # several alleles at one position count together
        a, b = (np.cumsum(_carried(people)[along])[last] for people in (real, other))
        if a[-1] > 0 and b[-1] > 0:
            gaps.append(float(np.abs(a / a[-1] - b / b[-1]).max()))
    return max(gaps, default=nan)
