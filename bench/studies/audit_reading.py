"""Reads lower bounds of epsilon from the trainings of an audit.

Attack, record and threshold are chosen on other trainings than those that a bound is read on. Beside each bound stands
the ceiling that a perfect attack would have reached with as many records and trainings.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bench.core.errors import PluginError
from bench.core.roles import PrivacyClaim
from bench.statistics.dp_bounds import (
    error_rates,
    gaussian_epsilon,
    gaussian_mu,
    gaussian_strength,
    one_run_ceiling,
    one_run_epsilon,
    one_run_mu,
    one_run_p_value,
    pure_one_run_epsilon,
    repeated_epsilon,
    repeated_p_value,
)
from bench.statistics.membership import shown

EACH = 0.975  # confidence of each of the two readings; both hold together at 95 %
FEWEST_RUNS = 20  # below, no error rate can be told from one half
GAUSSIAN = "repeated runs, Gaussian"
MANY = ("one run", "several runs")
COUNTED = "counted draws"  # of the mechanism that the claim is about, and of nothing else
Verdict = Literal["refuted", "exceeded", "not refuted", "not testable"]  # as files hold it; `VERDICT_WORDS` prints it
VERDICT_WORDS: dict[Verdict, str] = {
    "refuted": "refuted",
    "exceeded": "exceeded, as steps outside the budget may",
    "not refuted": "not refuted",
    "not testable": "not testable with so few records and runs",
}
_EXACT = 20  # rules whose bounds are computed with delta, which takes milliseconds each


@dataclass(frozen=True, eq=False)
class Trial:
    """One training.

    Parameters
    ----------
    inside : (n_audited,) which audited records were in it
    scores : (n_audited,) by attack: what it made of each of them, higher for more likely inside
    claim : what the fitted generator claims
    failed : why, by attack, for those that raised an error on this release
    """

    inside: NDArray[np.bool_]
    scores: Mapping[str, NDArray[np.float64]]
    claim: PrivacyClaim | None = None
    failed: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Bound:
    """A lower bound of epsilon.

    Parameters
    ----------
    kind : ``"one run"``, ``"several runs"``, ``"repeated runs"``, ``"repeated runs, Gaussian"`` or ``"counted draws"``
    attack : whose guesses they were
    low : the bound
    ceiling : what perfect guesses would have given
    detail : how many guesses were right, in words
    mu, mu_ceiling : the same two of the strength of a Gaussian mechanism; NaN where the bound is about no such thing
    p_value : how probable such guesses are at most, if the tested epsilon holds; NaN if none was given
    delta_low : of counted draws, a lower bound of delta at the tested epsilon; NaN of others
    """

    kind: str
    attack: str
    low: float
    ceiling: float
    detail: str
    mu: float = math.nan
    mu_ceiling: float = math.nan
    p_value: float = math.nan
    delta_low: float = math.nan


def bounds(trials: Sequence[Trial], delta: float, *, doubled: bool = False, epsilon: float = math.nan) -> list[Bound]:
    """Return every bound that there is: over several records, and from `FEWEST_RUNS` on for one record.

    An attack that failed on one of the releases takes no part. Each is read both ways, as it is and with its sign
    turned around: a release that keeps away from its people tells as much as one that comes close to them. That costs
    nothing, because the sign too is chosen on other trainings.

    Parameters
    ----------
    trials : two or more; the first half of them chooses what is guessed, the others are read
    delta : at which epsilon is bounded
    doubled : whether a coin exchanges two records, and the claim is about adding or removing one
    epsilon : the claim, for the p values of bounds that hold for every private mechanism

    Raises
    ------
    PluginError
        If every attack failed on some release.
    """
    trials = read_both_ways(trials)
    half = len(trials) // 2
    found = [over_many(trials[:half], trials[half:], delta, doubled, epsilon)] if len(trials[0].inside) > 1 else []
    if len(trials) >= FEWEST_RUNS:
        found += _repeated(trials[:half], trials[half:], delta, doubled, epsilon)
    return found


def read_both_ways(trials: Sequence[Trial]) -> list[Trial]:
    """Return the trainings with the scores of those attacks that failed on none, as they are and turned around.

    Raises
    ------
    PluginError
        If every attack failed on some release.
    """
    whole = [name for name in trials[0].scores if all(name in trial.scores for trial in trials)]
    if not whole:
        reasons = {name: reason for trial in trials for name, reason in trial.failed.items()}
        raise PluginError(f"no attack came through on all {len(trials)} releases: {reasons}.")
    return [replace(trial, scores=_both_signs(trial.scores, whole)) for trial in trials]


def _both_signs(scores: Mapping[str, NDArray[np.float64]], names: Sequence[str]) -> dict[str, NDArray[np.float64]]:
    """Return the scores of each attack turned around, and as they are, which come last and win where both tie."""
    turned = {shown(name, True): -scores[name] for name in names}
    return {**turned, **{name: scores[name] for name in names}}


def exceeded(found: Sequence[Bound], epsilon: float) -> bool:
    """Return whether a bound that holds for every private mechanism exceeds epsilon; the Gaussian one does not."""
    return any(bound.low > epsilon for bound in found if bound.kind != GAUSSIAN)


def verdict(found: Sequence[Bound], epsilon: float, end_to_end: bool = True) -> Verdict:
    """Return the outcome, none of which is a proof of privacy.

    A claim that lists steps outside its budget concedes that the whole release may exceed it: then it is exceeded, and
    not refuted. Counted draws are of the mechanism inside the budget: no step outside is an excuse for them.
    """
    if exceeded(found, epsilon):
        inside = end_to_end or any(bound.kind == COUNTED and bound.low > epsilon for bound in found)
        return "refuted" if inside else "exceeded"
    if max((bound.ceiling for bound in found if bound.kind != GAUSSIAN), default=0.0) <= epsilon:
        return "not testable"
    return "not refuted"


def gaussian_verdict(found: Sequence[Bound], epsilon: float, delta: float) -> Verdict | None:
    """Return what an audit says of the claim to be a Gaussian mechanism of this epsilon at delta, None if nothing.

    That is a claim about the whole trade-off curve, and so it can be refuted at an epsilon of 10, which a bound of
    (epsilon, delta) would take 100,000 trainings for. Who claims epsilon and delta alone is not refuted by it.
    """
    about = [bound for bound in found if not math.isnan(bound.mu)]
    if not about or delta == 0:
        return None
    mu = gaussian_strength(epsilon, delta)
    if max(bound.mu for bound in about) > mu:
        return "refuted"
    return "not refuted" if max(bound.mu_ceiling for bound in about) > mu else "not testable"


# -- many records ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Guesses:
    """A rule for guessing: whose scores, and of how many records it says "in" and of how many "out"."""

    attack: str
    plus: int
    minus: int


def over_many(
    choosing: Sequence[Trial], reading: Sequence[Trial], delta: float, doubled: bool, epsilon: float
) -> Bound:
    """Return the bound over many records, with the attack and the numbers of guesses that did best when choosing.

    The theorem allows any guesses and any abstention that the coins of the training do not know. So "in" and "out" have
    numbers of their own: a release that copies a few people tells who is in, and about nobody that he is out. Nothing
    is paid for the choice among attacks and numbers, because it is made on other trainings, with other coins.

    Several trainings are read as one of as many coins as all have: no release depends on the coins of another, so that
    they are private together as each is for itself.
    """
    rule = _best_rule(choosing, delta, doubled)
    m, runs = len(reading[0].inside), len(reading)
    guesses = runs * (rule.plus + rule.minus)
    right = sum(_right(trial, rule) for trial in reading)
    low = one_run_epsilon(runs * m, guesses, right, delta, EACH, doubled=doubled)
    ceiling = one_run_ceiling(runs * m, delta, EACH, doubled=doubled)
    mu = one_run_mu(runs * m, guesses, right, EACH, doubled=doubled)
    mu_ceiling = one_run_mu(runs * m, runs * m, runs * m, EACH, doubled=doubled)
    p_value = math.nan
    if not math.isnan(epsilon):
        p_value = one_run_p_value(runs * m, guesses, right, epsilon, delta, doubled=doubled)
    over = f"{m} records" if runs == 1 else f"{m} records in each of {runs} trainings"
    detail = f"{right} of {guesses} guesses right ({runs * rule.plus} in, {runs * rule.minus} out), on {over}"
    kind = MANY[runs > 1]
    return Bound(kind, rule.attack, low, ceiling, detail, mu, mu_ceiling, p_value)


def _best_rule(trials: Sequence[Trial], delta: float, doubled: bool) -> _Guesses:
    """Return the rule with the largest bound over these trainings, among those that are best without delta."""
    m, runs = len(trials[0].inside), len(trials)
    pairs = [(p, q) for p in _numbers(m) for q in _numbers(m) if 0 < p + q <= m]
    plus, minus = np.array(pairs).T
    rules = [_Guesses(attack, p, q) for attack in trials[0].scores for p, q in pairs]
    right = np.concatenate(
        [np.sum([_rights(t, attack, plus, minus) for t in trials], axis=0) for attack in trials[0].scores]
    )
    guesses = np.tile(runs * (plus + minus), len(trials[0].scores))
    surplus = (2 * right - guesses) / np.sqrt(guesses)
    quick = pure_one_run_epsilon(guesses, right, EACH)

    def worth(i: int) -> tuple[float, float]:
        found = one_run_epsilon(runs * m, int(guesses[i]), int(right[i]), delta, EACH, doubled=doubled)
        return found, float(surplus[i])  # the surplus decides where no bound is above 0

    return rules[max(np.lexsort((surplus, quick))[-_EXACT:][::-1], key=worth)]


def _numbers(m: int) -> list[int]:
    """Return how many of m records may be guessed on one side: 0, 1, 2, 3, 5, 7, 10, 15, 20 and so on, half, all."""
    steps = [10**power * first for power in range(10) for first in (1, 1.5, 2, 3, 5, 7)]
    return sorted({0, m // 2, m, *(int(n) for n in steps if n == int(n) and n <= m)})


def _right(trial: Trial, rule: _Guesses) -> int:
    return int(_rights(trial, rule.attack, np.array([rule.plus]), np.array([rule.minus]))[0])


def _rights(trial: Trial, attack: str, plus: NDArray[np.intp], minus: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return how many guesses are right, (n_rules,): the `plus` highest scores called in, the `minus` lowest out."""
    inside = trial.inside[np.argsort(trial.scores[attack], kind="stable")]  # from the lowest score up
    out_below = np.append(0, np.cumsum(~inside))
    in_above = np.append(0, np.cumsum(inside[::-1]))
    found: NDArray[np.intp] = in_above[plus] + out_below[minus]
    return found


# -- repeated runs -----------------------------------------------------------------------------------------------------


def _repeated(
    choosing: Sequence[Trial], reading: Sequence[Trial], delta: float, doubled: bool, epsilon: float
) -> list[Bound]:
    """Return both bounds for the one record, attack and threshold that stood out on the trainings for choosing."""
    attack, record, threshold = _choose(choosing, delta)
    inside = np.array([trial.inside[record] for trial in reading])
    called = np.array([trial.scores[attack][record] >= threshold for trial in reading])
    n_in, n_out = int(inside.sum()), int((~inside).sum())
    false, missed = int(called[~inside].sum()), int((~called[inside]).sum())
    rates, best = error_rates(false, n_out, missed, n_in, EACH), error_rates(0, n_out, 0, n_in, EACH)
    low, ceiling = (repeated_epsilon(*r, delta, doubled=doubled) for r in (rates, best))
    gaussian_low, gaussian_ceiling = (gaussian_epsilon(*r, delta, doubled=doubled) for r in (rates, best))
    mu, mu_ceiling = (gaussian_mu(*r, doubled=doubled) for r in (rates, best))
    p_value = math.nan
    if not math.isnan(epsilon):
        p_value = repeated_p_value(false, n_out, missed, n_in, epsilon, delta, doubled=doubled)
    detail = f"called a member in {false} of {n_out} runs without the record, missed in {missed} of {n_in} with it"
    return [
        Bound("repeated runs", attack, low, ceiling, detail, p_value=p_value),
        Bound(GAUSSIAN, attack, gaussian_low, gaussian_ceiling, detail, mu, mu_ceiling),
    ]


def most_telling(trials: Sequence[Trial]) -> int:
    """Return which record tells most of its coin over these trainings, by any attack and either sign."""
    return _standing_out(read_both_ways(trials))[1]


def _choose(trials: Sequence[Trial], delta: float) -> tuple[str, int, float]:
    attack, record = _standing_out(trials)
    values = np.array([trial.scores[attack][record] for trial in trials])
    inside = np.array([trial.inside[record] for trial in trials])
    return attack, record, _threshold(values, inside, delta)


def _standing_out(trials: Sequence[Trial]) -> tuple[str, int]:
    inside = np.array([trial.inside for trial in trials])  # (n_trials, n_audited)
    best = (-np.inf, "", 0)
    for attack in trials[0].scores:
        scores = np.array([trial.scores[attack] for trial in trials])
        apart = _apart(scores, inside)
        record = int(np.argmax(apart))
        best = max(best, (float(apart[record]), attack, record))
    return best[1:]


def _apart(scores: NDArray[np.float64], inside: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return by how many standard deviations the scores of each record rise when it is in, (n_audited,)."""
    known = np.isfinite(scores)
    low, high = np.min(scores, initial=0.0, where=known), np.max(scores, initial=0.0, where=known)
    finite = np.nan_to_num(scores, neginf=float(low) - 1, posinf=float(high) + 1)
    n_in, n_out = inside.sum(axis=0), (~inside).sum(axis=0)
    means = [np.where(which, finite, 0).sum(axis=0) / np.maximum(which.sum(axis=0), 1) for which in (inside, ~inside)]
    around = np.where(inside, finite - means[0], finite - means[1])
    spread = np.sqrt((around**2).mean(axis=0)) + 1e-12
    found: NDArray[np.float64] = np.where((n_in > 1) & (n_out > 1), (means[0] - means[1]) / spread, -np.inf)
    return found


def _threshold(values: NDArray[np.float64], inside: NDArray[np.bool_], delta: float) -> float:
    """Return the value at or above which a record is called a member, the most telling one on these trainings."""
    ordered = np.unique(values)
    between = (ordered[1:] + ordered[:-1]) / 2 if len(ordered) > 1 else ordered

    def worth(threshold: float) -> tuple[float, float]:
        called = values >= threshold
        false, missed = int(called[~inside].sum()), int((~called[inside]).sum())
        rates = error_rates(false, int((~inside).sum()), missed, int(inside.sum()), EACH)
        return gaussian_epsilon(*rates, delta), -false / max((~inside).sum(), 1) - missed / max(inside.sum(), 1)

    return float(max(between, key=worth))
