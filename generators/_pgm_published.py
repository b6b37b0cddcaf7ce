"""The published form of Private-PGM on expression: noisy cells of quartile tables, fitted by least squares.

The marginals are private, the bins are not: quartile edges, bin means and the number of samples are exact statistics of
the training data. Every sample is in one cell of each table, so that k tables have sensitivity sqrt(k).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from bench import Cohort

from ._discretise import QuantileBins, orthonormal_contrasts
from ._mbi import star_domain
from ._pgm import Star, label_gene_tables, pooled, posterior_mean
from ._pgm_least_squares import NoisyStar, least_squares_star, project_star
from ._pgm_release import Release, star_measurements
from ._privacy import split_mu

Array = NDArray[np.float64]
OUTSIDE = ("quantile edges of the bins of each gene", "mean of each bin of each gene", "number of training samples")


def measure_published(
    cohort: Cohort, labels: NDArray[np.intp], n_classes: int, n_bins: int, mu: float, one_way: float,
    rng: np.random.Generator,
) -> Release:  # fmt: skip
    """Return noisy cells of the label, of every gene and of every label x gene table, of Gaussian strength mu.

    `one_way` is the share of the budget that goes to the label and gene tables, the rest goes to label x gene tables.
    """
    bins = QuantileBins.of(cohort.X, n_bins)
    tables = label_gene_tables(bins.codes(cohort), labels, n_classes, n_bins)  # (n_genes, n_classes, n_bins)
    first, second = split_mu(mu, (one_way, 1 - one_way))
    sd_first, sd_second = math.sqrt(len(tables) + 1) / first, math.sqrt(len(tables)) / second

    def noisy(exact: Array, sd: float) -> tuple[Array, float]:
        return exact + rng.normal(0, sd, exact.shape), sd

    measurements = star_measurements(
        noisy(tables[0].sum(axis=1), sd_first), noisy(tables.sum(axis=1), sd_first), noisy(tables, sd_second)
    )
    mus = (("one-way marginals", first), ("label-gene marginals", second))
    return Release(star_domain(len(tables), n_classes, n_bins), bins, measurements, mus, float(len(cohort)))


def noisy_star(release: Release) -> NoisyStar:
    """Return the noisy cells of a release as arrays."""
    return NoisyStar(*release.two_way, *release.one_way, *release.labels)


def estimate_published(release: Release, shrink: bool) -> Star:
    """Return the star whose tables are nearest to the noisy ones; `shrink` first removes what looks like noise."""
    noisy, total = noisy_star(release), release.total
    assert total is not None
    if not shrink:
        return Star.of(least_squares_star(noisy, total))
    sizes = _class_sizes(noisy, total)
    return Star.of(project_star(_shrunk_tables(noisy, sizes), total, sizes, label_weight=0.0))


def _class_sizes(noisy: NoisyStar, total: float) -> Array:
    """Return class sizes from the label marginal and from the rows of all tables, which repeat it."""
    n_genes, _, n_bins = noisy.tables.shape
    of_rows, of_label = n_genes / (n_bins * noisy.tables_sd**2), 1 / noisy.labels_sd**2  # precisions
    sizes = of_rows * noisy.tables.sum(axis=2).mean(axis=0) + of_label * noisy.labels
    sizes = np.maximum(sizes / (of_rows + of_label), 1.0)
    scaled: Array = sizes * total / sizes.sum()
    return scaled


def _shrunk_tables(noisy: NoisyStar, sizes: Array) -> Array:
    """Return tables whose contrasts between bins, one by one, are posterior means; cells may be negative."""
    n_bins, total = noisy.tables.shape[2], sizes.sum()
    even = np.full(n_bins, 1 / n_bins)
    contrasts = orthonormal_contrasts(np.arange(n_bins, dtype=np.float64), even, n_bins - 1)
    shares = np.broadcast_to(even, noisy.tables.shape).copy()
    for contrast in contrasts.T:
        sd = noisy.tables_sd * math.sqrt(n_bins) / sizes  # a contrast of variance 1 has n_bins as its sum of squares
        overall_sd = noisy.genes_sd * math.sqrt(n_bins) / total
        estimates = pooled(
            noisy.tables @ contrast / sizes, sd, noisy.genes @ contrast / total, overall_sd, sizes / total
        )
        shares += posterior_mean(*estimates)[..., None] * contrast / n_bins
    return shares * sizes[:, None]
