"""Subgroups inside the classes of real people, found among the training samples alone, and who belongs to which."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.linalg import svds
from scipy.spatial.distance import cdist
from sklearn.cluster import KMeans

from bench import Cohort, fold_fact

from ._order import content_order
from ._scaling import centre_and_scale
from ._shared import shared

Array = NDArray[np.float64]
_AXES = 10  # principal components in which subgroups are sought
_MOST = 3  # subgroups of a class
_FEWEST = 8  # training samples per subgroup that a class must have
_BLOCK = 4096


@dataclass(frozen=True, eq=False)
class Subgroups:
    """What places a sample among the subgroups of its class.

    Parameters
    ----------
    labels : (n_classes,) sorted
    centres : (n_classes, n_genes) class means
    scale : (n_genes,) standard deviations over all training samples
    axes : (n_genes, n_axes) of the variation within classes
    middles : (n_subgroups, n_axes)
    class_of : (n_subgroups,) position of each subgroup's class in `labels`; rising
    """

    labels: NDArray[np.str_]
    centres: Array
    scale: Array
    axes: Array
    middles: Array
    class_of: NDArray[np.intp]

    def place(self, cohort: Cohort) -> tuple[Array, NDArray[np.intp]]:
        """Return (n, n_axes) coordinates around the mean of the class, and its nearest subgroup (-1: no such class)."""
        scores = np.zeros((len(cohort), self.axes.shape[1]))
        group = np.full(len(cohort), -1, dtype=np.intp)
        for c, label in enumerate(self.labels):
            own = np.flatnonzero(cohort.y == label)
            choices = np.flatnonzero(self.class_of == c)
            for rows in (own[i : i + _BLOCK] for i in range(0, len(own), _BLOCK)):
                scores[rows] = ((cohort.X[rows] - self.centres[c]) / self.scale) @ self.axes
                group[rows] = choices[cdist(scores[rows], self.middles[choices]).argmin(axis=1)]
        return scores, group


@shared
@fold_fact
def find_subgroups(train: Cohort, *, seed: int) -> Subgroups:
    """Return the subgroups of the training samples: k-means within classes, on principal components.

    The ten components are those of the standardised genes after the class means were taken off. A class gets one
    subgroup per eight samples, but at least one and at most three.
    """
    train = train.take(content_order(train))  # k-means starts from positions
    _, scale = centre_and_scale(train.X)
    labels, code = np.unique(train.y, return_inverse=True)
    centres = np.array([X.mean(axis=0, dtype=np.float64) for _, X in train.by_label()])
    rest = (train.X - centres[code]) / scale
    axes = _main_axes(rest)
    scores = rest @ axes
    middles = [_middles(scores[code == c], seed) for c in range(len(labels))]
    class_of = np.repeat(np.arange(len(labels)), [len(m) for m in middles])
    return Subgroups(labels, centres, scale, axes, np.vstack(middles), class_of)


def _main_axes(rest: Array) -> Array:
    """Return (n_genes, n_axes) the directions of largest variance, the largest first; zero where nothing varies."""
    n_axes = max(1, min(_AXES, min(rest.shape) - 1))
    if min(rest.shape) < 2 or not rest.any():
        return np.zeros((rest.shape[1], 1))
    start = np.cos(np.arange(min(rest.shape)))  # any vector will do, but always the same one
    axes: Array = svds(rest, k=n_axes, v0=start)[2][::-1].T
    return axes


def _middles(scores: Array, seed: int) -> Array:
    distinct = len(np.unique(scores, axis=0))
    k = max(1, min(_MOST, len(scores) // _FEWEST, distinct))
    middles: Array = KMeans(k, n_init=5, random_state=seed).fit(scores).cluster_centers_
    return middles
