"""One-vs-rest logistic regression with an L2 penalty, solved to a certified minimum.

The published measures use C = 1 on raw genes, where the usual solver (L-BFGS) stops several per cent short of the
minimum. Newton's method does not; two facts make it fast here. The coefficients are combinations of the samples,
w = X^T a, so with fewer samples than genes the n x n matrix X X^T is all that is needed, computed once for all classes.
And a sample that is classified with confidence has next to no curvature p (1 - p): leaving it out of the Newton matrix
(never out of the gradient) changes the path, not the minimum, and leaves a small matrix. Factorised by LAPACK.

The penalised loss is strongly convex, so a gradient of norm e proves that the coefficients are within e of the minimum.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.special import expit
from threadpoolctl import ThreadpoolController

from bench import BenchError

Array = NDArray[np.float64]

_GRADIENT = 1e-6  # norm at the end, of the loss summed over samples
_SLACK = 0.3  # curvature p (1 - p) |x|^2 below which a sample is left out; only the speed depends on it
_SINGLE = 1e6  # bound on the condition of the Newton matrix below which single precision will do for it
_SLOW = 0.5  # where a step leaves more than this share of the gradient, less is left out from then on
_CROWD = 1500  # samples from which on the classes are worked on in parallel
_STEPS = 200  # about 12 are usual


def one_vs_rest(X: Array, Y: NDArray[np.bool_], *, curvature: float = 0.05) -> tuple[Array, Array]:
    """Return the (n_genes, n_classes) coefficients and (n_classes,) intercepts of one regression per column of Y.

    Each minimises |w|^2 / 2 + sum of log(1 + exp(-s (w.x + b))), s = +1 in the class and -1 elsewhere; the intercept is
    free. Every column needs samples of both kinds.

    Parameters
    ----------
    X : (n, n_genes)
    Y : (n, n_classes) membership of the class
    curvature : p (1 - p) assumed of every sample in the first step: small where the classes are far apart, at most 1/4;
        only the speed depends on it

    Raises
    ------
    BenchError
        If the minimum is not reached, which the theory excludes for finite values of a sane scale.
    """
    centre = X.mean(axis=0)  # the free intercept takes it up again
    fit = _Fit(_Samples(X - centre), Y, curvature)
    with _class_by_class(len(X)) as each:
        for _ in range(_STEPS):
            if fit.step(each):
                coefficients: Array = fit.samples.X.T @ fit.a
                return coefficients, fit.b - centre @ coefficients
    raise BenchError(f"a logistic regression on {len(X)} x {X.shape[1]} values did not converge; check their scale.")


_libraries = functools.cache(ThreadpoolController)  # looks for them once: numpy and scipy are loaded by then


@contextmanager
def _class_by_class(n: int) -> Iterator[Callable[..., Any]]:
    """Hand out a `map` that works on as many classes at a time as there are threads, each with one thread.

    The matrices are small: two threads inside one product or factorisation mostly wait for each other, on a busy
    machine for ten times as long as they work. This way, too, the numbers do not depend on how many threads there are.
    Below `_CROWD` samples even the hand-over costs more than it gains.
    """
    threads = max((library["num_threads"] for library in _libraries().info()), default=1)
    with _libraries().limit(limits=1):
        if threads == 1 or n < _CROWD:
            yield map
        else:
            with ThreadPoolExecutor(threads) as pool:
                yield pool.map


class _Samples:
    """Centred samples X, (n, n_genes), and products with X X^T, which is kept where that saves work.

    The matrices of Newton's method are in single precision if their condition allows it: that makes a step inexact in
    its fourth digit, nothing else, because the gradient, in double precision, says when the minimum is reached.
    """

    def __init__(self, X: Array) -> None:
        n, n_genes = X.shape
        self.X, self.norms = X, np.einsum("ij,ij->i", X, X)
        precision = np.float32 if self.norms.sum() / 4 < _SINGLE else np.float64
        gram = X @ X.T if n <= 4 * n_genes else None
        self.gram = gram if n <= 2 * n_genes else None
        self.rough_gram: NDArray[Any] | None = None if gram is None else gram.astype(precision)
        self.rough_X: NDArray[Any] | None = None if n <= n_genes else X.astype(precision)

    def products(self, V: Array) -> Array:
        """Return X X^T V."""
        return np.asarray(self.X @ (self.X.T @ V) if self.gram is None else self.gram @ V)

    def damp(self, D: Array, U: Array, XXU: Array) -> Array:
        """Return (I + diag(D) X X^T)^-1 U, given X X^T U; the samples whose D is 0 cost nothing."""
        some = np.flatnonzero(D)
        root, out, n_genes = np.sqrt(D[some, None]), U.copy(), self.X.shape[1]
        if self.rough_X is None or (self.rough_gram is not None and len(some) < 1.8 * n_genes):
            assert self.rough_gram is not None
            small = self.rough_gram.take(some, axis=0).take(some, axis=1)
            small *= root.astype(small.dtype)
            small *= root[:, 0].astype(small.dtype)
            out[some] -= root * _solve_shifted(small, root * XXU[some])
            return out
        rows = self.rough_X[some] * root.astype(self.rough_X.dtype)
        if len(some) <= n_genes:
            out[some] -= root * _solve_shifted(rows @ rows.T, root * XXU[some])
        else:  # now the genes are fewer, and the matrix over them is the smaller one
            out[some] -= root * (rows @ _solve_shifted(rows.T @ rows, self.X.T @ U))
        return out


def _solve_shifted(matrix: NDArray[Any], right: Array) -> Array:
    """Return (matrix + I)^-1 right for a positive semi-definite matrix, which is overwritten."""
    matrix.flat[:: len(matrix) + 1] += 1
    factor = cho_factor(matrix, lower=True, overwrite_a=True, check_finite=False)
    return np.asarray(cho_solve(factor, right.astype(matrix.dtype), check_finite=False), dtype=np.float64)


class _Fit:
    """The regressions of all classes, side by side: w = X^T a, b, and the scores X w + b; each (., n_classes)."""

    def __init__(self, samples: _Samples, Y: NDArray[np.bool_], curvature: float) -> None:
        n, n_classes = Y.shape
        self.samples, self.Y, self.curvature = samples, Y, curvature
        self.a, self.b, self.scores = np.zeros((n, n_classes)), np.zeros(n_classes), np.zeros((n, n_classes))
        self.slack, self.norms = np.full(n_classes, _SLACK), np.full(n_classes, np.inf)

    def step(self, each: Callable[..., Any]) -> bool:
        """Take a damped Newton step in each class that is not at its minimum; True if all are."""
        p, first = expit(self.scores), bool(np.isinf(self.norms).all())
        G, gb = self.a - self.Y + p, (p - self.Y).sum(axis=0)  # the gradient is X^T G and gb
        D = np.full(p.shape, self.curvature) if first else p * (1 - p)
        kept = np.where(D * self.samples.norms[:, None] > self.slack, D, 0)
        XXG, XXD = np.hsplit(self.samples.products(np.hstack([G, kept])), 2)
        norms = np.sqrt(np.maximum((G * XXG).sum(axis=0), 0) + gb**2)
        self.slack[norms > _SLOW * self.norms] *= 0.3
        self.norms = norms
        k = np.flatnonzero(norms > _GRADIENT)

        def damp(c: NDArray[np.intp]) -> Array:
            return self.samples.damp(kept[:, c[0]], np.hstack([G[:, c], kept[:, c]]), np.hstack([XXG[:, c], XXD[:, c]]))

        # in the first step the curvature is the same for all classes: one factor does for all
        damped = [np.hsplit(U, 2) for U in each(damp, [k] if first else k[:, None])]
        if damped:
            dG, dD = (np.hstack(part) for part in zip(*damped, strict=True))
            db = -(gb[k] - (G[:, k] - dG).sum(axis=0)) / (D[:, k] - kept[:, k] + dD).sum(axis=0)
            self._move(k, -dG - db * dD, db)
        return len(k) == 0

    def _move(self, k: NDArray[np.intp], da: Array, db: Array) -> None:
        XXda = self.samples.products(da)  # (n, n_k), X dw
        linear, quadratic = (self.a[:, k] * XXda).sum(axis=0), (da * XXda).sum(axis=0)  # of the penalty
        t = _step_lengths(np.where(self.Y[:, k], 1.0, -1.0), self.scores[:, k], XXda + db, linear, quadratic)
        self.a[:, k] += t * da
        self.b[k] += t * db
        self.scores[:, k] += t * (XXda + db)


def _step_lengths(sign: Array, scores: Array, move: Array, linear: Array, quadratic: Array) -> Array:
    """Return (n_k,) the first of 1, 1/2, 1/4, ... that lowers the loss of each class enough (Armijo's rule)."""
    start = np.logaddexp(0, -sign * scores).sum(axis=0)
    slope = linear - (sign * move * expit(-sign * scores)).sum(axis=0)
    t = np.ones(len(slope))
    while True:
        end = np.logaddexp(0, -sign * (scores + t * move)).sum(axis=0) + t * linear + t**2 / 2 * quadratic
        long = end > start + 1e-4 * t * slope + 1e-9 * (1 + start)  # the last term is rounding
        if not long.any():
            return t
        t = np.where(long, t / 2, t)
