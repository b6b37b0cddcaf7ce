"""Per-gene range: whether the target lies within the smallest and largest synthetic value of every gene."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench import AttackView, attack


@attack("gene_range", modalities="all", family="structure")
@dataclass(kw_only=True)
class GeneRange:
    """Score a target by the genes in which it holds a synthetic extreme, less those in which it lies outside the range.

    Threat model: the attacker holds the release and the candidates, nothing else.
    A generator that clips to the training range releases one member's value as the smallest or largest of a gene (who
    holds exactly that value is that member), and no member lies beyond it. Equal counts are ordered by how far outside
    the target lies, in ranges of the gene.
    """

    def score(self, view: AttackView, *, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return (n_targets,) counts less an excess between 0 and 1."""
        low, high = view.synthetic.min(axis=0), view.synthetic.max(axis=0)
        width = np.maximum(high.astype(float) - low, np.finfo(np.float32).tiny)
        below, above = view.targets < low, view.targets > high  # (n_targets, n_genes)
        constant = low == high  # a gene with one value has no extreme that points to a person
        holds = ((view.targets == low) | (view.targets == high)) & ~constant
        excess = (np.maximum(low - view.targets, 0) + np.maximum(view.targets - high, 0)) / width
        total = excess.sum(axis=1)
        scores: NDArray[np.float64] = holds.sum(axis=1) - (below | above).sum(axis=1) - total / (1 + total)
        return scores
