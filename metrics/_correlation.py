"""Pearson correlations between genes, compared between two cohorts block by block."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, nan, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform
from scipy.special import stdtrit

from bench import Cohort, fold_fact

from ._scaling import centre_and_scale
from ._shared import shared

Array = NDArray[np.float64]
CUTS = (0.0, 0.3, 0.5)  # the published ones; an edge needs a larger correlation
_LEVEL = 0.05  # two-sided, of the test that the correlation is 0
_BLOCK = 512  # genes at a time: 20,000 genes need blocks of 82 MB
_WIDEST = 5000  # genes among which modules are sought
_MODULE_CUT = 0.3  # mean correlation down to which two clusters are joined
_SMALLEST_MODULE = 3  # genes


def standardised(X: NDArray[np.float32]) -> Array:
    """Return (n, n_genes) columns with mean 0 and length 1, whose products are correlations.

    A constant gene is 0 and correlates with nothing, itself included; so does every gene of fewer than three samples.
    """
    if len(X) < 3:
        return np.zeros(X.shape)
    centre, scale = centre_and_scale(X)
    Z = X - centre
    Z /= scale * sqrt(len(X))
    return Z


def smallest_significant(n: int) -> float:
    """Return the correlation of n samples above which p < 0.05 (two-sided t test); infinity below three samples."""
    if n < 3:
        return inf
    t = float(stdtrit(n - 2, 1 - _LEVEL / 2))
    return t / sqrt(n - 2 + t * t)


@dataclass(frozen=True, eq=False)
class Comparison:
    """How the gene correlations of another cohort agree with those of real people.

    Parameters
    ----------
    real, other, both : (n_cuts,) how many pairs of genes are an edge in one cohort, in the other, and in both
    rmse : root of the mean squared difference of the correlations over all pairs of genes; NaN with fewer than two
    """

    real: NDArray[np.int64]
    other: NDArray[np.int64]
    both: NDArray[np.int64]
    rmse: float

    def recall(self, cut: int) -> float:
        """Return the share of the real edges that the other cohort has; NaN if there is no real edge."""
        return float(self.both[cut] / self.real[cut]) if self.real[cut] else nan

    def precision(self, cut: int) -> float:
        """Return the share of the other's edges that are real: 0 if it has none, NaN if there is no real edge."""
        return float(self.both[cut] / max(self.other[cut], 1)) if self.real[cut] else nan


def compare(real: NDArray[np.float32], other: NDArray[np.float32]) -> Comparison:
    """Return the comparison of all correlations of two (n, n_genes) matrices of the same genes.

    Time grows with the square of the genes; memory does not.
    """
    A, B = standardised(real), standardised(other)
    counts = np.zeros((3, len(CUTS)), dtype=np.int64)
    n_genes, squares = A.shape[1], 0.0
    cuts = [[max(cut, smallest_significant(len(Z))) for Z in (A, B)] for cut in CUTS]
    for start in range(0, n_genes, _BLOCK):
        # the upper triangle; what lies below it becomes 0, which is no edge and no difference
        r, s = (np.triu(Z[:, start : start + _BLOCK].T @ Z[:, start:], 1) for Z in (A, B))
        for k, (cut_r, cut_s) in enumerate(cuts):
            edge_r, edge_s = r > cut_r, s > cut_s
            counts[:, k] += [np.count_nonzero(edge) for edge in (edge_r, edge_s, edge_r & edge_s)]
        r -= s
        squares += float(np.vdot(r, r))
    pairs = n_genes * (n_genes - 1) / 2
    return Comparison(counts[0], counts[1], counts[2], sqrt(squares / pairs) if pairs else nan)


@shared
@fold_fact
def modules(cohort: Cohort) -> list[NDArray[np.intp]]:
    """Return the modules of co-expressed genes, as gene positions; each has three genes or more.

    Average linkage on 1 - r joins clusters as long as the mean correlation between them is above 0.3. Among more than
    5,000 genes the 5,000 with the largest variance are clustered, which bounds the memory at 0.5 GB.
    """
    Z = standardised(cohort.X)
    lively = np.sort(np.argsort(-cohort.X.var(axis=0, dtype=np.float64), kind="stable")[:_WIDEST])
    lively = lively[np.any(Z[:, lively] != 0, axis=0)]
    if len(lively) < _SMALLEST_MODULE:
        return []
    distance = 1 - Z[:, lively].T @ Z[:, lively]
    np.fill_diagonal(distance, 0)
    tree = linkage(squareform(np.clip(distance, 0, 2), checks=False), method="average")
    labels = fcluster(tree, 1 - _MODULE_CUT, criterion="distance")
    found = [lively[labels == label] for label in np.unique(labels)]
    return [genes for genes in found if len(genes) >= _SMALLEST_MODULE]


def connectivity(Z: Array, genes: NDArray[np.intp]) -> Array:
    """Return (n_module,) the sum of each gene's correlations with the other genes of its module."""
    inside = Z[:, genes]
    summed: Array = inside.T @ inside.sum(axis=1) - np.einsum("ij,ij->j", inside, inside)
    return summed
