"""Chooses who may be in a training of an audit, so that nothing but the coins tells it from a training of a run.

A generator that could tell would be honest in the audit alone. So an audit hands over what a run does: people of the
first fold, some of them exchanged for people it holds out, in the order of the cohort, with the same metadata and as
many of each class.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, cast, get_args

import numpy as np
from numpy.typing import NDArray

from bench.core.cohort import Cohort
from bench.core.errors import DataError
from bench.core.records import Records
from bench.core.seeds import stream
from bench.datasets.folds import make_splits
from bench.statistics.exposure import outlying

Coins = Literal["each", "pairs"]
COINS: tuple[Coins, ...] = get_args(Coins)
USUAL = (3.0,)  # times as far from the mean as a person is a canary
SEARCHED = (1.0, 3.0, 10.0)  # likewise of those that a search tries, in turn; all are cut to the range of the data


@dataclass(frozen=True, eq=False)
class Suspects:
    """Who may be in a training: the people, which of them have a coin, and how many are released.

    Parameters
    ----------
    always : in every training
    audited : those whose inclusion a coin decides; where a coin decides between two, first all that heads puts in, then
        in the same order all that tails puts in
    place : (n_always + n_audited,) where each of them stands in what a generator is handed
    released : the size of a training of the leaderboard, and of every release
    coins : ``"each"``: everybody audited has a coin of his own; ``"pairs"``: one coin decides which of two is in
    everybody : all of them, those without a coin first; None where canaries, which are expression, are to be joined
    """

    always: Records
    audited: Records
    place: NDArray[np.float64]
    released: int
    coins: Coins = "each"
    everybody: Records | None = None

    @property
    def n_coins(self) -> int:
        """How many fair coins a training throws."""
        return len(self.audited) // (2 if self.coins == "pairs" else 1)

    def rows_in(self, heads: NDArray[np.bool_]) -> NDArray[np.intp]:
        """Return which of the audited the coins put in, (n_in,) row numbers."""
        return np.flatnonzero(np.concatenate([heads, ~heads]) if self.coins == "pairs" else heads)

    def told(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return how much scores of the audited, higher for more likely in, speak for heads, (n_coins,)."""
        if self.coins == "each":
            return scores
        with np.errstate(invalid="ignore"):
            return np.nan_to_num(np.subtract(*np.split(scores, 2)), nan=0.0, posinf=np.inf, neginf=-np.inf)

    def alone(self, record: int) -> Suspects:
        """Return the same people with one of the canaries, which alone has a coin; the others are in no training."""
        n = len(self.always)
        place = np.append(self.place[:n], self.place[n + record])
        return replace(self, audited=self.audited.take([record]), place=place)

    def outliers(self) -> NDArray[np.bool_]:
        """Return which of the audited are among the tenth of everybody who are farthest from their class."""
        people = self.joined()
        return outlying(people.X, people.y)[len(self.always) :]

    def joined(self) -> Records:
        """Return everybody, those without a coin first, under numbers for names."""
        if self.everybody is None:
            return _joined(cast("Cohort", self.always), cast("Cohort", self.audited))
        return self.everybody


def suspects(
    cohort: Records, canaries: int, seed: int, *, coins: Coins = "each", far: Sequence[float] = USUAL
) -> Suspects:
    """Return who has a coin: people of the cohort or, with canaries, these.

    As many people as a fold holds out are each paired with somebody of their class whom it trains on. With coins of
    their own, a training has on average the size of one of the leaderboard; where a coin decides between the two of a
    pair, it has exactly that size, in every class, and its release as many as were trained on.

    A canary is made of genes of different people, three times as far from the mean as these: a record that nobody is
    like, because a guarantee holds for such a one too. A canary in a pair stands in for a person of its class.

    Parameters
    ----------
    cohort : at least five people in each class, because folds are made of them
    canaries : how many records that are nobody; 0 for people
    seed : of the fold, the pairs and the canaries
    coins : see `Suspects`
    far : how many times as far from the mean as a person the canaries are, in turn

    Raises
    ------
    DataError
        If no fold can be made, there are too many canaries for a training, or canaries are wanted of what is no
        expression: they are made of genes.
    """
    rows = {name: i for i, name in enumerate(cohort.samples)}
    split = make_splits(cohort, seed=seed)[0]
    train, holdout = (np.array([rows[name] for name in side.samples]) for side in (split.train, split.holdout))
    if canaries:
        if not isinstance(cohort, Cohort):
            raise DataError(f"canaries are made of genes, and the data are {cohort.modality}: leave out --canaries.")
        return _with_canaries(cohort, train, canaries, seed, coins, far)
    rng = stream(seed, "audit", "pairs")
    partners = _partners(cohort.y, train, holdout, rng)
    swapped = rng.random(len(holdout)) < 0.5  # heads is neither always the fold's own nor always the other
    audited = np.concatenate([np.where(swapped, partners, holdout), np.where(swapped, holdout, partners)])
    always = np.setdiff1d(train, partners)
    order = np.concatenate([always, audited])
    everybody = cohort.take(order).renamed(tuple(map(str, range(len(order)))))
    return Suspects(cohort.take(always), cohort.take(audited), order.astype(np.float64), len(train), coins, everybody)


def _partners(
    y: NDArray[np.str_], train: NDArray[np.intp], holdout: NDArray[np.intp], rng: np.random.Generator
) -> NDArray[np.intp]:
    """Return for each who is held out somebody of the same class who is trained on, nobody twice."""
    found = np.empty_like(holdout)
    for label in np.unique(y):
        mine = y[holdout] == label
        found[mine] = rng.choice(train[y[train] == label], size=int(mine.sum()), replace=False)
    return found


def _with_canaries(
    cohort: Cohort, train: NDArray[np.intp], canaries: int, seed: int, coins: Coins, far: Sequence[float]
) -> Suspects:
    rng = stream(seed, "audit", "canaries")
    order = rng.permutation(train)
    kept = np.unique(cohort.y[order], return_index=True)[1]  # one of each class is always in: classes are public
    spare = np.delete(order, kept)
    gone = canaries if coins == "pairs" else (canaries + 1) // 2
    if gone > len(spare):
        most = len(spare) * (1 if coins == "pairs" else 2)
        raise DataError(f"{canaries} canaries are too many for a training of {len(train)}; expected at most {most}.")
    out, always = spare[:gone], np.setdiff1d(train, spare[:gone])
    at = np.resize(out, canaries)  # a canary stands where its person stood; with coins of their own two share a place
    made = _canaries(cohort, at, rng, far)
    audited = _joined(made, cohort.take(at)) if coins == "pairs" else made
    at = at + rng.uniform(-0.5, 0.5, canaries)
    place = np.concatenate([always, at, at] if coins == "pairs" else [always, at])
    return Suspects(cohort.take(always), audited, place, len(train), coins)


def _canaries(cohort: Cohort, people: NDArray[np.intp], rng: np.random.Generator, far: Sequence[float]) -> Cohort:
    """Return one record that nobody is like for each of these people, with the metadata of that person."""
    rows = rng.integers(len(cohort), size=(len(people), cohort.n_genes))
    mean = cohort.X.mean(axis=0)
    times = np.resize(np.asarray(far, dtype=cohort.X.dtype), len(people))[:, None]
    away = mean + times * (np.take_along_axis(cohort.X, rows, axis=0) - mean)
    names = tuple(f"canary_{i + 1}" for i in range(len(people)))
    return Cohort(
        X=np.clip(away, cohort.X.min(), cohort.X.max()),
        y=cohort.y[people],
        genes=cohort.genes,
        samples=names,
        units=cohort.units,
        donors=None if cohort.donors is None else np.array(names),
        obs={name: values[people] for name, values in cohort.obs.items()},
    )


def _joined(first: Cohort, second: Cohort) -> Cohort:
    """Return the people of both, under numbers for names: `bench.boundary.handing_over` gives those that are seen."""
    if not len(first):
        return second
    parts = (first, second)
    return Cohort(
        X=np.concatenate([part.X for part in parts]),
        y=np.concatenate([part.y for part in parts]),
        genes=first.genes,
        samples=tuple(map(str, range(len(first) + len(second)))),
        units=first.units,
        donors=None if first.donors is None else np.concatenate([cast("NDArray[np.str_]", p.donors) for p in parts]),
        obs={name: np.concatenate([part.obs[name] for part in parts]) for name in first.obs},
    )
