"""How a released linear classifier is kept and how it answers: standardised features, one score a class, softmax."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from bench import ReleasedModel

from ._teaching import Lesson


def linear_model(lesson: Lesson, weights: Any, bias: Any, centre: Any, scale: Any) -> ReleasedModel:
    """Return the model of scores ``((x - centre) / scale) @ weights + bias``; weights (n_features, n_classes)."""
    arrays = {"weights": weights, "bias": bias, "centre": centre, "scale": scale}
    return ReleasedModel(arrays, lesson.classes, lesson.features)


def linear_answers(arrays: Mapping[str, NDArray[Any]], X: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return class probabilities (n, n_classes)."""
    scores = ((X - arrays["centre"]) / arrays["scale"]) @ arrays["weights"] + arrays["bias"]
    answers: NDArray[np.float64] = softmax(scores, axis=1)
    return answers


def standard(X: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean and standard deviation of each feature; 1 for one that does not vary."""
    centre, spread = X.mean(axis=0, dtype=np.float64), X.std(axis=0, dtype=np.float64)
    return centre, np.where(spread > 1e-6 * np.maximum(np.abs(centre), 1), spread, 1.0)
