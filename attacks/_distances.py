"""Squared Euclidean distances from every target to a set of people, by one matrix product instead of a loop.

|t - s|^2 = |t|^2 + |s|^2 - 2 t.s after both were centred on the mean of the set, in float64: centring keeps the three
terms small, so that the difference keeps about twelve digits at 978 genes.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ._memo import shared

_BLOCK = 1 << 23  # distances computed at a time: 64 MiB
_FEW = 8  # others of a target, on average, that are looked at again in double precision
_LARGE = 1e30  # squared lengths that single precision can still hold
_ROUNDING = 4 * float(np.finfo(np.float32).eps)  # of two products and two norms
_KEEP = 1 << 26  # a matrix of at most 512 MiB is kept, a larger one is computed again for each pass


class Distances:
    """The distances from targets to others, handed out in blocks of targets.

    Parameters
    ----------
    targets : (n_targets, n_genes)
    others : (n_others, n_genes)
    itself : True if both are the same people; nobody is then a neighbour of himself
    once : True if little more than the nearest will be asked for: it is sought in single precision, which is proved or
        done again, and no matrix is kept
    """

    def __init__(
        self, targets: NDArray[np.floating], others: NDArray[np.floating], *, itself: bool = False, once: bool = False
    ) -> None:
        centre = others.mean(axis=0, dtype=np.float64)
        self._targets = targets - centre  # (n_targets, n_genes) float64
        self._others = self._targets if itself else others - centre
        self._norms = np.einsum("ij,ij->i", self._others, self._others)
        self._itself, self._once = itself, once and not itself
        self._kept: list[tuple[slice, NDArray[np.float64]]] | None = None
        self._nearest: tuple[NDArray[np.float64], NDArray[np.intp]] | None = None

    @property
    def nbytes(self) -> int:
        """The most bytes this will ever hold."""
        pairs = len(self._targets) * len(self._others)
        return int(self._targets.nbytes + self._others.nbytes + 8 * pairs * self._keeps)

    @property
    def _keeps(self) -> bool:
        return not self._once and len(self._targets) * len(self._others) <= _KEEP

    def blocks(self) -> Iterator[tuple[slice, NDArray[np.float64]]]:
        """Yield rows of targets and their (n_rows, n_others) squared distances; do not change them in place."""
        if self._kept is None and self._keeps:
            self._kept = list(self._compute())
        yield from self._compute() if self._kept is None else self._kept

    def _compute(self) -> Iterator[tuple[slice, NDArray[np.float64]]]:
        step = max(1, _BLOCK // len(self._others))
        for start in range(0, len(self._targets), step):
            rows = slice(start, min(start + step, len(self._targets)))
            squared = self._squared(self._targets[rows])
            if self._itself:
                squared[np.arange(len(squared)), np.arange(start, rows.stop)] = np.inf
            yield rows, squared

    def _squared(self, part: NDArray[np.float64]) -> NDArray[np.float64]:
        squared: NDArray[np.float64] = part @ self._others.T  # (n_rows, n_others)
        squared *= -2
        squared += self._norms
        squared += np.einsum("ij,ij->i", part, part)[:, None]
        return np.maximum(squared, 0, out=squared)

    def nearest(self, k: int = 1) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
        """Return the k smallest squared distances, rising, and whose they are; each (n_targets, k)."""
        k = min(k, len(self._others) - self._itself)
        if self._nearest is None or self._nearest[0].shape[1] < k:
            single = self._once and k == 1
            self._nearest = (
                self._closest() if single else self._search(max(k, min(32, len(self._others) - self._itself)))
            )
        return self._nearest[0][:, :k], self._nearest[1][:, :k]

    def _search(self, k: int) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
        values, index = np.empty((len(self._targets), k)), np.empty((len(self._targets), k), dtype=np.intp)
        for rows, squared in self.blocks():
            near = np.argpartition(squared, k - 1, axis=1)[:, :k]
            found = np.take_along_axis(squared, near, axis=1)
            order = np.argsort(found, axis=1, kind="stable")
            values[rows] = np.take_along_axis(found, order, axis=1)
            index[rows] = np.take_along_axis(near, order, axis=1)
        return values, index

    def _closest(self) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
        """Return the distance to the nearest other and who that is; each (n_targets, 1)."""
        values, index = np.empty((len(self._targets), 1)), np.empty((len(self._targets), 1), dtype=np.intp)
        longest = float(self._norms.max())
        with np.errstate(over="ignore"):  # of what single precision cannot hold nothing is made
            others, norms = self._others.astype(np.float32), self._norms.astype(np.float32)
        step = max(1, _BLOCK // len(self._others))
        for start in range(0, len(self._targets), step):
            rows = slice(start, min(start + step, len(self._targets)))
            part = self._targets[rows]
            who, maybe = _near(part, others, norms, longest)
            if len(who) > _FEW * len(part):
                squared = self._squared(part)
                index[rows, 0], values[rows, 0] = squared.argmin(axis=1), squared.min(axis=1)
                continue
            apart = part[who] - self._others[maybe]
            exact = np.einsum("ij,ij->i", apart, apart)
            first = np.lexsort((exact, who))[np.searchsorted(who, np.arange(len(part)))]
            values[rows, 0], index[rows, 0] = exact[first], maybe[first]
        return values, index

    def count_below(self, squared_radius: float, *, strict: bool = False) -> NDArray[np.int64]:
        """Return how many others lie within the radius of each target, (n_targets,)."""
        counts = np.empty(len(self._targets), dtype=np.int64)
        for rows, squared in self.blocks():
            counts[rows] = ((squared < squared_radius) if strict else (squared <= squared_radius)).sum(axis=1)
        return counts


def _near(
    part: NDArray[np.float64], others: NDArray[np.float32], norms: NDArray[np.float32], longest: float
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return pairs of rows of `part`, rising, and others, among which the nearest other of every row is.

    A product in single precision is off by at most n_genes roundings of |t| |s|: all within twice that of the least.

    Parameters
    ----------
    others, norms : (n_others, n_genes) and (n_others,), their squared lengths
    longest : the largest of these
    """
    lengths = np.einsum("ij,ij->i", part, part)  # (n_rows,) squared
    near = np.ones((len(part), len(others)), dtype=bool)
    if longest + lengths.max() < _LARGE:
        rough = (-2 * part.astype(np.float32)) @ others.T  # (n_rows, n_others), less |t|^2
        rough += norms
        slack = _ROUNDING * (part.shape[1] + 4) * (longest + np.sqrt(lengths * longest))
        near = rough <= (rough.min(axis=1) + slack)[:, None]
    who, maybe = np.nonzero(near)
    return who, maybe


def distances(targets: NDArray[np.float32], others: NDArray[np.float32], *, once: bool = False) -> Distances:
    """Return the distances from targets to others, shared by every attack that asks for the same two matrices.

    `once` says, to whoever asks first, that the nearest others are all that will be asked for.
    """
    return shared("distances", (targets, others), lambda: Distances(targets, others, once=once))


def distances_within(people: NDArray[np.float32]) -> Distances:
    """Return the distances among people, with nobody a neighbour of himself."""
    return shared("distances within", (people,), lambda: Distances(people, people, itself=True))
