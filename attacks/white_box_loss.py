"""Losses of the released model itself, less those of models that were trained without the target."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench import AttackView, Cohort, PluginError, attack, integer_seed

from ._classes import given_labels

_TINY = 1e-12  # a loss may be 0, its logarithm may not


@attack("white_box_loss", access="white-box", opt_in=True, family="model")
@dataclass(kw_only=True)
class WhiteBoxLoss:
    """Score a target by how much better the released model fits it than models that were trained without it.

    Threat model: the attacker holds the fitted model, for example because its weights were published, its code, the
    labels, and the candidates' values. He knows nobody's membership.
    A diffusion model gives losses at fixed timesteps and fixed noise draws, a variational autoencoder the terms of the
    evidence lower bound; a generator offers them by a method ``losses``. An unusual person has a large loss under any
    model, so the same generator is trained twice more, on either half of the candidates, and the loss of each target
    is divided by its loss under the model of the half without it. The logarithm of each term is scaled to its spread
    over the targets, and the terms are averaged.

    After Watson, Guo, Cormode and Sablayrolles 2022 (difficulty calibration, arXiv 2111.08440).
    """

    calibrate: bool = True  # False reads the released model's losses alone

    def score(self, view: AttackView, *, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return (n_targets,) calibrated gains; higher for people the model knows better than it should."""
        if view.fitted is None or view.make_generator is None or view.units is None:
            raise PluginError("white_box_loss reads the fitted model, but the view does not grant it.")
        labels = given_labels(view, "white_box_loss")[1]
        order = np.argsort(view.targets @ rng.standard_normal(len(view.genes)))  # the given order must not matter
        people = _cohort(view, view.targets[order], labels[order])
        seed = integer_seed(rng)
        gain = -np.log(_losses(view.fitted, people, seed) + _TINY)
        if self.calibrate:
            gain += np.log(_losses_without(view, people, seed, rng) + _TINY)
        scores = np.empty(len(order))
        scores[order] = (gain / np.maximum(gain.std(axis=0), 1e-12)).mean(axis=1)
        return scores


def _losses_without(view: AttackView, people: Cohort, seed: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return (n_targets, n_terms) losses, each under a model of the half without the person, but for a class of one."""
    assert view.make_generator is not None
    first = np.zeros(len(people), dtype=bool)
    for label in people.classes:  # class by class, so that both halves have all classes
        members = rng.permutation(np.flatnonzero(people.y == label))
        first[members[: (len(members) + int(rng.integers(2))) // 2]] = True
    label, count = np.unique(people.y, return_counts=True)
    alone = np.isin(people.y, label[count == 1])  # in both halves, or one model would not know the class
    found: list[NDArray[np.float64]] = []
    for half in (first | alone, ~first | alone):
        model = view.make_generator().fit(people.take(half), rng=rng.spawn(1)[0])
        found.append(_losses(model, people, seed))
    chosen: NDArray[np.float64] = np.where(first[:, None], found[1], found[0])
    return chosen


def _cohort(view: AttackView, X: NDArray[np.float32], y: NDArray[np.str_]) -> Cohort:
    assert view.units is not None
    names = tuple(f"record_{i}" for i in range(len(X)))
    return Cohort(X=X, y=y, genes=view.genes, samples=names, units=view.units)


def _losses(model: Any, people: Cohort, seed: int) -> NDArray[np.float64]:
    """Return (n, n_terms) losses; the same seed gives both models the same timesteps and noise."""
    if not callable(getattr(model, "losses", None)):
        raise PluginError(f"{type(model).__name__} offers no losses, so that its weights say nothing to this attack.")
    found = np.asarray(model.losses(people, rng=np.random.default_rng(seed)), dtype=np.float64)
    if found.ndim != 2 or len(found) != len(people) or not np.isfinite(found).all():
        raise PluginError(f"losses returned shape {found.shape}; expected ({len(people)}, n_terms) finite numbers.")
    return found
