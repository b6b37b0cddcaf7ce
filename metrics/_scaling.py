"""How genes are standardised before a regression."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def centre_and_scale(X: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the mean and the standard deviation of each gene, (n_genes,); 1 for a constant gene."""
    spread = X.std(axis=0, dtype=np.float64)  # exactly 0 for a constant: float64 sums equal float32 values exactly
    return X.mean(axis=0, dtype=np.float64), np.where(spread > 0, spread, 1.0)
