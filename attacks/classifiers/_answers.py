"""What a released classifier says of the candidates, as the numbers that attacks on it read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench import AttackView, PluginError, ReleasedModel

Floats = NDArray[np.float64]
FLOOR = 1e-30  # of a probability before its logarithm is taken, as in the published code


@dataclass(frozen=True, eq=False)
class Answers:
    """The probabilities that a model gives to people, and each person's own class.

    Parameters
    ----------
    shares : (n, n_classes)
    own : (n, n_classes) bool; nowhere True for a person whose class the model does not know
    """

    shares: Floats
    own: NDArray[np.bool_]

    @property
    def confidence(self) -> Floats:
        """The logarithm of the probability of the person's own class, (n,)."""
        return _log(np.where(self.own, self.shares, 0).sum(axis=1))

    @property
    def log_odds(self) -> Floats:
        """The logarithm of that probability over those of all other classes together, (n,)."""
        found: Floats = self.confidence - _log(np.where(self.own, 0, self.shares).sum(axis=1))
        return found

    @property
    def entropy(self) -> Floats:
        """The entropy of the answer in nats, (n,): 0 where the model is sure, rightly or not."""
        found: Floats = -(self.shares * _log(self.shares)).sum(axis=1)
        return found

    @property
    def modified_entropy(self) -> Floats:
        """The entropy that is 0 only where the model is sure of the right class, (n,) (Song and Mittal 2021)."""
        rest = 1 - self.shares
        terms = np.where(self.own, rest * _log(self.shares), self.shares * _log(rest))
        found: Floats = -terms.sum(axis=1)
        return found

    @property
    def right(self) -> NDArray[np.bool_]:
        """Whether the most probable class is the person's own, (n,)."""
        right: NDArray[np.bool_] = self.own[np.arange(len(self.own)), self.shares.argmax(axis=1)]
        return right


def _log(shares: Floats) -> Floats:
    logs: Floats = np.log(np.maximum(shares, FLOOR))
    return logs


def asked(view: AttackView, name: str) -> tuple[ReleasedModel, NDArray[np.str_]]:
    """Return the model that a view lets be asked, and the classes of the targets.

    Raises
    ------
    PluginError
        If it grants none.
    """
    if view.query is None or view.target_labels is None:
        raise PluginError(f"attack {name!r} asks a released model, but the view has none; its access is 'query'.")
    return view.query, view.target_labels


def answers(view: AttackView, name: str) -> Answers:
    """Return what the attacked model says of the targets."""
    model, labels = asked(view, name)
    return Answers(model.predict_proba(view.targets), owned(labels, model.classes))


def owned(labels: NDArray[np.str_], classes: tuple[str, ...]) -> NDArray[np.bool_]:
    """Return which of the classes is each person's, (n, n_classes)."""
    own: NDArray[np.bool_] = labels[:, None] == np.asarray(classes, dtype=np.str_)
    return own
