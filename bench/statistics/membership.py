"""Turns attack scores into readings of how well they tell members from non-members.

Only the order of the scores counts: nothing here changes if the scores are transformed monotonically. Everything is
O(n log n) in the number of candidates; there is no loop over thresholds.

Scores must be numbers. Minus infinity is one (the logarithm of a likelihood of zero: "surely no member"); NaN and plus
infinity are a defect of the attack and raise an error.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.core.errors import DataError, PluginError

LEVEL = 0.95  # of every interval
FPR_TARGETS = {"tpr_at_fpr_001": 0.001, "tpr_at_fpr_01": 0.01, "tpr_at_fpr_10": 0.10}
REVERSED = "_reversed"  # ends the name of a reading of the scores turned around, the lowest first
OFFICIAL_TARGETS = {"tpr_at_fpr_01_official": 0.01, "tpr_at_fpr_10_official": 0.10}
# what membership_measures returns, in this order
MEASURES = (
    *("auc", "pr_auc", "pr_auc_chance", *FPR_TARGETS, *(name + REVERSED for name in FPR_TARGETS), *OFFICIAL_TARGETS),
    *("advantage", "ties"),
)


@dataclass(frozen=True)
class Reading:
    """One measure of an attack, with its 95 % interval (NaN where none is given)."""

    measure: str
    value: float
    low: float = math.nan
    high: float = math.nan


@dataclass(frozen=True, eq=False)
class Roc:
    """The ROC curve: one point for each distinct score, from the highest down, after the point (0, 0).

    Parameters
    ----------
    thresholds : (n_points,) falling; infinity at the first point; "member" means a score at or above it
    false, true : (n_points,) how many non-members and members lie at or above the threshold
    """

    thresholds: NDArray[np.float64]
    false: NDArray[np.int64]
    true: NDArray[np.int64]

    @property
    def fpr(self) -> NDArray[np.float64]:
        """The share of non-members called members, per point."""
        rates: NDArray[np.float64] = self.false / self.false[-1]
        return rates

    @property
    def tpr(self) -> NDArray[np.float64]:
        """The share of members called members, per point."""
        rates: NDArray[np.float64] = self.true / self.true[-1]
        return rates

    @property
    def reversed(self) -> Roc:
        """The curve of the scores turned around: who had the lowest score has the highest."""
        last = np.append(np.inf, -self.thresholds[:0:-1])
        return Roc(last, self.false[-1] - self.false[::-1], self.true[-1] - self.true[::-1])


def membership_measures(scores: ArrayLike, member: ArrayLike) -> tuple[Reading, ...]:
    """Return every reading of one attack on one release.

    Parameters
    ----------
    scores : (n,) higher means more likely a member
    member : (n,) bool, the truth

    Returns
    -------
    readings
        ``auc`` (1/2 is chance), ``pr_auc`` with its chance level ``pr_auc_chance``, ``tpr_at_fpr_001`` (0.1 %),
        ``tpr_at_fpr_01`` (1 %), ``tpr_at_fpr_10`` (10 %), the three of the scores turned around (``..._reversed``: how
        many members have the lowest scores), the last two in the published reading (``..._official``), ``advantage``
        and ``ties``. All lie in [0, 1]. The AUC of the scores turned around is 1 less the AUC.

    Raises
    ------
    PluginError
        If a score is NaN or plus infinity, or there is not one score per candidate.
    DataError
        If there is no member or no non-member.
    """
    s, m = _checked(scores, member)
    curve = roc(s, m)
    return (
        auc(s, m),
        Reading("pr_auc", average_precision(s, m)),
        Reading("pr_auc_chance", float(m.mean())),
        *(tpr_at_fpr(curve, fpr, name) for name, fpr in FPR_TARGETS.items()),
        *(tpr_at_fpr(curve.reversed, fpr, name + REVERSED) for name, fpr in FPR_TARGETS.items()),
        *(Reading(name, official_tpr_at_fpr(s, m, fpr)) for name, fpr in OFFICIAL_TARGETS.items()),
        advantage(curve),
        Reading("ties", tied_share(s)),
    )


def shown(attack: str, turned: bool) -> str:
    """Return the name of an attack for readers, which says if its sign was turned around."""
    return f"{attack}, reversed" if turned else attack


def _checked(scores: ArrayLike, member: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    s, m = np.asarray(scores, dtype=np.float64), np.asarray(member, dtype=bool)
    if s.shape != m.shape or s.ndim != 1:
        raise PluginError(f"the attack returned scores of shape {s.shape}; expected one per candidate, {m.shape}.")
    wrong = np.isnan(s) | (s == np.inf)
    if wrong.any():
        raise PluginError(
            f"the attack returned {s[wrong][0]} for {wrong.sum()} of {len(s)} candidates; expected finite scores or "
            "minus infinity. Keep scores in log space, and bound a ratio whose denominator can be zero."
        )
    if m.all() or not m.any():
        raise DataError(f"{m.sum()} of {len(m)} candidates are members; expected at least one member and one other.")
    return s, m


def roc(scores: ArrayLike, member: ArrayLike) -> Roc:
    """Return the ROC curve; candidates with equal scores share one point."""
    s, m = _checked(scores, member)
    order = np.argsort(-s, kind="stable")
    last = np.flatnonzero(np.append(s[order][1:] != s[order][:-1], True))  # the last candidate of each distinct score
    true = np.append(0, np.cumsum(m[order])[last])
    false = np.append(0, np.cumsum(~m[order])[last])
    return Roc(np.append(np.inf, s[order][last]), false, true)


def auc(scores: ArrayLike, member: ArrayLike, level: float = LEVEL) -> Reading:
    """Return the area under the ROC curve: P(member > other) + P(equal) / 2, by mid-ranks.

    The interval is DeLong's, from the placement values V_i = share of non-members below member i (and the mirror
    image), with Var = var(V_members) / m + var(V_others) / n. Where every member lies above (or below) every other that
    variance is zero, which proves nothing; there the interval is Newcombe's, which stays open on the inner side.

    References
    ----------
    DeLong, DeLong and Clarke-Pearson, doi:10.2307/2531595; fast form: Sun and Xu, doi:10.1109/LSP.2014.2337313.
    Newcombe (method 5), doi:10.1002/sim.2324.

    Examples
    --------
    >>> auc([3, 2, 1, 0], [True, True, False, False])  # perfect, and on four people no proof of anything
    Reading(measure='auc', value=1.0, low=0.38..., high=1.0)
    """
    from scipy.special import ndtri  # late: a plan needs none of it

    s, m = _checked(scores, member)
    n_in, n_out = int(m.sum()), int((~m).sum())
    in_place = _share_below(s[m], s[~m])  # (n_in,) share of others below each member
    out_place = _share_below(s[~m], s[m])  # (n_out,) share of members below each other
    value = float(in_place.mean())
    if value in (0.0, 1.0) or min(n_in, n_out) == 1:
        return Reading("auc", value, *_newcombe(value, n_in, n_out, level))
    spread = math.sqrt(in_place.var(ddof=1) / n_in + out_place.var(ddof=1) / n_out)
    half = ndtri(0.5 + level / 2) * spread
    return Reading("auc", value, max(0.0, value - half), min(1.0, value + half))


def _share_below(scores: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the (n,) shares of others with a lower score; an equal one counts a half."""
    ordered = np.sort(others)
    below = np.searchsorted(ordered, scores, "left") + np.searchsorted(ordered, scores, "right")
    return below / (2 * len(others))


def _newcombe(value: float, n_in: int, n_out: int, level: float) -> tuple[float, float]:
    """Return the areas whose Hanley-McNeil standard error just allows the observed one (a Wilson-type interval)."""
    from scipy.special import ndtri

    z, mean_n = float(ndtri(0.5 + level / 2)), (n_in + n_out) / 2
    area = np.linspace(0, 1, 100_001)
    inner = 1 + (mean_n - 1) * ((1 - area) / (2 - area) + area / (1 + area))
    inside = area[np.abs(value - area) <= z * np.sqrt(area * (1 - area) * inner / (n_in * n_out))]
    return float(inside.min()), float(inside.max())


def average_precision(scores: ArrayLike, member: ArrayLike) -> float:
    """Return the average precision, the sum of (R_k - R_{k-1}) P_k; chance is the share of members."""
    curve = roc(scores, member)
    precision = curve.true[1:] / (curve.true + curve.false)[1:]
    return float(np.sum(np.diff(curve.tpr) * precision))


def clopper_pearson(successes: int, trials: int, level: float = LEVEL) -> tuple[float, float]:
    """Return the exact two-sided interval of a binomial share. doi:10.1093/biomet/26.4.404.

    >>> low, high = clopper_pearson(0, 10)
    >>> low, round(high, 3)
    (0.0, 0.308)
    """
    from scipy.special import betaincinv

    tail = (1 - level) / 2
    low = 0.0 if successes == 0 else float(betaincinv(successes, trials - successes + 1, tail))
    high = 1.0 if successes == trials else float(betaincinv(successes + 1, trials - successes, 1 - tail))
    return low, high


def tpr_at_fpr(curve: Roc, fpr: float, measure: str = "") -> Reading:
    """Return the TPR at the last ROC point whose FPR is at or below the target, with its Clopper-Pearson interval.

    The strict reading: scores tied across the target are not counted as found. Between the points there is no
    interpolation, so with n non-members an FPR below 1 / n means no false alarm at all. The interval is that of the
    share of members found at this threshold.
    """
    point = int(np.flatnonzero(curve.false <= allowed_false_alarms(fpr, int(curve.false[-1])))[-1])
    found, members = int(curve.true[point]), int(curve.true[-1])
    return Reading(measure or f"tpr_at_fpr({fpr:g})", found / members, *clopper_pearson(found, members))


def allowed_false_alarms(fpr: float, others: int) -> int:
    """Return how many of the non-members the strict reading may call members at a target FPR."""
    return math.floor(fpr * others + 1e-9)


def chance_of_tpr(fpr: float, others: int) -> float:
    """Return the strict TPR to expect of scores that know nothing, which is above the target FPR.

    The threshold lies just above the first non-member too many, and a member is as likely as anybody to lie above it.

    Examples
    --------
    >>> round(chance_of_tpr(0.01, others=218), 4), round(chance_of_tpr(0.001, others=218), 4)
    (0.0137, 0.0046)
    """
    return (allowed_false_alarms(fpr, others) + 1) / (others + 1)


def official_tpr_at_fpr(scores: ArrayLike, member: ArrayLike, fpr: float) -> float:
    """Return the published reading: the TPR at the first ROC point at or beyond the target FPR.

    It over-reports: if all scores are equal, it is 1. As in the published code the curve has first lost the points that
    lie on a straight line between equal steps.
    """
    curve = roc(scores, member)
    true, false = curve.true[1:], curve.false[1:]
    bends = (np.diff(true, 2) != 0) | (np.diff(false, 2) != 0)
    keep = np.concatenate([[True], bends, [True]]) if len(true) > 2 else np.ones(len(true), dtype=bool)
    rate = np.append(0, false[keep]) / false[-1]
    return float(np.append(0, true[keep])[int(np.argmax(rate >= fpr))] / true[-1])


def advantage(curve: Roc) -> Reading:
    """Return the largest TPR - FPR over all thresholds: how far the attacker beats a coin on balanced candidates.

    As a maximum over the very candidates it is read on, it lies above 0 even for random scores. So the interval is one
    that holds for all thresholds at once (Dvoretzky-Kiefer-Wolfowitz with Massart's constant, for members and others at
    half the error each): an attack is better than chance only where its lower end is above 0.
    doi:10.1214/aop/1176990746.
    """
    value = float(np.max(curve.tpr - curve.fpr))
    log_term = math.log(2 / ((1 - LEVEL) / 2)) / 2
    band = sum(math.sqrt(log_term / int(n)) for n in (curve.true[-1], curve.false[-1]))
    return Reading("advantage", value, max(0.0, value - band), min(1.0, value + band))


def tied_share(scores: ArrayLike) -> float:
    """Return the share of candidates whose score another candidate has too."""
    _, counts = np.unique(np.asarray(scores, dtype=np.float64), return_counts=True)
    return float(counts[counts > 1].sum() / counts.sum())


def grouped_measures(scores: ArrayLike, member: ArrayLike, groups: ArrayLike) -> dict[str, tuple[Reading, ...]]:
    """Return the readings within each group of candidates, for example each class; groups of one kind are left out.

    An average hides the patient who is exposed: a release that memorises one class of ten moves the overall AUC little.
    A group without a member or without a non-member cannot be read and is not in the result.
    """
    s, m, g = np.asarray(scores, dtype=np.float64), np.asarray(member, dtype=bool), np.asarray(groups)
    readable = [label for label in np.unique(g) if m[g == label].any() and not m[g == label].all()]
    return {str(label): membership_measures(s[g == label], m[g == label]) for label in readable}
