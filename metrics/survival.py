"""Survival: whether a Cox model that was trained on the release ranks how long real people live."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench import Cohort, Measure, PluginError, fold_fact, metric

from ._cox import Array, concordance, cox
from ._scaling import centre_and_scale

_FEWEST = 5  # events, below which nothing is trained


@metric(
    "survival",
    family="utility",
    measures=(
        Measure(
            "survival_concordance_synthetic",
            "higher",
            0,
            1,
            table="survival",
            rank=1,
            title="Cox C syn",
            real="survival_concordance_real",
            chance=0.5,
            words="concordance of survival",
        ),
        Measure("survival_concordance_real", "none", 0, 1, table="survival", rank=2, title="Cox C real"),
    ),
    opt_in=True,
    doi="10.1111/j.2517-6161.1972.tb00899.x",
)
@dataclass(kw_only=True)
class Survival:
    """Return how well Cox models of the release and of the training samples rank the survival of held-out people.

    Time and event are two columns of the matrix, which a generator draws like any other (``time``, ``event``, or as the
    parameters name them); an event is a value of at least half the largest of the training samples. The other columns
    are standardised by the training samples and projected on their first principal components (`components`), and the
    model is Cox's proportional hazards with Breslow's ties and a ridge on them (`ridge` for each person). The
    measure is Harrell's concordance on the held-out people: 1 if all pairs are ranked rightly, 0.5 by guessing. NaN
    where the matrix has no such columns, or a cohort fewer than five events.

    Cox 1972; Harrell, Califf, Pryor, Lee and Rosati 1982, doi:10.1001/jama.1982.03320430047030.
    """

    time: str = "time"
    event: str = "event"
    components: int = 10
    ridge: float = 0.01

    def __call__(
        self, train: Cohort, holdout: Cohort, synthetic: Cohort, *, rng: np.random.Generator
    ) -> Mapping[str, float]:
        """Return the concordance of both models on the held-out people."""
        if self.components < 1 or not self.ridge > 0:
            raise PluginError(
                f"survival: components={self.components}, ridge={self.ridge}; expected 1 or more, and > 0."
            )
        names: dict[str, Any] = {
            "time": self.time,
            "event": self.event,
            "components": self.components,
            "ridge": self.ridge,
        }
        return {
            "survival_concordance_synthetic": _concordance(synthetic, train, holdout, **names),
            "survival_concordance_real": _of_people(train, holdout, **names),
        }


@fold_fact
def _of_people(train: Cohort, holdout: Cohort, *, time: str, event: str, components: int, ridge: float) -> float:
    return _concordance(train, train, holdout, time=time, event=event, components=components, ridge=ridge)


def _concordance(
    learnt: Cohort, train: Cohort, holdout: Cohort, *, time: str, event: str, components: int, ridge: float
) -> float:
    """Return how a model of one cohort ranks the held-out people; scales and components are the training samples'."""
    if not {time, event} <= set(train.genes) or train.n_genes < 3:
        return nan
    when, whether = train.genes.index(time), train.genes.index(event)
    half = float(train.X[:, whether].max()) / 2
    others = np.setdiff1d(np.arange(train.n_genes), [when, whether])
    mean, spread = centre_and_scale(train.X[:, others])
    scaled = (train.X[:, others] - mean) / spread
    axes = np.linalg.svd(scaled, full_matrices=False)[2][:components].T  # (n_genes, components)

    def seen(cohort: Cohort) -> tuple[Array, Array, NDArray[np.bool_]]:
        X = (cohort.X[:, others] - mean) / spread @ axes
        return X, cohort.X[:, when].astype(np.float64), cohort.X[:, whether] >= half

    X, times, events = seen(learnt)
    if events.sum() < _FEWEST or np.ptp(times) == 0:
        return nan
    asked, lived, died = seen(holdout)
    return concordance(asked @ cox(X, times, events, ridge * len(X)), lived, died)
