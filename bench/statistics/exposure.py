"""Who is exposed: readings of an attack on the class it finds easiest and on the outliers, whom an average hides."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.statistics.membership import LEVEL, Reading, auc, roc, tpr_at_fpr

# what exposure_measures returns, in this order
EXPOSURE_MEASURES = ("auc_worst_class", "auc_outliers", "tpr_at_fpr_10_outliers")
_NEIGHBOURS = 10
_FEWEST = 5  # members and others that a group needs for a reading
_BLOCK = 1 << 22  # distances computed at a time


def outlying(people: NDArray[np.float32], share: float = 0.1) -> NDArray[np.bool_]:
    """Return a mask of the share of people who are farthest from their ten nearest others.

    They are the worst protected: a model has nobody else to take their features from. Whether somebody is an outlier is
    decided on the real people alone, before any release or score.

    Parameters
    ----------
    people : (n, n_genes), members and others in any order
    """
    centred = people - people.mean(axis=0, dtype=np.float64)
    norms = np.einsum("ij,ij->i", centred, centred)
    k = min(_NEIGHBOURS, len(people) - 1)
    lonely = np.empty(len(people))
    step = max(1, _BLOCK // len(people))
    for start in range(0, len(people), step):
        rows = np.arange(start, min(start + step, len(people)))
        squared = norms - 2 * centred[rows] @ centred.T + norms[rows, None]
        squared[rows - start, rows] = np.inf
        nearest = np.maximum(np.partition(squared, k - 1, axis=1)[:, :k], 0)
        lonely[rows] = np.sqrt(nearest).mean(axis=1)
    mask = np.zeros(len(people), dtype=bool)
    mask[np.argsort(-lonely, kind="stable")[: max(1, round(share * len(people)))]] = True
    return mask


def exposure_measures(
    scores: ArrayLike, member: ArrayLike, labels: ArrayLike, outlier: ArrayLike
) -> tuple[Reading, ...]:
    """Return how an attack fares on the class it finds easiest and on the outliers.

    Parameters
    ----------
    scores, member : (n,) as for `membership_measures`
    labels : (n,) the class of each candidate
    outlier : (n,) bool, as `outlying` gives

    Returns
    -------
    readings
        ``auc_worst_class``, the largest AUC of a class. As a maximum it lies above 1/2 by chance, the more so the more
        classes there are; its interval holds for all classes at once (Bonferroni). ``auc_outliers`` and
        ``tpr_at_fpr_10_outliers``, among the outliers alone. NaN where no group has five members and five others.
    """
    s, m = np.asarray(scores, dtype=np.float64), np.asarray(member, dtype=bool)
    groups = [np.asarray(labels) == label for label in np.unique(np.asarray(labels))]
    readable = [group for group in groups if _readable(m[group])]
    level = 1 - (1 - LEVEL) / max(1, len(readable))
    classes = [auc(s[group], m[group], level) for group in readable]
    worst = max(classes, key=lambda r: r.value, default=Reading("", math.nan))
    alone = np.asarray(outlier, dtype=bool)
    if _readable(m[alone]):
        few, found = auc(s[alone], m[alone]), tpr_at_fpr(roc(s[alone], m[alone]), 0.10)
    else:
        few = found = Reading("", math.nan)
    named = zip(EXPOSURE_MEASURES, (worst, few, found), strict=True)
    return tuple(Reading(name, r.value, r.low, r.high) for name, r in named)


def _readable(member: NDArray[np.bool_]) -> bool:
    return min(int(member.sum()), int((~member).sum())) >= _FEWEST
