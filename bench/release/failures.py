"""Whether a training fails whoever it is given, so that its failure tells nothing of the people and spends nothing."""

from __future__ import annotations

import numpy as np

from bench.boundary.making import train
from bench.core.cohort import Cohort
from bench.core.records import Records
from bench.registry.selection import Choice

_EACH = 20  # made-up people of each class


def fails_with_anybody(choice: Choice, people: Records, error: Exception) -> bool:
    """Return whether a configuration fails in the same words on made-up people, as for a parameter out of its range.

    Parameters
    ----------
    people : of whom only classes, features and units are used; expression alone can be made up
    error : what the training on them raised
    """
    if not isinstance(people, Cohort):
        return False
    rng = np.random.default_rng(0)
    y = np.repeat(people.classes, _EACH)
    shape = len(y), people.n_genes
    X = rng.poisson(50, shape) if people.units == "counts" else np.abs(rng.normal(8, 2, shape))
    try:
        train(choice.info, choice.params, people.synthetic(X, y), rng=rng)
    except Exception as other:
        return type(other) is type(error) and str(other) == str(error)
    return False
