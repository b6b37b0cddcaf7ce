"""One-vs-rest logistic regression with an L2 penalty, solved to a certified minimum.

The published measures use C = 1 on raw genes, where the usual solver (L-BFGS) stops several per cent short of the
minimum. Newton's method does not; two facts make it fast here. The coefficients are combinations of the samples,
w = X^T a, so with fewer samples than genes the n x n matrix X X^T is all that is needed, computed once for all classes.
And a sample that is classified with confidence has next to no curvature p (1 - p): leaving it out of the Newton matrix
(never out of the gradient) changes the path, not the minimum, and leaves a small matrix. Factorised by LAPACK.

The penalised loss is strongly convex (modulus 1 in w), so a gradient of norm e proves that w is within e of the minimum.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.special import expit

from bench import BenchError

Array = NDArray[np.float64]

_GRADIENT = 1e-6  # norm at the end, of the loss summed over samples
_CURVATURE = 0.05  # p (1 - p) assumed of every sample in the first step; only the speed depends on it
_SLACK = 0.3  # curvature p (1 - p) |x|^2 below which a sample is left out, beside the 1 of the penalty; likewise:
_SLOW = 0.5  # where a step leaves more than this share of the gradient, less is left out from then on
_STEPS = 200  # about 15 are usual


def one_vs_rest(X: Array, Y: NDArray[np.bool_]) -> tuple[Array, Array]:
    """Return the (n_genes, n_classes) coefficients and (n_classes,) intercepts of one regression per column of Y.

    Each minimises |w|^2 / 2 + sum of log(1 + exp(-s (w.x + b))), s = +1 in the class and -1 elsewhere; the intercept is
    free. Every column needs samples of both kinds.

    Parameters
    ----------
    X : (n, n_genes)
    Y : (n, n_classes) membership of the class

    Raises
    ------
    BenchError
        If the minimum is not reached, which the theory excludes for finite values.
    """
    centre = X.mean(axis=0)  # the free intercept takes it up again
    samples = _Samples(X - centre)
    a, b = np.zeros(Y.shape), np.zeros(Y.shape[1])
    scores = np.zeros(Y.shape)  # (n, n_classes), X w + b with w = X^T a
    slack, before = np.full(len(b), _SLACK), np.full(len(b), np.inf)
    for step in range(_STEPS):
        k, da, db, norms = _directions(samples, Y, a, scores, slack, first=step == 0)
        slack[norms > _SLOW * before] *= 0.3
        before = norms
        if len(k) == 0:
            coefficients: Array = samples.X.T @ a
            return coefficients, b - centre @ coefficients
        penalty = samples.products(da)  # (n, n_k), X dw
        t = _step_lengths(np.where(Y[:, k], 1.0, -1.0), scores[:, k], penalty + db, a[:, k], da, penalty)
        a[:, k] += t * da
        b[k] += t * db
        scores[:, k] += t * (penalty + db)
    raise BenchError(
        f"a logistic regression on {X.shape[0]} x {X.shape[1]} values did not converge; check their scale."
    )


class _Samples:
    """Centred samples X, (n, n_genes), and their products; X X^T is formed only where it is the smaller form."""

    def __init__(self, X: Array) -> None:
        self.X = X
        self.gram = X @ X.T if len(X) <= X.shape[1] else None
        self.norms = np.einsum("ij,ij->i", X, X)

    def products(self, V: Array) -> Array:
        """Return X X^T V."""
        out: Array = self.X @ (self.X.T @ V) if self.gram is None else self.gram @ V
        return out

    def damp(self, D: Array, U: Array, XXU: Array) -> Array:
        """Return (I + diag(D) X X^T)^-1 U, given X X^T U; the samples whose D is 0 cost nothing."""
        some = np.flatnonzero(D)
        root = np.sqrt(D[some, None])
        rows = self.X[some] * root if self.gram is None else None
        out = U.copy()
        if rows is not None and len(some) > self.X.shape[1]:
            inner = cho_solve(_factor(rows.T @ rows), self.X.T @ U)
            out[some] -= root * (rows @ inner)
        else:
            small = rows @ rows.T if rows is not None else root * self.gram[some][:, some] * root[:, 0]
            out[some] -= root * cho_solve(_factor(small), root * XXU[some])
        return out


def _factor(matrix: Array) -> tuple[Array, bool]:
    """Return the Cholesky factor of matrix + I, in place."""
    matrix.flat[:: len(matrix) + 1] += 1
    factor: tuple[Array, bool] = cho_factor(matrix, lower=True, overwrite_a=True, check_finite=False)
    return factor


def _directions(
    samples: _Samples, Y: NDArray[np.bool_], a: Array, scores: Array, slack: Array, *, first: bool
) -> tuple[NDArray[np.intp], Array, Array, Array]:
    """Return which classes are not at their minimum yet, and the Newton steps (n, n_k) and (n_k,) of their a and b."""
    p = expit(scores)
    G, gb = a - Y + p, (p - Y).sum(axis=0)  # the gradient is X^T G and gb
    D = np.full(p.shape, _CURVATURE) if first else p * (1 - p)
    kept = np.where(D * samples.norms[:, None] > slack, D, 0)
    XXG, XXD = np.hsplit(samples.products(np.hstack([G, kept])), 2)
    norms = np.sqrt(np.maximum((G * XXG).sum(axis=0), 0) + gb**2)
    k = np.flatnonzero(norms > _GRADIENT)
    da, db = np.empty((len(Y), len(k))), np.empty(len(k))
    for group in [np.arange(len(k))] if first else np.arange(len(k))[:, None]:  # classes of equal curvature
        c = k[group]
        damped = samples.damp(kept[:, c[0]], np.hstack([G[:, c], kept[:, c]]), np.hstack([XXG[:, c], XXD[:, c]]))
        dG, dD = np.hsplit(damped, 2)
        db[group] = -(gb[c] - (G[:, c] - dG).sum(axis=0)) / (D[:, c] - kept[:, c] + dD).sum(axis=0)
        da[:, group] = -dG - db[group] * dD
    return k, da, db, norms


def _step_lengths(sign: Array, scores: Array, move: Array, a: Array, da: Array, penalty: Array) -> Array:
    """Return (n_k,) the first of 1, 1/2, 1/4, ... that lowers the loss of each class enough (Armijo's rule)."""
    linear, quadratic = (a * penalty).sum(axis=0), (da * penalty).sum(axis=0)
    start = np.logaddexp(0, -sign * scores).sum(axis=0)
    slope = linear - (sign * move * expit(-sign * scores)).sum(axis=0)
    t = np.ones(len(slope))
    while True:
        end = np.logaddexp(0, -sign * (scores + t * move)).sum(axis=0) + t * linear + t**2 / 2 * quadratic
        long = end > start + 1e-4 * t * slope + 1e-9 * (1 + start)  # the last term is rounding
        if not long.any():
            return t
        t = np.where(long, t / 2, t)
