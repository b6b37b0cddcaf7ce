"""Noise in the spread of each gene; a helper, whose code is part of the key of every result of `jitter`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def gene_noise(n: int, sd: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Return (n, n_genes) Gaussian noise, each gene with its own standard deviation."""
    return rng.normal(0, sd, size=(n, len(sd)))
