"""Which generators meet what a release needs, by the rows of a benchmark: constraint by constraint, never an average.

An interval decides. A constraint is met, or broken, if the whole interval lies on one side of the limit; otherwise the
folds cannot tell, and that is said.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from bench.core.errors import BenchError, near_name
from bench.registry.finding import plugins
from bench.release.evidence import claim_in, strongest_in
from bench.statistics.comparison import corrected_interval
from bench.store.rows import with_labels

if TYPE_CHECKING:
    import pandas as pd

Verdict = Literal["met", "broken", "open"]
EPSILON, IN_PART, EXPOSURE = "epsilon", "epsilon, also in part", "exposure"
_TEST_PER_TRAIN = 1 / 4  # of five folds


@dataclass(frozen=True)
class Constraint:
    """What a release needs: a measure with a limit.

    Parameters
    ----------
    measure : one of the rows, ``"epsilon"`` (claimed end to end), ``"epsilon, also in part"`` (whatever a claim leaves
        outside its budget) or ``"exposure"`` (AUC of the strongest attack)
    limit : the least or the most it may be
    at_least : which of the two
    """

    measure: str
    limit: float
    at_least: bool

    def __str__(self) -> str:
        """Return it in words."""
        return f"{self.measure} {'>=' if self.at_least else '<='} {self.limit:g}"

    def verdict(self, low: float, high: float) -> Verdict:
        """Return what an interval says; nothing is known of one that is NaN."""
        if math.isnan(low) or math.isnan(high):
            return "open"
        if self.at_least:
            low, high, limit = -high, -low, -self.limit
        else:
            limit = self.limit
        return "met" if high <= limit else "broken" if low > limit else "open"


@dataclass(frozen=True)
class Finding:
    """How one generator stands to one constraint."""

    constraint: Constraint
    value: float
    low: float
    high: float
    verdict: Verdict
    note: str = ""


@dataclass(frozen=True)
class Candidate:
    """How one generator stands to every constraint."""

    label: str
    findings: tuple[Finding, ...]

    @property
    def verdict(self) -> Verdict:
        """``"broken"`` if one constraint is, else ``"open"`` if one is, else ``"met"``."""
        verdicts = {finding.verdict for finding in self.findings}
        return "broken" if "broken" in verdicts else "open" if "open" in verdicts else "met"


def candidates(rows: pd.DataFrame, constraints: Sequence[Constraint]) -> list[Candidate]:
    """Return how every generator in rows stands to the constraints: those that meet all first, controls left out.

    Parameters
    ----------
    rows : of one dataset, as `bench.store.rows.read_rows` returns them

    Raises
    ------
    BenchError
        If no constraint is given, or a measure is in no row.
    """
    if not constraints:
        raise BenchError("nothing says what the release needs; give a limit such as --epsilon 4 or --exposure 0.6.")
    known = {EPSILON, IN_PART, EXPOSURE, *rows.loc[rows["attack"] == "", "measure"]}
    for constraint in constraints:
        if constraint.measure not in known:
            near = near_name(constraint.measure, known)
            raise BenchError(f"the rows hold no measure {constraint.measure!r}.{near} `bench results` lists them.")
    controls = {name for name, info in plugins("generator").items() if info.is_control}
    table = with_labels(rows[~rows["generator"].isin(controls)])
    found = [
        Candidate(str(label), tuple(_finding(mine, constraint) for constraint in constraints))
        for label, mine in table.groupby("label", sort=True)
    ]
    order: Sequence[Verdict] = ("met", "open", "broken")
    return sorted(found, key=lambda candidate: order.index(candidate.verdict))


def _finding(mine: pd.DataFrame, constraint: Constraint) -> Finding:
    if constraint.measure in (EPSILON, IN_PART):
        return _of_claim(mine, constraint)
    if constraint.measure == EXPOSURE:
        return _of_attacks(mine, constraint)
    values = mine.loc[(mine["measure"] == constraint.measure) & (mine["status"] == "ok"), "value"].dropna()
    if values.empty:
        return Finding(constraint, math.nan, math.nan, math.nan, "open", "not measured")
    interval = corrected_interval(np.asarray(values, dtype=float), _TEST_PER_TRAIN)
    low, high = (float(end) for end in np.clip([interval.low, interval.high], *_bounds(constraint.measure)))
    note = "" if len(values) > 1 else "one fold"
    return Finding(constraint, interval.mean, low, high, constraint.verdict(low, high), note)


def _bounds(name: str) -> tuple[float, float]:
    """Return between which values a measure lies, as its metric declares."""
    declared = (m for info in plugins("metric").values() for m in info.measures if m.name == name)
    measure = next(declared, None)
    return (-math.inf, math.inf) if measure is None else (measure.low, measure.high)


def _of_claim(mine: pd.DataFrame, constraint: Constraint) -> Finding:
    """Return the finding about the claim; no epsilon bounds what a step outside the budget gives away: it is named."""
    claim = claim_in(mine)
    if claim is None:
        return Finding(constraint, math.inf, math.inf, math.inf, "broken", "claims nothing")
    epsilon, note = claim.epsilon, ""
    if not claim.end_to_end:
        note = f"claims {epsilon:g} for a part of the steps; outside its budget: {'; '.join(claim.outside)}"
        if constraint.measure == EPSILON:
            return Finding(constraint, math.inf, math.inf, math.inf, "broken", note)
    return Finding(constraint, epsilon, epsilon, epsilon, constraint.verdict(epsilon, epsilon), note)


def _of_attacks(mine: pd.DataFrame, constraint: Constraint) -> Finding:
    if mine.loc[(mine["measure"] == "auc") & (mine["status"] == "ok")].empty:
        return Finding(constraint, math.nan, math.nan, math.nan, "open", "not attacked")
    strongest = strongest_in(mine)
    low, high = float(strongest["low"]), float(strongest["high"])
    note = f"{strongest['attack']} of {strongest['n_attacks']}"
    return Finding(constraint, float(strongest["value"]), low, high, constraint.verdict(low, high), note)


def reasons(candidate: Candidate) -> Iterator[str]:
    """Yield in words which constraints a generator breaks, or which nobody can tell."""
    for finding in candidate.findings:
        if finding.verdict == "met":
            continue
        note = f" ({finding.note})" if finding.note else ""
        if not math.isfinite(finding.value):
            yield f"{finding.constraint}: {finding.note or 'unknown'}"
            continue
        interval = "" if math.isnan(finding.low) else f", {finding.low:.3g} to {finding.high:.3g}"
        word = "is" if finding.verdict == "broken" else "may be"
        yield f"{finding.constraint}: {word} broken, {finding.value:.3g}{interval}{note}"
