"""Non-negative factors of noisy class means, with noisy moments of the samples in them: private end to end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import NMF

from bench import Cohort, PluginError, PrivacyClaim, generator, integer_seed

from ._discretise import binned_scale, original_scale, public_range
from ._nets import check_positive
from ._privacy import EXACT_GAUSSIAN, check_budget, compose_mu, gaussian_mu, noisy_class_sums, split_mu
from ._private_frame import PrivateFrame, release_frame


@generator("p_nmf", family="factors", preset="quick", doi="10.5281/zenodo.22818979", quick={"passes": 20})
@dataclass(kw_only=True)
class PNmf:
    """Factorise noisy class means, release noisy moments of the samples' coefficients, and sample from both.

    The published entry factorises the training matrix itself and perturbs the basis; the sensitivity of that basis is
    not bounded, so no amount of noise on it proves a budget, and its release at epsilon 4 has an accuracy of 0.22. Here
    the order is turned round. First class counts, class means and gene spreads are released with Gaussian noise
    (`_private_frame`). H is factorised from these noisy means, which costs nothing more. Then each sample's
    coefficients are those of its distance to the noisy class mean on H, a function of that sample and of what was
    released, so that their noisy second moments per class have a sensitivity of one clipped sample. A synthetic sample
    is its class's noisy mean, plus a draw of such coefficients on H, plus independent noise of the spread that is left.

    Public are the set of classes, the genes, and the range that the units allow. No budget covers that the parts of the
    frame's budget were found on BRCA; the other hyper-parameters were set before any score was seen.

    References
    ----------
    Lee and Seung (1999), Nature 401, 788-791, for the factorisation; Dong, Roth and Su (2022), JRSS B 84, 3-37.
    """

    epsilon: float = 10.0
    delta: float = 1e-5
    rank: int = 4  # of the factorisation, at most the number of classes
    moments_share: float = 0.2  # part of the budget mu**2 for the coefficients; the rest is for counts, means, spreads
    clip: float = 4.0  # length at which a sample's coefficients are cut, in units of what is usual for the spreads
    passes: int = 500  # of coordinate descent
    low: float | None = None  # public range of a gene; None is the usual one of the units
    high: float | None = None

    def fit(self, cohort: Cohort, *, rng: np.random.Generator) -> Self:
        """Release means and spreads, factorise them, and release the moments of the coefficients."""
        self._check()
        self.like_ = cohort.take(np.arange(0))
        self.range_ = public_range(cohort.units, self.low, self.high)
        self.labels_ = np.unique(cohort.y)
        X = np.clip(binned_scale(cohort.X, cohort.units), *self.range_)
        whole = gaussian_mu(self.epsilon, self.delta)
        of_frame, of_moments = split_mu(whole, [1 - self.moments_share, self.moments_share])
        self.frame_ = release_frame(X, cohort.y, self.labels_, self.range_, of_frame, rng)
        self.basis_ = self._basis(self.frame_, rng)
        self.moments_ = self._moments(X, cohort.y, of_moments, rng)
        self.mu_ = compose_mu([self.frame_.mu, of_moments])
        return self

    def sample(self, n: int, *, rng: np.random.Generator) -> Cohort:
        """Return n samples; classes are drawn at their noisy rates."""
        codes = rng.choice(len(self.labels_), size=n, p=self.frame_.rates)
        roots = np.linalg.cholesky(self.moments_ + 1e-9 * np.eye(len(self.basis_)))  # (n_classes, rank, rank)
        drawn = np.einsum("nij,nj->ni", roots[codes], rng.standard_normal((n, len(self.basis_))))
        explained = np.einsum("kij,ig,jg->kg", self.moments_, self.basis_, self.basis_)  # (n_classes, n_genes)
        left = np.sqrt(np.maximum(self.frame_.spreads**2 - explained, 0.25 * self.frame_.spreads**2))
        X = self.frame_.means[codes] + drawn @ self.basis_ + left[codes] * rng.standard_normal((n, self.like_.n_genes))
        return self.like_.synthetic(original_scale(np.clip(X, *self.range_), self.like_.units), self.labels_[codes])

    def claim(self) -> PrivacyClaim:
        """Return the guarantee of everything that was released together."""
        return PrivacyClaim(
            mechanism="Gaussian noise on counts, lengths, means, spreads and second moments of coefficients",
            unit="one sample",
            neighbours="add-remove",
            epsilon=self.epsilon,
            delta=self.delta,
            accountant=EXACT_GAUSSIAN,
        )

    def _check(self) -> None:
        check_budget("p_nmf", self.epsilon, self.delta)
        check_positive("p_nmf", rank=self.rank, clip=self.clip, passes=self.passes)
        if not 0 < self.moments_share < 1:
            raise PluginError(f"p_nmf: moments_share is {self.moments_share}; expected a number between 0 and 1.")

    def _basis(self, frame: PrivateFrame, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return rows (rank, n_genes) that span what H has beside the overall mean, of length 1 and orthogonal.

        Only the span of H matters to Gaussian coefficients.
        """
        shifted = frame.means - frame.means.min(axis=0)  # non-negative
        rank = min(self.rank, *shifted.shape)
        model = NMF(rank, init="nndsvda", max_iter=self.passes, tol=0, random_state=integer_seed(rng))
        model.fit(shifted + 1e-9)
        scaled = model.components_ - model.components_.mean(axis=1, keepdims=True)
        q, r = np.linalg.qr(scaled.T)
        held: NDArray[np.float64] = q[:, np.abs(np.diag(r)) > 1e-9].T
        return held

    def _moments(
        self, X: NDArray[np.float64], y: NDArray[np.str_], mu: float, rng: np.random.Generator
    ) -> NDArray[np.float64]:
        """Return the second moments of the coefficients in each class, (n_classes, rank, rank), positive."""
        coefficients = (X - self.frame_.means[np.searchsorted(self.labels_, y)]) @ self.basis_.T  # (n, rank)
        usual = float(np.sqrt((self.basis_**2 @ self.frame_.spreads**2).sum()))  # length if genes were independent
        radius = self.clip * max(usual, 1e-9)
        lengths = np.linalg.norm(coefficients, axis=1, keepdims=True)
        coefficients = coefficients * np.minimum(1, radius / np.maximum(lengths, 1e-300))
        products = np.einsum("ni,nj->nij", coefficients, coefficients).reshape(
            len(X), -1
        )  # of length radius**2 at most
        sums = noisy_class_sums(products, y, [str(c) for c in self.labels_], radius**2, 1 / mu, rng)
        means = (sums / self.frame_.counts[:, None]).reshape(len(self.labels_), len(self.basis_), len(self.basis_))
        return np.stack([_positive(m) for m in means])


def _positive(moments: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the nearest symmetric matrix without negative eigenvalues."""
    values, vectors = np.linalg.eigh((moments + moments.T) / 2)
    nearest: NDArray[np.float64] = (vectors * np.maximum(values, 0)) @ vectors.T
    return nearest
