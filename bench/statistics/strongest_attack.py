"""Reads how well the strongest of many attacks does on each release, without rewarding or punishing the choice.

The best of twenty attacks beats chance on a release that leaks nothing. To choose it on the other folds of one split is
no way out: a member of one fold is a non-member of another, so that what looks strong on four folds by luck is weak on
the fifth, and twenty attacks that know nothing read 0.46. So nothing is chosen on one part and read on another here.
All attacks are read on all folds, and intervals and p values hold for all of them at once.

An attack that ranks members last tells as much as one that ranks them first. So each is read both ways, as it is and
with its sign reversed, and the reading pays for both.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import betaincc, ndtr, ndtri

from bench.statistics.largest import median_of_largest, rivals_of_the_largest
from bench.statistics.membership import FPR_TARGETS, LEVEL, REVERSED, allowed_false_alarms, chance_of_tpr

Floats = NDArray[np.float64]
Candidates = tuple[int, int]
_RELEASE = ["dataset", "generator", "params"]
_Z = float(ndtri(0.5 + LEVEL / 2))  # of the intervals in the rows
_AREAS = ("auc", "auc_outliers", "auc_easiest_class")
_MIRRORED = ("auc", "auc_outliers")  # of which 1 - value is the area of the scores turned around
COLUMNS = [
    *(*_RELEASE, "attack", "reversed", "mean", "value", "low", "high", "chance", "p_value", "n_attacks", "n_folds"),
    "reason",
]


def strongest_attack(
    rows: pd.DataFrame,
    *,
    measure: str = "auc",
    attacks: Collection[str] | None = None,
    candidates: Candidates | None = None,
) -> pd.DataFrame:
    """Return, for each release, how well the strongest attack does, with an interval that holds for all attacks.

    Parameters
    ----------
    rows : the tidy results (columns dataset, fold, seed, generator, params, measure, attack, value, low, high, status);
        folds and seeds of one release are read together
    measure : ``"auc"``, ``"auc_outliers"``, ``"auc_easiest_class"`` or one of `FPR_TARGETS`; with one sign alone where
        the rows are older than its reversed reading
    attacks : which of them take part; None for all. Leave out those marked official.
    candidates : members and non-members of one fold, on which the luck of a TPR depends; not needed for an AUC

    Returns
    -------
    strongest
        One row per release. ``attack`` has the largest ``mean`` over the folds on which it succeeded, ``n_folds`` in
        number, with its sign turned around where ``reversed`` says so. ``value`` is what the best of the ``n_attacks``
        attacks is worth when the luck of being the best is taken off, and ``chance`` at the least, since guessing is an
        attack too. ``low`` and ``high`` hold for all attacks at once, and ``p_value`` is that of the best one if none
        does better than ``chance``. NaN, with the ``reason``, where no attack succeeded.

    Notes
    -----
    The standard error of a mean over k folds is that of independent folds. Where an attack's scores say more about a
    person than about the release, folds are negatively correlated and it is too large: the interval is then too wide,
    never too narrow. Over attacks Sidak (1967) holds for any correlation, and an attack's two signs are two tests. The
    luck taken off is the median of the largest of as many errors as there are readings that cannot be told apart from
    the best one, `bench.statistics.largest`. The interval of a TPR is approximate near chance, where the
    p value knows the distribution; verdicts rest on the p value.
    """
    wanted = _both_signs(rows[rows["attack"].fillna("") != ""], measure)
    if attacks is not None:
        wanted = wanted[wanted["attack"].isin(list(attacks))]
    found = [
        {**dict(zip(_RELEASE, release, strict=True)), **_strongest(group, measure, candidates)}
        for release, group in wanted.groupby(_RELEASE, sort=True, dropna=False)
    ]
    return pd.DataFrame(found, columns=COLUMNS)


def strongest_by_fold(rows: pd.DataFrame, found: pd.DataFrame, measure: str = "auc") -> pd.DataFrame:
    """Return the value of the strongest attack on each fold, less the luck of being the best; their mean is ``value``.

    Parameters
    ----------
    rows, measure : as for `strongest_attack`
    found : what that returned for them

    Returns
    -------
    by_fold
        Columns dataset, generator, params, seed, fold, attack, value; NaN where the attack failed.
    """
    chosen = found.loc[found["attack"] != "", [*_RELEASE, "attack", "reversed"]]
    chosen = chosen.assign(luck=found["mean"] - found["value"])
    held = _both_signs(rows, measure)[[*_RELEASE, "seed", "fold", "attack", "reversed", "value", "status"]]
    each = chosen.merge(held, on=[*_RELEASE, "attack", "reversed"])
    each["value"] = each["value"].where(each["status"] == "ok") - each["luck"]
    return each[[*_RELEASE, "seed", "fold", "attack", "value"]]


def _both_signs(rows: pd.DataFrame, measure: str) -> pd.DataFrame:
    """Return the rows of one measure with a column ``reversed``: of each attack as it is, and of its opposite."""
    plain = rows[rows["measure"] == measure].assign(reversed=False)
    if measure not in _MIRRORED:
        return pd.concat([plain, rows[rows["measure"] == measure + REVERSED].assign(reversed=True)])
    ends = {"value": 1 - plain["value"], "low": 1 - plain["high"], "high": 1 - plain["low"]}
    return pd.concat([plain, plain.assign(reversed=True, **ends)])


@dataclass(frozen=True, eq=False)
class _Means:
    """Means over folds, one per attack and sign, the errors of each downwards and upwards, and what guessing gives."""

    attacks: NDArray[np.object_]
    turned: NDArray[np.bool_]
    means: Floats
    down: Floats
    up: Floats
    n_folds: NDArray[np.integer[Any]]
    chance: float
    p_values: Floats


def _strongest(group: pd.DataFrame, measure: str, candidates: Candidates | None) -> dict[str, object]:
    good = group[(group["status"] == "ok") & group["value"].notna()]
    chance = 0.5 if measure in _AREAS else _chance(measure, candidates)
    nothing = dict.fromkeys(("mean", "value", "low", "high", "p_value"), math.nan)
    if good.empty:
        none = {"attack": "", "reversed": False, "n_attacks": 0, "n_folds": 0, "reason": "no attack succeeded"}
        return {**nothing, **none, "chance": chance}
    found = _means(good, measure, chance, candidates)
    best, n = int(np.argmax(found.means)), len(set(found.attacks))
    reading = {
        "attack": str(found.attacks[best]),
        "reversed": bool(found.turned[best]),
        "mean": float(found.means[best]),
        "chance": chance,
        "n_attacks": n,
        "n_folds": int(found.n_folds[best]),
    }
    if np.isnan(found.up).any() or np.isnan(found.down).any():
        return {**nothing, **reading, "reason": "the rows hold no intervals of this measure"}
    reach = float(ndtri((1 + LEVEL ** (1 / n)) / 2))  # Sidak
    return {
        **reading,
        "value": max(float(np.max(found.means - _luck(found, measure) * found.up)), chance),
        "low": float(np.max(found.means - reach * found.down).clip(0, 1)),
        "high": float(np.max(found.means + reach * found.up).clip(0, 1)),
        "p_value": _p_value(found, n),
        "reason": "",
    }


def _p_value(found: _Means, n: int) -> float:
    """Return the p value of the best of n attacks, each with as many signs as were read (Bonferroni, then Sidak)."""
    signs = 1 + int(found.turned.any())
    least = min(signs * float(found.p_values.min()), 1 - 1e-16)
    return float(-np.expm1(n * np.log1p(-least)))


def _chance(measure: str, candidates: Candidates | None) -> float:
    if measure not in FPR_TARGETS or candidates is None:
        raise ValueError(
            f"{measure!r} of {candidates} candidates has no known chance; expected an AUC, or a TPR of some."
        )
    return chance_of_tpr(FPR_TARGETS[measure], candidates[1])


def _luck(found: _Means, measure: str) -> float:
    """Return how many of their errors the means are lowered by: the luck of the best among those that rival it.

    The two signs of an AUC are one number seen from both sides; those of a TPR or a worst class are two numbers.
    """
    rivals = found.attacks[rivals_of_the_largest(found.means, found.up)]
    _, counts = np.unique(rivals.astype(str), return_counts=True)
    pairs = int((counts > 1).sum()) if measure in _MIRRORED else 0
    return median_of_largest(len(rivals) - 2 * pairs, pairs)


def _means(good: pd.DataFrame, measure: str, chance: float, candidates: Candidates | None) -> _Means:
    sides = good.assign(down=(good["value"] - good["low"]) ** 2, up=(good["high"] - good["value"]) ** 2)
    parts = sides.groupby(["attack", "reversed"], sort=True)
    k, means = parts.size().to_numpy(), parts["value"].mean().to_numpy(dtype=np.float64)
    # where a value is 1 its error upwards is 0: luck lifts nothing higher
    down, up = (np.sqrt(parts[side].sum(min_count=1).to_numpy(dtype=np.float64)) / k / _Z for side in ("down", "up"))
    if measure in _AREAS or candidates is None:
        above = np.divide(means - chance, down, out=np.full(len(k), np.inf), where=down > 0)
        p_values = ndtr(-np.where(means == chance, 0.0, above))  # all scores tied: an AUC of 1/2 without an error
    else:
        spread = _spread_of_tpr(FPR_TARGETS[measure], *candidates) / np.sqrt(k)
        p_values = _beta_tail(means, chance, spread)
        down, up = np.maximum(down, spread), np.where(means == 1, 0.0, np.maximum(up, spread))
    names = parts["value"].size().index
    attacks, turned = (names.get_level_values(name).to_numpy() for name in ("attack", "reversed"))
    return _Means(attacks.astype(object), turned.astype(bool), means, down, up, k, chance, p_values)


def _spread_of_tpr(fpr: float, members: int, others: int) -> float:
    """Return the sd of a strict TPR for scores that know nothing: the threshold is an order statistic of the others."""
    allowed = allowed_false_alarms(fpr, others)
    a, b = allowed + 1, others - allowed  # the members above the threshold are beta-binomial
    return math.sqrt(a * b * (a + b + members) / ((a + b) ** 2 * (a + b + 1) * members))


def _beta_tail(means: Floats, chance: float, spread: Floats) -> Floats:
    """Return the probability of such a mean TPR by luck: that of the beta distribution of the same mean and spread."""
    total = chance * (1 - chance) / spread**2 - 1
    found: Floats = betaincc(chance * total, (1 - chance) * total, means)
    return found
