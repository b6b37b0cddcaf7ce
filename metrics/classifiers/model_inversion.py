"""Whether the mean profile of a class, read out of a released classifier, is nearer to its members than to others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import nan

import numpy as np
from numpy.typing import NDArray

from bench import Cohort, Estimate, Measure, ReleasedModel, metric

from .._asked import Asked, asked
from .._estimates import UNDEFINED, difference
from .._scaling import centre_and_scale

Array = NDArray[np.float64]
_STEP = 0.5  # of a gene, in standard deviations, both ways
_AT_ONCE = 512  # queries
_FLOOR = 1e-12  # of a probability before its logarithm is taken
_NAMES = tuple(f"model_inversion_{name}" for name in ("leak", "members", "others", "base"))


@metric(
    "model_inversion",
    modalities="all",
    releases="model",
    family="privacy",
    opt_in=True,
    measures=(
        Measure("model_inversion_leak", "lower", rank=11, title="class profile"),
        Measure("model_inversion_members", "none", title="class profile, members"),
        Measure("model_inversion_others", "none", title="class profile, others"),
        Measure("model_inversion_base", "none", title="class profile, population"),
    ),
    doi="10.1145/2810103.2813677",
)
@dataclass(kw_only=True)
class ModelInversion:
    """Return how near the mean profile of a class, read out of the model by queries, comes to that of its members.

    The attacker has a third of the people held out with their classes, who stand for the population and are asked
    nothing. He starts at their mean, asks the model about that profile with one gene after another moved up and down,
    and goes towards a class in the direction in which it becomes more probable, as far as the population's mean of the
    class lies in that direction.

    ``model_inversion_members`` and ``_others`` are the share of the squared distance between the population's mean and
    the class's mean that is gone, the class's mean being that of members or of other people: 1 for the mean itself, 0
    for who stays at the population's, negative for who goes astray. ``model_inversion_leak`` is the difference of the
    two: what a classifier says of a class is science, and what it says of its members' mean alone is a leak.
    ``model_inversion_base`` is the share for who has no model: the class means of the population's third themselves.

    NaN with fewer than six members or others, or if no gene varies. Opt-in, because it asks two questions a gene.

    Fredrikson, Jha and Ristenpart 2015. Deviations: one step along the gradient instead of many, its length from the
    population, so that the profile stays one of the population.
    """

    def __call__(
        self, train: Cohort, holdout: Cohort, model: ReleasedModel, *, rng: np.random.Generator
    ) -> Mapping[str, float | Estimate]:
        """Return the leak with its interval, and what it is made of."""
        people = asked(train, holdout, rng)
        if people is None or (train.X[:1] == train.X).all():
            return {name: UNDEFINED if name.endswith("leak") else nan for name in _NAMES}
        population, people = people.parted()
        scale = centre_and_scale(train.X)[1]
        start = population.X.mean(axis=0, dtype=np.float64)
        known = _class_means(population)
        profiles = invert(model, known, start, scale)
        gains, base = (_gains(people, profile, start, scale) for profile in (profiles, known))
        return {
            "model_inversion_leak": difference(gains, people.member),
            "model_inversion_members": float(gains[people.member].mean()),
            "model_inversion_others": float(gains[~people.member].mean()),
            "model_inversion_base": float(base[~people.member].mean()),
        }


def _class_means(population: Asked) -> dict[str, Array]:
    return {str(c): population.X[population.y == c].mean(axis=0, dtype=np.float64) for c in np.unique(population.y)}


def _gains(people: Asked, profiles: Mapping[str, Array], start: Array, scale: Array) -> Array:
    """Return what each person adds to the share that is gone, (n,); the mean over a kind is the share.

    The squared distance of a mean from a profile is linear in the people but for a term that no profile changes, so
    that each person has a part in the difference of two such distances: no small class makes a mean look far.
    """
    gains, whole = np.zeros(len(people.y)), 0.0
    for label in np.unique(people.y):
        of = people.y == label
        centre = (people.X[of].mean(axis=0, dtype=np.float64) - start) / scale
        whole += of.sum() * float(centre @ centre)
        if str(label) in profiles:
            step = (profiles[str(label)] - start) / scale
            apart = (people.X[of] - start) / scale
            gains[of] = 2 * (apart @ step) - step @ step
    shares: Array = gains / max(whole / len(gains), 1e-12)
    return shares


def invert(model: ReleasedModel, known: Mapping[str, Array], start: Array, scale: Array) -> dict[str, Array]:
    """Return the profile of each class that a model points at from the mean `start`, (n_genes,), by queries around it.

    `known` are the population's means of classes, which say how far; a class that it lacks has no profile.
    """
    found = {}
    for label, slope in zip(model.classes, _slopes(model, start, scale).T, strict=True):
        if label in known:
            direction = slope / max(float(np.linalg.norm(slope)), 1e-12)
            length = max(float((known[label] - start) / scale @ direction), 0.0)  # against it the model tells nothing
            found[label] = start + length * direction * scale
    return found


def _slopes(model: ReleasedModel, at: Array, scale: Array) -> Array:
    """Return by how much the log probability of each class rises with each gene, (n_genes, n_classes)."""
    found = np.empty((len(at), len(model.classes)))
    for first in range(0, len(at), _AT_ONCE):
        genes = np.arange(first, min(first + _AT_ONCE, len(at)))
        both = []
        for sign in (1, -1):
            moved = np.tile(at, (len(genes), 1))
            moved[np.arange(len(genes)), genes] += sign * _STEP * scale[genes]
            both.append(_logs(model, moved))
        found[genes] = (both[0] - both[1]) / (2 * _STEP)
    return found


def _logs(model: ReleasedModel, X: Array) -> Array:
    logs: Array = np.log(np.maximum(model.predict_proba(X), _FLOOR))
    return logs
