"""Ensemble: stacks the cheap attacks, weighted by what they would see in releases that leak in known ways."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax
from scipy.stats import norm, rankdata
from sklearn.linear_model import LogisticRegression

from bench import Attack, AttackView, PluginError, attack

from ._classes import predicted_labels
from ._distances import distances
from ._memo import frozen, passing
from ._spectra import sharpest_split
from ._worlds import WORLDS, Players
from .gan_leaks import GanLeaks
from .low_variance import LowVariance
from .mahalanobis import Mahalanobis
from .mahalanobis_ratio import MahalanobisRatio
from .marginal_ratio import MarginalRatio
from .nn_ratio import NearestNeighbourRatio
from .quantile_support import QuantileSupport
from .span_residual import SpanResidual

STACKED: tuple[Attack, ...] = (
    GanLeaks(), NearestNeighbourRatio(), Mahalanobis(), MahalanobisRatio(), SpanResidual(), LowVariance(),
    QuantileSupport(), MarginalRatio(),
)  # fmt: skip


@attack("ensemble", modalities="all", family="ensemble")
@dataclass(kw_only=True)
class Ensemble:
    """Score a target by a logistic regression on eight attacks, trained in worlds whose members the attacker chose.

    Threat model: the attacker holds the release and the candidates, nothing else, and no true membership.
    In each of four worlds some candidates, drawn at random, play the members, and a simple generator of the attacker's
    own releases something made of them: Gaussian draws, interpolations, rebuilt codes, quantiles. There he knows who is
    a member and learns how to weigh the attacks. A world counts by how much its release looks like the real one to
    these attacks: by their rank correlations and by how clearly each splits the candidates.
    """

    share: float = 0.8  # of the candidates that play members; four of five in a fivefold design
    sharpness: float = 0.03  # how quickly a world's weight falls with its distance; smaller trusts the nearest alone

    def score(self, view: AttackView, *, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return (n_targets,) weighted means of log odds."""
        if not 0 < self.share < 1 or not self.sharpness > 0:
            raise PluginError(f"ensemble: share {self.share}, sharpness {self.sharpness}; expected 0 < share < 1, > 0.")
        order = np.argsort(view.targets @ rng.standard_normal(len(view.genes)))  # the given order must not matter
        scores = np.empty(len(order))
        scores[order] = self._stacked(replace(view, targets=frozen(view.targets)), order, rng)
        return scores

    def _stacked(self, view: AttackView, order: NDArray[np.intp], rng: np.random.Generator) -> NDArray[np.float64]:
        """Return (n_targets,) weighted log odds, the targets in the order in which the worlds meet them.

        The attacks see the targets as they are given, for what they know of these serves every other attack, too.
        """
        raw = _raw_scores(view, rng)[order]
        features, clusters = _features(raw), predicted_labels(view.synthetic, view.targets, 8)[1][order]
        signature, odds, far = _signature(raw, features), [], []
        for world in WORLDS:
            member = rng.permutation(len(raw)) < self.share * len(raw)
            players = Players(view.targets, order[member], clusters[member])
            with passing():  # nobody meets this release again
                release = frozen(world(players, len(view.synthetic), rng).astype(np.float32))
                distances(view.targets, release, once=True)  # the attacks look at the nearest alone
                known = _raw_scores(replace(view, synthetic=release), rng)[order]
            seen = _features(known)
            model = LogisticRegression(C=0.1, class_weight="balanced").fit(seen, member)
            odds.append(model.decision_function(features))
            far.append(np.abs(_signature(known, seen) - signature).mean())
        weights = softmax(-np.array(far) / self.sharpness)
        stacked: NDArray[np.float64] = weights @ np.array(odds)
        return stacked


def _raw_scores(view: AttackView, rng: np.random.Generator) -> NDArray[np.float64]:
    return np.array([one.score(view, rng=rng) for one in STACKED]).T  # (n_targets, n_attacks)


def _features(raw: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return normal scores per attack: only the order counts; an attack that ties everybody gives zeros."""
    scores: NDArray[np.float64] = norm.ppf((rankdata(raw, axis=0) - 0.5) / len(raw))
    return scores


def _signature(raw: NDArray[np.float64], ranks: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how a release looks to the attacks: their rank correlations, and twice how clearly each splits."""
    spread = np.maximum(np.sqrt((ranks**2).mean(axis=0)), 1e-12)
    correlations = (ranks / spread).T @ (ranks / spread) / len(ranks)
    clear = [2 * sharpest_split(raw[:, [j]])[2] for j in range(raw.shape[1])]
    return np.concatenate([correlations[np.triu_indices(len(clear), 1)], clear])
