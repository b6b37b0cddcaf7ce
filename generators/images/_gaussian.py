"""A normal distribution for each class with a common covariance of low rank, released with noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .._privacy import clip_rows, compose_mu
from .._private_frame import PrivateFrame, private_length, release_frame

FRAME_SHARE = 0.5  # of the budget mu**2 for rates, means and spreads
_LENGTH_SHARE = 0.03  # of what is left, for the radius of the second moments


@dataclass(frozen=True)
class ClassGaussian:
    """Class rates, means and spreads (the frame), and the covariance of the standardised residuals."""

    frame: PrivateFrame
    directions: NDArray[np.float64]  # (d, k), each as long as its standard deviation
    rest: float  # standard deviation in every other direction
    mu: float  # strength of everything that was released

    def sample(self, codes: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.float64]:
        """Return (n, d) images of these class codes, cut to brightness from 0 to 1."""
        values, vectors = self.covariance()
        apart = (rng.normal(size=(len(codes), len(values))) * np.sqrt(values)) @ vectors.T
        images: NDArray[np.float64] = np.clip(self.frame.means[codes] + apart, 0, 1)
        return images

    def covariance(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return eigenvalues (d,) and eigenvectors (d, d) of the covariance of an image about its class mean."""
        d = len(self.directions)
        within = self.directions @ self.directions.T
        if 0 < self.directions.shape[1] < d:
            unit = self.directions / np.maximum(np.linalg.norm(self.directions, axis=0), 1e-12)
            within += self.rest**2 * (np.eye(d) - unit @ unit.T)
        elif self.directions.shape[1] == 0:
            within = self.rest**2 * np.eye(d)
        values, vectors = np.linalg.eigh(within * np.outer(self.frame.spreads, self.frame.spreads))
        return np.maximum(values, 1e-6), vectors


def low_rank(moments: NDArray[np.float64], components: int) -> tuple[NDArray[np.float64], float]:
    """Return the `components` strongest directions of second moments (d, d), and the mean sd of the others."""
    values, vectors = np.linalg.eigh(moments)
    k = min(components, len(values))
    kept = np.maximum(values[len(values) - k :], 0)
    rest = max(float(np.trace(moments) - kept.sum()), 0.0) / max(len(values) - k, 1)
    return vectors[:, len(values) - k :] * np.sqrt(kept), rest**0.5


def release_gaussian(
    X: NDArray[np.float64], y: NDArray[np.str_], classes: NDArray[np.str_], mu: float, components: int,
    rng: np.random.Generator, frame_share: float = FRAME_SHARE,
) -> ClassGaussian:  # fmt: skip
    """Return the distribution of images (n, d), brightness from 0 to 1, at a total cost of `mu`.

    One image adds ``z z'`` to the second moments, whose norm is ``|z|^2``; so the upper half, which gets the noise,
    moves by at most the squared radius that z is clipped to (Dwork et al. 2014, Analyze Gauss).
    """
    left = mu * (1 - frame_share) ** 0.5
    length_mu, moment_mu = left * _LENGTH_SHARE**0.5, left * (1 - _LENGTH_SHARE) ** 0.5
    frame = release_frame(X, y, classes, (0.0, 1.0), mu * frame_share**0.5, rng)
    z = frame.forward(X, np.searchsorted(classes, y)).astype(np.float64)
    d = X.shape[1]
    radius = private_length(z, 10 * d**0.5, 0.9, 1 / length_mu, rng)
    clipped = clip_rows(z, radius)
    noise = np.triu(rng.normal(0, radius**2 / moment_mu, (d, d)))
    noisy = (clipped.T @ clipped + noise + np.triu(noise, 1).T) / frame.total
    return ClassGaussian(frame, *low_rank(noisy, components), compose_mu([frame.mu, length_mu, moment_mu]))
