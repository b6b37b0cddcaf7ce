"""Decides what an attacker sees: the view that each access level grants, and - for the harness alone - the truth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.core.seeds import stream
from bench.core.types import GRANTS, Access, AttackView, Cohort, Generator, Split
from bench.statistics.exposure import exposure_measures, outlying
from bench.statistics.membership import Reading, membership_measures

WITH_CODE = tuple(access for access, fields in GRANTS.items() if "make_generator" in fields)


@dataclass(frozen=True, eq=False)
class Candidates:
    """The people an attacker is asked about, in an order that tells nothing, and what only the harness knows.

    Parameters
    ----------
    people : (n, n_genes)
    labels : (n,) class labels
    member : (n,) bool, who was in the training set
    outlier : (n,) bool, the tenth farthest from everybody else
    """

    people: NDArray[np.float32]
    labels: NDArray[np.str_]
    member: NDArray[np.bool_]
    outlier: NDArray[np.bool_]

    def readings(self, scores: NDArray[np.float64]) -> tuple[Reading, ...]:
        """Return every reading of one attack, over everybody, the worst class and the outliers."""
        everybody = membership_measures(scores, self.member)
        return (*everybody, *exposure_measures(scores, self.member, self.labels, self.outlier))


@lru_cache(maxsize=2)
def candidates(split: Split, dataset: str) -> Candidates:
    """Return the train and holdout people of a fold, mixed; the order is the same for every generator."""
    people = np.concatenate([split.train.X, split.holdout.X])
    labels = np.concatenate([split.train.y, split.holdout.y])
    order = stream(split.seed, "targets", dataset, split.fold).permutation(len(people))
    member = order < len(split.train)
    return Candidates(people[order], labels[order], member, outlying(people[order]))


@dataclass(frozen=True, eq=False)
class Insider:
    """What only attackers with more than the release get.

    Parameters
    ----------
    make_generator : returns a fresh, unfitted copy of the attacked generator
    fit : returns the very model that made the release
    """

    make_generator: Callable[[], Generator]
    fit: Callable[[], Generator]


def view_of(
    split: Split, dataset: str, synthetic: Cohort, access: Access, insider: Insider | None = None
) -> AttackView:
    """Return what an attacker with this access sees of one release.

    Parameters
    ----------
    split : its reference people are shown where the access grants them
    synthetic : the release
    access : as the attack declares it
    insider : what the access levels ``code`` and ``white-box`` grant beside; None where there is only a release
    """
    asked, granted = candidates(split, dataset), GRANTS[access]
    possible: dict[str, Callable[[], Any]] = {
        "synthetic_labels": lambda: synthetic.y,
        "target_labels": lambda: asked.labels,
        "reference": lambda: None if split.reference is None else split.reference.X,
        "units": lambda: synthetic.units,
        "make_generator": lambda: insider.make_generator if insider else None,
        "fitted": lambda: insider.fit() if insider else None,
    }
    extra = {name: value() for name, value in possible.items() if name in granted}
    return AttackView(synthetic=synthetic.X, targets=asked.people, genes=synthetic.genes, **extra)
