"""Which generators meet what a release needs, by the rows of a benchmark: constraint by constraint, never an average.

An interval decides. A constraint is met, or broken, if the whole interval lies on one side of the limit; otherwise the
folds cannot tell, and that is said, as is whom they cannot tell from the best of those that remain.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from bench.core.errors import BenchError, near_name
from bench.core.formatting import counted, duration, size
from bench.registry.finding import plugins
from bench.release.evidence import claim_in, strongest_in
from bench.statistics.comparison import by_fold, corrected_interval
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
    """How one generator stands to one constraint.

    Parameters
    ----------
    value, low, high : mean over folds with its 95 % interval, or the epsilon of a claim; NaN where nothing is known
    note : what else must be known: which attack it was, what a claim leaves outside its budget
    folds : how many the mean is over; 0 for a claim
    """

    constraint: Constraint
    value: float
    low: float
    high: float
    verdict: Verdict
    note: str = ""
    folds: int = 0

    def __str__(self) -> str:
        """Return it in words."""
        return f"{self.constraint}: {self._verdict()}{self._measured()}"

    def _verdict(self) -> str:
        """Return the verdict in words that stand before a number; a claim that is too large says so by itself."""
        if self.verdict == "met" or not self.folds:
            return ""
        return "not met; " if self.verdict == "broken" else "cannot be told; "

    def _measured(self) -> str:
        if not math.isfinite(self.value):
            return self.note or "unknown"
        if not self.folds:
            return self.note or f"claims {self.value:g}"
        name = "AUC" if self.constraint.measure == EXPOSURE else "mean"
        by = f" by {self.note}" if self.note else ""
        if math.isnan(self.low) or math.isnan(self.high):
            return f"{name} {self.value:.3g}{by} on {counted(self.folds, 'fold')}, which gives no interval"
        interval = f"95 % interval {self.low:.3g} to {self.high:.3g}"
        return f"{name} {self.value:.3g}{by} on {counted(self.folds, 'fold')}, {interval}"


@dataclass(frozen=True)
class Candidate:
    """How one generator stands to every constraint.

    Parameters
    ----------
    seconds, peak_mb : what one training took, as a mean over folds; NaN where the rows do not say
    """

    label: str
    findings: tuple[Finding, ...]
    seconds: float = math.nan
    peak_mb: float = math.nan

    @property
    def verdict(self) -> Verdict:
        """``"broken"`` if one constraint is, else ``"open"`` if one is, else ``"met"``."""
        verdicts = {finding.verdict for finding in self.findings}
        return "broken" if "broken" in verdicts else "open" if "open" in verdicts else "met"

    @property
    def cost(self) -> str:
        """Return in words what one training takes; nothing if nobody knows."""
        if math.isnan(self.seconds) or math.isnan(self.peak_mb):
            return ""
        return f"one training took {duration(self.seconds)} and {size(self.peak_mb * 1e6)} of memory"


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
            full = f"{constraint.measure}_synthetic"  # of the release, not of real people
            near = f" Did you mean {full!r}?" if full in known else near_name(constraint.measure, known)
            raise BenchError(f"the rows hold no measure {constraint.measure!r}.{near} `bench results` lists them.")
    controls = {name for name, info in plugins("generator").items() if info.is_control}
    table = with_labels(rows[~rows["generator"].isin(controls)])
    found = [
        Candidate(
            str(label),
            tuple(_finding(mine, constraint) for constraint in constraints),
            seconds=_cost(mine, "wall_s"),
            peak_mb=_cost(mine, "peak_mb"),
        )
        for label, mine in table.groupby("label", sort=True)
    ]
    order: Sequence[Verdict] = ("met", "open", "broken")
    return sorted(found, key=lambda candidate: order.index(candidate.verdict))


def _cost(mine: pd.DataFrame, name: str) -> float:
    return float(mine.loc[(mine["family"] == "cost") & (mine["measure"] == name), "value"].mean())


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
    return Finding(constraint, interval.mean, low, high, constraint.verdict(low, high), folds=len(values))


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
    note = f"{strongest['attack']}, the strongest of {counted(int(strongest['n_attacks']), 'attack')},"
    verdict = constraint.verdict(low, high)
    return Finding(constraint, float(strongest["value"]), low, high, verdict, note, int(strongest["n_folds"]))


def reasons(candidate: Candidate) -> Iterator[str]:
    """Yield in words which constraints removed a generator; of one that none removed, which ones nobody can tell."""
    yield from (str(finding) for finding in candidate.findings if finding.verdict == candidate.verdict != "met")


# -- those that remain -------------------------------------------------------------------------------------------------


def ties(rows: pd.DataFrame, remaining: Sequence[Candidate]) -> Iterator[str]:
    """Yield, for every measured constraint, who is best of those that remain, and whom the folds cannot tell from it.

    Measures are compared by the interval of the paired difference on the folds that both have; attacks, which are not
    paired, by whether their intervals overlap.
    """
    if len(remaining) < 2:
        return
    table = with_labels(rows[rows["status"] == "ok"])
    for findings in zip(*(candidate.findings for candidate in remaining), strict=True):
        constraint = findings[0].constraint
        if not all(finding.folds for finding in findings):
            continue
        values = dict(zip((candidate.label for candidate in remaining), findings, strict=True))
        sign = 1 if constraint.at_least else -1
        best = max(values, key=lambda label: sign * values[label].value)
        if constraint.measure == EXPOSURE:
            same = [x for x, found in values.items() if x != best and found.low <= values[best].high]
        else:
            mine = table[table["measure"] == constraint.measure]
            same = [x for x in values if x != best and not _told_apart(mine, best, x)]
        told = f"the folds cannot tell {' or '.join(same)} from it" if same else "the folds tell it from the others"
        yield f"By {constraint.measure} {best} is best ({values[best].value:.3g}); {told}."


def _told_apart(mine: pd.DataFrame, one: str, other: str) -> bool:
    pair = by_fold(mine, [one, other])
    return pair.shape[1] > 1 and corrected_interval(pair[0] - pair[1], _TEST_PER_TRAIN).excludes_zero


def with_smaller_epsilon(found: Sequence[Candidate]) -> list[str]:
    """Return generators, with the epsilon that is needed, that nothing removed but too large a claim."""
    labels = []
    for candidate in found:
        name = candidate.label.partition("[")[0]
        info = plugins("generator").get(name)
        broken = [finding for finding in candidate.findings if finding.verdict == "broken"]
        too_large = [f for f in broken if f.constraint.measure in (EPSILON, IN_PART) and math.isfinite(f.value)]
        if broken and broken == too_large and info and "epsilon" in info.params:
            labels.append(f"{name}[epsilon={min(f.constraint.limit for f in broken):g}]")
    return list(dict.fromkeys(labels))
