"""Makes people of any number for benchmarks, and judges them with all distances in one matrix, as one first would.

Used by ``scaling.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench import AttackView, Cohort

SHARES = np.array([920, 447, 434, 420, 417, 385, 353, 312, 244, 155, 150, 86]) / 4323  # the classes of COMBINED


@dataclass(frozen=True, eq=False)
class People:
    """Training, held-out and synthetic samples: classes apart, 40 hidden factors, synthetic ones near training ones."""

    train: Cohort
    holdout: Cohort
    synthetic: Cohort
    reference: NDArray[np.float32]

    def view(self) -> AttackView:
        """Return what attacks see; the candidates are the training and the held-out samples."""
        both = [np.concatenate([getattr(c, part) for c in (self.train, self.holdout)]) for part in ("X", "y")]
        return AttackView(
            synthetic=self.synthetic.X, targets=both[0], genes=self.train.genes, reference=self.reference,
            synthetic_labels=self.synthetic.y, target_labels=both[1],
        )  # fmt: skip


def people(samples: int, genes: int, train: int) -> People:
    rng = np.random.default_rng(0)
    loadings, centres = rng.normal(0, 0.25, size=(40, genes)), rng.normal(0, 1.5, size=(len(SHARES), genes))
    real = []
    for n in (train, train // 4, train // 4):
        y = rng.permutation(np.searchsorted(SHARES.cumsum() - 1e-9, (np.arange(n) + 0.5) / n))
        real.append((in_parts(n, genes, lambda i: drawn(rng, centres[y[i]], loadings)), y))  # noqa: B023
    who = rng.integers(train, size=samples)
    X = in_parts(samples, genes, lambda i: real[0][0][who[i]] + 0.5 * rng.standard_normal((len(who[i]), genes)))
    cohorts = [cohort(*role) for role in (real[0], real[1], (X, real[0][1][who]))]
    return People(cohorts[0], cohorts[1], cohorts[2], real[2][0])


def drawn(rng: np.random.Generator, centres: NDArray[np.float64], loadings: NDArray[np.float64]) -> NDArray[np.float64]:
    n, genes = centres.shape
    return centres + rng.standard_normal((n, 40)) @ loadings + 0.6 * rng.standard_normal((n, genes)) + 8


def in_parts(n: int, genes: int, part: Callable[[slice], NDArray[np.float64]]) -> NDArray[np.float32]:
    X = np.empty((n, genes), dtype=np.float32)
    for start in range(0, n, 2000):
        X[start : start + 2000] = part(slice(start, start + 2000))
    return X


def cohort(X: NDArray[np.float32], y: NDArray[np.int64]) -> Cohort:
    genes, samples = (tuple(f"{letter}{i}" for i in range(n)) for letter, n in (("g", X.shape[1]), ("s", len(X))))
    return Cohort(
        X=X, y=np.array([f"c{k:02d}" for k in range(len(SHARES))])[y], genes=genes, samples=samples, units="vst"
    )


# -- straightforward forms ---------------------------------------------------------------------------------------------


def squared(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float64]:
    A, B = a.astype(np.float64), b.astype(np.float64)
    return (A**2).sum(axis=1)[:, None] + (B**2).sum(axis=1) - 2 * A @ B.T


def dense_mmd(data: People) -> float:
    a, b = data.train.X, data.synthetic.X
    kernels = [np.exp(-squared(*pair) / a.shape[1]) for pair in ((a, a), (b, b), (a, b))]
    aa, bb = ((k.sum() - len(k)) / (len(k) * (len(k) - 1)) for k in kernels[:2])
    return float(aa + bb - 2 * kernels[2].mean())


def dense_prdc(data: People) -> float:
    a, b = data.train.X, data.synthetic.X
    radii = [np.sort(squared(X, X), axis=1)[:, 5] for X in (a, b)]
    between = squared(a, b)
    return float((between < radii[0][:, None]).any(axis=0).mean() + (between < radii[1]).any(axis=1).mean())


def dense_gan_leaks(data: People) -> NDArray[np.float64]:
    return -squared(data.view().targets, data.synthetic.X).min(axis=1)


DENSE: dict[str, Callable[[People], Any]] = {"mmd": dense_mmd, "prdc": dense_prdc, "gan_leaks": dense_gan_leaks}
