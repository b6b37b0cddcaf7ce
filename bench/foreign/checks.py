"""What is noticed about a foreign release before it is scored: numbers in other units, and rows that are exact copies.

A release of counts must not be judged as if it were VST. Only what cannot be the quality of a generator is refused: a
scale that no sample of the declared units has, or means of genes that are the real ones times a constant. Copies of
real people are noted, not refused: they are the plainest leak there is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.boundary.plain_release import on_grid
from bench.core.errors import DataError
from bench.core.records import Records
from bench.core.roles import Split

_LOGARITHMIC = ("vst", "log2")
_LARGEST_LOG = 50.0  # two to the power of 50 reads of one gene do not exist
_OTHER_LOGS = {"natural logarithms": np.log(2.0), "decimal logarithms": np.log10(2.0)}
_NEAR = 0.05  # relative distance to such a slope; real cohorts measured twice differ less
_DECIMALS = (1, 2, 3, 4, 5)  # that a release may be rounded to
_CURE = (
    "Bring the release into the units of the real cohort with the very transformation that its training data had; if "
    "it is in them, say so with --units"
)


# -- units ------------------------------------------------------------------------------------------------------------


def check_units(path: Path, X: NDArray[np.float64], like: Records) -> None:
    """Raise a `DataError` if the values of a release are plainly in other units than the real cohort's.

    Parameters
    ----------
    path : for the message
    X : (n, n_genes) values, genes as in `like`
    like : the real cohort
    """
    if finding := _finding(X, like):
        low, high = like.X.min(), like.X.max()
        raise DataError(
            f"{path} {finding}; expected {like.units!r}, in which the real values run from {low:.4g} to {high:.4g}. "
            f"{_CURE} {like.units}."
        )


def _finding(X: NDArray[np.float64], like: Records) -> str:
    """Return what is wrong, in words that follow the file's name, or nothing."""
    low, high = float(X.min()), float(X.max())
    whole = bool((np.rint(X) == X).all())
    if like.units in _LOGARITHMIC:
        return _not_logarithmic(X, like, low, high, whole)
    if like.units == "counts" and low < 0:
        return f"holds {low:.4g}, and counts are never negative"
    if like.units == "counts" and high < _LARGEST_LOG < like.X.max() and not whole:
        return f"holds fractions up to {high:.4g}, which look like logarithms"
    if like.units == "genotype" and (low < -1 or high > 3):
        return f"holds values from {low:.4g} to {high:.4g}, and genotypes are 0, 1 or 2"
    return ""


def _not_logarithmic(X: NDArray[np.float64], like: Records, low: float, high: float, whole: bool) -> str:
    if high > _LARGEST_LOG:
        total = np.median(X.sum(axis=1))
        kind = "whole numbers, as counts are" if whole else "a linear scale, as CPM, TPM and normalised counts have"
        return f"holds values up to {high:.4g} ({kind}; {total:.4g} in all in the median sample)"
    if whole:
        return f"holds nothing but whole numbers, from {low:.4g} to {high:.4g}"
    mean, real = X.mean(axis=0), like.X.mean(axis=0, dtype=np.float64)
    if low < 0 <= like.X.min() and np.abs(mean).max() < 1 and np.median(real) > 2:
        return f"holds values around 0 in every gene ({low:.4g} to {high:.4g}), as z-scores are"
    if low >= 0 and high <= 1 and np.median(real) > 2:
        return f"holds values from {low:.4g} to {high:.4g}, as after scaling to [0, 1]"
    return _other_base(mean, real)


def _other_base(mean: NDArray[np.float64], real: NDArray[np.float64]) -> str:
    """Say so if the means of the genes are the real ones times a constant that a change of base gives."""
    if min(len(mean), mean.std(), real.std()) < 1e-6 or len(mean) < 10 or np.corrcoef(mean, real)[0, 1] < 0.95:
        return ""
    slope = float(mean @ real / (real @ real))
    for kind, factor in _OTHER_LOGS.items():
        if abs(slope / factor - 1) < _NEAR:
            return f"has {slope:.2f} times the real means of genes, as {kind} in place of binary ones have"
    return ""


# -- copies -----------------------------------------------------------------------------------------------------------


def describe_copies(synthetic: Records, split: Split, *, of_this_split: bool = True) -> Iterator[str]:
    """Yield a sentence for each kind of repeated row: within the release, of training people, of held-out people.

    A copy is equal in every gene, after the real values are rounded to the decimals that the release has. Where the
    release lies on the grid that the harness puts its own releases on, the real values are put on it too.

    Parameters
    ----------
    synthetic, split : the release and the people of the fold it is compared with
    of_this_split : whether it was made from the training people of this very fold, which then must explain all copies
    """
    alike = _rounding(synthetic)
    rows = _rows(alike(synthetic.X))
    where = f"fold {split.fold}"
    if again := len(rows) - len(set(rows)):
        yield f"{where}: {again} of {len(rows)} synthetic rows are exact copies of other synthetic rows"
    found = {}
    for role, cohort in (("training", split.train), ("held-out", split.holdout)):
        real = set(_rows(alike(cohort.X)))
        found[role] = sum(row in real for row in rows)
        if found[role]:
            people = len(real & set(rows))
            yield f"{where}: {found[role]} of {len(rows)} synthetic rows are exact copies of {people} {role} people"
    if found["held-out"] and of_this_split:
        yield (
            f"{where}: a release made from the training people alone cannot hold held-out ones; check that --seed, "
            "--splits and --folds name the split it was made from"
        )


def _rounding(release: Records) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """Return what makes real values as coarse as a release: to its decimals, to the grid of releases, or not at all."""
    head = release.X[:20].astype(np.float64)
    for decimals in _DECIMALS:
        if np.allclose(head, np.round(head, decimals), rtol=1e-7, atol=0):
            return lambda X: np.round(X.astype(np.float64), decimals).astype(np.float32)
    if np.array_equal(on_grid(release.X[:20], release.units), release.X[:20]):
        return lambda X: on_grid(X, release.units)
    return lambda X: X


def _rows(X: NDArray[np.float32]) -> list[bytes]:
    return [row.tobytes() for row in X + np.float32(0)]  # + 0 makes one zero of two
