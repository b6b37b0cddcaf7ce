"""Reads from the rows what a report says of each generator: what attacks reach, what it is worth, what it claims."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from bench.report.board import Board, Summary
from bench.report.privacy import JUDGED_BY, LUCK, StatedClaim, Strongest, leak_p_values, stated_claims, strongest
from bench.statistics.comparison import Interval

USE = "accuracy_synthetic"
_REAL = "accuracy_real"
CLEAR = {"auc": 0.6, "tpr_at_fpr_01": 0.05}  # from here on a leak is called clear; the page says so
_NEAR = 0.05  # an accuracy this much below that of real training data is called useful; the page says so


@dataclass(frozen=True)
class Exposure:
    """What the strongest attack reaches, less the luck of being the best; the interval holds for all attacks."""

    folds: Summary
    interval: Interval


@dataclass(frozen=True)
class Finding:
    """What the rows say about one generator.

    Parameters
    ----------
    exposures : by AUC and by TPR at FPR 1 %, under the names of those measures
    use, real : accuracy of a classifier trained on synthetic and on real samples
    claim : what it claims and what audits say about that; None if it claims nothing
    p_value : of attacks that know nothing, corrected for the number of attacks, readings and generators
    """

    exposures: Mapping[str, Exposure]
    use: Summary
    real: Summary
    claim: StatedClaim | None
    p_value: float

    @property
    def auc(self) -> Summary:
        """The AUC of the strongest attack."""
        return self.exposures["auc"].folds

    @property
    def found(self) -> Summary:
        """The share of training samples that the strongest attack finds at FPR 1 %."""
        return self.exposures["tpr_at_fpr_01"].folds

    @property
    def leak(self) -> str:
        """How attacks did: ``"clear"``, ``"slight"``, ``"unsure"``, ``"chance"``, or ``"unknown"``."""
        if math.isnan(self.auc.mean) or math.isnan(self.p_value):
            return "unknown"
        large = any(e.folds.mean >= CLEAR[m] for m, e in self.exposures.items())
        if self.p_value < LUCK:
            return "clear" if large else "slight"
        return "unsure" if large else "chance"

    @property
    def useful(self) -> bool:
        """True if a classifier trained on it is nearly as good as one trained on real samples, on every fold."""
        return self.use.complete and self.real.complete and self.use.mean >= self.real.mean - _NEAR


def findings(board: Board, audits: pd.DataFrame | None, n_samples: int) -> dict[str, Finding]:
    """Return what is known of each generator, controls included, in the order of the board.

    Parameters
    ----------
    n_samples : people in the cohort, training and held out together
    """
    found = {measure: strongest(board, measure, n_samples) for measure in JUDGED_BY}
    claims, p_values = stated_claims(board, audits), leak_p_values(board, list(found.values()))
    return {
        label: Finding(
            {measure: _exposure(reading, label) for measure, reading in found.items()},
            board.summary(label, USE),
            board.summary(label, _REAL),
            claims.get(label),
            p_values[label],
        )
        for label in board.labels
    }


def _exposure(reading: Strongest, label: str) -> Exposure:
    value, low, high = (float(reading.of(label, column)) for column in ("value", "low", "high"))
    return Exposure(reading.summary(label), Interval(value, low, high))
