"""How many samples of each class a generator draws; shared by every generator that keeps the class rates."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def class_counts(counts: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    """Split n in proportion to the class counts by largest remainder; equal to them if n is their sum."""
    exact = counts * (n / counts.sum())
    whole: NDArray[np.int64] = np.floor(exact).astype(np.int64)
    short = n - int(whole.sum())
    whole[np.argsort(whole - exact, kind="stable")[:short]] += 1
    return whole


def draw_rows(available: int, n: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return n row numbers in random order, each used floor or ceiling of n / available times."""
    rounds = [rng.permutation(available) for _ in range(-(-n // available))]
    return np.concatenate([*rounds, np.empty(0, dtype=np.int64)])[:n]
