"""Gene programmes of a private cohort: how strong public programmes are in it, and which further genes go with them.

Three Gaussian releases of normal scores (`score_table`), which are bounded and of variance 1 in every gene and class:

1. how much of the lengths of people is cut by the clipping below, as sums of bounded numbers. Lengths are heavy-tailed:
   cutting them at a usual one shrinks every moment, and by these sums it is put right;
2. second moments between public programmes, each person's row clipped as a whole. A noise matrix has eigenvalues up to
   an edge that is known, so that what differs from the public strengths by less is taken as public;
3. for the strongest programmes found, how the rest of every gene goes with each: one step of the power method from
   where the public programmes lead. Singular values below the known edge of the noise are dropped, the others shrunk.

References
----------
Gavish and Donoho (2017), Optimal shrinkage of singular values, IEEE Trans. Information Theory 63, 2137-2152.
Dwork, Talwar, Thakurta and Zhang (2014), Analyze Gauss, STOC, for noise on a matrix of second moments.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from ._discretise import gene_blocks
from ._pgm import Star
from ._privacy import clip_rows, split_mu
from ._public_prior import PriorOnGenes

Array = NDArray[np.float64]
# Chosen on public tissue profiles by benchmarks/tune_dp_prior.py
SHARES = (0.05, 0.7, 0.25)  # of the budget: lengths, second moments, loadings
FOLLOWED = 5  # programmes whose further genes are measured
RADIUS = 1.0  # length at which a person's programmes are cut, in units of what the prior expects
PRODUCT = 1.0  # likewise of programmes times the rest
WEIGHT = 0.4  # power of the public strengths by which programmes are divided before they are measured together
EDGE = 0.7  # of the noise's largest eigenvalue: what is smaller counts as noise
_FAR = 3.0  # clipping of lengths, in radii, where it is measured how much the clipping at one radius cuts off
_OWN = 0.05  # part of a gene's variance that stays its own at least
_LARGEST_SCORE = 2.5
PARTS = ("lengths", "moments of programmes", "genes of programmes")


@dataclass(frozen=True, eq=False)
class Programmes:
    """Noisy moments of a cohort's normal scores on public programmes; an estimate that reads nothing else is free.

    Parameters
    ----------
    cut : (2, 2) noisy sums of (length / radius) to a power: far clipped and clipped, of programmes and of products
    moments : (k, k) symmetric noisy sum of squares and products of the weighted programmes
    moments_sd : standard deviation of its noise off the diagonal; on it, sqrt(2) times as much
    products : (n_genes, m) noisy sum of the rest of each gene times each followed programme
    products_sd : standard deviation of its noise
    mus : name and Gaussian strength of each part
    """

    cut: Array
    moments: Array
    moments_sd: float
    products: Array
    products_sd: float
    mus: tuple[tuple[str, float], ...]


# -- normal scores -----------------------------------------------------------------------------------------------------


def score_table(star: Star) -> Array:
    """Return the mean of a standard normal within each bin of each gene and class, (n_genes, n_classes, n_bins)."""
    upper = np.clip(star.given_label.cumsum(axis=2), 0, 1)
    upper[..., -1] = 1
    edges = ndtri(np.concatenate([np.zeros((*upper.shape[:2], 1)), upper], axis=2))
    density = np.exp(-(edges**2) / 2) / math.sqrt(2 * math.pi)
    scores = (density[..., :-1] - density[..., 1:]) / np.maximum(star.given_label, 1e-12)
    bounded: Array = np.clip(scores, -_LARGEST_SCORE, _LARGEST_SCORE)
    return bounded


def normal_scores(star: Star, codes: NDArray[np.int8], labels: NDArray[np.intp]) -> Array:
    """Return the scores of people whose bins these are, (n, n_genes)."""
    table, genes = score_table(star), np.arange(codes.shape[1])
    scores: Array = table[genes, labels[:, None], codes]
    return scores


# -- what is measured --------------------------------------------------------------------------------------------------


def measure_programmes(
    scores: Array, prior: PriorOnGenes, total: float, mu: float, rng: np.random.Generator
) -> Programmes:
    """Return noisy moments of scores (n, n_genes), together of Gaussian strength mu; the total is a noisy one."""
    mu_cut, mu_moments, mu_products = split_mu(mu, SHARES)
    first, moments, moments_sd = measure_moments(scores, prior, mu_cut / math.sqrt(2), mu_moments, rng)
    followed = _strongest(_second_moments(moments, moments_sd, _factor(first, 2), prior, total))
    second, products, products_sd = measure_products(scores, prior, followed, mu_cut / math.sqrt(2), mu_products, rng)
    mus = tuple(zip(PARTS, (mu_cut, mu_moments, mu_products), strict=True))
    return Programmes(np.stack([first, second]), moments, moments_sd, products, products_sd, mus)


def measure_moments(
    scores: Array, prior: PriorOnGenes, mu_cut: float, mu: float, rng: np.random.Generator
) -> tuple[Array, Array, float]:
    """Return noisy sums of lengths (strength `mu_cut`), and noisy second moments (strength `mu`) with their noise."""
    weights, radius = _weights(prior)
    weighted = (scores @ prior.basis) * weights  # (n, k)
    cut = _cut(np.linalg.norm(weighted, axis=1) / radius, 2, mu_cut, rng)
    clipped = clip_rows(weighted, radius)
    noise = np.triu(rng.standard_normal((len(weights), len(weights))), 1)
    noise = noise + noise.T + math.sqrt(2) * np.diag(rng.standard_normal(len(weights)))
    sd = radius**2 / mu / math.sqrt(2)  # a person adds a matrix of length radius^2, which counts its off-diagonal twice
    return cut, clipped.T @ clipped + sd * noise, sd


def measure_products(
    scores: Array, prior: PriorOnGenes, followed: tuple[Array, Array], mu_cut: float, mu: float,
    rng: np.random.Generator,
) -> tuple[Array, Array, float]:  # fmt: skip
    """Return noisy sums of lengths, and noisy products of the rest of each gene and the followed programmes."""
    directions, strengths = followed
    radius = PRODUCT * math.sqrt(len(strengths) * max(len(prior.basis) - prior.strengths.sum(), 0.2 * len(prior.basis)))
    on_programmes = scores @ prior.basis
    programmes = on_programmes @ (directions / np.sqrt(strengths))  # (n, m)
    rest = scores - on_programmes @ prior.basis.T  # (n, n_genes)
    lengths = np.linalg.norm(programmes, axis=1) * np.linalg.norm(rest, axis=1) / radius
    cut = _cut(lengths, 1, mu_cut, rng)
    products = rest.T @ (programmes / np.maximum(lengths, 1)[:, None])
    return cut, products + rng.normal(0, radius / mu, products.shape), radius / mu


def _weights(prior: PriorOnGenes) -> tuple[Array, float]:
    """Return what programmes are multiplied by, (k,), and the length at which a person's row of them is cut."""
    weights: Array = prior.strengths**-WEIGHT
    return weights, RADIUS * math.sqrt(float(weights**2 @ prior.strengths))


def _cut(lengths: Array, power: int, mu: float, rng: np.random.Generator) -> Array:
    """Return noisy sums of lengths to a power, clipped far out and at 1; each person adds at most 1 to either."""
    sums = [((np.minimum(lengths, far) / far) ** power).sum() for far in (_FAR, 1.0)]
    noisy: Array = np.array(sums) + rng.normal(0, math.sqrt(2) / mu, 2)
    return noisy


def _factor(cut: Array, power: int) -> float:
    """Return by how much clipping has shrunk sums of this power of lengths."""
    return float(np.clip(cut[0] * _FAR**power / max(cut[1], 1e-9), 1.0, 2.0))


# -- what is made of it ------------------------------------------------------------------------------------------------


def _second_moments(moments: Array, sd: float, factor: float, prior: PriorOnGenes, total: float) -> Array:
    """Return the covariance of the programmes, (k, k), where noise hides it that of the prior."""
    weights, _ = _weights(prior)
    public = np.diag(weights**2 * prior.strengths)
    measured, edge = moments * factor / total, EDGE * 2 * sd * factor / total * math.sqrt(len(weights))
    level = max(float(np.trace(measured) / np.trace(public)), 0.05)
    values, vectors = np.linalg.eigh(measured - level * public)
    seen = np.sign(values) * np.sqrt(np.maximum(values**2 - edge**2, 0))
    values, vectors = np.linalg.eigh(level * public + (vectors * seen) @ vectors.T)
    covariance: Array = (vectors * np.maximum(values, 0)) @ vectors.T / weights[:, None] / weights
    return covariance


def _strongest(covariance: Array) -> tuple[Array, Array]:
    """Return the directions and variances of the programmes to be followed, (k, m) and (m,)."""
    values, vectors = np.linalg.eigh(covariance)
    m = int(np.count_nonzero(values[-FOLLOWED:] > 1e-9))
    return vectors[:, ::-1][:, :m], values[::-1][:m]


def loadings(release: Programmes, prior: PriorOnGenes, total: float) -> Array:
    """Return the genes' loadings on independent standard factors, (n_genes, k); squares sum to below 1 in each gene."""
    covariance = _second_moments(release.moments, release.moments_sd, _factor(release.cut[0], 2), prior, total)
    values, vectors = np.linalg.eigh(covariance)
    found = prior.basis @ (vectors[:, ::-1] * np.sqrt(np.maximum(values[::-1], 0)))
    scale = _factor(release.cut[1], 1) / total
    rest = release.products - prior.basis @ (prior.basis.T @ release.products)  # all that is there is noise
    found[:, : rest.shape[1]] += shrink_singular_values(rest * scale, release.products_sd * scale)
    lengths = np.linalg.norm(found, axis=1, keepdims=True)
    held: Array = found * np.minimum(1.0, math.sqrt(1 - _OWN) / np.maximum(lengths, 1e-12))
    return held


def shrink_singular_values(noisy: Array, sd: float) -> Array:
    """Return the matrix (n, m), n >= m, without what noise of this standard deviation makes likely."""
    left, values, right = np.linalg.svd(noisy, full_matrices=False)
    n, m = noisy.shape
    y, ratio = values / (sd * math.sqrt(n)), m / n
    kept = np.sqrt(np.maximum((y**2 - ratio - 1) ** 2 - 4 * ratio, 0)) / np.maximum(y, 1e-12)
    quiet: Array = (left * np.where(y > 1 + math.sqrt(ratio), kept, 0) * sd * math.sqrt(n)) @ right
    return quiet


def denoise_by_programmes(noisy: Array, noise: Array, basis: Array) -> Array:
    """Return class moments as `posterior_mean` does, but those along programmes by a measure of their own.

    Classes differ far more along programmes than elsewhere, so that one measure for both drops signal along them. What
    is left of a gene keeps the measure of whole genes: the single marker genes are in it. Rotating leaves the noise
    as it is.

    Parameters
    ----------
    noisy : (n_genes, n_classes)
    noise : (n_classes, n_classes) covariance of the noise
    basis : (n_genes, k) orthonormal
    """
    apart = noisy - noisy.mean(axis=0)
    along = basis.T @ apart
    rest: Array = noisy.mean(axis=0) + _wiener(apart - basis @ along, apart, noise)
    return rest + basis @ _wiener(along, along, noise)


def _wiener(rows: Array, like: Array, noise: Array) -> Array:
    """Return rows pulled to 0 as far as noise demands, if their signal is that of other noisy rows."""
    values, vectors = np.linalg.eigh(like.T @ like / len(like) - noise)
    signal = (vectors * np.maximum(values, 0)) @ vectors.T
    kept: Array = rows @ np.linalg.solve(signal + noise, signal)
    return kept


# -- drawing -----------------------------------------------------------------------------------------------------------


def draw_together(
    star: Star, labels: NDArray[np.intp], loads: Array, rng: np.random.Generator
) -> tuple[NDArray[np.int8], Array]:
    """Return a bin of every gene, (n, n_genes), and where in it, from 0 to 1: the star's margins, joined by factors."""
    factors = rng.standard_normal((len(labels), loads.shape[1]))
    own = np.sqrt(1 - (loads**2).sum(axis=1))
    codes, inside = np.empty((len(labels), len(own)), dtype=np.int8), np.empty((len(labels), len(own)))
    for genes in gene_blocks(len(own)):
        normal = factors @ loads[genes].T + rng.standard_normal((len(labels), len(own[genes]))) * own[genes]
        u = ndtr(normal)
        p = star.given_label[genes][:, labels].transpose(1, 0, 2)  # (n, block, n_bins)
        upper = p.cumsum(axis=2)
        code = (u[..., None] > upper[..., :-1]).sum(axis=2)
        chosen = np.take_along_axis(p, code[..., None], axis=2)[..., 0]
        below = np.take_along_axis(upper, code[..., None], axis=2)[..., 0] - chosen
        codes[:, genes], inside[:, genes] = code, np.clip((u - below) / np.maximum(chosen, 1e-12), 0, 1)
    return codes, inside
