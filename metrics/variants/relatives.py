"""Relatives: whether the release gives away the children of the people it was made of, and how near kin it holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import nan

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from bench import Measure, PluginError, Variants, metric

from ._genotypes import Floats, apart, dosages

_CLOSE = 0.177  # kinship above it is first degree or closer: 2 ** -2.5
_NAMES = ("children_auc", "close_kin", "close_kin_real")


@metric(
    "relatives",
    modalities=("variants",),
    family="privacy",
    measures=(
        Measure("children_auc", "lower", 0, 1, table="neighbours", rank=7, title="children found"),
        Measure("close_kin", "none", 0, 1, table="neighbours", rank=8, title="close kin"),
        Measure("close_kin_real", "none", 0, 1, table="neighbours", rank=9, title="close kin real"),
    ),
)
@dataclass(kw_only=True)
class Relatives:
    """Return how well the children of training people are told from other children, and the share of close kin.

    `children` are invented of pairs of training people and of pairs of held-out people: each parent hands on one
    haplotype, which changes from one of his two to the other `switches` times on average over the list of sites (one of
    each of his two alleles at every site where the phase is not known). ``children_auc`` is the AUC with which the
    distance of the nearest synthetic sequence to either of a child's haplotypes tells the two apart: 1/2 if a release
    says nothing of relatives of the people in it. A child was never in any data, and cannot have consented.

    ``close_kin`` is the share of synthetic people whose KING-robust kinship to some training person is above 0.177, as
    between parents and children or closer; ``close_kin_real`` is that of held-out people, who in a short region are
    often alike by chance. Sets of people are cut to the same size, `most` at most. NaN where one holds fewer than two.

    Manichaikul, Mychaleckyj, Rich et al. 2010, Bioinformatics 26, 2867-2873 (KING).
    """

    children: int = 300
    switches: float = 1.0
    most: int = 1000  # people

    def __call__(
        self, train: Variants, holdout: Variants, synthetic: Variants, *, rng: np.random.Generator
    ) -> Mapping[str, float]:
        """Return the AUC of children and the shares of close kin."""
        if self.children < 1 or self.switches < 0 or self.most < 1:
            raise PluginError("relatives: expected children and most of 1 or more, and switches of 0 or more.")
        n = min(len(train), len(holdout), len(synthetic), self.most)
        if n < 2:
            return dict.fromkeys(_NAMES, nan)
        known, others, made = (g.take(rng.permutation(len(g))[:n]) for g in (train, holdout, synthetic))
        inside, outside = (self._nearness(g, synthetic, rng) for g in (train, holdout))
        return {
            "children_auc": auc(inside, outside),
            "close_kin": _close(made, known),
            "close_kin_real": _close(others, known),
        }

    def _nearness(self, parents: Variants, release: Variants, rng: np.random.Generator) -> Floats:
        """Return (children,) less the distance from invented children to the nearest synthetic sequence."""
        mothers, fathers = rng.permuted(np.tile(np.arange(len(parents)), (self.children, 1)), axis=1)[:, :2].T
        handed = [gametes(parents.calls[who], self.switches, rng) for who in (mothers, fathers)]
        sequences = np.maximum(release.calls, 0).reshape(-1, release.n_sites)
        if release.phased:
            return -np.minimum(*(apart(some, sequences) for some in handed)).astype(np.float64)
        return -apart((handed[0] + handed[1]).astype(np.int8), sequences).astype(np.float64)


def gametes(parents: NDArray[np.int8], switches: float, rng: np.random.Generator) -> NDArray[np.int8]:
    """Return (n, n_sites) one haplotype that each parent hands on; missing calls as 0.

    Parameters
    ----------
    parents : (n, copies, n_sites) calls
    switches : changes from one haplotype to the other over all sites, on average
    rng : which haplotype comes first, and where it changes
    """
    calls, shape = np.maximum(parents, 0), parents[:, 0].shape
    if calls.shape[1] == 1:  # a heterozygote hands on either allele
        return (calls[:, 0] > 2 * rng.random(shape)).astype(np.int8)
    change = rng.random(shape) < switches / max(1, shape[1])
    change[:, 0] = rng.random(len(parents)) < 0.5
    second = np.cumsum(change, axis=1) % 2 == 1
    return np.where(second, calls[:, 1], calls[:, 0]).astype(np.int8)


def auc(inside: Floats, outside: Floats) -> float:
    """Return the chance that one of the first scores above one of the second; ties count half."""
    ranks = rankdata(np.concatenate([inside, outside]))
    n, m = len(inside), len(outside)
    return float((ranks[:n].sum() - n * (n + 1) / 2) / (n * m))


def kinship(some: Variants, others: Variants) -> Floats:
    """Return (n, m) KING-robust kinship between people of two groups; missing calls as what is expected of them.

    With H the heterozygous sites of each person and the two that are both heterozygous, and O those at which the two
    are opposite homozygotes::

        (H both - 2 O) / (2 min(H of one, H of the other)) + 1/2 - (H of one + H of the other) / (4 min(...))
    """
    a, b = np.rint(dosages(some)), np.rint(dosages(others))
    het = [(x == 1).astype(np.float64) for x in (a, b)]
    zero, two = ([(x == k).astype(np.float64) for x in (a, b)] for k in (0, 2))
    both = het[0] @ het[1].T
    opposite = zero[0] @ two[1].T + two[0] @ zero[1].T
    own = het[0].sum(axis=1)[:, None], het[1].sum(axis=1)[None]
    fewer, whole = np.maximum(np.minimum(*own), 1e-12), own[0] + own[1]
    none = np.minimum(*own) == 0  # nothing is said of people without a heterozygous site
    return np.where(none, -np.inf, (both - 2 * opposite) / (2 * fewer) + 0.5 - whole / (4 * fewer))


def _close(some: Variants, known: Variants) -> float:
    return float(np.mean(kinship(some, known).max(axis=1) > _CLOSE))
