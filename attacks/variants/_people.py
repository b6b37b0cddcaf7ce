"""What an attacker on variants sees, as calls at sites instead of the flat view."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench import AttackView, PluginError, Variants

Floats = NDArray[np.float64]
Calls = NDArray[np.int8]


@dataclass(frozen=True, eq=False)
class Seen:
    """The people of a view: targets, the release and the reference, each (n, copies, n_sites) with -1 where missing."""

    targets: Calls
    synthetic: Calls
    reference: Calls

    @property
    def alphabet(self) -> int:
        """Number of values of a call: 2 for haplotypes, 3 for genotypes."""
        return 4 - int(self.targets.shape[1])


def seen(view: AttackView, name: str) -> Seen:
    """Return the calls of a view that grants a reference.

    Raises
    ------
    PluginError
        If it grants none.
    """
    if view.reference is None:
        raise PluginError(f"{name} needs people of the population who are no members, and the view has none.")
    copies = copies_of(view.genes)
    targets, synthetic, reference = (as_calls(X, copies) for X in (view.targets, view.synthetic, view.reference))
    return Seen(targets, synthetic, reference)


def copies_of(names: tuple[str, ...]) -> int:
    """Return how many sequences a person has in a flat view with these columns: 2 where they end in |1 and |2."""
    half = len(names) // 2
    if len(names) % 2 or not names:
        return 1
    first, second = names[:half], names[half:]
    paired = all(a.endswith("|1") and b.endswith("|2") and a[:-2] == b[:-2] for a, b in zip(first, second, strict=True))
    return 2 if paired else 1


def as_calls(X: NDArray[np.float32], copies: int) -> Calls:
    """Return (n, copies, n_sites) calls from a flat view."""
    return np.rint(X).astype(np.int8).reshape(len(X), copies, X.shape[1] // copies)


def as_people(names: tuple[str, ...], X: NDArray[np.float32], y: NDArray[np.str_] | None) -> Variants:
    """Return the people of a flat view, for a generator of variants."""
    copies = copies_of(names)
    sites = names if copies == 1 else tuple(name[:-2] for name in names[: len(names) // 2])
    samples = tuple(f"record_{i}" for i in range(len(X)))
    return Variants(calls=as_calls(X, copies), y=y, sites=sites, samples=samples)  # type: ignore[arg-type]


def sequences(calls: Calls) -> Calls:
    """Return (n * copies, n_sites) calls; a missing one is taken as 0, the reference allele."""
    return np.maximum(calls, 0).reshape(-1, calls.shape[2])


def allele_counts(calls: Calls) -> tuple[Floats, Floats]:
    """Return (n, n_sites) alternate alleles of each person, and how many of his alleles were called."""
    known = calls >= 0
    carried = np.where(known, calls, 0).sum(axis=1, dtype=np.float64)
    return carried, known.sum(axis=1, dtype=np.float64) * (2 // calls.shape[1])


def frequencies(calls: Calls, pseudo: float = 0.5) -> Floats:
    """Return (n_sites,) frequencies of the alternate allele, with pseudo-counts of either allele: never 0 or 1."""
    carried, called = allele_counts(calls)
    found: Floats = (carried.sum(axis=0) + pseudo) / (called.sum(axis=0) + 2 * pseudo)
    return found
