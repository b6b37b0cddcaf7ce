"""PIA: whether a released diffusion model finds in a noised image the very noise that it saw in the image itself."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench import AttackView, attack

from ._diffusion import combined, noise_estimate, released_model


@attack("pia", modalities=("images",), access="white-box", opt_in=True, family="model", doi="10.48550/arXiv.2305.18355")
@dataclass(kw_only=True)
class Pia:
    """Score a target by how far the model's noise estimates at nearly no noise and at a level are apart.

    Threat model: the attacker holds the fitted model and asks it twice a level: for the noise in the image
    itself, and for the noise in the image with that noise added at the level. For members the two agree better. The
    distance is the published l4 norm.

    References
    ----------
    Kong et al. (2024), An efficient membership inference attack for the diffusion model, ICLR.
    """

    levels: tuple[float, ...] = (0.05, 0.1, 0.2)
    first: float = 0.01  # the noise level of the image itself

    def score(self, view: AttackView, *, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return (n_targets,) minus distances; higher for members."""
        model = released_model(view, "pia", "denoised")
        assert view.target_labels is not None
        y, x = view.target_labels, view.targets.astype(np.float64)
        seen = noise_estimate(model, x, self.first, y)
        errors = [
            ((noise_estimate(model, x + level * seen, level, y) - seen) ** 4).sum(axis=1) ** 0.25
            for level in self.levels
        ]
        return combined(errors)
