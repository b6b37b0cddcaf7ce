"""A Gaussian copula whose margins and whole matrix of correlations are private, without any public data."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from bench import Cohort, PluginError, PrivacyClaim, generator

from ._discretise import ScaledBins, original_scale, public_range
from ._labels import class_counts
from ._pgm_end_to_end import estimate_end_to_end, measure_end_to_end, trusted_sizes
from ._privacy import EXACT_GAUSSIAN, check_budget, clip_rows, gaussian_mu
from ._programmes import draw_together, normal_scores

Array = NDArray[np.float64]
MAX_GENES = 5_000  # the matrix of all pairs is held in memory, 200 MB at this number
_BINS = 16
_SHARES = 0.04, 0.15, 0.05  # of sizes, places and one-way tables, those of `private_pgm`
_REACH = 1.1  # length at which a person's scores are cut, in units of the root of the number of genes
_OWN = 0.05  # part of a gene's variance that stays its own at least


@generator("dp_copula", family="copula", opt_in=True, needs=("mbi",), doi="10.5441/002/edbt.2014.43")
@dataclass(kw_only=True)
class DpCopula:
    """Measure label x gene tables and all second moments of normal scores with noise, and sample a Gaussian copula.

    The margins are those of `private_pgm`. The published method puts Laplace noise on every pair of genes on its own,
    with which the half a million pairs of 978 genes share the budget; here each person's row of scores is cut as a
    whole, and one symmetric matrix gets Gaussian noise. Its eigenvalues have an edge that is known: what lies below it
    counts as noise, the others are shrunk by what noise has added. It is `dp_prior` without a
    prior: the difference is what public programmes are worth. Its shares were set before any score was seen.

    References
    ----------
    Li, Xiong and Jiang (2014), Differentially private synthesization of multi-dimensional data using copula functions,
    EDBT; Dwork, Talwar, Thakurta and Zhang (2014), Analyze Gauss, STOC.
    """

    epsilon: float = 10.0
    delta: float = 1e-5
    correlations: float = 0.4  # share of the budget for the second moments
    low: float | None = None  # public range of a gene; None is the usual one of the units
    high: float | None = None

    def fit(self, cohort: Cohort, *, rng: np.random.Generator) -> Self:
        """Release noisy tables and one noisy matrix, and estimate margins and loadings from them alone."""
        self._check(cohort)
        self.like_ = cohort.take(np.arange(0))
        self.labels_, codes = np.unique(cohort.y, return_inverse=True)
        mu, share = gaussian_mu(self.epsilon, self.delta), self.correlations
        bounds = public_range(cohort.units, self.low, self.high)
        self.release_ = measure_end_to_end(cohort, codes, _BINS, mu * math.sqrt(1 - share), _SHARES, bounds, rng)
        self.star_ = estimate_end_to_end(self.release_, _SHARES[2], True)
        scores = normal_scores(self.star_, self.release_.bins.codes(cohort), codes)
        strength = mu * math.sqrt(share)
        self.mus_ = (*self.release_.mus, ("second moments of all genes", strength))
        moments, sd = noisy_moments(scores, strength, rng)
        total = float(trusted_sizes(*self.release_.labels).sum())
        self.loadings_ = loadings_of(moments / total, sd / total)
        return self

    def sample(self, n: int, *, rng: np.random.Generator) -> Cohort:
        """Return n samples in random order, classes at their noisy rates."""
        shares = np.rint(self.star_.rates * 2**40).astype(np.int64)
        labels = rng.permutation(np.repeat(np.arange(len(self.labels_)), class_counts(shares, n)))
        codes, inside = draw_together(self.star_, labels, self.loadings_, rng)
        bins = self.release_.bins
        assert isinstance(bins, ScaledBins)
        z = bins.edges[codes] + inside * (bins.edges[1] - bins.edges[0])
        values = np.clip(bins.centre + bins.scale * z, bins.low, bins.high)
        return self.like_.synthetic(original_scale(values, bins.units).astype(np.float32), self.labels_[labels])

    def claim(self) -> PrivacyClaim:
        """Return the guarantee of everything that was released together."""
        return PrivacyClaim(
            mechanism=f"Gaussian noise on {', '.join(name for name, _ in self.mus_)}",
            unit="one sample",
            neighbours="add-remove",
            epsilon=self.epsilon,
            delta=self.delta,
            accountant=EXACT_GAUSSIAN,
        )

    def _check(self, cohort: Cohort) -> None:
        check_budget("dp_copula", self.epsilon, self.delta)
        if not 0 < self.correlations < 1:
            raise PluginError(f"dp_copula: correlations is {self.correlations}; expected a share between 0 and 1.")
        if cohort.n_genes > MAX_GENES:
            raise PluginError(
                f"dp_copula: {cohort.n_genes} genes; at most {MAX_GENES}, for all pairs are held at once."
            )


def noisy_moments(scores: Array, mu: float, rng: np.random.Generator) -> tuple[Array, float]:
    """Return the noisy sum of products of the clipped scores (n, n_genes), and the noise off the diagonal.

    A person adds a symmetric matrix of Frobenius length radius^2. Noise on the diagonal is sqrt(2) times that beside
    it, and the upper triangle is all that is drawn: in units of its noise a person moves it by at most mu.
    """
    n_genes = scores.shape[1]
    radius = _REACH * math.sqrt(n_genes)
    clipped = clip_rows(scores, radius)
    upper = np.triu(rng.standard_normal((n_genes, n_genes)), 1)
    noise = upper + upper.T + math.sqrt(2) * np.diag(rng.standard_normal(n_genes))
    sd = radius**2 / mu / math.sqrt(2)
    return clipped.T @ clipped + sd * noise, sd


def loadings_of(covariance: Array, sd: float) -> Array:
    """Return loadings on factors, (n_genes, k), of what stands out from noise of this standard deviation.

    Of an eigenvalue w that noise has raised, (w + sqrt(w^2 - e^2)) / 2 is left, e the edge of the noise.
    """
    n_genes = len(covariance)
    edge = 2 * sd * math.sqrt(n_genes)
    own = max(float(np.trace(covariance)) / n_genes, 0.05)
    values, vectors = np.linalg.eigh(covariance - own * np.eye(n_genes))
    seen = values > edge
    kept = (values[seen] + np.sqrt(values[seen] ** 2 - edge**2)) / 2
    found = vectors[:, seen] * np.sqrt(kept / own) if seen.any() else np.zeros((n_genes, 1))
    lengths = np.linalg.norm(found, axis=1, keepdims=True)
    held: Array = found * np.minimum(1.0, math.sqrt(1 - _OWN) / np.maximum(lengths, 1e-12))
    return held
