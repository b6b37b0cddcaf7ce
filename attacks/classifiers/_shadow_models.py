"""Shadow models: classifiers that an attacker trains himself on some candidates, to know what members look like.

In each round the candidates are cut into five parts, and five shadows leave out one part each: the size of a training
set of five folds, and everybody is left out once a round. The cut depends on who is asked about and on nothing else; it
is drawn afresh, so that it says nothing of who was trained on. A shadow's members and its other people are disjoint by
construction: a mask.

The attacker who only has the model's answers does not know its method. His shadows are multinomial logistic regressions
on standardised features, all trained at once. They tell how hard each person is, not how sure the attacked model is of
itself; so their answers are put on its scale by a straight line in log odds, fitted over all candidates. The attacker
who knows the method trains that (`trained_again`).

References
----------
Carlini et al. (2022), Membership inference attacks from first principles, IEEE S&P, arXiv:2112.03570.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench import AttackView, Cohort, PluginError, stream
from bench.core.released import ReleasedModel

from .._memo import shared
from ._answers import Answers, Floats, asked, owned

PARTS = 5
_STEPS = 80  # of gradient descent; more make the shadows surer, which the line takes up
_PENALTY = 1e-3


@dataclass(frozen=True, eq=False)
class Shadows:
    """What shadow models say of the targets, and whom each was trained on.

    Parameters
    ----------
    answers : of each shadow
    member : (n_shadows, n) bool
    """

    answers: tuple[Answers, ...]
    member: NDArray[np.bool_]

    @property
    def nbytes(self) -> int:
        """The bytes it holds."""
        return sum(one.shares.nbytes + one.own.nbytes for one in self.answers) + self.member.nbytes

    @property
    def log_odds(self) -> Floats:
        """Log odds of each target's own class by each shadow, (n_shadows, n)."""
        return np.array([one.log_odds for one in self.answers])

    def mean(self, values: Floats, *, inside: bool) -> Floats:
        """Return the mean over the shadows that a target is in, or is not in, (n,)."""
        which = self.member == inside
        found: Floats = (values * which).sum(axis=0) / which.sum(axis=0)
        return found

    def spread(self, values: Floats, *, inside: bool) -> float:
        """Return the standard deviation around those means, over all targets: shadows are few, so it is pooled."""
        which = self.member == inside
        apart = (values - self.mean(values, inside=inside)) * which
        lost = len(values[0]) * (which.sum(axis=0) > 1).mean()  # a mean a person
        return float(np.sqrt((apart**2).sum() / max(which.sum() - lost, 1)))


def members_of_shadows(view: AttackView, rounds: int) -> NDArray[np.bool_]:
    """Return whom each shadow is trained on, (PARTS * rounds, n); a person's part does not depend on the others.

    Raises
    ------
    PluginError
        If there are no rounds.
    """
    if rounds < 1:
        raise PluginError(f"rounds is {rounds}; expected 1 or more, to see everybody left out.")
    rng = stream(0, "shadow models")
    place = np.argsort(np.argsort(view.targets @ rng.standard_normal(len(view.genes)), kind="stable"))
    n = len(view.targets)
    parts = [rng.permutation(n)[place] % PARTS for _ in range(rounds)]
    return np.array([part != k for part in parts for k in range(PARTS)])


def own_shadows(view: AttackView, name: str, rounds: int) -> Shadows:
    """Return the attacker's own shadows, the same for all attacks on one model."""
    model, labels = asked(view, name)

    def train() -> Shadows:
        member = members_of_shadows(view, rounds)
        classes = tuple(np.union1d(labels, np.asarray(model.classes, dtype=np.str_)).tolist())
        own = owned(labels, classes)
        shares = _regressions(view.targets, own, member)
        return Shadows(tuple(Answers(one, own) for one in shares), member)

    return shared(f"shadow models {rounds} {model.classes}", (view.targets, labels), train)


def _regressions(X: NDArray[np.float32], own: NDArray[np.bool_], member: NDArray[np.bool_]) -> list[Floats]:
    """Return the answers (n, n_classes) of a multinomial regression for each row of `member`, trained side by side."""
    n_shadows, n = member.shape
    spread = X.std(axis=0)
    Z = ((X - X.mean(axis=0)) / np.where(spread > 0, spread, 1)).astype(np.float32)
    Z = np.hstack([Z, np.ones((n, 1), dtype=np.float32)])
    truth, n_classes = own.astype(np.float32), own.shape[1]
    inside = (member.T[:, :, None] / member.sum(axis=1)[:, None]).astype(np.float32)  # (n, n_shadows, 1)
    rate = 1 / (0.5 * _largest(Z) / n * PARTS / (PARTS - 1) + _PENALTY)
    weights = ahead = np.zeros((Z.shape[1], n_shadows * n_classes), dtype=np.float32)
    for step in range(_STEPS):  # Nesterov's method
        error = (_softmax((Z @ ahead).reshape(n, n_shadows, n_classes)) - truth[:, None]) * inside
        moved = ahead - rate * (Z.T @ error.reshape(n, -1) + _PENALTY * ahead)
        ahead = moved + step / (step + 3) * (moved - weights)
        weights = moved
    found = _softmax((Z @ weights).reshape(n, n_shadows, n_classes)).astype(np.float64)
    return [found[:, k] / found[:, k].sum(axis=1, keepdims=True) for k in range(n_shadows)]


def _largest(Z: NDArray[np.float32]) -> float:
    """Return nearly the largest eigenvalue of Z^T Z, by power iteration, and a little more."""
    v = np.ones(Z.shape[1], dtype=np.float32)
    for _ in range(15):
        v = Z.T @ (Z @ (v / np.linalg.norm(v)))
    return 1.1 * float(np.linalg.norm(v))


def _softmax(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    high = np.exp(scores - scores.max(axis=-1, keepdims=True))
    shares: NDArray[np.float32] = high / high.sum(axis=-1, keepdims=True)
    return shares


def trained_again(view: AttackView, name: str, rounds: int, rng: np.random.Generator) -> Shadows:
    """Return shadows by the attacked model's own code.

    Raises
    ------
    PluginError
        If the view does not grant it.
    """
    _, labels = asked(view, name)
    if view.make_generator is None or view.units is None:
        raise PluginError(f"attack {name!r} trains the classifier again, but the view does not grant its code.")
    member = members_of_shadows(view, rounds)
    names = tuple(f"candidate_{i}" for i in range(len(labels)))
    people = Cohort(X=view.targets, y=labels, genes=view.genes, samples=names, units=view.units)
    found = []
    for rows in member:
        plugin = view.make_generator()
        fit, draw = rng.spawn(2)
        model: ReleasedModel = plugin.fit(people.take(rows), rng=fit).release(rng=draw)  # type: ignore[attr-defined]
        model = model.answered_by(plugin.predict_proba)  # type: ignore[attr-defined]
        found.append(Answers(model.predict_proba(view.targets), owned(labels, model.classes)))
    return Shadows(tuple(found), member)


def on_the_scale_of(real: Floats, shadows: Floats) -> tuple[float, float]:
    """Return intercept and slope of the line that takes the shadows' mean log odds to those of the attacked model.

    A model that says the same of everybody has slope 0, and so has one that goes against its shadows.
    """
    if np.ptp(real) < 1e-9:
        return float(real[0]), 0.0
    mean = shadows.mean(axis=0)
    apart = mean - mean.mean()
    slope = max(float(apart @ real / max(apart @ apart, 1e-12)), 0.0)
    return float(real.mean() - slope * mean.mean()), slope
