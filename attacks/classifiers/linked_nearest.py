"""Nearest row in the space that a release lies in: for sanitised data, where every row is somebody's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench import AttackView, attack

_RANK = 1e-3  # of the largest singular value; what is below is the rounding of the release


@attack("linked_nearest", access="black-box", opt_in=True, family="distance", doi="10.1109/ICHI54592.2022.00101")
@dataclass(kw_only=True)
class LinkedNearest:
    """Score a target by how near the nearest released row is, both at length 1 and in the space that the release spans.

    Threat model: the release alone. A sanitiser (`dct_sampling`, `dct_laplace`, `pca_sampling`) releases one noisy row
    for each person, in few coordinates: in the space of all genes everybody is far from it, and distances say nothing.
    The rows themselves give that space away. Opt-in, because on releases that span all genes it is a nearest neighbour.
    """

    def score(self, view: AttackView, *, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return (n_targets,) cosines of the angle to the nearest row."""
        released, targets = _unit(view.synthetic), _unit(view.targets)
        _, lengths, directions = np.linalg.svd(released, full_matrices=False)
        kept = directions[lengths > _RANK * lengths[0]].T  # (n_genes, rank)
        rows, asked = _unit(released @ kept), _unit(targets @ kept)
        nearest: NDArray[np.float64] = (asked @ rows.T).max(axis=1)
        return nearest


def _unit(rows: NDArray[Any]) -> NDArray[np.float64]:
    values = rows.astype(np.float64)
    unit: NDArray[np.float64] = values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-12)
    return unit
