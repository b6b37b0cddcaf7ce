"""How close a release comes to its members beyond what it comes to other people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from bench import Cohort, Estimate, Measure, metric

from ._asked import Asked, asked, nearest
from ._estimates import UNDEFINED, share_gone
from ._scaling import centre_and_scale

Array = NDArray[np.float64]
_MOST = 4000  # of a kind: of a few people who are copied, none is to be missed
_CLOSEST = 0.05  # share of the people in the second measure


@metric(
    "reconstruction",
    modalities="all",
    family="privacy",
    measures=(
        Measure("reconstruction_leak", "lower", high=1, rank=5, title="recovered"),
        Measure("reconstruction_closest_leak", "lower", high=1, rank=6, title="closest 5 %"),
        Measure("reconstruction_closest_members", "none", 0, title="closest, members"),
        Measure("reconstruction_closest_others", "none", 0, title="closest, others"),
    ),
)
@dataclass(kw_only=True)
class Reconstruction:
    """Return how much of the distance to the nearest synthetic sample is gone where a person is a member.

    Squared distances of standardised genes, in units of the distance to the nearest of half of the people who are held
    out (the half without the person): some people are far from everybody. ``reconstruction_leak`` is the share of that
    ratio on others that is gone on members: 0 if being a member makes no difference, 1 if every member is in the
    release. ``reconstruction_closest_leak`` is the same of the twentieth of each kind that it comes closest to, in
    which a few copied people show whom an average hides; ``_closest_members`` and ``_closest_others`` are their mean
    ratios. Members are cut into parts as large as there are others, because the closest of more people are closer; the
    interval says how far members would scatter if they were others.

    NaN without a synthetic sample, if no gene varies, or with fewer than six people of a kind.
    """

    def __call__(
        self, train: Cohort, holdout: Cohort, synthetic: Cohort, *, rng: np.random.Generator
    ) -> Mapping[str, float | Estimate]:
        """Return both leaks with their intervals, and the ratios of the closest."""
        names = ("leak", "closest_leak", "closest_members", "closest_others")
        people = asked(train, holdout, rng, most=_MOST)
        if people is None or len(synthetic) == 0 or (train.X[:1] == train.X).all():
            return {f"reconstruction_{name}": UNDEFINED for name in names}
        centre, scale = centre_and_scale(train.X)
        ours, theirs = (((X - centre) / scale).astype(np.float32) for X in (people.X, synthetic.X))
        apart, usual = nearest(ours, theirs)[1], _to_others(ours, people)
        found: tuple[float | Estimate, ...] = (
            share_gone(apart, usual, people.member),
            *_closest(apart / usual, people.member),
        )
        return {f"reconstruction_{name}": value for name, value in zip(names, found, strict=True)}


def _to_others(X: NDArray[np.float32], people: Asked) -> Array:
    """Return (n,) squared distances to the nearest of the others in the other half, never quite 0."""
    usual = np.empty(len(X))
    for half in (0, 1):
        who = people.half == half
        usual[who] = nearest(X[who], X[~people.member & ~who])[1]
    return np.maximum(usual, 1e-9)


def _closest(ratios: Array, member: NDArray[np.bool_]) -> tuple[Estimate, float, float]:
    """Return which share of the mean ratio of the closest others is gone on the closest members, and both means."""
    mine, others = ratios[member], ratios[~member]  # in random order
    parts = [mine[i : i + len(others)] for i in range(0, len(mine) - len(others) + 1, len(others))] or [mine]
    members = float(np.mean([_lowest(part)[0] for part in parts]))
    level, error = _lowest(others)
    if level <= 0:
        return UNDEFINED, members, level
    few = max(ceil(_CLOSEST * len(others)) - 1, 1)  # degrees of freedom of the closest others, who are fewest
    reach = float(stdtrit(few, 0.975)) * error / level * sqrt(1 + 1 / len(parts))
    value = 1 - members / level
    return Estimate(value, value - reach, value + reach), members, level


def _lowest(ratios: Array) -> tuple[float, float]:
    """Return the mean of the lowest twentieth, the last of them in part, and its standard error."""
    n = len(ratios)
    level = np.sort(ratios)[ceil(_CLOSEST * n) - 1]
    below = np.maximum(level - ratios, 0) / _CLOSEST
    return float(level - below.mean()), float(below.std()) / sqrt(n)
