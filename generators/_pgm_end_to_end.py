"""Private-PGM with every step inside the budget: class sizes, places of the bins, and contrasts of the tables.

Three releases, each the sum over samples of something of bounded length, plus Gaussian noise:

1. the class sizes;
2. Fourier sums of each gene on a public range, from which `_locate` places its bins;
3. of every label x gene table and every one-way table only two contrasts between bins, location and spread. What is not
   measured needs no noise: the row sums of 978 tables would repeat the class sizes 978 times, and the finer shape of a
   gene within a small class drowns in noise anyway. A sample whose contrasts are far out in many genes is scaled
   down to a fixed length, so that the noise fits the usual sample and not the worst one imaginable.

The star with the largest entropy given these moments is then exact, gene by gene and class by class.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from bench import Cohort

from ._discretise import ScaledBins
from ._locate import OCTAVES, fourier_sums, locate
from ._mbi import Contrast, star_domain
from ._pgm import Star, label_gene_tables, maximum_entropy, pooled, posterior_mean
from ._pgm_release import Release, star_measurements
from ._privacy import noisy_counts, split_mu

Array = NDArray[np.float64]
Locate = Callable[[Array, float, float, float, float], tuple[Array, Array]]
_TWO_WAY = np.array([1.0, 0.2])  # weights of location and spread in a label x gene table ...
_ONE_WAY = np.array([0.86, 0.51])  # ... and in a one-way table, before `one_way` scales it; of length 1
_USUAL = 1.2  # a sample of mean square length up to this many times that of a normal one keeps its whole weight
_INSIDE = 0.93  # moments stay within this part of the range that a contrast has over the bins


def measure_end_to_end(
    cohort: Cohort, labels: NDArray[np.intp], n_bins: int, mu: float, shares: tuple[float, float, float],
    bounds: tuple[float, float], rng: np.random.Generator, find: Locate = locate,
) -> Release:  # fmt: skip
    """Return class sizes, bins and contrasts of tables, together of Gaussian strength mu.

    Parameters
    ----------
    labels : (n_samples,) position of each sample's class among the sorted labels, which are public
    shares : of the budget: of class sizes, of places, and, within the rest, of one-way tables
    bounds : public range of a gene
    find : returns centre and spread of each gene from the noisy sums
    """
    of_sizes, of_places, of_one_way = shares
    mu_sizes, mu_places, mu_tables = split_mu(mu, (of_sizes, of_places, 1 - of_sizes - of_places))
    classes = [str(label) for label in cohort.classes]
    sizes = noisy_counts(cohort.y, classes, 1 / mu_sizes, rng)
    places_sd = math.sqrt(cohort.n_genes * OCTAVES) / mu_places  # each gene and octave adds a vector of length 1
    exact = fourier_sums(cohort, *bounds)
    places = exact + rng.normal(0, places_sd, exact.shape)
    total = float(trusted_sizes(sizes, 1 / mu_sizes).sum())
    bins = ScaledBins(*find(places, places_sd, total, *bounds), *bounds, n_bins, cohort.units)
    tables = measure_contrasts(cohort, labels, len(classes), bins, mu_tables, of_one_way, rng)
    measurements = star_measurements((sizes, 1 / mu_sizes), *tables)
    mus = (("class sizes", mu_sizes), ("places of the bins", mu_places), ("contrasts of marginals", mu_tables))
    domain = star_domain(cohort.n_genes, len(classes), n_bins)
    return Release(domain, bins, measurements, mus, located=places)


def trusted_sizes(noisy: Array, sd: float) -> Array:
    """Return class sizes of which none is below 1 or below the noise, which it could not be told from."""
    return np.maximum(noisy, max(1.0, sd))


def measure_contrasts(
    cohort: Cohort, labels: NDArray[np.intp], n_classes: int, bins: ScaledBins, mu: float, one_way: float,
    rng: np.random.Generator,
) -> tuple[tuple[Array, float], tuple[Array, float], Contrast, Contrast]:  # fmt: skip
    """Return noisy contrasts of one-way tables and of label x gene tables, together of Gaussian strength mu."""
    _, contrasts = bins.contrasts()  # (n_bins, 2)
    first, second = contrast_weights(one_way)
    codes = bins.codes(cohort)
    squares = contrasts**2 @ (first**2 + second**2)  # (n_bins,) squared length that a gene adds from each bin
    length = np.sqrt([squares[row].sum() for row in codes])  # (n_samples,)
    radius = math.sqrt(_USUAL * cohort.n_genes * float(first @ first + second @ second))
    tables = label_gene_tables(codes, labels, n_classes, bins.n_bins, np.minimum(1.0, radius / length))
    sd = radius / mu
    of_genes, of_both = contrasts * first, contrasts * second
    one = tables.sum(axis=1) @ of_genes + rng.normal(0, sd, (len(tables), 2))
    two = tables @ of_both + rng.normal(0, sd, (len(tables), n_classes, 2))
    return (one, sd), (two, sd), Contrast(of_genes), Contrast(of_both)


def contrast_weights(one_way: float) -> tuple[Array, Array]:
    """Return the weights of location and spread in one-way and in label x gene tables, (2,) each.

    `one_way` is the part of a usual sample's squared length that is in one-way tables.
    """
    return _ONE_WAY * math.sqrt((_TWO_WAY @ _TWO_WAY) * one_way / (1 - one_way)), _TWO_WAY


def estimate_end_to_end(
    release: Release, one_way: float, shrink: bool, denoise: Callable[[Array, Array], Array] = posterior_mean
) -> Star:
    """Return the star of largest entropy with the released moments; `shrink` first removes what looks like noise.

    `denoise` removes it from the locations: it is given the noisy ones, (n_genes, n_classes), and their covariance.
    """
    bins = release.bins
    assert isinstance(bins, ScaledBins)
    reference, contrasts = bins.contrasts()
    sizes = trusted_sizes(*release.labels)
    location, spread = (_moments(release, sizes, one_way, which) for which in range(2))
    moments = np.empty((*location[0].shape, 2))  # (n_genes, n_classes, 2)
    moments[..., 0] = denoise(*location) if shrink else location[0]
    # A class that lies off centre by m has a second moment larger by m^2 without being wider: that is no noise.
    shift = moments[..., 0] ** 2 / math.sqrt(2)
    moments[..., 1] = posterior_mean(spread[0] - shift, spread[1]) + shift if shrink else spread[0]
    np.clip(moments, _INSIDE * contrasts.min(axis=0), _INSIDE * contrasts.max(axis=0), out=moments)
    return Star(sizes, maximum_entropy(reference, contrasts, moments))


def _moments(release: Release, sizes: Array, one_way: float, which: int) -> tuple[Array, Array]:
    """Return the mean of one contrast in each class, (n_genes, n_classes), and the covariance of its noise."""
    first, second = (weights[which] for weights in contrast_weights(one_way))
    (genes, genes_sd), (tables, tables_sd) = release.one_way, release.two_way
    total = sizes.sum()
    return pooled(
        tables[..., which] / second / sizes, tables_sd / second / sizes,
        genes[:, which] / first / total, genes_sd / first / total, sizes / total,
    )  # fmt: skip
