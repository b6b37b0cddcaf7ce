"""Says whether two tables of rows hold the same results: every number, bit by bit, but for what the clock gave."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.store.rows import CLAIM, IDENTITY

VALUES = ["value", "low", "high"]
TOLERANCE = 1e-6
WORST = 10
_SMALL = 1e-6  # below it a difference is held against this, so that the last digits of a zero count as one
_TIMED = ("wall_s", "peak_mb")
_SIDES = ("_old", "_new")


@dataclass(frozen=True, eq=False)
class RowComparison:
    """How many results came out the same.

    Parameters
    ----------
    equal : bit by bit
    close : not equal, but within the tolerance
    different : another number, status or claim
    missing, extra : only in the old table, only in the new one
    worst : one line for each of the largest differences, missing and extra rows, the worst first
    """

    equal: int
    close: int
    different: int
    missing: int
    extra: int
    worst: tuple[str, ...]

    @property
    def same(self) -> bool:
        """Whether every result is there and within the tolerance."""
        return not (self.different or self.missing or self.extra)


def results(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that a repetition must give again: all but wall time and memory, sorted."""
    kept = rows[~((rows["family"] == "cost") & rows["measure"].isin(_TIMED))]
    kept = kept.astype({"fold": int, "seed": int, **dict.fromkeys(VALUES, float)})
    return kept.drop_duplicates(IDENTITY, keep="last").sort_values(IDENTITY, ignore_index=True)


def rows_digest(rows: pd.DataFrame) -> str:
    """Return the SHA-256 of the results in a table, as 64 hex digits; order and wall times do not enter."""
    text = results(rows)[[*IDENTITY, *VALUES, "status"]].to_csv(index=False)
    return hashlib.sha256(text.encode()).hexdigest()


def compare_rows(old: pd.DataFrame, new: pd.DataFrame, tolerance: float = TOLERANCE) -> RowComparison:
    """Return how the results of two tables agree.

    Parameters
    ----------
    tolerance : the difference, relative to the larger of two numbers (a millionth if both are smaller), up to which
        they are close; NaN is equal to NaN alone
    """
    columns = [*IDENTITY, *VALUES, *CLAIM, "status", "reason"]
    both = results(old)[columns].merge(results(new)[columns], on=IDENTITY, how="outer", suffixes=_SIDES, indicator=True)
    common = both[both["_merge"] == "both"]
    gap = _gaps(common)
    gap[((common["status_old"] != common["status_new"]) | _other_claim(common)).to_numpy()] = np.inf
    missing, extra = both[both["_merge"] == "left_only"], both[both["_merge"] == "right_only"]
    worst = np.argsort(-gap, kind="stable")
    lines = [_difference(common.iloc[i].to_dict()) for i in worst[:WORST] if gap[i] > 0]
    lines += [f"missing: {_name(row)}" for row in missing.head(WORST).to_dict("records")]
    lines += [f"extra: {_name(row)}" for row in extra.head(WORST).to_dict("records")]
    equal, different = int((gap == 0).sum()), int((gap > tolerance).sum())
    return RowComparison(equal, len(gap) - equal - different, different, len(missing), len(extra), tuple(lines))


def _other_claim(common: pd.DataFrame) -> pd.Series[bool]:
    """Return which rows state another claim: any field of it counts, an empty one equals an empty one."""
    old, new = (common[[f"{name}{side}" for name in CLAIM]].set_axis(CLAIM, axis=1) for side in _SIDES)
    return ((old != new) & ~(old.isna() & new.isna())).any(axis=1)


def _gaps(common: pd.DataFrame) -> NDArray[np.float64]:
    """Return the largest relative difference among the numbers of each row; infinite where one is NaN."""
    old, new = (common[[f"{name}{side}" for name in VALUES]].to_numpy(dtype=np.float64) for side in _SIDES)
    same = (old == new) | (np.isnan(old) & np.isnan(new))
    with np.errstate(invalid="ignore"):
        gap = np.abs(old - new) / np.maximum(np.maximum(np.abs(old), np.abs(new)), _SMALL)
    gap = np.where(same, 0.0, np.where(np.isnan(gap), np.inf, gap))
    largest: NDArray[np.float64] = gap.max(axis=1, initial=0.0)
    return largest


def _name(row: Mapping[Hashable, Any]) -> str:
    params = f"[{row['params']}]" if row["params"] else ""
    attack = f" of {row['attack']}" if row["attack"] else ""
    return (
        f"{row['dataset']} {row['generator']}{params} fold {row['fold']} seed {row['seed']}: {row['measure']}{attack}"
    )


def _difference(row: Mapping[Hashable, Any]) -> str:
    if row["status_old"] != row["status_new"]:
        return f"{_name(row)}: {row['status_old']} -> {row['status_new']} {row['reason_new']}".rstrip()
    changed = [
        f"{name} {old!r} -> {new!r}"
        for name in VALUES
        if repr(old := float(row[f"{name}_old"])) != repr(new := float(row[f"{name}_new"]))
    ]
    return f"{_name(row)}: {', '.join(changed) or 'another claim'}"
