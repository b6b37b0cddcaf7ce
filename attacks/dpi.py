"""Data Plagiarism Index: whether a target's neighbourhood is synthetic or real."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench import AttackView, PluginError, attack

from ._classes import reference_of
from ._distances import distances


@attack("dpi", modalities="all", access="black-box + reference", family="distance", doi="10.48550/arXiv.2406.13012")
@dataclass(kw_only=True)
class DataPlagiarismIndex:
    """Count the synthetic people among the k nearest of release and reference together; ties go by nearness.

    Threat model: the attacker also holds people of the same population who are no members.
    Local copying fills the neighbourhood of a member with synthetic people. The count takes k + 1 values, so most
    targets tie; equal counts are ordered by the ratio of the mean distances to the k nearest of each kind.

    Ward, Wang and Cheng 2024.
    """

    k: int = 20  # size of the neighbourhood

    def score(self, view: AttackView, *, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return (n_targets,) counts plus a tie-break between 0 and 1."""
        reference = reference_of(view, "dpi")
        if not 1 <= self.k <= min(len(reference), len(view.synthetic)):
            raise PluginError(f"dpi: k is {self.k}; expected 1 to {min(len(reference), len(view.synthetic))}.")
        near = distances(view.targets, view.synthetic).nearest(self.k)[0]  # (n_targets, k)
        real = distances(view.targets, reference).nearest(self.k)[0]
        both = np.concatenate([near, real], axis=1)
        synthetic = np.argpartition(both, self.k - 1, axis=1)[:, : self.k] < self.k
        ratio = near.mean(axis=1) / (near.mean(axis=1) + real.mean(axis=1))
        scores: NDArray[np.float64] = synthetic.sum(axis=1) + (1 - ratio)
        return scores
