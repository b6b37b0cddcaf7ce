"""A Gaussian mixture that is fitted by scikit-learn and drawn from with a stream of ours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from sklearn.mixture import GaussianMixture

from bench import integer_seed


@dataclass
class Mixture:
    """Gaussians with weights, ready to draw from."""

    weights: NDArray[np.float64]  # (components,)
    means: NDArray[np.float64]  # (components, z_dim)
    factors: NDArray[np.float64]  # (components, z_dim, z_dim), lower triangular

    @classmethod
    def of(cls, z: NDArray[np.float64], components: int, shape: str, rng: np.random.Generator) -> Self:
        """Fit to the (n, z_dim) latent codes."""
        if len(z) == 1:  # scikit-learn asks for two; one point says nothing about its spread
            return cls(np.ones(1), z, np.zeros((1, z.shape[1], z.shape[1])))
        seed = integer_seed(rng)
        mixture = GaussianMixture(components, covariance_type=shape, reg_covar=1e-4, max_iter=1000, random_state=seed)
        mixture.fit(z)
        return cls(mixture.weights_, mixture.means_, _factors(mixture, z.shape[1]))

    def draw(self, n: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return n draws, (n, z_dim), in random order."""
        which = rng.choice(len(self.weights), size=n, p=self.weights / self.weights.sum())
        noise = rng.normal(size=(n, self.means.shape[1]))
        z = self.means[which]
        for k, factor in enumerate(self.factors):
            z[which == k] += noise[which == k] @ factor.T
        return z


def _factors(mixture: GaussianMixture, z_dim: int) -> NDArray[np.float64]:
    """Return lower-triangular factors (components, z_dim, z_dim) of the fitted covariances, whatever their shape."""
    covariances = np.asarray(mixture.covariances_)
    match mixture.covariance_type:
        case "diag":
            return np.stack([np.diag(np.sqrt(variances)) for variances in covariances])
        case "spherical":
            return np.stack([np.sqrt(variance) * np.eye(z_dim) for variance in covariances])
        case "tied":
            covariances = np.stack([covariances] * mixture.n_components)
    return np.linalg.cholesky(covariances)
