"""Decision trees as plain arrays, and what a forest of them answers: no pickle, no file of a library.

All trees lie one behind the other: node i asks whether feature ``feature[i]`` is at most ``threshold[i]``, goes to
``left[i]`` or ``right[i]``, and is a leaf where ``left[i]`` is negative. ``roots`` are where the trees begin.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._teaching import blocks

_AT_ONCE = 256  # people


def leaves(arrays: Mapping[str, NDArray[Any]], X: NDArray[np.float32]) -> NDArray[np.intp]:
    """Return the number of the leaf that each person (n, n_features) reaches in each tree, (n, n_trees)."""
    roots = arrays["roots"]
    found = np.empty((len(X), len(roots)), dtype=np.intp)
    for rows in blocks(len(X), _AT_ONCE):
        found[rows] = _descend(arrays, X[rows])
    return found


def _descend(arrays: Mapping[str, NDArray[Any]], X: NDArray[np.float32]) -> NDArray[np.intp]:
    left, right, feature, threshold = (arrays[name] for name in ("left", "right", "feature", "threshold"))
    node = np.tile(arrays["roots"].astype(np.intp), len(X))  # (n * n_trees,)
    person = np.repeat(np.arange(len(X)), len(arrays["roots"]))
    going = np.flatnonzero(left[node] >= 0)
    while len(going):
        at = node[going]
        low = X[person[going], feature[at]] <= threshold[at]
        node[going] = np.where(low, left[at], right[at])
        going = going[left[node[going]] >= 0]
    return node.reshape(len(X), -1)
