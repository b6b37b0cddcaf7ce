"""Private-PGM on a star: a class label as the hub, genes as leaves, estimated from noisy marginals in seconds.

Private-PGM looks for the distribution whose marginals are nearest to the noisy ones, and among these for the one of
largest entropy. On a star that is ``P(label) * product of P(gene | label)``: given consistent label x gene tables there
is nothing left to infer, so the whole problem is to find the tables. `least_squares_star` finds the nearest ones,
`maximum_entropy` the flattest ones with given moments, and `posterior_mean` first removes noise that the measurements
themselves show to be noise. All of it reads noisy measurements only, and so costs no privacy.

References
----------
McKenna, Sheldon and Miklau (2019), Graphical-model based estimation and inference for differential privacy, ICML.
Efron and Morris (1973), Stein's estimation rule and its competitors: an empirical Bayes approach, JASA 68.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ._discretise import gene_blocks

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Star:
    """A distribution in which genes are independent given the class.

    Parameters
    ----------
    counts : (n_classes,) number of samples of each class; sums to the total
    given_label : (n_genes, n_classes, n_bins) probability of each bin in each class
    """

    counts: Array
    given_label: Array

    @property
    def rates(self) -> Array:
        """Probability of each class, (n_classes,)."""
        rates: Array = self.counts / self.counts.sum()
        return rates

    def tables(self) -> Array:
        """Return the expected label x gene tables, (n_genes, n_classes, n_bins)."""
        tables: Array = self.given_label * self.counts[:, None]
        return tables

    @classmethod
    def of(cls, tables: Array) -> Star:
        """Return the star with these consistent tables; a class without samples has every bin alike."""
        counts = tables.sum(axis=2, keepdims=True)
        even = np.full(tables.shape, 1 / tables.shape[2])
        given_label = np.divide(tables, counts, out=even, where=counts > 0)
        return cls(counts.mean(axis=0)[:, 0], given_label)

    def draw(self, labels: NDArray[np.intp], rng: np.random.Generator) -> NDArray[np.int8]:
        """Return a bin of every gene for people of these classes, (n, n_genes)."""
        codes = np.empty((len(labels), len(self.given_label)), dtype=np.int8)
        for genes in gene_blocks(codes.shape[1]):
            upper = self.given_label[genes].cumsum(axis=2)[:, :, :-1]  # (block, n_classes, n_bins - 1)
            u = rng.random((len(labels), upper.shape[0]))
            block = np.zeros(u.shape, dtype=np.int8)
            for k in range(upper.shape[2]):
                block += u > upper[:, labels, k].T
            codes[:, genes] = block
        return codes


# -- what is measured --------------------------------------------------------------------------------------------------


def label_gene_tables(
    codes: NDArray[np.int8], labels: NDArray[np.intp], n_classes: int, n_bins: int, weights: Array | None = None
) -> Array:
    """Return the (weighted) number of samples in each class and bin of each gene, (n_genes, n_classes, n_bins)."""
    n_genes = codes.shape[1]
    tables = np.empty((n_genes, n_classes, n_bins))
    for genes in gene_blocks(n_genes):
        block = codes[:, genes]
        cell = (np.arange(block.shape[1]) * n_classes + labels[:, None]) * n_bins + block
        each = None if weights is None else np.broadcast_to(weights[:, None], cell.shape).ravel()
        counts = np.bincount(cell.ravel(), each, minlength=block.shape[1] * n_classes * n_bins)
        tables[genes] = counts.reshape(-1, n_classes, n_bins)
    return tables


# -- empirical Bayes: noise that shows itself as noise is removed ------------------------------------------------------


def pooled(per_class: Array, sd: Array, overall: Array, overall_sd: float, rates: Array) -> tuple[Array, Array]:
    """Return the best estimate of class moments from measured class moments and measured overall moments.

    Parameters
    ----------
    per_class : (n_genes, n_classes) noisy mean of a contrast in each class
    sd : (n_classes,) standard deviation of that noise
    overall : (n_genes,) noisy mean over all samples
    overall_sd : standard deviation of that noise
    rates : (n_classes,) probability of each class

    Returns
    -------
    (n_genes, n_classes) estimates and the (n_classes, n_classes) covariance of their noise
    """
    information = np.diag(1 / sd**2) + np.outer(rates, rates) / overall_sd**2
    covariance = np.linalg.inv(information).astype(np.float64)
    weighted = per_class / sd**2 + overall[:, None] * rates / overall_sd**2
    return weighted @ covariance, covariance


def posterior_mean(noisy: Array, noise: Array) -> Array:
    """Return class moments pulled to what the moments of all genes have in common.

    The moments of a gene are taken as a draw from a normal distribution across genes. Its mean and covariance are those
    of the noisy moments less the known noise: a class that is too small to be seen falls back on how it usually
    goes with the other classes, and a strong signal hardly moves.

    Parameters
    ----------
    noisy : (n_genes, n_classes)
    noise : (n_classes, n_classes) covariance of the noise
    """
    mean = noisy.mean(axis=0)
    apart = noisy - mean
    values, vectors = np.linalg.eigh(apart.T @ apart / len(noisy) - noise)
    signal = (vectors * np.maximum(values, 0)) @ vectors.T
    shrunk: Array = mean + apart @ np.linalg.solve(signal + noise, signal)
    return shrunk


# -- the distribution with given moments -------------------------------------------------------------------------------


def maximum_entropy(reference: Array, contrasts: Array, moments: Array, ridge: float = 1e-4) -> Array:
    """Return the distributions over bins nearest to a reference, in relative entropy, that have the given moments.

    Each is ``reference * exp(contrasts @ theta)`` up to its norm. Moments that no distribution has are met
    as nearly as `ridge`, a small price on theta squared, allows.

    Parameters
    ----------
    reference : (n_bins,) positive
    contrasts : (n_bins, n_contrasts)
    moments : (..., n_contrasts) wanted means

    Returns
    -------
    (..., n_bins) probabilities
    """
    wanted = moments.reshape(-1, contrasts.shape[1])
    products = (contrasts[:, :, None] * contrasts[:, None, :]).reshape(len(contrasts), -1)
    theta = np.zeros(wanted.shape)
    moving = np.arange(len(wanted))
    for _ in range(100):
        p = _tilted(reference, contrasts, theta[moving])
        mean = p @ contrasts
        slope = (
            (p @ products).reshape(len(p), mean.shape[1], -1)
            - mean[:, :, None] * mean[:, None, :]
            + ridge * np.eye(mean.shape[1])
        )
        step = np.linalg.solve(slope, (wanted[moving] - mean - ridge * theta[moving])[..., None])[..., 0]
        size = np.abs(step).max(axis=1)
        theta[moving] += step / np.maximum(size, 1)[:, None]  # no coordinate moves by more than 1
        moving = moving[size > 1e-8]
        if not len(moving):
            break
    return _tilted(reference, contrasts, theta).reshape(*moments.shape[:-1], -1)


def _tilted(reference: Array, contrasts: Array, theta: Array) -> Array:
    log = np.log(reference) + theta @ contrasts.T
    p: Array = np.exp(log - log.max(axis=-1, keepdims=True))
    p /= p.sum(axis=-1, keepdims=True)
    return p
