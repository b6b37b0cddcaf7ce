"""Haplotypes in windows: whether short stretches are those that real people carry, as often as they carry them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import nan

import numpy as np
from numpy.typing import NDArray

from bench import Measure, PluginError, Variants, fold_fact, metric

from ._genotypes import Floats, sequences

_MOST = 62  # sites in a window that one whole number can hold


@metric(
    "haplotype_windows",
    modalities=("variants",),
    family="fidelity",
    measures=(
        Measure("window_distance", "lower", 0, 1, table="linkage", rank=7, title="windows"),
        Measure("window_distance_real", "none", 0, 1, table="linkage", rank=8, title="windows real"),
        Measure("haplotypes_ratio", "none", 0, table="linkage", rank=9, title="haplotypes / real"),
    ),
)
@dataclass(kw_only=True)
class HaplotypeWindows:
    """Compare the haplotypes of every window of sites with those of held-out people.

    ``window_distance`` is the total variation distance between the two distributions of haplotypes in a window,
    averaged over the windows, which do not overlap; ``haplotypes_ratio`` the number of different haplotypes in a window
    over that of as many held-out ones, averaged: above 1 the release has haplotypes that nobody carries, below 1 it
    lacks some. ``window_distance_real`` holds training people against held-out people. NaN where the phase is not
    known.
    """

    window: int = 10  # sites

    def __call__(
        self, train: Variants, holdout: Variants, synthetic: Variants, *, rng: np.random.Generator
    ) -> Mapping[str, float]:
        """Return the measures of the release, and of training people in its place."""
        if not 1 <= self.window <= _MOST:
            raise PluginError(f"haplotype_windows: window is {self.window}; expected 1 to {_MOST} sites.")
        if not (train.phased and len(synthetic)):
            return {"window_distance": nan, "window_distance_real": nan, "haplotypes_ratio": nan}
        real, made = (windows(people, self.window) for people in (holdout, synthetic))
        return {
            "window_distance": float(np.mean([distance(a, b) for a, b in zip(real.T, made.T, strict=True)])),
            "window_distance_real": _floor(train, holdout, window=self.window),
            "haplotypes_ratio": _ratio(real, made, rng),
        }


@fold_fact
def _floor(train: Variants, holdout: Variants, *, window: int) -> float:
    real, other = windows(holdout, window), windows(train, window)
    return float(np.mean([distance(a, b) for a, b in zip(real.T, other.T, strict=True)]))


def windows(people: Variants, window: int) -> NDArray[np.int64]:
    """Return (n_haplotypes, n_windows) each window as one number; the last one may be shorter."""
    calls = sequences(people).astype(np.int64)
    starts = range(0, calls.shape[1], window)
    parts = [calls[:, start : start + window] for start in starts]
    return np.stack([part @ (1 << np.arange(part.shape[1], dtype=np.int64)) for part in parts], axis=1)


def distance(a: NDArray[np.int64], b: NDArray[np.int64]) -> float:
    """Return half the sum of absolute differences between the shares of each value in both."""
    values, at = np.unique(np.concatenate([a, b]), return_inverse=True)
    p = np.bincount(at[: len(a)], minlength=len(values)) / len(a)
    q = np.bincount(at[len(a) :], minlength=len(values)) / len(b)
    return float(np.abs(p - q).sum() / 2)


def _ratio(real: NDArray[np.int64], made: NDArray[np.int64], rng: np.random.Generator) -> float:
    """Return the mean ratio of numbers of different haplotypes, of as many haplotypes of both."""
    n = min(len(real), len(made))
    real, made = (some[rng.permutation(len(some))[:n]] for some in (real, made))
    ratios: Floats = np.array([len(np.unique(b)) / len(np.unique(a)) for a, b in zip(real.T, made.T, strict=True)])
    return float(ratios.mean())
