"""A reference for attackers where a cohort brings none: people of elsewhere, moved gene by gene to what was released.

Attacks that compare a release with people who are no members need such people. Who attacks has others, of other
studies, and their values differ for reasons that have nothing to do with membership: platform, units, tissue. Ranks
within each gene survive that.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bench.core.cohort import Cohort
from bench.datasets.known.simulated import Parameters, simulated

if TYPE_CHECKING:
    from bench.datasets import Dataset

SHIPPED = "combined"  # the simulated pan-cancer cohort, whose reference set nobody is in
WORDS = f"foreign: the reference set of the simulated {SHIPPED}, each gene moved to the quantiles of the release"


def foreign_reference(dataset: Dataset) -> Cohort | None:
    """Return people of elsewhere with the genes of a dataset that brings no reference set; None where there are none.

    They are the reference set of the simulated `combined` cohort, which ships with the package. A cohort that has other
    genes, even one, or is no expression has none.
    """
    if dataset.reference is not None or dataset.modality != "expression":
        return None
    return _with_genes(dataset.expression.genes)


@functools.lru_cache(maxsize=2)
def _with_genes(genes: tuple[str, ...]) -> Cohort | None:
    if not set(genes) <= _shipped_genes():
        return None
    people = simulated(SHIPPED)[1]
    assert people is not None
    column = {gene: j for j, gene in enumerate(people.genes)}
    X = people.X[:, [column[gene] for gene in genes]]
    return Cohort(X=X, y=people.y, genes=genes, samples=people.samples, units=people.units)


@functools.cache
def _shipped_genes() -> frozenset[str]:
    return frozenset(map(str, Parameters.load(SHIPPED).genes))  # the names alone: drawing people takes seconds


def aligned(people: NDArray[np.float32], release: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return people whose values have, gene by gene, the distribution of a release; who is above whom stays.

    Parameters
    ----------
    people : (n, n_genes)
    release : (n_synthetic, n_genes)

    Returns
    -------
    moved
        (n, n_genes): the value of rank k of n is the quantile (k - 1/2) / n of the release, between its values linear.

    References
    ----------
    Bolstad, Irizarry, Astrand and Speed (2003), doi:10.1093/bioinformatics/19.2.185, for arrays.
    """
    n, m = len(people), len(release)
    ranks = np.argsort(np.argsort(people, axis=0, kind="stable"), axis=0)  # (n, n_genes), ties in their order
    place = np.clip((ranks + 0.5) / n * m - 0.5, 0, m - 1)
    below = np.minimum(place.astype(np.intp), max(m - 2, 0))
    ordered = np.sort(release, axis=0)
    low, high = (np.take_along_axis(ordered, np.minimum(below + k, m - 1), axis=0) for k in (0, 1))
    moved: NDArray[np.float32] = (low + (place - below) * (high - low)).astype(np.float32)
    return moved
