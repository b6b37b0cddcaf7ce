"""An attack that looks at one gene at a time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench import AttackView, attack


@attack("nearest_gene", access="black-box", family="distance")
@dataclass(kw_only=True)
class NearestGene:
    """Score a target by the genes in which one and the same synthetic sample is very near."""

    near: float = 0.3  # of the gene's standard deviation in the release

    def score(self, view: AttackView, *, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return (n_targets,) numbers of genes, of the synthetic sample that is near in most."""
        reach = self.near * view.synthetic.std(axis=0)  # (n_genes,)
        return np.array([(abs(view.synthetic - x) <= reach).sum(axis=1).max() for x in view.targets], dtype=np.float64)
