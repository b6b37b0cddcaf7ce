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
from ._spectra import sharpest_split
from ._worlds import WORLDS
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
        view = replace(view, targets=view.targets[order])
        scores = np.empty(len(order))
        scores[order] = self._stacked(view, rng)
        return scores

    def _stacked(self, view: AttackView, rng: np.random.Generator) -> NDArray[np.float64]:
        raw = _raw_scores(view, rng)
        features, signature = _features(raw), _signature(raw)
        odds, far = [], []
        for world in WORLDS:
            member = rng.permutation(len(raw)) < self.share * len(raw)
            clusters = predicted_labels(view.synthetic, view.targets, 8)[1][member]
            release = world(view.targets[member], clusters, len(view.synthetic), rng).astype(np.float32)
            known = _raw_scores(replace(view, synthetic=release), rng)
            model = LogisticRegression(C=0.1, class_weight="balanced").fit(_features(known), member)
            odds.append(model.decision_function(features))
            far.append(np.abs(_signature(known) - signature).mean())
        weights = softmax(-np.array(far) / self.sharpness)
        stacked: NDArray[np.float64] = weights @ np.array(odds)
        return stacked


def _raw_scores(view: AttackView, rng: np.random.Generator) -> NDArray[np.float64]:
    return np.array([one.score(view, rng=rng) for one in STACKED]).T  # (n_targets, n_attacks)


def _features(raw: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return normal scores per attack: only the order counts; an attack that ties everybody gives zeros."""
    scores: NDArray[np.float64] = norm.ppf((rankdata(raw, axis=0) - 0.5) / len(raw))
    return scores


def _signature(raw: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how a release looks to the attacks: their rank correlations, and twice how clearly each splits."""
    ranks = _features(raw)
    spread = np.maximum(np.sqrt((ranks**2).mean(axis=0)), 1e-12)
    correlations = (ranks / spread).T @ (ranks / spread) / len(ranks)
    clear = [2 * sharpest_split(raw[:, [j]])[2] for j in range(raw.shape[1])]
    return np.concatenate([correlations[np.triu_indices(len(clear), 1)], clear])
