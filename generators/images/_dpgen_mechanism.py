"""The randomised response at the heart of DP-GEN: which training image a noisy image is answered with.

Its output is always one of the training images. So the probability of answering with a given image is 0 if that image
is not in the data and positive if it is, and no finite epsilon bounds their ratio (Dockhorn et al. 2023, appendix B).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray


def answers(
    X: NDArray[np.float64], sd: float, epsilon: float, reach: float, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return noisy images (n, d) of a minibatch (n, d) and the row number of the image that each is answered with.

    The candidates of a noisy image are the images of the minibatch within ``reach * sd`` of it; its own image is
    always one. It is answered with its own with probability ``e^epsilon / (e^epsilon + k - 1)``, with each of
    the k - 1 others alike.
    """
    noisy = X + rng.normal(0, sd, X.shape)
    return noisy, answers_to(noisy, np.arange(len(X)), X, sd, epsilon, reach, rng)


def answers_to(
    noisy: NDArray[np.float64], own: NDArray[np.int64], X: NDArray[np.float64], sd: float, epsilon: float, reach: float,
    rng: np.random.Generator,
) -> NDArray[np.int64]:  # fmt: skip
    """Return which image of the minibatch X (k, d) each noisy image (n, d) of the images `own` (n,) is answered with.

    The rule is that of `answers`.
    """
    n = len(noisy)
    apart = np.maximum((noisy**2).sum(axis=1)[:, None] - 2 * noisy @ X.T + (X**2).sum(axis=1), 0)
    candidate = apart <= (reach * sd) ** 2  # (n noisy, k images)
    candidate[np.arange(n), own] = True
    others = candidate.sum(axis=1) - 1
    truth = rng.random(n) < 1 / (1 + others * math.exp(-epsilon))
    chosen = own.copy()
    candidate[np.arange(n), own] = False
    for i in np.flatnonzero(~truth):
        chosen[i] = rng.choice(np.flatnonzero(candidate[i]))
    return chosen


def times_answered(
    X: NDArray[np.float64], canary: int, batch: int, sd: float, epsilon: float, reach: float, draws: int,
    rng: np.random.Generator,
) -> int:  # fmt: skip
    """Return in how many of `draws` passes over the data some noisy image was answered with the canary's image."""
    found = 0
    for _ in range(draws):
        order = rng.permutation(len(X))
        for start in range(0, len(X), batch):
            rows = order[start : start + batch]
            if np.any(rows == canary):  # no other minibatch can answer with it
                found += bool(np.any(rows[answers(X[rows], sd, epsilon, reach, rng)[1]] == canary))
    return found
