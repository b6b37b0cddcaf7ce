"""Who is exposed: readings of an attack on the class it finds easiest and on the outliers, whom an average hides."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.statistics.membership import LEVEL, REVERSED, Reading, auc, roc, tpr_at_fpr

# what exposure_measures returns, in this order
EXPOSURE_MEASURES = (
    *("auc_worst_class", "auc_easiest_class", "auc_easiest_class" + REVERSED, "auc_outliers"),
    "tpr_at_fpr_10_outliers",
)
_FEWEST = 5  # members and others that a group needs for a reading
_LARGEST_Z = 30.0  # no z above differs by luck, and logarithms of such tails are still numbers
_RIDGE = 0.3  # added to each variance within classes, as a share of the mean one: people can be fewer than genes


def outlying(people: NDArray[np.float32], labels: ArrayLike, share: float = 0.1) -> NDArray[np.bool_]:
    """Return a mask of the share of people who are farthest from their class, in Mahalanobis distance.

    They are the worst protected: a model has nobody else to take their features from. The distance is taken to the mean
    of the class, under the covariance within classes with a ridge of 0.3 of its mean variance. Whether somebody is an
    outlier is decided on the real people alone, before any release or score.

    Parameters
    ----------
    people : (n, n_genes), members and others in any order
    labels : (n,) their classes; who is alone in his class lies at its mean
    """
    squared = _squared_distances(_within_classes(people, np.asarray(labels)))
    mask = np.zeros(len(people), dtype=bool)
    mask[np.argsort(-squared, kind="stable")[: max(1, round(share * len(people)))]] = True
    return mask


def _within_classes(people: NDArray[np.float32], labels: NDArray[np.generic]) -> NDArray[np.float64]:
    centred = people.astype(np.float64)
    for label in np.unique(labels):
        rows = labels == label
        centred[rows] -= centred[rows].mean(axis=0)
    return centred


def _squared_distances(centred: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return x' (C + ridge)^-1 x for each row x, (n,), with C the covariance of the rows.

    Each row takes part in C, which changes no order: its distance without itself rises with the one that is taken.
    """
    n, genes = centred.shape
    added = _RIDGE * float(np.einsum("ij,ij->", centred, centred)) / genes  # of the sums, not the means, of squares
    if added == 0:
        return np.zeros(n)
    if n < genes:
        gram = centred @ centred.T  # x' (X'X + a)^-1 x are the diagonal of K (K + a)^-1
        inside: NDArray[np.float64] = n * (1 - added * np.diag(np.linalg.inv(gram + added * np.eye(n))))
        return inside
    solved = np.linalg.solve(centred.T @ centred + added * np.eye(genes), centred.T)
    found: NDArray[np.float64] = n * np.einsum("ij,ji->i", centred, solved)
    return found


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
        classes there are; its interval holds for all classes at once (Bonferroni). ``auc_easiest_class``, the AUC of
        the class in which the attack surely finds most, less the luck of being that of so many: 1/2 is chance, as for
        any AUC. ``auc_easiest_class_reversed``, the same of the scores turned around.
        ``auc_outliers`` and ``tpr_at_fpr_10_outliers``, among the outliers alone. NaN where no group has five members
        and five others.

    Notes
    -----
    The easiest class is the one whose AUC is farthest above 1/2 in standard errors z of scores that know nothing (Mann
    and Whitney). Of K classes the largest z has the distribution Phi(z)^K, so that z less luck is the standard normal
    quantile of that (Tippett 1931, Sidak 1967). The lower end of the interval is that of such scores too.
    """
    s, m = np.asarray(scores, dtype=np.float64), np.asarray(member, dtype=bool)
    groups = [np.asarray(labels) == label for label in np.unique(np.asarray(labels))]
    readable = [group for group in groups if _readable(m[group])]
    level = 1 - (1 - LEVEL) / max(1, len(readable))
    worst = max((auc(s[g], m[g], level) for g in readable), key=lambda r: r.value, default=Reading("", math.nan))
    classes = [auc(s[group], m[group]) for group in readable]
    turned = [Reading(r.measure, 1 - r.value, 1 - r.high, 1 - r.low) for r in classes]
    errors = np.array([_error_of_chance(m[group]) for group in readable])
    alone = np.asarray(outlier, dtype=bool)
    if _readable(m[alone]):
        few, found = auc(s[alone], m[alone]), tpr_at_fpr(roc(s[alone], m[alone]), 0.10)
    else:
        few = found = Reading("", math.nan)
    named = zip(
        EXPOSURE_MEASURES, (worst, _easiest(classes, errors), _easiest(turned, errors), few, found), strict=True
    )
    return tuple(Reading(name, r.value, r.low, r.high) for name, r in named)


def _error_of_chance(member: NDArray[np.bool_]) -> float:
    """Return the standard error of the AUC of scores that know nothing; doi:10.1214/aoms/1177730491."""
    n_in, n_out = int(member.sum()), int((~member).sum())
    return math.sqrt((n_in + n_out + 1) / (12 * n_in * n_out))


def _easiest(classes: list[Reading], errors: NDArray[np.float64]) -> Reading:
    """Return the AUC of the easiest class, less luck, with its interval."""
    if not classes:
        return Reading("", math.nan)
    from scipy.special import log_ndtr, ndtri, ndtri_exp  # late: a plan needs none of it

    z = (np.array([r.value for r in classes]) - 0.5) / errors
    if not z.any():  # all scores tied: an AUC of 1/2 without an error, and no luck in it
        return Reading("", 0.5, 0.5, 0.5)
    best = int(np.argmax(z))
    bounded = float(np.clip(z[best], -_LARGEST_Z, _LARGEST_Z))
    below = len(z) * float(log_ndtr(bounded))  # log Phi(z)^K, whose quantile is taken on the side that keeps digits
    without_luck = float(ndtri_exp(below) if bounded < 0 else -ndtri_exp(np.log(-np.expm1(below))))
    error = float(errors[best])
    value = max(0.0, classes[best].value - (bounded - without_luck) * error)
    low = max(0.0, value - float(ndtri(0.5 + LEVEL / 2)) * error)
    return Reading("", value, low, max(value, classes[best].high))


def _readable(member: NDArray[np.bool_]) -> bool:
    return min(int(member.sum()), int((~member).sum())) >= _FEWEST
