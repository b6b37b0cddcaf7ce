"""What a release is refused for: people in it, values of people at its ends, too few people to hide among."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors

from bench.core.records import Records
from bench.engine.plain_release import Plain, at_resolution

NEAR = 0.5  # of the distance below which only one in a hundred people has a neighbour
_QUANTILE = 0.01
_ENDS = 0.01  # of the features may end in a value of a person by chance
_BLOCK = 256


@dataclass(frozen=True)
class Checks:
    """What was looked for in a release before it was published.

    Parameters
    ----------
    copies : rows that are a person, on the grid of releases
    near_copies : further rows that lie closer to a person than `near_distance`
    near_distance : half the distance that 99 of 100 people keep from everybody else
    ends_of_people : features whose least or largest released value is that of a person, to the last bit
    features : how many there are
    duplicates : rows that repeat another
    """

    copies: int
    near_copies: int
    near_distance: float
    ends_of_people: int
    features: int
    duplicates: int


def check(raw: Records, plain: Plain, people: Records) -> Checks:
    """Return what is found in a release, raw as the generator made it and plain, about the people it was trained on."""
    real, released = at_resolution(people).X.astype(np.float64), plain.records.X.astype(np.float64)
    neighbours = NearestNeighbors(n_neighbors=2).fit(real)
    own = neighbours.kneighbors(real)[0][:, 1]
    near = NEAR * float(np.quantile(own[own > 0], _QUANTILE)) if (own > 0).any() else 0.0
    distance = neighbours.kneighbors(released, n_neighbors=1)[0][:, 0]
    persons = {row.tobytes() for row in real}
    n_copies = sum(row.tobytes() in persons for row in released)
    n_near = int((distance < near).sum())
    ends = 0 if people.units in ("counts", "genotype", "intensity") else _ends_of_people(raw.X, people.X)
    return Checks(n_copies, max(0, n_near - n_copies), near, ends, people.X.shape[1], plain.duplicates)


def _ends_of_people(released: NDArray[np.float32], people: NDArray[np.float32]) -> int:
    """Return how many features end, below or above, in a value that a person has; fixed limits are nobody's."""
    ends = np.stack([released.min(axis=0), released.max(axis=0)])  # (2, n_features)
    mine = (ends[:, None] == people).sum(axis=1)  # how many people have the value
    varies = ends[0] < ends[1]
    return int(((mine == 1).any(axis=0) & varies).sum())


def reasons(found: Checks) -> Iterator[str]:
    """Yield why a release must not be published, each with the way out; nothing if nothing speaks against it."""
    if found.copies:
        yield (
            f"{found.copies} rows are people of the cohort, value by value. Release with a generator that copies "
            "nobody: `bench run` shows the attacks on each."
        )
    if found.near_copies:
        yield (
            f"{found.near_copies} rows lie closer to a person ({found.near_distance:.4g}) than half the distance that "
            "99 of 100 people keep from everybody else. Release with a generator that learns no person by heart."
        )
    if found.ends_of_people > max(2, _ENDS * found.features):
        yield (
            f"{found.ends_of_people} of {found.features} features end in the exact value of one person: the release "
            "gives their extremes away. Release with a generator that draws beyond the range of the people."
        )
