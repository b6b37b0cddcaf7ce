"""The parts of the Private-PGM library that the generators use, imported without its start-up advice.

mbi warns at import that JAX runs in single precision and caches programs. Both are settings of the whole process, which
a plugin must not change; the tables solved here hold a few thousand counts, where single precision is ample.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

with warnings.catch_warnings():
    warnings.simplefilter("ignore", UserWarning)
    from mbi import DatavectorQuery, Domain, LinearMeasurement, estimation

__all__ = [
    "LABEL",
    "WHOLE",
    "Contrast",
    "DatavectorQuery",
    "Domain",
    "LinearMeasurement",
    "estimation",
    "gene_name",
    "star_domain",
]

LABEL = "label"
WHOLE = DatavectorQuery()  # the query that reads every cell of a marginal


def gene_name(position: int) -> str:
    """Return the name of a gene in a domain, by its position: gene names could be anything, also "label"."""
    return f"gene {position}"


def star_domain(n_genes: int, n_classes: int, n_bins: int) -> Domain:
    """Return the domain of a class label and n_genes genes of n_bins bins each."""
    return Domain((LABEL, *map(gene_name, range(n_genes))), (n_classes, *[n_bins] * n_genes))


@dataclass(frozen=True, eq=False)
class Contrast:
    """A linear query: the last axis of a marginal, of this many cells, times the columns of a matrix.

    Parameters
    ----------
    matrix : (n_cells, n_contrasts)
    """

    matrix: NDArray[np.float64]

    def __call__(self, factor: Any) -> Any:
        """Return the contrasts of a marginal, flat."""
        return (factor.datavector().reshape(-1, len(self.matrix)) @ self.matrix).ravel()

    def op_norm_sq(self) -> float:
        """Return the squared spectral norm, from which mbi takes its step size."""
        return float(np.linalg.norm(self.matrix, 2) ** 2)
