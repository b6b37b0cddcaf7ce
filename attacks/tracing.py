"""Tracing: whether the release's class means lean towards a target, seen in the metric of its class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench import AttackView, attack

from ._classes import given_labels
from ._tracing import class_shifts, standardised, whitened


@attack(
    "tracing", modalities="all", access="black-box + labels", family="structure", doi="10.1371/journal.pgen.1000167"
)
@dataclass(kw_only=True)
class Tracing:
    """Score a target by how far its class mean in the release was moved towards it, in whitened coordinates.

    Threat model: the attacker sees the release and its labels, and knows the class of each candidate. The score is
    (x - c)' (S + ridge)^-1 (r - c) with c and r the means of the target's class among the candidates and in the
    release, and S the covariance of the candidates within their classes. A member is a part of the mean that the
    release repeats, another candidate is not. Noise on the means, as a private generator adds it, only dilutes this:
    every direction of the gene space adds its little evidence, and whitening lets all of them count alike. Scores are
    standardised within each class; a class that the release or the candidates do not have tells nothing and scores 0.

    After Homer et al. 2008 and Dwork, Smith, Steinke, Ullman and Vadhan 2015 (doi:10.1109/FOCS.2015.46), who trace
    people in means of independent attributes; the whitening is ours, since genes are anything but independent.
    """

    ridge: float = 0.3  # added to each variance within classes, as a share of their mean; chosen on miRNA, not on BRCA

    def score(self, view: AttackView, *, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return (n_targets,) scores, standardised within each class."""
        own, theirs = given_labels(view, "tracing")
        centred, shifts = class_shifts(view.synthetic, own, view.targets, theirs)
        scores = np.zeros(len(theirs))
        inner = whitened(centred, np.array(list(shifts.values())).reshape(-1, view.targets.shape[1]), self.ridge)
        for k, label in enumerate(shifts):
            rows = theirs == label
            scores[rows] = standardised(inner[rows, k])
        return scores
