"""Notices numbers in other units than the real cohort's: a release of counts must not be judged as if it were VST.

Only what cannot be the quality of a generator is refused: a scale that no sample of the declared units has, or means
of genes that are the real ones times a constant.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.core.errors import DataError
from bench.core.types import Cohort

_LOGARITHMIC = ("vst", "log2")
_LARGEST_LOG = 50.0  # two to the power of 50 reads of one gene do not exist
_OTHER_LOGS = {"natural logarithms": np.log(2.0), "decimal logarithms": np.log10(2.0)}
_NEAR = 0.05  # relative distance to such a slope; real cohorts measured twice differ less
_CURE = (
    "Bring the release into the units of the real cohort with the very transformation that its training data had; if "
    "it is in them, say so with --units"
)


def check_units(path: Path, X: NDArray[np.float64], like: Cohort) -> None:
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


def _finding(X: NDArray[np.float64], like: Cohort) -> str:
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


def _not_logarithmic(X: NDArray[np.float64], like: Cohort, low: float, high: float, whole: bool) -> str:
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
