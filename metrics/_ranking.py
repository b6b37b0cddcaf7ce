"""How well scores rank the members of each class above the others, for all classes at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def average_precision(scores: NDArray[np.float64], member: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return (n_classes,) average precisions, sum of (R_k - R_{k-1}) P_k over distinct scores; ties share one point.

    Parameters
    ----------
    scores : (n, n_classes), minus infinity allowed
    member : (n, n_classes); each class needs a member
    """
    found, false = _curves(scores, member)
    called = np.maximum(found + false, 1)
    average: NDArray[np.float64] = (np.diff(found, axis=0, prepend=0) * found / called).sum(axis=0) / found[-1]
    return average


def auroc(scores: NDArray[np.float64], member: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return (n_classes,) areas under the ROC curve, ties at one half; each class needs a member and another sample."""
    found, false = _curves(scores, member)
    heights = found - np.diff(found, axis=0, prepend=0) / 2  # half way up each step
    area: NDArray[np.float64] = (np.diff(false, axis=0, prepend=0) * heights).sum(axis=0) / (found[-1] * false[-1])
    return area


def _curves(scores: NDArray[np.float64], member: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return (n, n_classes) members and others called, from the highest score down; both rise only at distinct scores.

    In the middle of a tie both stay at what they were before it, so that the order within it has no part in anything.
    """
    order = np.argsort(-scores, axis=0, kind="stable")
    ranked, hit = np.take_along_axis(scores, order, axis=0), np.take_along_axis(member, order, axis=0)
    last = np.vstack([ranked[1:] != ranked[:-1], np.ones((1, scores.shape[1]), dtype=bool)])
    found, false = (np.maximum.accumulate(np.where(last, np.cumsum(v, axis=0), 0), axis=0) for v in (hit, ~hit))
    return found, false
