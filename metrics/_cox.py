"""Cox's proportional hazards with a ridge, and how well a risk ranks who lives longer."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
_STEPS, _ENOUGH = 100, 1e-10  # of Newton's method; it ends when the gain is so small
_HALVINGS = 30


def cox(X: Array, time: Array, event: NDArray[np.bool_], ridge: float) -> Array:
    """Return (p,) the coefficients with the largest partial likelihood (Breslow) under a ridge.

    The maximum is that of its logarithm less ``ridge / 2`` times the sum of their squares.

    Parameters
    ----------
    X : (n, p)
    time : (n,) until the event, or until a person was lost from sight
    event : (n,) whether it was the event
    ridge : 0 or more; above 0 there is one maximum, also where a covariate separates
    """
    order = np.argsort(-time, kind="stable")  # so that whoever is at risk at a time comes first
    X, time, event = X[order], time[order], event[order]
    last = np.searchsorted(-time, -time, side="right") - 1  # (n,) the last person who is at risk at each time
    beta, (value, gradient, hessian) = np.zeros(X.shape[1]), _likelihood(np.zeros(X.shape[1]), X, last, event, ridge)
    for _ in range(_STEPS):
        step = np.linalg.solve(hessian, gradient)
        for _ in range(_HALVINGS):
            new = _likelihood(beta + step, X, last, event, ridge)
            if new[0] >= value:
                break
            step = step / 2
        beta, gain = beta + step, new[0] - value
        value, gradient, hessian = new
        if gain < _ENOUGH * (abs(value) + 1):
            break
    return beta


def _likelihood(
    beta: Array, X: Array, last: NDArray[np.intp], event: NDArray[np.bool_], ridge: float
) -> tuple[float, Array, Array]:
    """Return the penalised log-likelihood, its gradient and minus its Hessian."""
    risk = X @ beta
    top = risk.max(initial=0.0)
    weight = np.exp(risk - top)
    first = np.cumsum(weight[:, None] * X, axis=0)[last[event]]  # (n_events, p)
    total = np.cumsum(weight)[last[event]]
    mean = first / total[:, None]
    value = float((risk[event] - top - np.log(total)).sum() - ridge / 2 * beta @ beta)
    gradient = (X[event] - mean).sum(axis=0) - ridge * beta
    # the sum over events of the second moments: each person counts once for every event at which they were at risk
    share = np.zeros(len(X))
    np.add.at(share, last[event], 1 / total)
    share = np.cumsum(share[::-1])[::-1] * weight
    hessian = (X * share[:, None]).T @ X - mean.T @ mean + ridge * np.eye(X.shape[1])
    return value, gradient, hessian


def concordance(risk: Array, time: Array, event: NDArray[np.bool_]) -> float:
    """Return Harrell's C: of the pairs whose order is known, the share in which the first has the larger risk.

    The order of a pair is known if the shorter time ended in the event; of two equal times, if one of the two only
    did. A tie of risks counts one half. NaN without such a pair.
    """
    shorter = (time[:, None] < time) | ((time[:, None] == time) & ~event)
    known = event[:, None] & shorter  # (n, n): the first of the pair had the event first
    if not known.any():
        return float("nan")
    larger, equal = risk[:, None] > risk, risk[:, None] == risk
    return float((known & larger).sum() + (known & equal).sum() / 2) / float(known.sum())
