"""What leaves the private data: noisy marginals, each with the noise it got, and what they cost together."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ._discretise import Bins
from ._mbi import LABEL, WHOLE, Contrast, DatavectorQuery, Domain, LinearMeasurement, gene_name
from ._privacy import compose_mu

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Release:
    """Noisy measurements of one cohort; an estimate that reads nothing else costs no more privacy.

    Parameters
    ----------
    domain : the class label and the binned genes
    bins : how genes were binned
    measurements : of the label, of each gene, and of each gene with the label, in this order; then of gene pairs
    mus : name and Gaussian strength of each part of the release
    total : exact number of samples, where it was not protected
    located : (n_genes, n_frequencies, 2) noisy Fourier sums from which the bins were placed
    """

    domain: Domain
    bins: Bins
    measurements: tuple[LinearMeasurement, ...]
    mus: tuple[tuple[str, float], ...]
    total: float | None = None
    located: Array | None = None

    @property
    def mu(self) -> float:
        """Gaussian strength of the whole release."""
        return compose_mu([mu for _, mu in self.mus])

    @property
    def labels(self) -> tuple[Array, float]:
        """The noisy class sizes, (n_classes,), and their noise."""
        return self._stack(0, 1)

    @property
    def one_way(self) -> tuple[Array, float]:
        """The noisy one-way measurements, (n_genes, n_contrasts), and their noise."""
        return self._stack(1, 1 + self._n_genes)

    @property
    def two_way(self) -> tuple[Array, float]:
        """The noisy label x gene measurements, (n_genes, n_classes, n_contrasts), and their noise."""
        values, sd = self._stack(1 + self._n_genes, 1 + 2 * self._n_genes)
        return values.reshape(self._n_genes, self.domain[LABEL], -1), sd

    @property
    def _n_genes(self) -> int:
        return len(self.domain) - 1

    def _stack(self, start: int, stop: int) -> tuple[Array, float]:
        some = self.measurements[start:stop]
        values = np.stack([np.asarray(m.noisy_measurement) for m in some])
        return (values[0] if stop == 1 else values), some[0].stddev

    def adding(self, measurements: list[LinearMeasurement], mus: list[tuple[str, float]]) -> Self:
        """Return this release with more in it."""
        return replace(self, measurements=(*self.measurements, *measurements), mus=(*self.mus, *mus))


def star_measurements(
    labels: tuple[Array, float],
    one_way: tuple[Array, float],
    two_way: tuple[Array, float],
    one_way_query: Contrast | DatavectorQuery = WHOLE,
    two_way_query: Contrast | DatavectorQuery = WHOLE,
) -> tuple[LinearMeasurement, ...]:
    """Return noisy arrays with their noise as measurements: of the label, of each gene, of each gene with the label.

    Parameters
    ----------
    labels : (n_classes,)
    one_way : (n_genes, n_contrasts)
    two_way : (n_genes, n_classes, n_contrasts)
    one_way_query, two_way_query : what was measured of each marginal; all of its cells by default
    """
    genes = [gene_name(g) for g in range(len(one_way[0]))]
    return (
        LinearMeasurement(labels[0], (LABEL,), labels[1]),
        *(LinearMeasurement(y, (g,), one_way[1], one_way_query) for g, y in zip(genes, one_way[0], strict=True)),
        *(
            LinearMeasurement(y.ravel(), (LABEL, g), two_way[1], two_way_query)
            for g, y in zip(genes, two_way[0], strict=True)
        ),
    )
