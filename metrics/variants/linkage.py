"""Linkage: whether neighbouring sites go together in the release as they do in real people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import nan

import numpy as np

from bench import Measure, Variants, fold_fact, metric

from ._genotypes import Floats, above_diagonal, correlation, linkage, some_sites

_BINS = 20  # of distance, each with as many pairs


@metric(
    "linkage",
    modalities=("variants",),
    family="fidelity",
    measures=(
        Measure(
            "ld_r",
            "higher",
            -1,
            1,
            table="linkage",
            rank=1,
            title="LD r",
            decides="science",
            real="ld_r_real",
            chance=0,
            words="linkage",
        ),
        Measure("ld_r_real", "none", -1, 1, table="linkage", rank=2, title="LD r real"),
        Measure("ld_mae", "lower", 0, 2, table="linkage", rank=3, title="LD MAE"),
        Measure("ld_mae_real", "none", 0, 2, table="linkage", rank=4, title="LD MAE real"),
        Measure("ld_decay_mae", "lower", 0, 1, table="linkage", rank=5, title="r2 decay MAE"),
        Measure("ld_decay_mae_real", "none", 0, 1, table="linkage", rank=6, title="decay real"),
    ),
)
@dataclass(kw_only=True)
class Linkage:
    """Compare squared correlations between sites, and how they fall with distance, with those of held-out people.

    r2 is the squared correlation of two sites over haplotypes (over genotypes where the phase is not known); a site
    that does not vary is correlated with nothing. ``ld_r`` is Pearson's r between the r2 of all pairs of sites in the
    release and in held-out people, ``ld_mae`` the mean absolute difference, and ``ld_decay_mae`` that of the mean r2 in
    20 bins of distance with as many pairs of one chromosome each. Beyond 2,000 sites, 2,000 evenly chosen ones are
    taken. What ends in ``_real`` holds training people against held-out people. NaN where nothing varies.
    """

    def __call__(
        self, train: Variants, holdout: Variants, synthetic: Variants, *, rng: np.random.Generator
    ) -> Mapping[str, float]:
        """Return the measures of the release, and of training people in its place."""
        r2, decay = _squares(holdout)
        found = _compared(r2, decay, *_squares_of(synthetic))
        return {**found, **{f"{name}_real": value for name, value in _floor(train, holdout).items()}}


@fold_fact
def _floor(train: Variants, holdout: Variants) -> dict[str, float]:
    return _compared(*_squares_of(holdout), *_squares_of(train))


@fold_fact
def _squares(people: Variants) -> tuple[Floats, Floats]:
    return _squares_of(people)


def _compared(r2: Floats, decay: Floats, others: Floats, other_decay: Floats) -> dict[str, float]:
    if len(r2) == 0:
        return {"ld_r": nan, "ld_mae": nan, "ld_decay_mae": nan}
    gap = np.abs(decay - other_decay)
    return {
        "ld_r": correlation(r2, others),
        "ld_mae": float(np.abs(r2 - others).mean()),
        "ld_decay_mae": float(gap.mean()) if len(gap) else nan,
    }


def _squares_of(people: Variants) -> tuple[Floats, Floats]:
    """Return (n_pairs,) r2 of pairs of sites, and (n_bins,) their mean by distance."""
    sites = some_sites(people)
    r2 = above_diagonal(linkage(people, sites) ** 2)
    return r2, decay_of(people, r2)[1]


def decay_of(people: Variants, r2: Floats) -> tuple[Floats, Floats]:
    """Return (n_bins,) mean distances in bases and mean r2, of pairs on one chromosome in bins of as many pairs."""
    sites = some_sites(people)
    first, second = np.triu_indices(len(sites), 1)
    positions, chromosomes = people.positions[sites], people.chromosomes[sites]
    together = np.flatnonzero(chromosomes[first] == chromosomes[second])
    distance = np.abs(positions[second] - positions[first])[together]
    order = np.argsort(distance, kind="stable")
    bins = [part for part in np.array_split(order, _BINS) if len(part)]
    return (
        np.array([distance[part].mean() for part in bins]),
        np.array([r2[together[part]].mean() for part in bins]),
    )
