"""Study: how exposure depends on the number of people that a generator is trained on, at a fixed number of genes.

A generator that is fitted to fewer people than genes can keep every one of them; where it starts to average over people
shows when the training set grows and nothing else changes. So the folds, the people held out and the genes stay, and
each training set holds the smaller ones. Samples and scores come from the store or go to it, as in a run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.core.cohort import Cohort, as_expression
from bench.core.errors import DataError
from bench.core.roles import Split
from bench.core.seeds import stream
from bench.datasets import Dataset
from bench.datasets.folds import folds_that_fit
from bench.engine.plan import PlannedCell, Scope, plan_generators
from bench.execution import Executor
from bench.execution.runner import Limits, Watch, execute, pending
from bench.registry.finding import sound
from bench.registry.selection import Choice
from bench.statistics.membership import REVERSED, shown
from bench.statistics.strongest_attack import strongest_attack, strongest_by_fold
from bench.store.store import Store

FEWEST = 3  # people of each class in the smallest training set
TOTAL = 0.99  # an AUC from here on counts as total exposure
MEASURES = ("auc", "tpr_at_fpr_01", "tpr_at_fpr_01" + REVERSED)
_OF_GENES = (1 / 8, 1 / 4, 1 / 2, 3 / 4, 1, 3 / 2, 2, 3, 4, 6, 8)  # default sizes, in genes
_RELEASE = ["generator", "params", "n_train"]


@dataclass(frozen=True, eq=False)
class SizedPlan:
    """The cells of one size of the training set."""

    n_train: int
    cells: tuple[PlannedCell, ...]


def with_genes(dataset: Dataset, n_genes: int) -> Dataset:
    """Return the dataset with so many of its genes, drawn at random and in their order, under a name of its own.

    Fewer genes bring a real cohort to more people than genes.

    Raises
    ------
    DataError
        If it has not so many genes.
    """
    cohort = dataset.cohort
    if not 2 <= n_genes < cohort.n_genes:
        raise DataError(f"{n_genes} genes of {cohort.n_genes} cannot be drawn; expected 2 to {cohort.n_genes - 1}.")
    chosen = np.sort(stream(0, "study genes", dataset.name).permutation(cohort.n_genes)[:n_genes])
    return replace(
        dataset,
        name=f"{dataset.name}-{n_genes}genes",
        title=f"{dataset.title}; {n_genes} of {cohort.n_genes} genes drawn at random",
        cohort=_only(dataset.expression, chosen),
        reference=_only(as_expression(dataset.reference), chosen) if dataset.reference else None,
    )


def _only(cohort: Cohort, genes: NDArray[np.intp]) -> Cohort:
    return replace(cohort, X=cohort.X[:, genes], genes=tuple(cohort.genes[g] for g in genes))


def sizes_of(dataset: Dataset, seed: int, wanted: Sequence[int] | None) -> list[int]:
    """Return the sizes of the training sets, rising: those that are wanted, or an eighth of the genes and upwards.

    Raises
    ------
    DataError
        If one has fewer than three people per class, or more than every fold has in its training set.
    """
    fewest = FEWEST * len(dataset.cohort.classes)
    most = min(len(split.train) for split in folds_that_fit(dataset.cohort, seed=seed))
    if wanted is None:
        steps = {round(share * dataset.cohort.n_genes) for share in _OF_GENES}
        return sorted({n for n in steps if fewest <= n < 0.9 * most} | {most})
    for n in wanted:
        if not fewest <= n <= most:
            raise DataError(
                f"a training set of {n} is not possible on {dataset.name!r}: {fewest} ({FEWEST} per class) to {most} "
                "(four folds of five) are. Mend --sizes; a small cohort gets beyond its genes with --genes."
            )
    return sorted(set(wanted))


def resampled(split: Split, n: int) -> Split:
    """Return the fold with n of its training people: classes in proportion, and a larger n keeps all of a smaller."""
    order = nested_order(split.train.y, stream(split.seed, "study people", split.fold))
    return replace(split, train=split.train.take(np.sort(order[:n])))


def nested_order(labels: NDArray[np.str_], rng: np.random.Generator) -> NDArray[np.intp]:
    """Return an order of people whose every beginning has the classes in proportion, but first three of each."""
    place = np.empty(len(labels))
    for label in np.unique(labels):
        rows = rng.permutation(np.flatnonzero(labels == label))
        place[rows] = (np.arange(len(rows)) + rng.random()) / len(rows)
        place[rows[:FEWEST]] -= 1  # before everybody else
    return np.argsort(place, kind="stable")


def plan_sizes(
    dataset: Dataset, store: Store, sizes: Sequence[int], generators: Sequence[Choice], attacks: Sequence[Choice],
    *, seed: int, folds: Sequence[int],
) -> list[SizedPlan]:  # fmt: skip
    """Return what is to be done for each size: every generator on every fold, and all attacks on what it releases.

    Raises
    ------
    DataError
        If there are no folds or no attack, or a generator is not fitted on the training people.
    """
    if not attacks:
        raise DataError("no attack was named, and exposure is what attacks find; mend --attacks.")
    known = folds_that_fit(dataset.cohort, seed=seed, reference=dataset.reference)
    splits = [split for split in known if split.fold in folds]
    if not splits:
        raise DataError("no fold was named; --folds must name at least one of 1 to 5.")
    for choice in generators:
        if choice.info.option("fits", "train") != "train":
            raise DataError(f"generator {choice.label!r} is not fitted on the training people; leave it out.")
    plans = []
    for n in sizes:
        scope = Scope(dataset, [resampled(split, n) for split in splits], store)
        plans.append(SizedPlan(n, tuple(plan_generators(scope, generators, [], attacks))))
    return plans


def carry_out(
    plans: Sequence[SizedPlan], store: Store, limits: Limits, watch: Watch, executor: Executor | None = None
) -> pd.DataFrame:
    """Do what is missing and return the tidy rows of all attacks, with the size of the training set; failures too."""
    parts = []
    for plan in plans:
        rows = execute(plan.cells, pending(plan.cells, store), store, limits, watch, executor).rows
        kept = rows[rows["measure"].isin(MEASURES)].drop(columns=["family", "wall_s", "peak_mb", "key"])
        parts.append(kept.assign(n_train=plan.n_train))
    return pd.concat(parts, ignore_index=True)


# -- reading the rows --------------------------------------------------------------------------------------------------


def curves(rows: pd.DataFrame) -> pd.DataFrame:
    """Return, per generator and size, what the strongest attack finds.

    Returns
    -------
    curves
        Columns generator, params, n_train; auc, auc_low, auc_high (mean, smallest and largest over folds); tpr (mean
        at a false-positive rate of 1 %), all of the attack with the largest mean AUC, less the luck of being the best;
        attacks (its name); ok, planned (folds).
    """
    judged = rows[rows["attack"].isin(sound(rows["attack"].unique()))]
    found = [
        {**dict(zip(_RELEASE, release, strict=True)), **_point(group)}
        for release, group in judged.groupby(_RELEASE, sort=True)
    ]
    return pd.DataFrame(found)


def _point(group: pd.DataFrame) -> dict[str, object]:
    chosen = strongest_attack(group)
    values = strongest_by_fold(group, chosen)["value"].dropna()
    name, turned = str(chosen["attack"].iloc[0]), bool(chosen["reversed"].iloc[0])
    measure = "tpr_at_fpr_01" + (REVERSED if turned else "")
    rates = group["value"][(group["measure"] == measure) & (group["attack"] == name)]
    return {
        "auc": float(chosen["value"].iloc[0]),
        "auc_low": values.min(),
        "auc_high": values.max(),
        "tpr": rates.mean(),
        "attacks": shown(name, turned),
        "ok": len(values),
        "planned": group["fold"].nunique(),
    }


def falls_off(curve: pd.DataFrame) -> tuple[int | None, int | None]:
    """Return the last size up to which exposure is total, and the first at which it is not; None where there is none.

    Parameters
    ----------
    curve : the rows of `curves` of one generator, by rising size
    """
    total: list[bool] = list(curve["auc"] >= TOTAL)
    last = next((i for i, full in enumerate(total) if not full), len(total))
    sizes = [int(n) for n in curve["n_train"]]
    return (sizes[last - 1] if last else None), (sizes[last] if last < len(sizes) else None)


def by_generator(found: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield each generator, as a user writes it, with its rows of `curves`."""
    for (name, params), curve in found.groupby(["generator", "params"], sort=True):
        yield (f"{name}[{params}]" if params else str(name)), curve.sort_values("n_train")
