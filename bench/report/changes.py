"""What changed between two results of the same benchmark, and which numbers moved beyond noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from bench.statistics.comparison import Interval, corrected_interval
from bench.store.rows import with_labels

_NUMBER = ["label", "measure", "attack"]
_FOLD = ["seed", "fold"]
_COST = {"wall_s", "peak_mb"}  # differ between any two runs
TEST_PER_TRAIN = 0.25  # held-out people per training person in five folds


@dataclass(frozen=True)
class Change:
    """One number of one generator in two results.

    Parameters
    ----------
    generator, measure, attack : which number; attack is empty for a metric
    before, after : means over the folds that both have
    difference : after - before, fold by fold, with its corrected interval
    """

    generator: str
    measure: str
    attack: str
    before: float
    after: float
    difference: Interval

    @property
    def moved(self) -> bool:
        """True if the folds agree that it moved; one fold alone never does."""
        return self.difference.excludes_zero


def changes(before: pd.DataFrame, after: pd.DataFrame) -> list[Change]:
    """Return every number that both rows hold and that is not equal in both, those beyond noise first.

    Parameters
    ----------
    before, after : as `bench.store.rows.read_rows` returns them; cost is left out
    """
    both = _good(before).merge(_good(after), on=[*_NUMBER, *_FOLD], suffixes=("_before", "_after"))
    found = []
    for (label, measure, attack), part in both.groupby(_NUMBER, sort=True):
        delta = (part["value_after"] - part["value_before"]).to_numpy(dtype=np.float64)
        if np.allclose(part["value_after"], part["value_before"], rtol=1e-9, atol=1e-12):  # rounding is no change
            continue
        means = float(part["value_before"].mean()), float(part["value_after"].mean())
        found.append(Change(str(label), str(measure), str(attack), *means, corrected_interval(delta, TEST_PER_TRAIN)))
    return sorted(found, key=lambda c: (not c.moved, c.generator, c.attack, c.measure))


def only_in(first: pd.DataFrame, second: pd.DataFrame) -> list[str]:
    """Return what succeeded in the first rows and is not in the second at all, or failed there, one line each."""
    key = [*_NUMBER, *_FOLD]
    missing = _good(first).merge(_good(second)[key], how="left", on=key, indicator=True)
    missing = missing[missing["_merge"] == "left_only"]
    lines = []
    for label, part in missing.groupby("label", sort=True):
        names = sorted({a or m for m, a in zip(part["measure"], part["attack"], strict=True)})
        shown = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
        lines.append(f"{label}: {len(part)} numbers ({shown})")
    return lines


def _good(rows: pd.DataFrame) -> pd.DataFrame:
    kept = rows[(rows["status"] == "ok") & rows["value"].notna() & ~rows["measure"].isin(_COST)]
    return with_labels(kept)[[*_NUMBER, *_FOLD, "value"]]
