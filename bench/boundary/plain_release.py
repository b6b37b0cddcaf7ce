"""Makes a release plain before anything is scored or published: values, labels, and nothing that rides along.

A generator could hide the people it was trained on where no measure looks: in the last bits of its numbers, in the
order of its rows, in their names, in columns beside the matrix. Everything that is scored, attacked or written passes
here first. What is hidden in the values themselves, above the grid, no test from outside can exclude.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.core.images import Images
from bench.core.records import Records, Units

SIGNIFICANT_BITS = 12
FINEST: Mapping[Units, float] = {  # step of the grid, in the units of the values
    "counts": 1.0,
    "log2": 2.0**-8,
    "vst": 2.0**-8,
    "zscore": 2.0**-8,
    "genotype": 2.0**-8,
    "intensity": 1 / 255,
}
_LEVELS = np.float32(255)  # of brightness: those of an 8-bit image
_BLOCK = 1 << 22  # values that are rounded at once, in double precision


@dataclass(frozen=True, eq=False)
class Plain:
    """A release that holds values and labels alone, and how many of its rows repeat another.

    Parameters
    ----------
    records : on the grid, in an order and under names that tell nothing
    duplicates : rows whose values are those of another row; of equal rows all but one are counted
    duplicates_before : the same, before the values were put on the grid
    """

    records: Records
    duplicates: int
    duplicates_before: int

    def facts(self) -> dict[str, int]:
        """Return what rows and pages show of it."""
        return {"duplicates": self.duplicates, "duplicates_before_rounding": self.duplicates_before}


def plain_release(release: Records, *, like: Records) -> Plain:
    """Return a release without anything but values on the grid and labels, each label with its row.

    Names, donors and further columns are dropped. Rows come in the order of a hash of what they hold, so that the order
    is a function of the rows as a set: who knows every seed of the harness can still hide nothing in it.

    Parameters
    ----------
    release : checked to have the features and units of `like`
    like : real people; their class makes the plain records, never one that a plugin brought
    """
    X = on_grid(release.X, like.units)
    y = [str(label) for label in release.y] if release.has_labels else None
    rows = _hashes(X)
    order = sorted(range(len(rows)), key=lambda i: (rows[i], y[i] if y else ""))
    records = like.synthetic(X[order], None if y is None else [y[i] for i in order])
    return Plain(records, len(rows) - len(set(rows)), len(rows) - len(set(_hashes(release.X))))


def on_grid(X: NDArray[np.float32], units: Units) -> NDArray[np.float32]:
    """Return values rounded to the grid of their units: 12 significant bits, and no step finer than `FINEST`.

    The low 12 of the 24 significant bits of every float32 are zero then, and there is one zero, not two. On log scales
    the step is 2^-8 up to 16 and 2^-7 up to 32: no value moves by more than 0.3 % of an expression, where replicates of
    one sample differ by several. Counts become whole numbers: all of them up to 4,096, above that with steps of at most
    1/2,048 of their size. Brightness keeps the 256 levels of an image.

    Parameters
    ----------
    X : (n, n_features) finite
    units : what the values are
    """
    if units == "intensity":
        levels: NDArray[np.float32] = np.rint(X * _LEVELS) / _LEVELS + np.float32(0)
        return levels
    found = np.empty_like(X)
    block = max(1, _BLOCK // max(1, X.shape[1]))
    for start in range(0, len(X), block):
        exact = X[start : start + block].astype(np.float64)
        step = np.maximum(FINEST[units], np.ldexp(1.0, np.frexp(exact)[1] - SIGNIFICANT_BITS))
        found[start : start + block] = np.rint(exact / step) * step
    return found + np.float32(0)  # + 0 makes one zero of two


def at_resolution(people: Records) -> Records:
    """Return real people with their values on the grid of releases, for whatever compares the two.

    Real values are finer than the grid. Unless both lie on it, trees tell a release from real people by the grid alone
    (AUC 0.94 on copies of them, by the value that all zero counts of a gene share), and copies are no longer equal.
    """
    X = on_grid(people.X, people.units)
    if np.array_equal(X, people.X):
        return people
    values = {"pixels": X.reshape(people.pixels.shape)} if isinstance(people, Images) else {"X": X}
    records: Any = people  # every kind of records is a dataclass
    same: Records = replace(records, y=people.y if people.has_labels else None, **values)
    return same


def _hashes(X: NDArray[np.float32]) -> list[bytes]:
    return [hashlib.blake2b(row.tobytes(), digest_size=16).digest() for row in X]
