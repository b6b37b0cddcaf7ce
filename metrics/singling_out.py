"""Whether a release yields descriptions that fit one member and nobody else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from bench import Cohort, Estimate, Measure, metric

from ._estimates import UNDEFINED, residual_risk, success_rate


@metric(
    "singling_out",
    modalities="all",
    family="privacy",
    measures=(
        Measure("singling_out_risk", "lower", high=1, rank=3, title="singled out"),
        Measure("singling_out_members", "none", 0, 1, title="singled out, members"),
        Measure("singling_out_others", "none", 0, 1, title="singled out, others"),
    ),
    doi="10.56553/popets-2023-0055",
)
@dataclass(kw_only=True)
class SinglingOut:
    """Return how often a description that fits one synthetic sample fits one member, beyond what chance explains.

    A description is a synthetic sample's values of a few genes drawn at random, each read as "at least so much" where
    it is above the gene's median in the release, else as "at most". Those that fit exactly one synthetic sample are
    tried on the members (``singling_out_members``: share that fits exactly one) and on others (``_others``: expected
    matches among as many people as there are members, at most 0.37, the largest chance that a description can have).
    ``singling_out_risk`` is the residual risk, (members - others) / (1 - others).

    Giomi et al. 2023, their multivariate attack. The others are fewer than the members: matches are scaled by the ratio
    and counted where they are several, so that the chance of a wide description is rated too high, never too low. Rates
    are Wilson's centres, and the risk is not cut at 0. NaN if no description fits one synthetic sample alone.

    Parameters
    ----------
    genes : in a description
    attempts : descriptions tried on people
    """

    genes: int = 8
    attempts: int = 1000

    def __call__(
        self, train: Cohort, holdout: Cohort, synthetic: Cohort, *, rng: np.random.Generator
    ) -> Mapping[str, float | Estimate]:
        """Return the risk with its interval, and both rates."""
        names = ("singling_out_risk", "singling_out_members", "singling_out_others")
        if min(len(train), len(holdout), len(synthetic)) == 0:
            return dict.fromkeys(names, UNDEFINED)
        found = describe(synthetic.X, self.genes, 2 * self.attempts, rng)
        found = found.take(found.matches(synthetic.X) == 1, self.attempts)
        if (n := len(found.genes)) == 0:
            return dict.fromkeys(names, UNDEFINED)
        attack = success_rate(int((found.matches(train.X) == 1).sum()), n)
        control = _chance(int(found.matches(holdout.X).sum()), n, len(train), len(holdout))
        return dict(
            zip(names, (residual_risk(attack, control), Estimate(attack[0]), Estimate(control[0])), strict=True)
        )


@dataclass(frozen=True, eq=False)
class Descriptions:
    """Each says of a few genes that they are at least, or at most, so much.

    Parameters
    ----------
    genes : (n, k) int
    values : (n, k) float32
    above : (n, k) bool, whether a gene must be at least its value
    """

    genes: NDArray[np.intp]
    values: NDArray[np.float32]
    above: NDArray[np.bool_]

    def matches(self, X: NDArray[np.float32]) -> NDArray[np.intp]:
        """Return (n,) how many rows of X each description fits."""
        by_gene = np.ascontiguousarray(X.T)
        counts = np.empty(len(self.genes), dtype=np.intp)
        for i, (genes, values, above) in enumerate(zip(self.genes, self.values, self.above, strict=True)):
            left = np.arange(len(X))
            for gene, value, more in zip(genes, values, above, strict=True):
                of_left = by_gene[gene, left]
                left = left[of_left >= value if more else of_left <= value]
            counts[i] = len(left)
        return counts

    def take(self, which: NDArray[np.bool_], most: int) -> Descriptions:
        """Return the first of those marked."""
        rows = np.flatnonzero(which)[:most]
        return Descriptions(self.genes[rows], self.values[rows], self.above[rows])


def describe(X: NDArray[np.float32], k: int, n: int, rng: np.random.Generator) -> Descriptions:
    """Return n descriptions by k genes (all, if there are fewer) of random rows of X."""
    k = min(k, X.shape[1])
    genes = np.array([rng.choice(X.shape[1], size=k, replace=False) for _ in range(n)]).reshape(n, k)
    values = X[rng.integers(len(X), size=n)[:, None], genes]
    return Descriptions(genes, values, values > np.median(X, axis=0)[genes])


def _chance(matches: int, attempts: int, members: int, others: int) -> tuple[float, float]:
    """Return the rate, and its half-width, at which descriptions would fit exactly one of so many people by chance.

    That is at most the expected matches, which scale with the number of people, and at most (1 - 1/n)^(n - 1), what a
    description has that fits one in n.
    """
    times = members / others
    most = (1 - 1 / members) ** (members - 1)
    rate, error = success_rate(min(times * matches, most * attempts), attempts)
    return rate, error * sqrt(max(times, 1.0))
