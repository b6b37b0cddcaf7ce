"""Study: what private generators are worth and what they leak, from a strict privacy budget to a loose one.

One number at one epsilon does not say whether a method is good: at a loose budget most are, and at a strict one the
noise decides. So each generator runs at several budgets on the same folds, and what it is worth to science stands
beside what the strongest attack finds and the most that any attack could find. These are the cells of an ordinary run:
what a run left in the store is not computed again, and the other way round.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from bench.core.errors import DataError
from bench.datasets import Dataset
from bench.datasets.folds import N_FOLDS, make_splits
from bench.engine.plan import PlannedCell, Scope, plan_generators
from bench.execution import Executor
from bench.execution.runner import Limits, Watch, execute, pending
from bench.registry.finding import sound
from bench.registry.selection import Choice
from bench.statistics.dp_bounds import auc_ceiling
from bench.statistics.membership import shown
from bench.statistics.strongest_attack import strongest_attack
from bench.store.rows import with_labels
from bench.store.store import Store

EPSILONS = (0.3, 1.0, 2.0, 4.0, 7.0, 10.0, 30.0, 100.0)
METRICS = "tstr,rare_class,mmd,coexpression"
AUC = "auc"  # of the strongest attack
UNLIMITED = math.inf  # the budget of a generator that claims none


@dataclass(frozen=True)
class Reading:
    """One measure that the study reads: its column in the rows, its title, which way is better, its value on people."""

    measure: str
    title: str
    better: Literal["higher", "lower"]
    real: str = ""  # the same measure of real people, where there is one


READINGS = (
    Reading("accuracy_synthetic", "accuracy", "higher", "accuracy_real"),
    Reading("aupr_synthetic", "AUPR", "higher", "aupr_real"),
    Reading("worst_class_recall_synthetic", "recall of the worst class", "higher", "worst_class_recall_real"),
    Reading("mmd", "MMD", "lower"),
    Reading("coexpression_recall_r03", "co-expression recall, r > 0.3", "higher", "coexpression_recall_r03_base"),
    Reading("coexpression_precision_r03", "co-expression precision", "higher", "coexpression_precision_r03_base"),
    Reading("gene_corr_rmse", "RMSE of correlations", "lower", "gene_corr_rmse_base"),
)


@dataclass(frozen=True, eq=False)
class EpsilonPlan:
    """The cells of all generators at all budgets, and which label of a row is which generator at which epsilon."""

    cells: tuple[PlannedCell, ...]
    budgets: dict[str, tuple[str, float]]


def plan_epsilons(
    dataset: Dataset, store: Store, epsilons: Sequence[float], generators: Sequence[Choice], beside: Sequence[Choice],
    metrics: Sequence[Choice], attacks: Sequence[Choice], *, seed: int, folds: Sequence[int],
) -> EpsilonPlan:  # fmt: skip
    """Return what is to be done: every generator at every epsilon, and those without a budget once, on every fold.

    Parameters
    ----------
    generators : each has a hyper-parameter ``epsilon``, which is set
    beside : generators without a budget, to compare with

    Raises
    ------
    DataError
        If there is no fold, or a generator has no ``epsilon``, or was given one.
    """
    if missing := next((c for c in generators if "epsilon" not in c.info.params), None):
        raise DataError(
            f"generator {missing.label!r} has no parameter epsilon, so no budget can be set; name it with --beside."
        )
    splits = [s for s in make_splits(dataset.cohort, seed=seed, n_folds=N_FOLDS) if s.fold in folds]
    if not splits:
        raise DataError("no fold was named; --folds must name at least one of 1 to 5.")
    budgets = {choice.label: (choice.label, UNLIMITED) for choice in beside}
    chosen = list(beside)
    for choice in generators:
        for epsilon in epsilons:
            chosen.append(_at(choice, epsilon))
            budgets[chosen[-1].label] = (choice.label, epsilon)
    cells = plan_generators(Scope(dataset, splits, store), chosen, metrics, attacks)
    return EpsilonPlan(tuple(cells), budgets)


def _at(choice: Choice, epsilon: float) -> Choice:
    if "epsilon" in choice.overrides:
        raise DataError(f"{choice.label!r} has an epsilon already, and the study sets it: name it with --epsilons.")
    return Choice(choice.info, {**choice.overrides, "epsilon": epsilon})


def carry_out(
    plan: EpsilonPlan, store: Store, limits: Limits, watch: Watch, executor: Executor | None = None
) -> pd.DataFrame:
    """Do what is missing and return the tidy rows, failures too, with the columns ``method`` and ``budget``."""
    rows = with_labels(execute(plan.cells, pending(plan.cells, store), store, limits, watch, executor).rows)
    wanted = rows["family"].eq("claim") | rows["measure"].isin(
        [AUC, *(m for r in READINGS for m in (r.measure, r.real))]
    )
    kept = rows[wanted].drop(columns=["wall_s", "peak_mb", "key"])
    found = [plan.budgets[label] for label in kept["label"]]
    return kept.drop(columns="label").assign(method=[m for m, _ in found], budget=[e for _, e in found])


# -- reading the rows --------------------------------------------------------------------------------------------------


def frontier(rows: pd.DataFrame) -> pd.DataFrame:
    """Return, per generator and budget, what it is worth and what the strongest attack finds.

    Returns
    -------
    frontier
        One row per method and budget, budgets rising. For each of `READINGS` the mean, ``_low`` and ``_high`` (smallest
        and largest fold); ``auc`` of the strongest attack, less the luck of being the best, with the interval
        ``auc_low``, ``auc_high`` that holds for all attacks at once and the name ``attack``; ``ceiling``, the largest
        AUC that the claim allows, NaN without a claim; ``ok``, ``planned`` (folds with a release, and folds).
    """
    found = [
        {"method": method, "budget": budget, **_worth(group), **_exposure(group)}
        for (method, budget), group in rows.groupby(["method", "budget"], sort=True)
    ]
    return pd.DataFrame(found)


def _worth(group: pd.DataFrame) -> dict[str, object]:
    good = group[group["status"].eq("ok")]
    found: dict[str, object] = {}
    for reading in READINGS:
        values = good.loc[good["measure"] == reading.measure, "value"].dropna()
        parts = (values.mean(), values.min(), values.max())
        found |= dict(zip((reading.measure, f"{reading.measure}_low", f"{reading.measure}_high"), parts, strict=True))
    measured = good[~good["family"].eq("claim")]
    return {**found, "ok": measured["fold"].nunique(), "planned": group["fold"].nunique()}


def _exposure(group: pd.DataFrame) -> dict[str, object]:
    claim = group[group["family"].eq("claim") & group["measure"].eq("epsilon") & group["status"].eq("ok")].dropna(
        subset=["value", "delta"]
    )
    ceilings = {auc_ceiling(e, d) for e, d in zip(claim["value"], claim["delta"], strict=True) if d > 0}
    names = [name for name in group["attack"].dropna().unique() if name]
    strongest = strongest_attack(group[group["attack"].isin(sound(names))])
    nothing: dict[str, object] = {"auc": math.nan, "auc_low": math.nan, "auc_high": math.nan, "attack": ""}
    if len(strongest):
        best = strongest.iloc[0]
        nothing = {
            "auc": best["value"],
            "auc_low": best["low"],
            "auc_high": best["high"],
            "attack": shown(best["attack"], best["reversed"]),
        }
    return {**nothing, "ceiling": max(ceilings, default=math.nan)}


def real_values(rows: pd.DataFrame) -> dict[str, float]:
    """Return what real people score on each of `READINGS` that has such a value: the most that a release can reach."""
    good = rows[rows["status"].eq("ok")]
    return {r.measure: float(good.loc[good["measure"] == r.real, "value"].mean()) for r in READINGS if r.real}


def by_method(found: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield each method with its rows of `frontier`, budgets rising."""
    for method, curve in found.groupby("method", sort=False):
        yield str(method), curve.sort_values("budget")
