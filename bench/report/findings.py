"""Reads from the rows what a report says of each generator: what attacks reach, what it is worth, what it claims."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bench.report.board import Board, Summary
from bench.report.privacy import StatedClaim, stated_claims, strongest_by_label, summary_of
from bench.report.ranking import held_out_per_train
from bench.statistics.comparison import Interval, corrected_interval

USE = "accuracy_synthetic"
_REAL = "accuracy_real"
CHANCE = {"auc": 0.5, "tpr_at_fpr_01": 0.01}
CLEAR = {"auc": 0.6, "tpr_at_fpr_01": 0.05}  # from here on a leak is called clear; the page says so
_NEAR = 0.05  # an accuracy this much below that of real training data is called useful; the page says so


@dataclass(frozen=True)
class Exposure:
    """What the strongest attack reaches, chosen on other folds, and the corrected 95 % interval of the mean."""

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
    """

    exposures: Mapping[str, Exposure]
    use: Summary
    real: Summary
    claim: StatedClaim | None

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
        known = {m: e for m, e in self.exposures.items() if not math.isnan(e.interval.low)}
        if "auc" not in known:
            return "unknown"
        large = {m for m, e in known.items() if e.folds.mean >= CLEAR[m]}
        sure = {m for m, e in known.items() if e.interval.low > CHANCE[m]}
        if sure:
            return "clear" if sure & large else "slight"
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
    found = {measure: strongest_by_label(board, measure) for measure in CHANCE}
    claims = stated_claims(board, audits)
    share = held_out_per_train(board, list(board.labels), n_samples)
    return {
        label: Finding(
            {measure: _exposure(values[label], share) for measure, values in found.items()},
            board.summary(label, USE),
            board.summary(label, _REAL),
            claims.get(label),
        )
        for label in board.labels
    }


def _exposure(values: pd.Series[float], share: float) -> Exposure:
    return Exposure(summary_of(values), corrected_interval(np.asarray(values.dropna(), dtype=np.float64), share))
