"""What a release is refused for: people in it, values of people at its ends, people kept in the numbers of a model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors

from bench.boundary.plain_release import Plain, at_resolution
from bench.core.formatting import counted
from bench.core.records import Records
from bench.core.released import ReleasedModel
from bench.core.variants import Variants

NEAR = 0.5  # of the distance below which only one in a hundred people has a neighbour
_QUANTILE = 0.01
_ENDS = 0.01  # of the features may end in a value of a person by chance
_LUCK = 3  # standard deviations above what real people share


class Checks(Protocol):
    """What was looked for in a release before it was published."""

    def facts(self) -> dict[str, str | int]:
        """Return what the certificate says of it: what was looked for, and what was found."""

    def reasons(self) -> Iterator[str]:
        """Yield why the release must not be published, each with the way out; nothing if nothing speaks against it."""


@dataclass(frozen=True)
class RowChecks:
    """What was looked for in released data.

    Parameters
    ----------
    copies : rows that are a person, on the grid of releases; of variants, by the genotypes at all sites
    near_copies : further rows that lie closer to a person than `near_distance`
    near_distance : half the distance that 99 of 100 people keep from everybody else
    ends_of_people : features whose least or largest released value is that of a person, to the last bit
    features : how many there are
    duplicates : rows that repeat another
    haplotypes, expected_haplotypes : released haplotypes that a person carries at all sites, and how many there would
        be of other real people, with room for luck; None where haplotypes are not told apart
    """

    copies: int
    near_copies: int
    near_distance: float
    ends_of_people: int
    features: int
    duplicates: int
    haplotypes: int | None = None
    expected_haplotypes: float = 0.0

    def facts(self) -> dict[str, str | int]:
        """Return what the certificate says: how near a release came is the people's own, and stays out."""
        found: dict[str, str | int] = {
            "rows equal to a person": "none",
            "rows close to a person": "none",
            "features that end in a person's value": "at most one in a hundred",
            "repeated rows": self.duplicates,
        }
        if self.haplotypes is not None:
            found["haplotypes that a person carries"] = "no more than other people share"
        return found

    def reasons(self) -> Iterator[str]:
        """Yield why the release must not be published."""
        if self.copies:
            who = "is a person" if self.copies == 1 else "are people"
            yield (
                f"{counted(self.copies, 'row')} {who} of the cohort, value by value. Release with a generator that "
                "copies nobody: `bench run` shows the attacks on each."
            )
        if self.near_copies:
            lie = "lies" if self.near_copies == 1 else "lie"
            yield (
                f"{counted(self.near_copies, 'row')} {lie} within {self.near_distance:.4g} of a person, which is half "
                "the distance that 99 of 100 people keep from everybody else. Release with a generator that learns no "
                "person by heart."
            )
        if self.ends_of_people > max(2, _ENDS * self.features):
            yield (
                f"{self.ends_of_people} of {self.features} features end in the exact value of one person: the release "
                "gives their extremes away. Release with a generator that draws beyond the range of the people."
            )
        if self.haplotypes is not None and self.haplotypes > self.expected_haplotypes:
            are = "is" if self.haplotypes == 1 else "are"
            yield (
                f"{counted(self.haplotypes, 'haplotype')} {are} carried by a person at every site; of other real "
                f"people it would be {self.expected_haplotypes:.0f} at most. Release with a generator that joins "
                "shorter stretches, or at more sites."
            )


def check(raw: Records, plain: Plain, people: Records) -> RowChecks:
    """Return what is found in released data, raw as the generator made it and plain, about the people trained on."""
    n_copies, n_near, near = _near_people(_rows(plain.records), _rows(at_resolution(people)))
    ends = 0 if people.units in ("counts", "genotype", "intensity") else _ends_of_people(raw.X, people.X)
    haplotypes = _carried(plain.records, people)
    return RowChecks(n_copies, n_near, near, ends, people.X.shape[1], plain.duplicates, *haplotypes)


def _rows(records: Records) -> NDArray[np.float64]:
    """Return (n, m) what a person is known by: the values; of variants the genotypes, whatever the phase."""
    values: Any = records.genotypes if isinstance(records, Variants) else records.X
    rows: NDArray[np.float64] = values.astype(np.float64)
    return rows


def _near_people(released: NDArray[np.float64], people: NDArray[np.float64]) -> tuple[int, int, float]:
    """Return how many rows are a person, how many others lie close to one, and how close that is."""
    neighbours = NearestNeighbors(n_neighbors=2).fit(people)
    own = neighbours.kneighbors(people)[0][:, 1]
    near = NEAR * float(np.quantile(own[own > 0], _QUANTILE)) if (own > 0).any() else 0.0
    distance = neighbours.kneighbors(released, n_neighbors=1)[0][:, 0]
    persons = {row.tobytes() for row in people}
    n_copies = sum(row.tobytes() in persons for row in released)
    return n_copies, max(0, int((distance < near).sum()) - n_copies), near


def _ends_of_people(released: NDArray[np.float32], people: NDArray[np.float32]) -> int:
    """Return how many features end, below or above, in a value that a person has; fixed limits are nobody's."""
    ends = np.stack([released.min(axis=0), released.max(axis=0)])  # (2, n_features)
    mine = (ends[:, None] == people).sum(axis=1)  # how many people have the value
    varies = ends[0] < ends[1]
    return int(((mine == 1).any(axis=0) & varies).sum())


def _carried(released: Records, people: Records) -> tuple[int | None, float]:
    """Return how many released haplotypes a person carries whole, and how many it would be of other real people.

    In a short stretch of the genome people share haplotypes, so that some are expected: as many as of the people's own
    are carried by somebody else too, and three standard deviations more.
    """
    if not (isinstance(released, Variants) and isinstance(people, Variants) and people.phased):
        return None, 0.0
    carriers = Counter(h for person in people.calls for h in {copy.tobytes() for copy in person})
    n = 2 * len(released)
    found = sum(h.tobytes() in carriers for h in released.haplotypes)
    shared = float(np.mean([carriers[h.tobytes()] > 1 for h in people.haplotypes]))
    return found, n * shared + _LUCK * float(np.sqrt(n * shared * (1 - shared)))


# -- models ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ModelChecks:
    """What was looked for in a released model.

    Parameters
    ----------
    copies, near_copies : rows of its arrays that are a person, or lie close to one, as of released data
    rows : rows of as many numbers as a person has
    """

    copies: int
    near_copies: int
    rows: int

    def facts(self) -> dict[str, str | int]:
        """Return what the certificate says."""
        return {"rows of its arrays that are, or nearly are, a person": "none"}

    def reasons(self) -> Iterator[str]:
        """Yield why the model must not be published."""
        if self.copies or self.near_copies:
            yield (
                f"the model keeps people: {counted(self.copies, 'row')} of its arrays "
                f"{'is a person' if self.copies == 1 else 'are people'} of the cohort, value by value, and "
                f"{self.near_copies} nearly so. Release with a classifier that keeps nobody (not neighbours, "
                "support vectors or centres of one person)."
            )


def check_model(model: ReleasedModel, people: Records) -> ModelChecks:
    """Return what is found in the arrays of a model about the people it was trained on."""
    rows = _person_sized(model.arrays, people.X.shape[1])
    if not len(rows):
        return ModelChecks(0, 0, 0)
    exact = people.X.astype(np.float64)
    n_copies, n_near, _ = _near_people(rows.astype(np.float32).astype(np.float64), exact)
    return ModelChecks(n_copies, n_near, len(rows))


def _person_sized(arrays: Mapping[str, NDArray[Any]], width: int) -> NDArray[np.float64]:
    """Return (n, width) the finite rows and columns of all arrays that have as many numbers as a person."""
    numbers = [values for values in arrays.values() if values.dtype.kind in "fiu" and values.ndim]
    sides = [(values, side) for values in numbers for side in {0, values.ndim - 1} if values.shape[side] == width]
    found = [np.moveaxis(values, side, -1).reshape(-1, width).astype(np.float64) for values, side in sides]
    rows = np.concatenate([np.empty((0, width)), *found])
    kept: NDArray[np.float64] = rows[np.isfinite(rows).all(axis=1)]
    return kept
