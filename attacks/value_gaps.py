"""Value gaps: how rarely a target holds the value of a gene that is nearest to a released one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench import AttackView, PluginError, attack


@attack("value_gaps", opt_in=True, for_audits=True, family="structure")
@dataclass(kw_only=True)
class ValueGaps:
    """Score a target by minus how many released values of genes have no value of a candidate as near as its own.

    Threat model: the attacker holds the release and the candidates, nothing else.
    A generator that keeps away from its people moves values into the gaps between theirs. Whoever has a value inside
    such a gap is no member: members are only at its two ends, about equally far. A released value counts for nobody
    where the nearest candidate below and the nearest above are about equally far. Turned around, it finds those whose
    values are released as they are, gene by gene. Opt-in: it is for audits, which read both signs.
    """

    nearer: float = 0.9  # share of the other side's distance below which a candidate is the nearest

    def score(self, view: AttackView, *, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return (n_targets,) minus the number of distinct released values that the target alone is nearest to."""
        if not 0 < self.nearer <= 1:
            raise PluginError(f"value_gaps: nearer is {self.nearer}; expected above 0, at most 1.")
        held = np.zeros(len(view.targets))
        for released, theirs in zip(view.synthetic.T, view.targets.T, strict=True):
            held += _nearest_alone(np.unique(released), theirs, self.nearer)
        return -held


def _nearest_alone(values: NDArray[np.float32], theirs: NDArray[np.float32], nearer: float) -> NDArray[np.float64]:
    """Return of how many values each candidate is alone the nearest, (n_targets,); equal candidates share."""
    held, counts = np.unique(theirs, return_counts=True)  # ascending
    place = np.searchsorted(held, values)
    below, above = np.maximum(place - 1, 0), np.minimum(place, len(held) - 1)
    down, up = (np.abs(held[side].astype(np.float64) - values) for side in (below, above))
    down, up = np.where(place == 0, np.inf, down), np.where(place == len(held), np.inf, up)
    nearest = np.where(down < up, below, above)
    alone = np.minimum(down, up) < nearer * np.maximum(down, up)
    found = np.bincount(nearest[alone], minlength=len(held)) / counts
    return np.asarray(found[np.searchsorted(held, theirs)], dtype=np.float64)
