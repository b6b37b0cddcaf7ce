"""Reads lower bounds of epsilon from the trainings of an audit.

Attack, record and threshold are chosen on other trainings than those that a bound is read on. Beside each bound stands
the ceiling that a perfect attack would have reached with as many records and trainings.
"""

from __future__ import annotations

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
    one_run_ceiling,
    one_run_epsilon,
    repeated_ceiling,
    repeated_epsilon,
)

EACH = 0.975  # confidence of each of the two readings; both hold together at 95 %
FEWEST_RUNS = 20  # below, no error rate can be told from one half
GAUSSIAN = "repeated runs, Gaussian"
Verdict = Literal["refuted", "exceeded", "not refuted", "not testable"]  # as files hold it; `VERDICT_WORDS` prints it
VERDICT_WORDS: dict[Verdict, str] = {
    "refuted": "refuted",
    "exceeded": "exceeded, as steps outside the budget may",
    "not refuted": "not refuted",
    "not testable": "not testable with so few records and runs",
}
_SHARES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)  # of the records that are guessed


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
    kind : ``"one run"``, ``"repeated runs"`` or ``"repeated runs, Gaussian"``
    attack : whose guesses they were
    low : the bound
    ceiling : what perfect guesses would have given
    detail : how many guesses were right, in words
    """

    kind: str
    attack: str
    low: float
    ceiling: float
    detail: str


def bounds(trials: Sequence[Trial], delta: float) -> list[Bound]:
    """Return every bound that there is: for several records from one run, from `FEWEST_RUNS` on for one record.

    An attack that failed on one of the releases takes no part.

    Raises
    ------
    PluginError
        If every attack failed on some release.
    """
    whole = [name for name in trials[0].scores if all(name in trial.scores for trial in trials)]
    if not whole:
        reasons = {name: reason for trial in trials for name, reason in trial.failed.items()}
        raise PluginError(f"no attack came through on all {len(trials)} releases: {reasons}.")
    trials = [replace(trial, scores={name: trial.scores[name] for name in whole}) for trial in trials]
    found = [_one_run(trials[:-1], trials[-1], delta)] if len(trials[-1].inside) > 1 else []
    if len(trials) >= FEWEST_RUNS:
        half = len(trials) // 2
        found += _repeated(trials[:half], trials[half:], delta)
    return found


def exceeded(found: Sequence[Bound], epsilon: float) -> bool:
    """Return whether a bound that holds for every private mechanism exceeds epsilon; the Gaussian one does not."""
    return any(bound.low > epsilon for bound in found if bound.kind != GAUSSIAN)


def verdict(found: Sequence[Bound], epsilon: float, end_to_end: bool = True) -> Verdict:
    """Return the outcome, none of which is a proof of privacy.

    A claim that lists steps outside its budget concedes that the whole release may exceed it: then it is exceeded, and
    not refuted.
    """
    if exceeded(found, epsilon):
        return "refuted" if end_to_end else "exceeded"
    if max((bound.ceiling for bound in found if bound.kind != GAUSSIAN), default=0.0) <= epsilon:
        return "not testable"
    return "not refuted"


# -- one run -----------------------------------------------------------------------------------------------------------


def _one_run(others: Sequence[Trial], last: Trial, delta: float) -> Bound:
    """Return the bound of the last training, with attack and number of guesses that did best on the others."""
    m = len(last.inside)

    def worth(attack: str, share: float) -> tuple[float, float]:
        read = [_guess(trial, attack, share) for trial in others]
        epsilons = [one_run_epsilon(m, guesses, right, delta, EACH) for guesses, right in read]
        guessed, hits = sum(g for g, _ in read), sum(r for _, r in read)
        return float(np.mean(epsilons)), (2 * hits - guessed) / np.sqrt(max(guessed, 1))  # where no bound is above 0

    attack, share = max(((a, s) for a in last.scores for s in _SHARES), key=lambda choice: worth(*choice))
    guesses, right = _guess(last, attack, share)
    low = one_run_epsilon(m, guesses, right, delta, EACH)
    detail = f"{right} of {guesses} guesses right, on {m} records"
    return Bound("one run", attack, low, one_run_ceiling(m, delta, EACH), detail)


def _guess(trial: Trial, attack: str, share: float) -> tuple[int, int]:
    """Return how many records are guessed, half as members and half not, and how many guesses are right."""
    m = len(trial.inside)
    k = max(1, min(round(share * m / 2), m // 2))
    order = np.argsort(trial.scores[attack], kind="stable")
    right = int((~trial.inside[order[:k]]).sum() + trial.inside[order[m - k :]].sum())
    return 2 * k, right


# -- repeated runs -----------------------------------------------------------------------------------------------------


def _repeated(choosing: Sequence[Trial], reading: Sequence[Trial], delta: float) -> list[Bound]:
    """Return both bounds for the one record, attack and threshold that stood out on the trainings for choosing."""
    attack, record, threshold = _choose(choosing, delta)
    inside = np.array([trial.inside[record] for trial in reading])
    called = np.array([trial.scores[attack][record] >= threshold for trial in reading])
    n_in, n_out = int(inside.sum()), int((~inside).sum())
    false, missed = int(called[~inside].sum()), int((~called[inside]).sum())
    rates = error_rates(false, n_out, missed, n_in, EACH)
    ceilings = repeated_ceiling(n_out, n_in, delta, EACH)
    detail = f"called a member in {false} of {n_out} runs without the record, missed in {missed} of {n_in} with it"
    return [
        Bound("repeated runs", attack, repeated_epsilon(*rates, delta), ceilings[0], detail),
        Bound(GAUSSIAN, attack, gaussian_epsilon(*rates, delta), ceilings[1], detail),
    ]


def _choose(trials: Sequence[Trial], delta: float) -> tuple[str, int, float]:
    inside = np.array([trial.inside for trial in trials])  # (n_trials, n_audited)
    best = (-np.inf, "", 0)
    for attack in trials[0].scores:
        scores = np.array([trial.scores[attack] for trial in trials])
        apart = _apart(scores, inside)
        record = int(np.argmax(apart))
        best = max(best, (float(apart[record]), attack, record))
    _, attack, record = best
    values = np.array([trial.scores[attack][record] for trial in trials])
    return attack, record, _threshold(values, inside[:, record], delta)


def _apart(scores: NDArray[np.float64], inside: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return by how many standard deviations the scores of each record rise when it is in, (n_audited,)."""
    finite = np.nan_to_num(scores, neginf=float(np.min(scores, initial=0.0, where=np.isfinite(scores))) - 1)
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
