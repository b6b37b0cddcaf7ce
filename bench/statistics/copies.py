"""Counts rows of a release that are other rows of it, or real people: the plainest leak there is."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from bench.core.types import Cohort, Split

_DECIMALS = (1, 2, 3, 4, 5)


def copies(synthetic: Cohort, split: Split, *, of_this_split: bool = True) -> Iterator[str]:
    """Yield a sentence for each kind of repeated row: within the release, of training people, of held-out people.

    `of_this_split` says that the release was made from the training people of this very fold, which then must explain
    all copies. A copy is equal in every gene, after the real values are rounded to the decimals that the release has.
    """
    decimals = _decimals(synthetic.X)
    rows = _rows(synthetic.X, decimals)
    where = f"fold {split.fold}"
    if again := len(rows) - len(set(rows)):
        yield f"{where}: {again} of {len(rows)} synthetic rows are exact copies of other synthetic rows"
    found = {}
    for role, cohort in (("training", split.train), ("held-out", split.holdout)):
        real = set(_rows(cohort.X, decimals))
        found[role] = sum(row in real for row in rows)
        if found[role]:
            people = len(real & set(rows))
            yield f"{where}: {found[role]} of {len(rows)} synthetic rows are exact copies of {people} {role} people"
    if found["held-out"] and of_this_split:
        yield (
            f"{where}: a release made from the training people alone cannot hold held-out ones; check that --seed, "
            "--splits and --folds name the split it was made from"
        )


def _decimals(X: NDArray[np.float32]) -> int | None:
    """Return to how many decimals the values are rounded, or None if they are not."""
    head = X[:20].astype(np.float64)
    return next((d for d in _DECIMALS if np.allclose(head, np.round(head, d), rtol=1e-7, atol=0)), None)


def _rows(X: NDArray[np.float32], decimals: int | None) -> list[bytes]:
    if decimals is not None:
        X = np.round(X.astype(np.float64), decimals).astype(np.float32)
    return [row.tobytes() for row in X + np.float32(0)]  # + 0 makes one zero of two
