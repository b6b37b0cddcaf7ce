"""Class labels for attacks: the granted ones, or ones predicted from the structure of the release alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage

from bench import AttackView, PluginError

from ._memo import shared
from ._spectra import spectrum

_AXES = 30  # enough to tell twelve tissues apart; more adds noise to the clusters
_MOST_POINTS = 5000  # that build the hierarchy, which needs memory for every pair; others join the nearest centre


def given_labels(view: AttackView, name: str) -> tuple[NDArray[np.str_], NDArray[np.str_]]:
    """Return the labels of the synthetic people and of the targets.

    Raises
    ------
    PluginError
        If the view grants none.
    """
    if view.synthetic_labels is None or view.target_labels is None:
        raise PluginError(
            f"attack {name!r} needs the class labels of the release and of the candidates, but the view has none. "
            "Release labels, or use the attack of the same kind that predicts them (its name ends in '_blind')."
        )
    return view.synthetic_labels, view.target_labels


@dataclass(frozen=True, eq=False)
class Tree:
    """A hierarchy of the synthetic people, to be cut into any number of clusters."""

    merges: NDArray[np.float64]
    points: NDArray[np.float64]

    @property
    def nbytes(self) -> int:
        """The bytes it holds."""
        return self.merges.nbytes + self.points.nbytes


def predicted_labels(
    synthetic: NDArray[np.float32], targets: NDArray[np.float32], n_clusters: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return cluster numbers of the synthetic people and of the targets, each in the cluster with the nearest centre.

    Ward's hierarchy of the synthetic people on their leading axes gives the centres; nothing about the targets shapes
    them, and nothing is random.
    """
    axes = spectrum(synthetic)
    leading = axes.directions[:, :_AXES]
    tree = shared("ward", (synthetic,), lambda: _ward((synthetic[:: _stride(synthetic)] - axes.mean) @ leading))
    cut = fcluster(tree.merges, n_clusters, criterion="maxclust")
    centres = np.array([tree.points[cut == k].mean(axis=0) for k in np.unique(cut)])  # (n_clusters, n_axes)
    return _nearest((synthetic - axes.mean) @ leading, centres), _nearest((targets - axes.mean) @ leading, centres)


def _stride(synthetic: NDArray[np.float32]) -> int:
    return -(-len(synthetic) // _MOST_POINTS)


def _ward(points: NDArray[np.float64]) -> Tree:
    return Tree(linkage(points, method="ward"), points)


def _nearest(points: NDArray[np.float64], centres: NDArray[np.float64]) -> NDArray[np.int64]:
    squared = np.einsum("kj,kj->k", centres, centres) - 2 * points @ centres.T  # less |point|^2, the same for all
    index: NDArray[np.int64] = np.argmin(squared, axis=1)
    return index


def reference_of(view: AttackView, name: str) -> NDArray[np.float32]:
    """Return the people known to be no members.

    Raises
    ------
    PluginError
        If the view has none, because the cohort has no reference set and none was set aside.
    """
    if view.reference is None:
        raise PluginError(
            f"attack {name!r} needs a reference set of people who are no members, but this cohort has none. Set a "
            "share of it aside, or leave the attack out."
        )
    return view.reference
