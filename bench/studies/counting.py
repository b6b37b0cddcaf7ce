"""Counts draws of the mechanism that a claim is about: how often a record comes out as it went in, and without it.

Where a mechanism may give out a record of its input, no training is needed to test the claim. The event "this very
record came out" was chosen before any draw, so that two counts bound what any epsilon and delta must allow.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

from bench.core.errors import DataError, PluginError
from bench.core.records import Records
from bench.core.roles import PrivacyClaim
from bench.core.seeds import stream
from bench.datasets.folds import make_splits
from bench.registry.finding import create
from bench.registry.selection import Choice
from bench.statistics.dp_bounds import error_rates, repeated_epsilon, repeated_p_value
from bench.studies.audit_reading import COUNTED, EACH, Bound


class DrawsMechanism(Protocol):
    """A generator that lets the mechanism of its claim be drawn from, before it is fitted."""

    def mechanism_draws(
        self, cohort: Records, row: int, n: int, *, rng: np.random.Generator
    ) -> Iterable[NDArray[np.float32]]:
        """Yield n independent outputs, (n, n_features) in parts, of the step that the claim is about for one record."""
        ...

    def claim(self) -> PrivacyClaim | None:
        """Return what is claimed."""
        ...


@dataclass(frozen=True)
class Counted:
    """In how many draws a record came out as it is.

    Parameters
    ----------
    inside, outside : with the record among the data, and without it
    draws : of either
    """

    inside: int
    outside: int
    draws: int

    def bound(self, epsilon: float, delta: float) -> Bound:
        """Return the lower bound of epsilon at delta, with the lower bound of delta at epsilon.

        Examples
        --------
        >>> found = Counted(inside=100_000, outside=0, draws=100_000).bound(epsilon=1.0, delta=0.0)
        >>> round(found.low, 2), round(found.delta_low, 4)
        (10.04, 0.9998)
        """
        missed = self.draws - self.inside
        fpr, fnr = error_rates(self.outside, self.draws, missed, self.draws, EACH)
        best = error_rates(0, self.draws, 0, self.draws, EACH)
        return Bound(
            COUNTED,
            "the record itself",
            repeated_epsilon(fpr, fnr, delta),
            repeated_epsilon(*best, delta),
            f"came out in {self.inside} of {self.draws} draws with the record, in {self.outside} without it",
            p_value=repeated_p_value(self.outside, self.draws, missed, self.draws, epsilon, delta),
            delta_low=max(0.0, 1 - fnr - math.exp(min(epsilon, 700.0)) * fpr),
        )


def stated(generator: Choice) -> PrivacyClaim | None:
    """Return what a generator claims before it is fitted, whose mechanism can be drawn from.

    Raises
    ------
    PluginError
        If its mechanism cannot be drawn from.
    """
    return _maker(generator).claim()


def count_draws(generator: Choice, cohort: Records, draws: int, seed: int) -> Counted:
    """Return how often a record of the first fold comes out of the mechanism, with it and without it in the data.

    Without it, somebody of its class who is held out stands in its place, or nobody if the claim is about adding and
    removing. Both counts use the same random numbers.

    Raises
    ------
    DataError
        If every record is there twice.
    PluginError
        If the mechanism cannot be drawn from, or gives out something else than n rows of records.
    """
    maker, claim = _maker(generator), stated(generator)
    places = {name: i for i, name in enumerate(cohort.samples)}
    split = make_splits(cohort, seed=seed)[0]
    train, holdout = (np.array([places[name] for name in side.samples]) for side in (split.train, split.holdout))
    row, other = _chosen(cohort, train, holdout, seed)
    without, at = train.copy(), row
    if claim is not None and claim.neighbours == "add-remove":
        without, at = np.delete(train, row), 0
    else:
        without[row] = other
    found = []
    for rows, asked in ((train, row), (without, at)):
        rng = stream(seed, "counting", generator.info.name)
        parts = maker.mechanism_draws(cohort.take(rows), asked, draws, rng=rng)
        counts = list(_equal(parts, cohort.X[train[row]], generator.label))
        if (n := sum(size for size, _ in counts)) != draws:
            raise PluginError(f"{generator.label}: mechanism_draws gave {n} outputs; expected {draws}.")
        found.append(sum(hits for _, hits in counts))
    inside, outside = found
    return Counted(inside, outside, draws)


def _maker(generator: Choice) -> DrawsMechanism:
    made = create(generator.info, generator.params)
    if not callable(getattr(made, "mechanism_draws", None)):
        raise PluginError(
            f"{generator.label} has no method 'mechanism_draws', so that there is nothing to count; audit it without "
            "--draws."
        )
    return cast("DrawsMechanism", made)


def _chosen(cohort: Records, train: NDArray[np.intp], holdout: NDArray[np.intp], seed: int) -> tuple[int, np.intp]:
    """Return which of those trained on is there once and not held out, and somebody held out of its class."""
    rng = stream(seed, "counting", "record")
    held = {person.tobytes() for person in cohort.X[holdout]}
    _, first, counts = np.unique(cohort.X[train], axis=0, return_index=True, return_counts=True)
    once = [i for i in np.sort(first[counts == 1]) if cohort.X[train[i]].tobytes() not in held]
    if not once:
        raise DataError("every record of the first fold is there twice; expected one that is there once.")
    row = int(rng.choice(once))
    return row, rng.choice(holdout[cohort.y[holdout] == cohort.y[train[row]]])


def _equal(
    outputs: Iterable[NDArray[np.float32]], record: NDArray[np.float32], label: str
) -> Iterable[tuple[int, int]]:
    for part in outputs:
        if part.ndim != 2 or part.shape[1] != len(record):
            raise PluginError(f"{label}: mechanism_draws gave the shape {part.shape}; expected n x {len(record)}.")
        yield len(part), int((part == record).all(axis=1).sum())
