"""Whether the probabilities of the linear classifier can be believed once a release has trained it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import nan

import numpy as np
from numpy.typing import NDArray

from bench import Cohort, Measure, metric

from ._tstr import classifier

_BINS = 10  # of the calibration error


@metric(
    "calibration",
    modalities="all",
    family="utility",
    measures=(
        Measure(
            "brier_logistic_synthetic",
            "lower",
            0,
            2,
            table="in_use",
            rank=12,
            title="Brier syn",
            real="brier_logistic_real",
        ),
        Measure("brier_logistic_real", "none", 0, 2, table="in_use", rank=13, title="Brier real"),
        Measure("calibration_logistic_synthetic", "none", 0, 1),
        Measure("calibration_logistic_real", "none", 0, 1),
    ),
    doi="10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2",
)
@dataclass(kw_only=True)
class Calibration:
    """Return Brier score and calibration error of the logistic regression of synthetic and of training samples.

    The classifier is that of `tstr_2026`, tested on the held-out samples. The Brier score is the squared distance
    between the class probabilities and the truth (1 for the class, 0 for the others), summed over classes, mean over
    samples: 0 for who is right and sure, 2 for who is wrong and sure, 1 - 1/k for who gives k classes equal chances. It
    is a proper score: only true probabilities make it smallest. The calibration error (ten equal bins of the
    probability of the predicted class, doi:10.1609/aaai.v29i1.9602) has no direction: who knows nothing and says so is
    calibrated. A class that the release lacks gets probability 0. NaN without a synthetic sample.
    """

    def __call__(
        self, train: Cohort, holdout: Cohort, synthetic: Cohort, *, rng: np.random.Generator
    ) -> Mapping[str, float]:
        """Return both measures of both classifiers."""
        values: dict[str, float] = {}
        for role, cohort in (("synthetic", synthetic), ("real", train)):
            brier, error = _read(cohort, train, holdout)
            values |= {f"brier_logistic_{role}": brier, f"calibration_logistic_{role}": error}
        return values


def _read(cohort: Cohort, train: Cohort, holdout: Cohort) -> tuple[float, float]:
    if len(cohort) == 0 or len(holdout) == 0:
        return nan, nan
    labels = np.union1d(cohort.classes, holdout.classes)
    shares = np.exp(classifier(cohort, train, scaled=True).log_probabilities(holdout, labels))
    truth = holdout.y[:, None] == labels
    brier = ((shares - truth) ** 2).sum(axis=1).mean()
    return float(brier), _calibration_error(shares, truth)


def _calibration_error(shares: NDArray[np.float64], truth: NDArray[np.bool_]) -> float:
    """Return the gap between confidence and share right, over equal bins of confidence, weighted by their size."""
    sure = shares.max(axis=1)
    right = truth[np.arange(len(truth)), shares.argmax(axis=1)]
    place = np.minimum((sure * _BINS).astype(int), _BINS - 1)
    gap = np.bincount(place, right, _BINS) - np.bincount(place, sure, _BINS)
    return float(np.abs(gap).sum() / len(right))
