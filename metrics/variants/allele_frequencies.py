"""Allele frequencies: whether the release has every allele as often as real people have it, rare ones too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import nan

import numpy as np

from bench import Measure, Variants, fold_fact, metric

from ._genotypes import Floats, correlation, frequencies, minor

_RARE = 0.05
_SPECTRUM = np.array([0.0, 1e-9, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5 + 1e-9])


@metric(
    "allele_frequencies",
    modalities=("variants",),
    family="fidelity",
    measures=(
        Measure("af_r", "higher", -1, 1, table="sites", rank=1, title="AF r"),
        Measure("af_r_real", "none", -1, 1, table="sites", rank=2, title="AF r real"),
        Measure("af_mae", "lower", 0, 1, table="sites", rank=3, title="AF MAE"),
        Measure("af_mae_real", "none", 0, 1, table="sites", rank=4, title="AF MAE real"),
        Measure("af_mae_rare", "lower", 0, 1, table="sites", rank=5, title="AF MAE, MAF < 5 %"),
        Measure("af_mae_common", "lower", 0, 1),
        Measure("sfs_distance", "lower", 0, 1, table="sites", rank=6, title="spectrum"),
        Measure("sfs_distance_real", "none", 0, 1, table="sites", rank=7, title="spectrum real"),
    ),
)
@dataclass(kw_only=True)
class AlleleFrequencies:
    """Compare the frequency of the alternate allele at each site with that in held-out people.

    ``af_r`` is Pearson's r over sites, ``af_mae`` the mean absolute difference, also for sites whose minor allele is
    below and above 5 % in held-out people. ``sfs_distance`` is half the sum of absolute differences between the two
    spectra of minor-allele frequencies, in ten bins of which the first holds the sites that do not vary at all.
    Measures that end in ``_real`` hold training people against held-out people: what other people of the same
    population reach. NaN where no site is left to compare.
    """

    def __call__(
        self, train: Variants, holdout: Variants, synthetic: Variants, *, rng: np.random.Generator
    ) -> Mapping[str, float]:
        """Return the measures of the release, and of training people in its place."""
        found, floor = _compared(holdout, synthetic), _floor(train, holdout)
        real = {f"{name}_real": floor[name] for name in ("af_r", "af_mae", "sfs_distance")}
        return {**found, **real}


@fold_fact
def _floor(train: Variants, holdout: Variants) -> dict[str, float]:
    return _compared(holdout, train)


def _compared(real: Variants, other: Variants) -> dict[str, float]:
    p, q = frequencies(real), frequencies(other)
    rare = minor(p) < _RARE
    return {
        "af_r": correlation(p, q),
        "af_mae": _mean_gap(p, q),
        "af_mae_rare": _mean_gap(p[rare], q[rare]),
        "af_mae_common": _mean_gap(p[~rare], q[~rare]),
        "sfs_distance": float(np.abs(spectrum(p) - spectrum(q)).sum() / 2),
    }


def _mean_gap(p: Floats, q: Floats) -> float:
    known = np.isfinite(p) & np.isfinite(q)
    return float(np.abs(p - q)[known].mean()) if known.any() else nan


def spectrum(frequency: Floats) -> Floats:
    """Return the share of sites in each bin of minor-allele frequency, (10,); sites never called count as 0."""
    counts = np.histogram(np.nan_to_num(minor(frequency)), _SPECTRUM)[0]
    shares: Floats = counts / max(1, counts.sum())
    return shares
