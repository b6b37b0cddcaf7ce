"""GAN-leaks in the published arithmetic, to reproduce published numbers; `gan_leaks` is the sound form."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench import AttackView, attack

from ._distances import distances


@attack("gan_leaks_official", modalities="all", official=True, family="distance", doi="10.1145/3372297.3417238")
@dataclass(kw_only=True)
class GanLeaksOfficial:
    """Return exp(-d^2) for the distance d to the nearest synthetic person, which is exactly 0 beyond d = 27.3."""

    def score(self, view: AttackView, *, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return (n_targets,) scores between 0 and 1."""
        return np.exp(-distances(view.targets, view.synthetic).nearest()[0][:, 0])
