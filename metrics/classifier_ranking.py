"""Whether a release leads to the right method: do classifiers rank on it as they rank on real people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import nan

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kendalltau

from bench import Cohort, Measure, integer_seed, metric

from ._contest import contest
from ._order import at_most, content_order

_SLACK = 1e-9  # scores closer than that are equal


@metric(
    "classifier_ranking",
    modalities="all",
    family="utility",
    measures=(
        Measure(
            "classifier_ranking_tau", "higher", -1, 1, table="in_use", rank=10, title="classifier ranking", chance=0
        ),
        Measure("classifier_winner_rank", "higher", 0, 1),
        Measure("classifier_choice_loss", "lower", 0, 1, table="in_use", rank=11, title="choice loss"),
        Measure("classifier_ranking_tau_within", "higher", -1, 1, chance=0),
        Measure("classifier_winner_rank_within", "higher", 0, 1),
        Measure("classifier_choice_loss_within", "lower", 0, 1),
    ),
    doi="10.48550/arXiv.1806.11345",
)
@dataclass(kw_only=True)
class ClassifierRanking:
    """Return whether seven classifiers rank the same by what they learn from the release as from real people.

    The contestants: the logistic regression of `tstr_2026`, ridge regression, nearest centroid, naive Bayes, five
    nearest neighbours, a decision tree and a small forest. Each gets its balanced accuracy on the held-out samples,
    once trained on the training samples and once on the release. ``classifier_ranking_tau`` is Kendall's tau-b of the
    two lists; ``classifier_winner_rank`` the share of the other six that the release's winner beats among the
    real ones, ties counting half: 1 if it wins there too; ``classifier_choice_loss`` what the choice costs: the best
    real score minus the real score of the release's winner. Of tied winners the mean counts.

    ``_within``: the release's list comes from the release alone, trained on one half of it and tested on the other, as
    somebody does who never sees a real person (the published synthetic ranking agreement).

    Seven scores make few pairs, many of them near ties: compare with `real_holdout`. Of a release at most 4,000
    samples are drawn (`most`). Scores that are all equal rank nothing: tau is 0 if the release's are, NaN if
    the real ones are. NaN without a synthetic sample, ``_within`` also with fewer than two of them.
    """

    most: int = 4000  # synthetic samples; bounds the time

    def __call__(
        self, train: Cohort, holdout: Cohort, synthetic: Cohort, *, rng: np.random.Generator
    ) -> Mapping[str, float]:
        """Return the agreement of the lists; `rng` draws the halves and seeds the trees."""
        seed = integer_seed(rng)
        real = contest(train, train, holdout, seed=seed)
        release = at_most(synthetic, self.most, rng)
        ours = contest(release, train, holdout, seed=seed) if len(release) else None
        values = _agreement(real, ours)
        first, second = _halves(release, rng)
        inside = contest(first, train, second, seed=seed) if len(first) and len(second) else None
        return values | {f"{name}_within": value for name, value in _agreement(real, inside).items()}


def _halves(cohort: Cohort, rng: np.random.Generator) -> tuple[Cohort, Cohort]:
    """Return two random halves of a cohort and of each class in it (up to one sample)."""
    shuffled = content_order(cohort)[rng.permutation(len(cohort))]
    order = shuffled[np.argsort(cohort.y[shuffled], kind="stable")]
    return cohort.take(order[::2]), cohort.take(order[1::2])


def _agreement(real: NDArray[np.float64], other: NDArray[np.float64] | None) -> dict[str, float]:
    names = ("classifier_ranking_tau", "classifier_winner_rank", "classifier_choice_loss")
    if other is None:
        return dict.fromkeys(names, nan)
    picked = other >= other.max() - _SLACK
    loss = max(0.0, float(real.max() - real[picked].mean()))
    return dict(zip(names, (_tau(real, other), _rank(real, picked), loss), strict=True))


def _rank(real: NDArray[np.float64], picked: NDArray[np.bool_]) -> float:
    """Return the share of the others that a picked one beats, ties at one half, mean over the picked."""
    ahead = real[picked][:, None] - real  # (n_picked, n), itself included as a tie
    beaten = (ahead > _SLACK).sum(axis=1) + ((np.abs(ahead) <= _SLACK).sum(axis=1) - 1) / 2
    return float(beaten.mean() / (len(real) - 1))


def _tau(real: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    if np.ptp(real) <= _SLACK:
        return nan
    if np.ptp(other) <= _SLACK:
        return 0.0
    return float(kendalltau(real.round(9), other.round(9)).statistic)
