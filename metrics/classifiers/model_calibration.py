"""Whether the probabilities of a released classifier can be believed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bench import Measure, Records, ReleasedModel, metric

from ._aligned import aligned, labels_of

_BINS = 10  # of the calibration error


@metric(
    "model_calibration",
    modalities="all",
    releases="model",
    family="utility",
    measures=(
        Measure("model_brier", "lower", 0, 2, table="utility", rank=35, title="Brier"),
        Measure("model_calibration_error", "none", 0, 1, table="utility", rank=37, title="calibration error"),
    ),
    doi="10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2",
)
@dataclass(kw_only=True)
class ModelCalibration:
    """Return the Brier score and the calibration error of a released classifier on held-out people.

    The Brier score is the squared distance between the class probabilities and the truth, summed over classes, mean
    over people: 0 for who is right and sure, 2 for who is wrong and sure. Only true probabilities make it smallest. The
    calibration error is the gap between confidence and share right over ten equal bins of the confidence
    (doi:10.1609/aaai.v29i1.9602). It has no direction: who knows nothing and says so is calibrated.
    """

    def __call__(
        self, train: Records, holdout: Records, model: ReleasedModel, *, rng: np.random.Generator
    ) -> Mapping[str, float]:
        """Return both measures."""
        labels = labels_of(model, holdout)
        shares, truth = aligned(model, holdout, labels), holdout.y[:, None] == labels
        sure, right = shares.max(axis=1), truth[np.arange(len(truth)), shares.argmax(axis=1)]
        place = np.minimum((sure * _BINS).astype(int), _BINS - 1)
        gaps = np.bincount(place, right, _BINS) - np.bincount(place, sure, _BINS)
        return {
            "model_brier": float(((shares - truth) ** 2).sum(axis=1).mean()),
            "model_calibration_error": float(np.abs(gaps).sum() / len(right)),
        }
