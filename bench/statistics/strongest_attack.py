"""Chooses the strongest attack on each release honestly: on other folds than the one it is read on."""

from __future__ import annotations

import math
from collections.abc import Collection

import numpy as np
import pandas as pd

_RELEASE = ["dataset", "seed", "generator", "params"]


def strongest_attack(
    rows: pd.DataFrame, *, measure: str = "auc", attacks: Collection[str] | None = None
) -> pd.DataFrame:
    """Return, for each release, how well the attack does that was strongest on the other folds.

    To take the best attack on the very fold that is reported rewards luck: with twenty attacks on a release that leaks
    nothing, the best one always beats chance. So for each fold the attack with the highest mean on the other folds of
    the same data set, seed and generator is chosen, and its value on this fold is what counts. An attack that failed on
    one of the other folds cannot be chosen; one that was chosen and failed here is reported as missing.

    Parameters
    ----------
    rows : the tidy results (columns dataset, fold, seed, generator, params, measure, attack, value, low, high, status)
    measure : what attacks are chosen by and read with
    attacks : which of them take part; None for all. Leave out those marked official.

    Returns
    -------
    strongest
        One row per release and fold: dataset, seed, generator, params, fold, attack, value, low, high, reason. `value`
        is NaN, with the reason, where nothing could be chosen.
    """
    wanted = rows[(rows["measure"] == measure) & (rows["attack"].fillna("") != "")]
    if attacks is not None:
        wanted = wanted[wanted["attack"].isin(list(attacks))]
    found = [
        {**dict(zip(_RELEASE, release, strict=True)), **choice}
        for release, group in wanted.groupby(_RELEASE, sort=True, dropna=False)
        for choice in _choices(group)
    ]
    return pd.DataFrame(found, columns=[*_RELEASE, "fold", "attack", "value", "low", "high", "reason"])


def _choices(group: pd.DataFrame) -> list[dict[str, object]]:
    """Return the choice of each fold of one release."""
    good = group[(group["status"] == "ok") & group["value"].notna()]
    values = good.pivot_table(index="fold", columns="attack", values="value", aggfunc="mean", sort=True)
    folds = sorted(group["fold"].unique())
    values = values.reindex(folds)
    return [_choice(values, good, fold) for fold in folds]


def _choice(values: pd.DataFrame, good: pd.DataFrame, fold: object) -> dict[str, object]:
    nothing = {"fold": fold, "attack": "", "value": math.nan, "low": math.nan, "high": math.nan}
    others = values.drop(index=fold)
    if others.empty:
        return {**nothing, "reason": "an attack can only be chosen on other folds, and there are none"}
    means = others.mean(axis=0, skipna=False).dropna()
    if means.empty:
        return {**nothing, "reason": "no attack succeeded on all other folds"}
    name = str(means.index[int(np.argmax(means.to_numpy()))])
    here = good[(good["fold"] == fold) & (good["attack"] == name)]
    if here.empty:
        return {**nothing, "attack": name, "reason": f"{name} was strongest on the other folds, but failed on this one"}
    row = here.iloc[0]
    return {"fold": fold, "attack": name, "value": row["value"], "low": row["low"], "high": row["high"], "reason": ""}
