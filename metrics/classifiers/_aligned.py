"""Puts the answers of a released classifier beside the truth."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bench import Records, ReleasedModel


def labels_of(model: ReleasedModel, people: Records) -> NDArray[np.str_]:
    """Return all labels that the model or the people have, sorted."""
    return np.union1d(np.asarray(model.classes, dtype=np.str_), people.classes)


def aligned(model: ReleasedModel, people: Records, labels: NDArray[np.str_]) -> NDArray[np.float64]:
    """Return the model's probabilities, (n, n_labels), in the columns of `labels`; 0 for a class it does not know."""
    shares = np.zeros((len(people), len(labels)))
    shares[:, np.searchsorted(labels, model.classes)] = model.predict_proba(people.X)
    return shares
