"""Named random streams, so that adding one plugin moves nobody else's numbers."""

from __future__ import annotations

import hashlib

import numpy as np


def _sequence(seed: int, path: tuple[str | int, ...]) -> np.random.SeedSequence:
    digest = hashlib.sha256("\0".join(map(str, path)).encode()).digest()
    words = np.frombuffer(digest, dtype="<u4")
    return np.random.SeedSequence(seed, spawn_key=tuple(int(w) for w in words))


def stream(seed: int, *path: str | int) -> np.random.Generator:
    """Return the random stream of a path such as ``("sample", "brca", 1, "multivariate")``.

    Equal seed and path give equal numbers on every machine; any other path is independent of it.
    """
    return np.random.default_rng(_sequence(seed, path))


def integer_seed(rng: np.random.Generator) -> int:
    """Draw a seed for a library that only takes an integer (0 to 2**31 - 1)."""
    return int(rng.integers(2**31))
