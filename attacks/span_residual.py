"""What of a target lies outside the span of the release."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench import AttackView, attack

from ._structure import residual


@attack("span_residual", preset="quick", modalities="all", family="structure")
@dataclass(kw_only=True)
class SpanResidual:
    """Score a target by minus the log share of it that lies outside the affine span of the release.

    Threat model: the attacker holds the release and the candidates, nothing else.
    People drawn from a Gaussian that was fitted to fewer people than genes lie in the span of those people. A member
    lies in it too, up to rounding; another person does not. Where the release has more people than genes the span is
    everything, all scores are equal, and the attack says nothing.
    """

    def score(self, view: AttackView, *, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return (n_targets,) log scores; 0 is the split."""
        return residual(view.synthetic, view.targets)[0]
