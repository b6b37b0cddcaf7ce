"""An order of samples that depends on what they are and not on where they stand, for draws that must not."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bench import Cohort


def at_most(cohort: Cohort, most: int, rng: np.random.Generator) -> Cohort:
    """Return the cohort, or a random draw of `most` of its samples: the same ones wherever they stood in it."""
    if len(cohort) <= most:
        return cohort
    return cohort.take(content_order(cohort)[rng.permutation(len(cohort))[:most]])


def content_order(cohort: Cohort) -> NDArray[np.intp]:
    """Return the (n,) positions of the samples, sorted by label, those of a label by the bytes of their values."""
    rows = np.ascontiguousarray(cohort.X).view(np.dtype((np.void, cohort.X.itemsize * cohort.n_genes))).ravel()
    by_value = np.argsort(rows, kind="stable")
    return by_value[np.argsort(cohort.y[by_value], kind="stable")]
