"""What of a target lies outside the leading directions of the release."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench import AttackView, PluginError, attack

from ._spectra import spectrum


@attack("low_variance", modalities="all", family="structure")
@dataclass(kw_only=True)
class LowVariance:
    """Score a target by minus the log of what is left of it when the leading directions of the release are removed.

    Threat model: the attacker holds the release and the candidates, nothing else.
    `span_residual` made soft: it also works where the release has more people than genes, because a fitted covariance
    underestimates the spread of other people most in its last directions.
    """

    share: float = 0.1  # of the directions, counted from the last, that are looked at

    def score(self, view: AttackView, *, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return (n_targets,) log scores."""
        if not 0 < self.share <= 1:
            raise PluginError(f"low_variance: share is {self.share}; expected above 0, at most 1.")
        axes = spectrum(view.synthetic)
        inside, outside = axes.coordinates(view.targets)
        first = int((1 - self.share) * len(axes.variances))
        left = outside + np.einsum("ij,ij->i", inside[:, first:], inside[:, first:])
        log_left: NDArray[np.float64] = -np.log(np.maximum(left, np.finfo(np.float64).tiny))
        return log_left
