"""Invented people for checks: small cohorts whose truth is known, and the random streams of checks."""

from __future__ import annotations

import numpy as np

from bench.core.seeds import stream
from bench.core.types import Cohort

_GENES = 24


def people(n: int, *path: str | int, genes: int = _GENES, apart: float = 1.0) -> Cohort:
    """Return n invented people of three classes `apart`, skewed genes in two modules; gene names are not sorted."""
    rng = stream(7, "conformance", *path)
    y = np.array(["b", "a", "c"])[np.arange(n) % 3]
    centres = stream(7, "centres").normal(0, apart, (3, genes))[np.arange(n) % 3]  # (n, genes)
    modules = rng.standard_normal((n, 2)) @ np.repeat(np.eye(2), -(-genes // 2), axis=1)[:, :genes]
    X = 8 + centres + 0.7 * modules + 0.5 * rng.gumbel(size=(n, genes))
    names = tuple(f"GENE{(389 * i) % 1009:04d}" for i in range(genes))
    return Cohort(X=X.astype(np.float32), y=y, genes=names, samples=tuple(f"{path}{i}" for i in range(n)), units="log2")


def check_rng(*path: str | int) -> np.random.Generator:
    """Return the random stream of a check."""
    return stream(11, "check", *path)
