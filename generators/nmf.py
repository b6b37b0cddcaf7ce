"""Non-negative factors, clusters of samples in them, and independent genes inside each cluster."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.ensemble import RandomForestClassifier

from bench import Cohort, PluginError, generator, integer_seed

from ._nets import check_positive
from ._nmf import factorise


@generator("nmf", family="factors", preset="quick", doi="10.5281/zenodo.22818979", quick={"passes": 20, "trees": 20})
@dataclass(kw_only=True)
class Nmf:
    """Cluster samples by their non-negative factors, draw genes from each cluster's moments, and predict labels.

    Our reading of the entry, whose code is not public: V ~ W H; k-means on W; the mean and variance of each gene in
    each cluster; genes drawn independently from them; labels by a random forest trained on the real samples. Published
    for counts with Poisson draws, here for any units with Gaussian ones, cut at the smallest training value. What
    genes have in common is what differs between clusters, so most co-expression is lost.

    Nothing is claimed: every step is fitted to the training samples without noise.

    References
    ----------
    Lee and Seung (1999), Nature 401, 788-791, for the factorisation.
    """

    rank: int = 10  # of the factorisation
    clusters: int = 20
    passes: int = 200  # of coordinate descent
    trees: int = 200  # of the forest that labels the samples

    def fit(self, cohort: Cohort, *, rng: np.random.Generator) -> Self:
        """Factorise, cluster, keep the moments of each cluster, and train the forest."""
        check_positive("nmf", rank=self.rank, clusters=self.clusters, passes=self.passes, trees=self.trees)
        if len(cohort) < 2:
            raise PluginError(f"nmf: {len(cohort)} training sample; expected two or more.")
        self.like_ = cohort.take(np.arange(0))
        coefficients, factors = factorise(cohort.X, self.rank, self.passes, rng)
        member = self._cluster(coefficients, rng)
        groups = [cohort.X[member == k].astype(np.float64) for k in np.unique(member)]
        self.sizes_ = np.array([len(group) for group in groups])
        self.means_ = np.stack([group.mean(axis=0) for group in groups])  # (n_clusters, n_genes)
        self.spreads_ = _spreads(groups)
        self.lowest_ = factors.lowest
        forest = RandomForestClassifier(self.trees, random_state=integer_seed(rng), n_jobs=1)
        self.forest_ = forest.fit(cohort.X, cohort.y)
        return self

    def sample(self, n: int, *, rng: np.random.Generator) -> Cohort:
        """Return n samples; clusters are drawn at their training rates, labels are the forest's."""
        cluster = rng.choice(len(self.sizes_), size=n, p=self.sizes_ / self.sizes_.sum())
        X = self.means_[cluster] + self.spreads_[cluster] * rng.standard_normal((n, self.like_.n_genes))
        X = np.maximum(X, self.lowest_).astype(np.float32)
        y = self.forest_.predict(X) if n else np.empty(0, dtype=np.str_)
        return self.like_.synthetic(X, y)

    def _cluster(self, coefficients: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.int32]:
        """Return the cluster of each sample; fewer clusters than asked where samples repeat."""
        distinct = len(np.unique(coefficients, axis=0))
        means = KMeans(min(self.clusters, distinct), n_init=4, random_state=integer_seed(rng))
        found: NDArray[np.int32] = means.fit_predict(coefficients)
        return found


def _spreads(groups: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Return standard deviations (n_clusters, n_genes); a cluster of one gets the spread inside all clusters."""
    freedom = max(sum(len(group) - 1 for group in groups), 1)
    pooled = np.sqrt(sum(((group - group.mean(axis=0)) ** 2).sum(axis=0) for group in groups) / freedom)
    return np.stack([group.std(axis=0, ddof=1) if len(group) > 1 else pooled for group in groups])
