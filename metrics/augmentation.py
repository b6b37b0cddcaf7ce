"""What a release adds where real samples are few: a classifier of both against one of real samples alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, nan

import numpy as np
from numpy.typing import NDArray

from bench import Cohort, Measure, fold_fact, metric

from ._recall import recognise

_SHARES = {"10": 0.1, "30": 0.3, "100": 1.0}  # of the training samples of each class


@metric(
    "augmentation",
    modalities="all",
    family="utility",
    measures=(
        Measure("augmentation_gain_10", "higher", -1, 1, table="in_use", rank=7, title="gain at 10 %", chance=0),
        Measure("augmentation_gain_30", "higher", -1, 1, table="in_use", rank=8, title="gain at 30 %", chance=0),
        Measure("augmentation_gain_100", "higher", -1, 1, table="in_use", rank=9, title="gain at 100 %", chance=0),
        Measure("augmentation_10_real", "none", 0, 1),
        Measure("augmentation_30_real", "none", 0, 1),
        Measure("augmentation_100_real", "none", 0, 1),
    ),
    doi="10.1038/s41467-019-14018-z",
)
@dataclass(kw_only=True)
class Augmentation:
    """Return what adding the release to real samples changes in the balanced accuracy on held-out samples.

    A classifier (that of `tstr_2026`, genes standardised by the real samples it sees) is trained on 10, 30 and 100 % of
    the training samples of each class, at least one, drawn at random; once alone (``augmentation_*_real``) and once
    with the release added, of which at most 1,000 samples are drawn (`most`). The gain is the difference of the mean
    recall over classes; below 0 the release does harm. The release was made from all training samples, so at 10 % the
    gain says what it passes on of the others.
    NaN without a synthetic sample.
    """

    most: int = 1000  # synthetic samples; bounds the time

    def __call__(
        self, train: Cohort, holdout: Cohort, synthetic: Cohort, *, rng: np.random.Generator
    ) -> Mapping[str, float]:
        """Return gain and starting point at each size; `rng` draws the real samples, the same ones for any release."""
        values = {}
        order = rng.permutation(len(train))
        added = synthetic.take(np.sort(rng.permutation(len(synthetic))[: self.most]))
        for suffix, share in _SHARES.items():
            drawn = None if share == 1 else _first_of_each_class(train.y[order], share, order)
            alone = _alone(train, holdout, rows=None if drawn is None else tuple(drawn.tolist()))
            few = train if drawn is None else train.take(drawn)
            both = recognise(_joined(few, added), few, holdout).recall.mean() if len(added) else nan
            values[f"augmentation_{suffix}_real"] = alone
            values[f"augmentation_gain_{suffix}"] = float(both - alone)
        return values


@fold_fact
def _alone(train: Cohort, holdout: Cohort, *, rows: tuple[int, ...] | None) -> float:
    """Return the mean recall over classes of a classifier of some training samples, or of all."""
    few = train if rows is None else train.take(rows)
    return float(recognise(few, few, holdout).recall.mean())


def _first_of_each_class(y: NDArray[np.str_], share: float, order: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the positions `order` holds of the first share of each class in y, rounded up."""
    places = [np.flatnonzero(y == label) for label in np.unique(y)]
    chosen: NDArray[np.int64] = order[np.concatenate([place[: ceil(share * len(place))] for place in places])]
    return chosen


def _joined(real: Cohort, synthetic: Cohort) -> Cohort:
    return real.synthetic(np.concatenate([real.X, synthetic.X]), np.concatenate([real.y, synthetic.y]))
