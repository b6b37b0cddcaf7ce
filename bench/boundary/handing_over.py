"""Hands people to a generator: the one place, the same in runs, audits and checks.

A generator that knew whom or what for it is trained could be honest in audits alone, or publish identifiers. It gets
values, labels and metadata, under names that are random, and functions of nothing but these.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.core.records import Records
from bench.core.seeds import stream


def handed_over(people: Records) -> Records:
    """Return people as a generator gets them: in their order, under random names of samples and donors.

    The names are drawn from a stream that the values and labels name. So the same people have the same names for
    whatever they are handed over, a name says nothing about a person, and samples of one donor still share one.
    """
    labels = people.y.tolist() if people.has_labels else []
    content = hashlib.sha256(np.ascontiguousarray(people.X).tobytes() + "\0".join(labels).encode()).hexdigest()
    rng = stream(0, "names", content)
    renamed: Any = people.renamed(_names(len(people), rng))  # every kind of records is a dataclass
    if people.donors is None:
        return renamed  # type: ignore[no-any-return]
    _, donor = np.unique(people.donors, return_inverse=True)  # (n,)
    names = np.array(_names(int(donor.max(initial=-1)) + 1, rng))
    y = people.y if people.has_labels else None
    same: Records = replace(renamed, y=y, donors=names[donor] if len(donor) else _none())
    return same


def _names(n: int, rng: np.random.Generator) -> tuple[str, ...]:
    return tuple(f"{number:016x}" for number in rng.integers(1 << 63, size=n))


def _none() -> NDArray[np.str_]:
    return np.array([], dtype=np.str_)
