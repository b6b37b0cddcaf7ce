"""White box: the loss of a target under a released model, and how strongly the target pulls at its numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bench import AttackView, PluginError, ReleasedModel, attack

from ._answers import FLOOR, Floats, asked, owned

_STEP = 1e-4  # of a number of the model, in units of the spread of its array
_LEAST = 1e-12  # of a probability that is divided by
_STEPS = {"threshold"}  # of trees: answers jump there, at values of people trained on, and have no slope


@attack("model_white_box", access="query + parameters", modalities="all", family="model", doi="10.1109/SP.2019.00065")
@dataclass(kw_only=True)
class ModelWhiteBox:
    """Score a target by its loss and the length of its gradient under the released model, both within its class.

    Threat model: the attacker has the released file with all numbers of the model (``model.npz``), not only its
    answers, and the class of each target is known. A model that was trained on a person has nothing left to learn from
    that person: loss and gradient are small. Both are put on a scale by median and spread of the class, because some
    classes are harder for everybody, and the two are added.

    The gradient is that of the loss with respect to every number of the model that is no whole number, each array in
    units of its own spread. Its length is estimated by moving all of them a little, in random directions, both ways,
    and asking what changes: that needs no knowledge of the kind of model. Of trees, the shares and values of leaves are
    moved, and thresholds are left where they are.

    Nasr, Shokri and Houmansadr 2019. Deviation: they train a network on gradients of known members; here nobody is
    known to be one.
    """

    directions: int = 16

    def score(self, view: AttackView, *, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return (n_targets,) scores, higher for a smaller loss and a shorter gradient."""
        if self.directions < 1:
            raise PluginError(f"model_white_box: directions is {self.directions}; expected 1 or more.")
        model, labels = asked(view, "model_white_box")
        own = owned(labels, model.classes)
        share, lengths = gradient_lengths(model, view.targets, own, self.directions, rng)
        return -_in_class(-np.log(np.maximum(share, FLOOR)), labels) - _in_class(lengths, labels)


def gradient_lengths(
    model: ReleasedModel, X: NDArray[np.float32], own: NDArray[np.bool_], directions: int, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Return the probability of each person's own class, (n,), and the length of the gradient of its loss, (n,)."""
    share, squares = _of_own(model, X, own), np.zeros(len(X))
    for ahead, behind in _moved(model, directions, rng):
        change = _of_own(ahead, X, own) - _of_own(behind, X, own)
        squares += (change / (2 * _STEP) / np.maximum(share, _LEAST)) ** 2
    return share, np.sqrt(squares / directions)


def _of_own(model: ReleasedModel, X: NDArray[np.float32], own: NDArray[np.bool_]) -> Floats:
    """Return the answer for the own class, (n,); of a moved model, so it need not be a probability."""
    if model.answer is None:
        raise PluginError("the model has no code to answer with; it is the plugin's that fitted it.")
    found: Floats = np.where(own, np.asarray(model.answer(model, X), dtype=np.float64), 0).sum(axis=1)
    return found


def _moved(model: ReleasedModel, times: int, rng: np.random.Generator) -> Iterator[tuple[ReleasedModel, ReleasedModel]]:
    """Yield pairs of models whose numbers were moved a little, along a random direction and against it."""
    spreads = {
        name: float(values.std()) or float(np.abs(values).max(initial=0))
        for name, values in model.arrays.items()
        if np.issubdtype(values.dtype, np.floating) and name not in _STEPS
    }
    for _ in range(times):
        by = {name: _STEP * spread * rng.standard_normal(model.arrays[name].shape) for name, spread in spreads.items()}
        ahead, behind = (
            {name: values + sign * by[name] if name in by else values for name, values in model.arrays.items()}
            for sign in (1, -1)
        )
        yield replace(model, arrays=ahead), replace(model, arrays=behind)


def _in_class(values: Floats, labels: NDArray[np.str_]) -> Floats:
    """Return logarithms of values less the median of the class, in units of its spread: that between its quartiles."""
    logs = np.log(np.maximum(values, FLOOR))
    found = np.zeros(len(values))
    for label in np.unique(labels):
        of = labels == label
        low, middle, high = np.quantile(logs[of], [0.25, 0.5, 0.75])
        found[of] = (logs[of] - middle) / max(high - low, 1e-9)
    return found
