"""Imputation: hidden sites of held-out people filled in from the release, and how much better that goes for members."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import nan

import numpy as np
from numpy.typing import NDArray

from bench import Measure, PluginError, Variants, fold_fact, metric

from ._genotypes import Floats, sequences

_BLOCK = 256


@metric(
    "imputation",
    modalities=("variants",),
    family="utility",
    measures=(
        Measure(
            "imputation_r2",
            "higher",
            -1,
            1,
            table="structure",
            rank=8,
            title="imputation r2",
            decides="science",
            turn=2,
            real="imputation_r2_real",
            chance=0,
            words="imputation",
        ),
        Measure("imputation_r2_real", "none", -1, 1, table="structure", rank=9, title="imputation real"),
        Measure("imputation_gap", "none", -2, 2, table="structure", rank=10, title="gap to members"),
    ),
)
@dataclass(kw_only=True)
class Imputation:
    """Fill in every `every`-th site of people from the haplotypes of the release that fit them best around it.

    A hidden call is the mean over the `neighbours` haplotypes that differ least from the person at the `flank` sites on
    either side that are not hidden. ``imputation_r2`` is the squared correlation of what was filled in with the truth,
    over held-out people and all hidden sites, each site's mean in the release taken off; ``imputation_r2_real`` is that
    with training people as the panel. ``imputation_gap`` is the r2 of *training* people less that of as many held-out
    people, both with the release as panel: what the release tells an attacker who knows a member's other sites about
    the hidden ones, beyond what it tells about anybody (attribute inference). NaN where nothing varies.
    """

    every: int = 10
    flank: int = 30
    neighbours: int = 5

    def __call__(
        self, train: Variants, holdout: Variants, synthetic: Variants, *, rng: np.random.Generator
    ) -> Mapping[str, float]:
        """Return what the release fills in, what training people do, and the gap."""
        if min(self.every - 1, self.flank, self.neighbours) < 1:
            raise PluginError("imputation: expected every of 2 or more, flank and neighbours of 1 or more.")
        n = min(len(train), len(holdout))
        members = train.take(rng.permutation(len(train))[:n])
        asked = {"every": self.every, "flank": self.flank, "neighbours": self.neighbours}
        found = imputed_r2(synthetic, holdout, **asked)
        return {
            "imputation_r2": found,
            "imputation_r2_real": _floor(train, holdout, **asked),
            "imputation_gap": imputed_r2(synthetic, members, **asked) - found,
        }


@fold_fact
def _floor(train: Variants, holdout: Variants, *, every: int, flank: int, neighbours: int) -> float:
    return imputed_r2(train, holdout, every=every, flank=flank, neighbours=neighbours)


def imputed_r2(panel: Variants, people: Variants, *, every: int, flank: int, neighbours: int) -> float:
    """Return the squared correlation of hidden calls with what the panel fills in, means of the panel taken off."""
    if len(panel) == 0:
        return nan
    known, asked = sequences(panel), sequences(people)
    hidden = np.arange(every // 2, panel.n_sites, every)
    shown = np.setdiff1d(np.arange(panel.n_sites), hidden)
    mean = known[:, hidden].mean(axis=0)
    guess = np.stack([_filled(known, asked, int(site), shown, flank, neighbours) for site in hidden], axis=1) - mean
    truth = asked[:, hidden] - mean
    missing = people.calls.reshape(asked.shape)[:, hidden] < 0
    a, b = guess[~missing], truth[~missing]
    if len(a) < 2 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return nan
    return float(np.corrcoef(a, b)[0, 1] ** 2)


def _filled(
    known: NDArray[np.int8], asked: NDArray[np.int8], site: int, shown: NDArray[np.intp], flank: int, neighbours: int
) -> Floats:
    """Return (n_asked,) the mean call at a site of the nearest known sequences, by the sites shown around it."""
    at = int(np.searchsorted(shown, site))
    near = shown[max(0, at - flank) : at + flank]
    panel, rows = known[:, near].astype(np.float32), asked[:, near].astype(np.float32)
    k = min(neighbours, len(panel))
    sizes, found, call = (panel**2).sum(axis=1), np.empty(len(rows)), known[:, site].astype(np.float64)
    for start in range(0, len(rows), _BLOCK):
        distance = sizes - 2 * (rows[start : start + _BLOCK] @ panel.T)
        # the fewest differences first, and of equals the mean of all, so that the order of people does not matter
        last = np.partition(distance, k - 1, axis=1)[:, k - 1 : k]
        taken = distance <= last
        found[start : start + _BLOCK] = taken @ call / taken.sum(axis=1)
    return found
