"""DOMIAS with kernel densities in one shared basis."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench import AttackView, attack

from ._classes import reference_of
from ._density import log_kde, shared_basis


@attack(
    "domias_kde", modalities="all", access="black-box + reference", family="density", doi="10.48550/arXiv.2302.12580"
)
@dataclass(kw_only=True)
class DomiasKde:
    """Score a target by log p_release(x) - log p_reference(x), both kernel densities on the axes of the reference.

    Threat model: the attacker also holds people of the same population who are no members.
    The starter package of 2025 projected the release, the reference and the candidates each on axes of their own, which
    gave a ratio without meaning and an AUC of 1/2; here one basis serves all three.

    Van Breugel, Sun, Qian and van der Schaar 2023.
    """

    n_axes: int = 20  # of the shared basis; a kernel density of hundreds of people knows nothing in more

    def score(self, view: AttackView, *, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return (n_targets,) log density ratios."""
        reference = reference_of(view, "domias_kde")
        basis = shared_basis(reference, self.n_axes)
        targets = basis(view.targets)
        return log_kde(targets, basis(view.synthetic)) - log_kde(targets, basis(reference))
