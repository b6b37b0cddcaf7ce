"""Reads bounds of epsilon for parts of the people of an audit: the class that shows most, and the outliers.

A guarantee holds for everybody, so a bound over any part of the people is a bound of epsilon, and a release that gives
one small class away shows more there than among all. These bounds are no part of the verdict: each holds at its own
confidence, and the verdict is paid for by the two designs of an audit alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from bench.studies.audit_reading import Bound, Trial, over_many, read_both_ways
from bench.studies.suspects import Suspects

_FEWEST = 10  # coins in a part; with fewer no bound is above 0


@dataclass(frozen=True)
class Parts:
    """The bounds of parts of the people.

    Parameters
    ----------
    low_class : lower bound of epsilon over the people of the class that showed most when choosing; NaN where no class
        has ten coins
    worst_class : that class; empty where there is none
    low_outliers : the bound over the tenth who are farthest from their class; NaN where fewer than ten have a coin
    """

    low_class: float = math.nan
    worst_class: str = ""
    low_outliers: float = math.nan


NO_PARTS = Parts()


@dataclass(frozen=True, eq=False)
class Who:
    """Which coins belong to which part, each mask (n_coins,): by class, and of the outliers."""

    classes: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)
    outliers: NDArray[np.bool_] | None = None


def parts_of(who: Suspects) -> Who:
    """Return which coins are those of which class, and of outliers; of canaries, who are nobody, there are none.

    Where a coin decides between two people of a class, it is an outlier's if one of the two is an outlier.
    """
    if who.everybody is None:
        return Who()
    n, far = who.n_coins, who.outliers()
    labels = who.audited.y[:n]
    return Who(
        {str(label): labels == label for label in np.unique(labels)},
        far[:n] | far[n:] if who.coins == "pairs" else far,
    )


def bounds_of_parts(trials: Sequence[Trial], who: Who, delta: float, *, doubled: bool = False) -> Parts:
    """Return the bounds of the parts of an audit; of parts of less than ten coins there are none.

    Attack, sign and numbers of guesses are chosen for each part on the first half of the trainings, the class with
    them, and read on the others, so that nothing is paid for the choice.

    Parameters
    ----------
    trials, delta, doubled : as for `bench.studies.audit_reading.bounds`
    """
    trials = read_both_ways(trials)
    half = len(trials) // 2

    def read(mask: NDArray[np.bool_], reading: Sequence[Trial]) -> Bound:
        first, second = ([_only(trial, mask) for trial in some] for some in (trials[:half], reading))
        return over_many(first, second, delta, doubled, epsilon=0.0)

    def telling(label: str) -> tuple[float, float]:
        found = read(who.classes[label], trials[:half])
        return found.low, -found.p_value

    classes = [label for label, mask in who.classes.items() if mask.sum() >= _FEWEST]
    worst = max(classes, key=telling, default="")
    low = read(who.classes[worst], trials[half:]).low if worst else math.nan
    enough = who.outliers is not None and who.outliers.sum() >= _FEWEST
    return Parts(low, worst, read(who.outliers, trials[half:]).low if enough else math.nan)  # type: ignore[arg-type]


def _only(trial: Trial, mask: NDArray[np.bool_]) -> Trial:
    return replace(
        trial, inside=trial.inside[mask], scores={name: scores[mask] for name, scores in trial.scores.items()}
    )
