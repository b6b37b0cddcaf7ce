"""Study: whether an attacker who holds another sample of a donor can tell that the donor was in the training set.

An attack on the very samples that were trained on is the strongest case. Somebody who wants to know whether a donor
took part seldom holds that sample: he holds a second aliquot of it, or another tissue of the donor. So generators are
trained on one sample of each donor, and the same attacks on the same release are asked about three tiers of samples:
those that were trained on, other samples of their donors of the same kind, and of another kind. Non-members are the
like samples of donors who are held out. A tier is asked about the donors that have such a sample, and no one else.

These are cells of the engine: one release a fold, and a task for every attack and tier.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.core.cohort import Cohort
from bench.core.errors import DataError, near_name
from bench.core.records import Records
from bench.core.roles import Split
from bench.core.seeds import stream
from bench.datasets import Dataset
from bench.datasets.folds import folds_that_fit
from bench.engine.plan import PlannedCell, Scope, plan_asked_about
from bench.execution import Executor
from bench.execution.runner import Limits, Watch, execute, pending
from bench.registry.finding import sound
from bench.registry.selection import Choice
from bench.statistics.strongest_attack import strongest_attack
from bench.store.store import Store

Tier = Literal["own sample", "other aliquot", "other tissue"]
TIERS: tuple[Tier, ...] = get_args(Tier)
FEWEST = 5  # donors on either side of a tier; with fewer an AUC says nothing


@dataclass(frozen=True, eq=False)
class Linked:
    """One sample of each donor to train on, and the others to ask about.

    Parameters
    ----------
    trained : (n_donors,) row numbers, in the order of the cohort
    others : for each of the two further tiers (n,) row numbers of other samples, one of each donor who has such a one
    donors : (n_samples,) who gave each sample of the cohort
    """

    trained: NDArray[np.intp]
    others: dict[Tier, NDArray[np.intp]]
    donors: NDArray[np.str_]


@dataclass(frozen=True, eq=False)
class TierPlan:
    """The cells in which attacks are asked about one tier, and how many donors are asked about in each fold."""

    tier: Tier
    cells: tuple[PlannedCell, ...]
    asked: dict[int, tuple[int, int]]  # by fold: members, others


def linked(cohort: Records, kind: str | None, seed: int) -> Linked:
    """Return which sample of each donor is trained on, and which others there are to ask about.

    The sample is of the kind that most donors have, where the donor has one of that kind, and drawn at random among
    those. Of the others one of each tier is drawn.

    Parameters
    ----------
    kind : the column of ``obs`` that says of what kind a sample is (tumour or normal, say); None: all are of one kind

    Raises
    ------
    DataError
        If the cohort has no donors, no donor has two samples, or there is no such column.
    """
    donors = cohort.donors
    if donors is None or len(np.unique(donors)) == len(donors):
        raise DataError("no donor has two samples here, so that nobody can hold another sample of one.")
    kinds = _kinds(cohort, kind)
    names, counts = np.unique(kinds, return_counts=True)
    usual = names[np.argmax(counts)]
    rng = stream(seed, "donors", "samples")
    trained: list[int] = []
    others: dict[Tier, list[int]] = {tier: [] for tier in TIERS[1:]}
    for donor in np.unique(donors):
        mine = rng.permutation(np.flatnonzero(donors == donor))
        mine = mine[np.argsort(kinds[mine] != usual, kind="stable")]
        trained.append(int(mine[0]))
        same = kinds[mine[1:]] == kinds[mine[0]]
        for tier, found in zip(TIERS[1:], (mine[1:][same], mine[1:][~same]), strict=True):
            others[tier] += [int(row) for row in found[:1]]
    chosen = {tier: np.sort(np.array(rows, dtype=np.intp)) for tier, rows in others.items()}
    return Linked(np.sort(np.array(trained, dtype=np.intp)), chosen, donors)


def _kinds(cohort: Records, kind: str | None) -> NDArray[np.str_]:
    if kind is None:
        return np.full(len(cohort), "", dtype=np.str_)
    columns = cohort.obs if isinstance(cohort, Cohort) else {}
    if kind not in columns:
        raise DataError(f"there is no column {kind!r} beside the labels.{near_name(kind, columns)}")
    return np.asarray(columns[kind], dtype=np.str_)


def plan_tiers(
    dataset: Dataset, store: Store, generators: Sequence[Choice], attacks: Sequence[Choice], *, kind: str | None,
    seed: int, folds: Sequence[int],
) -> list[TierPlan]:  # fmt: skip
    """Return what is to be done: every generator on one sample of each donor, and all attacks on every tier.

    A tier with fewer than five donors on a side of a fold is left out on that fold.

    Raises
    ------
    DataError
        If no donor has two samples, there is no fold or no attack, or a generator is not fitted on the training people.
    """
    if not attacks:
        raise DataError("no attack was named, and exposure is what attacks find; mend --attacks.")
    for choice in generators:
        if choice.info.option("fits", "train") != "train":
            raise DataError(f"generator {choice.label!r} is not fitted on the training people; leave it out.")
    cohort, who = dataset.cohort, linked(dataset.cohort, kind, seed)
    splits = [s for s in folds_that_fit(cohort.take(who.trained), seed=seed) if s.fold in folds]
    if not splits:
        raise DataError("no fold was named; --folds must name at least one of 1 to 5.")
    scope = Scope(dataset, splits, store)
    rows = {"own sample": _with_another(who), **who.others}
    plans = []
    for tier in TIERS:
        asked = {split.fold: found for split in splits if (found := _asked(cohort, who, rows[tier], split))}
        cells = tuple(plan_asked_about(scope, generators, attacks, asked))
        plans.append(TierPlan(tier, cells, {f: (len(s.train), len(s.holdout)) for f, s in asked.items()}))
    return plans


def _with_another(who: Linked) -> NDArray[np.intp]:
    """Return the trained samples of donors with another one: all tiers are about such donors."""
    others = np.concatenate(list(who.others.values()))
    return who.trained[np.isin(who.donors[who.trained], who.donors[others])]


def _asked(cohort: Records, who: Linked, rows: NDArray[np.intp], split: Split) -> Split | None:
    """Return the samples of a tier of donors who are trained on, and of those held out; None where they are too few."""
    inside, outside = (
        rows[np.isin(who.donors[rows], list(map(str, side.donors if side.donors is not None else ())))]
        for side in (split.train, split.holdout)
    )
    if min(len(inside), len(outside)) < FEWEST:
        return None
    return Split(cohort.take(inside), cohort.take(outside), split.fold, split.seed)


def carry_out(
    plans: Sequence[TierPlan], store: Store, limits: Limits, watch: Watch, executor: Executor | None = None
) -> pd.DataFrame:
    """Do what is missing and return the tidy rows of all attacks, failures too, with the tier they were asked about."""
    parts = []
    for plan in (plan for plan in plans if plan.cells):
        rows = execute(plan.cells, pending(plan.cells, store), store, limits, watch, executor).rows
        kept = rows[rows["attack"] != ""].drop(columns=["wall_s", "peak_mb", "key"])
        parts.append(kept.assign(tier=plan.tier, n_members=sum(m for m, _ in plan.asked.values())))
    return pd.concat(parts, ignore_index=True)


# -- reading the rows --------------------------------------------------------------------------------------------------


def found_by_tier(rows: pd.DataFrame) -> pd.DataFrame:
    """Return, per generator and tier, what the strongest attack finds.

    Returns
    -------
    found
        Columns generator, params, tier, attack, reversed, value, low, high, p_value: see `strongest_attack`, which
        pays for the choice among attacks and signs; n_folds, n_members (donors who were trained on, over all folds).
    """
    judged = rows[rows["attack"].isin(sound(rows["attack"].unique()))]
    return pd.DataFrame(_found(judged))


def _found(judged: pd.DataFrame) -> Iterator[dict[str, object]]:
    wanted = ["attack", "reversed", "value", "low", "high", "p_value", "n_folds"]
    for (generator, params, tier), group in judged.groupby(["generator", "params", "tier"], sort=False):
        one = strongest_attack(group).iloc[0]
        about = {"generator": generator, "params": params, "tier": tier, "n_members": int(group["n_members"].iloc[0])}
        yield {**about, **{name: one[name] for name in wanted}}
