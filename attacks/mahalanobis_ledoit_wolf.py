"""Mahalanobis distance to the release with the covariance shrunk by Ledoit and Wolf's rule."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.covariance import ledoit_wolf_shrinkage

from bench import AttackView, attack

from ._spectra import spectrum


@attack("mahalanobis_ledoit_wolf", modalities="all", family="structure", doi="10.1016/S0047-259X(03)00096-4")
@dataclass(kw_only=True)
class MahalanobisLedoitWolf:
    """Score a target by its Mahalanobis distance to the release under a Ledoit-Wolf covariance.

    Threat model: the attacker holds the release and the candidates, nothing else.
    The form published as the strongest where a release has more people than genes; `mahalanobis` chooses its ridge from
    the candidates instead, here the release alone decides.

    Ledoit and Wolf 2004.
    """

    def score(self, view: AttackView, *, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return (n_targets,) minus log distances."""
        axes = spectrum(view.synthetic)
        share = float(ledoit_wolf_shrinkage(view.synthetic - axes.mean, assume_centered=True))
        level = float(axes.variances.sum()) / len(axes.mean)  # the mean variance over all genes
        # (1 - share) v + share level = (1 - share) (v + ridge), and the factor changes no order
        ridge = share / max(1 - share, 1e-12) * level / float(axes.variances.mean())
        return axes.ridge_path(view.targets, (ridge,))[:, 0]
