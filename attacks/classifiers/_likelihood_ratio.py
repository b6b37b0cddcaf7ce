"""The likelihood ratio of LiRA, for shadows of either kind."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ._shadow_models import Shadows, on_the_scale_of


def likelihood_ratio(real: NDArray[np.float64], shadows: Shadows) -> NDArray[np.float64]:
    """Return the log likelihood ratio of each target's log odds, (n,), the shadows put on the model's scale."""
    intercept, slope = on_the_scale_of(real, shadows.log_odds)
    on_scale = intercept + slope * shadows.log_odds
    found = np.zeros(len(real))
    for inside, sign in ((True, 1), (False, -1)):
        spread = max(shadows.spread(on_scale, inside=inside), 1e-6)
        apart = (real - shadows.mean(on_scale, inside=inside)) / spread
        found += sign * (-0.5 * apart**2 - np.log(spread))
    return found
