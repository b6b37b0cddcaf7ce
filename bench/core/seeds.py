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

    Equal seed and path give equal numbers on every machine; the stream of any other path is independent of it.

    Parameters
    ----------
    seed : int, the seed of the run
    path : str or int, what the stream is for, from the general to the special

    Examples
    --------
    >>> from bench import stream
    >>> first, again = stream(42, "sample", "brca", 1), stream(42, "sample", "brca", 1)
    >>> bool(first.normal() == again.normal())
    True
    >>> bool(first.normal() == stream(42, "sample", "brca", 2).normal())  # another fold, other numbers
    False
    """
    return np.random.default_rng(_sequence(seed, path))


def integer_seed(rng: np.random.Generator) -> int:
    """Draw a seed for a library that takes nothing but an integer.

    Parameters
    ----------
    rng : numpy.random.Generator, the stream of the task; it advances by one draw

    Returns
    -------
    int
        From 0 to 2**31 - 1.

    Examples
    --------
    >>> from bench import integer_seed, stream
    >>> seed = integer_seed(stream(42, "fit", "brca", 1))
    >>> type(seed), 0 <= seed < 2**31
    (<class 'int'>, True)
    """
    return int(rng.integers(2**31))
