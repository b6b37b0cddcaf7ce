"""Whether a release links two halves of a member's genes to each other, and less so those of other people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bench import Cohort, Estimate, Measure, metric

from ._asked import asked, nearest
from ._estimates import UNDEFINED, residual_risk, success_rate
from ._scaling import centre_and_scale


@metric(
    "linkability",
    modalities="all",
    family="privacy",
    measures=(
        Measure("linkability_risk", "lower", high=1, rank=4, title="linked"),
        Measure("linkability_members", "none", 0, 1, title="linked, members"),
        Measure("linkability_others", "none", 0, 1, title="linked, others"),
    ),
    doi="10.56553/popets-2023-0055",
)
@dataclass(kw_only=True)
class Linkability:
    """Return how much more often a release links the halves of a member than those of another person.

    The attacker holds two tables of the same people, each with a random half of the genes, and no names. He links two
    entries if the nearest synthetic sample by the one half is also the nearest by the other. ``linkability_members``
    and ``_others`` are the shares of people who are linked so, as Wilson's centre; ``linkability_risk`` is the residual
    risk, (members - others) / (1 - others): 0 if being a member makes no difference, below 0 if members are linked
    less.

    Giomi et al. 2023, with the Euclidean distance of standardised genes in place of the sum of absolute differences,
    and the risk not cut at 0. NaN without a synthetic sample, with fewer than two genes, or fewer than six people of a
    kind.
    """

    def __call__(
        self, train: Cohort, holdout: Cohort, synthetic: Cohort, *, rng: np.random.Generator
    ) -> Mapping[str, float | Estimate]:
        """Return the risk with its interval, and both shares."""
        people = asked(train, holdout, rng)
        if people is None or len(synthetic) == 0 or synthetic.X.shape[1] < 2:
            return dict.fromkeys(("linkability_risk", "linkability_members", "linkability_others"), UNDEFINED)
        centre, scale = centre_and_scale(synthetic.X)
        ours, theirs = (((X - centre) / scale).astype(np.float32) for X in (people.X, synthetic.X))
        by_half = [nearest(ours[:, g], theirs[:, g])[0] for g in np.array_split(rng.permutation(ours.shape[1]), 2)]
        linked = by_half[0] == by_half[1]
        rates = [success_rate(int(linked[who].sum()), int(who.sum())) for who in (people.member, ~people.member)]
        values = {"linkability_members": Estimate(rates[0][0]), "linkability_others": Estimate(rates[1][0])}
        return {"linkability_risk": residual_risk(*rates), **values}
