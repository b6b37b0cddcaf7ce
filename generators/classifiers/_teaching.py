"""Who a released classifier learns from: the people themselves, or a synthetic release of them.

To release a model and to release data that anybody can train the same model on are two answers to one question. With
``train_on`` both stand in one table, by the same classifier and at the same epsilon.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bench import PluginError, PrivacyClaim, Records
from bench.core.roles import claim_of
from bench.registry.selection import made

_FEWEST = 2  # classes that a classifier can tell apart


@dataclass(frozen=True, eq=False)
class Lesson:
    """The people that a classifier learns from, and the guarantee of everything that is learnt from them alone.

    Parameters
    ----------
    X : (n, n_features) float32
    codes : (n,) class numbers
    classes : the labels, sorted
    features : names of the columns
    claim : None if the people are real, or come from a generator that claims nothing
    """

    X: NDArray[np.float32]
    codes: NDArray[np.intp]
    classes: tuple[str, ...]
    features: tuple[str, ...]
    claim: PrivacyClaim | None


def lesson(cohort: Records, train_on: str, n_synthetic: int, rng: np.random.Generator) -> Lesson:
    """Return what to learn from: the cohort, or `n_synthetic` people that a generator of it releases.

    Parameters
    ----------
    cohort : the real people
    train_on : empty, or a generator as the command line names it, such as ``"private_pgm[epsilon=4]"``
    n_synthetic : how many people it draws; a public number, because the size of the cohort is nobody's to publish

    Raises
    ------
    PluginError
        If the generator releases no data, or the people to learn from are all of one class.
    """
    people, claim = (cohort, None) if not train_on else _released(cohort, train_on, n_synthetic, rng)
    classes, codes = np.unique(people.y, return_inverse=True)
    if len(classes) < _FEWEST:
        raise PluginError(f"everybody to learn from is {str(classes[0])!r}; a classifier needs two classes or more.")
    return Lesson(people.X, codes, tuple(map(str, classes)), cohort.features, claim)


def _released(cohort: Records, train_on: str, n: int, rng: np.random.Generator) -> tuple[Records, PrivacyClaim | None]:
    if n < 1:
        raise PluginError(f"n_synthetic is {n}; expected 1 or more people to train on.")
    teacher = made("generator", train_on)
    if not hasattr(teacher, "sample"):
        raise PluginError(f"train_on={train_on!r} releases a model; expected a generator of data.")
    fit, draw = rng.spawn(2)
    fitted = teacher.fit(cohort, rng=fit)
    claim = claim_of(fitted)
    if claim is not None:
        claim = replace(claim, mechanism=f"a classifier of people released by {train_on}: {claim.mechanism}")
    return fitted.sample(n, rng=draw), claim


def class_weights(codes: NDArray[np.intp], balanced: bool) -> NDArray[np.float64]:
    """Return the weight of each person, (n,): 1, or such that all classes weigh the same and the mean is 1."""
    if not balanced:
        return np.ones(len(codes))
    counts = np.bincount(codes)
    weights: NDArray[np.float64] = len(codes) / (np.count_nonzero(counts) * counts[codes])
    return weights


def blocks(n: int, size: int) -> Iterator[slice]:
    """Yield slices that cut n rows into blocks, so that many queries at once take little memory."""
    yield from (slice(start, start + size) for start in range(0, n, size))
