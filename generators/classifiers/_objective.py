"""What the minimum of a perturbed objective costs: the privacy of regression whose loss, not whose result, gets noise.

The objective is the sum over people of the cross-entropy of a softmax regression, with rows of length 1 at most, plus
``penalty / 2 * |weights|**2`` plus the inner product of the weights with noise of standard deviation ``sigma`` in
each number. The release is the minimum. Neighbouring cohorts differ by one person, added or removed.

Why the bound holds. The noise is a one-to-one function of the minimum w: minus the gradient, at w, of everything else.
So the density of w is that of this noise times the determinant of the Hessian H, and one person more, with the row x,
the class y and the probabilities p at w, changes two things:

- The noise moves by the person's gradient, x times (p - y). Along x the noise is normal in as many dimensions as there
  are classes, and p - y sums to 0; so its length there is ``sigma`` times T, where T has the chi distribution with one
  degree less than there are classes, *whatever w is*. With a gradient of length at most L = sqrt(2), the log ratio of
  densities moves by at most T L / sigma + L**2 / (2 sigma**2). That p depends on the noise does not matter: the bound
  takes the worst direction.
- The determinant grows by a factor of at most exp(trace(A) / penalty), A being the person's Hessian, whose trace is
  at most 1 - 1 / n_classes.

Both together are the *loss*, a random number; delta at an epsilon is the mean of (1 - exp(epsilon - loss)) where it is
positive. Gaussian releases made before have a loss that does not depend on T, so that everything composes by one
integral over T of the exact delta of the Gaussian mechanism. Nothing is lost to tails or to adding up epsilons.

Approximate minima. Solvers stop near the minimum, and what is proved is about the minimum itself. As in Iyengar et al.
the solver goes on until the gradient is at most `TOLERANCE`; then the result is within TOLERANCE / penalty of the
minimum, and Gaussian noise of this distance over `FINISH` makes up for the difference: one more Gaussian release, of
strength 2 * FINISH, counted like the others.

References
----------
Chaudhuri, Monteleoni and Sarwate (2011), JMLR 12; Kifer, Smith and Thakurta (2012), COLT, whose noise for the same
epsilon is larger (`kifer_sigma`); Iyengar, Near, Song, Thakkar, Thakurta and Wang (2019), Towards practical
differentially private convex optimization, IEEE S&P, doi:10.1109/SP.2019.00001.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.optimize import brentq
from scipy.stats import chi

from .._privacy import gaussian_delta

GRADIENT = math.sqrt(2)  # largest length of a person's gradient, rows being at most of length 1
TOLERANCE = 1e-5  # length of the gradient where the solver may stop
FINISH = 0.01  # strength of the noise that makes up for it, on either side
_STEPS = 800  # of the integral


def trace_of_hessian(n_classes: int) -> float:
    """Return the most that one person's Hessian adds to the trace."""
    return 1 - 1 / n_classes


def delta_of(epsilon: float, sigma: float, penalty: float, n_classes: int, mu: float) -> float:
    """Return the delta of a perturbed objective together with Gaussian releases of total strength `mu`."""
    fixed = GRADIENT**2 / (2 * sigma**2) + trace_of_hessian(n_classes) / penalty
    length = chi(n_classes - 1)
    edges = length.isf([1 - 1e-16, 1e-18])
    # equal steps of T, each at its upper end, and what lies beyond the edges in full: never too small
    t = np.linspace(edges[0], edges[1], _STEPS + 1)
    values = np.array([gaussian_delta(mu, epsilon - fixed - GRADIENT / sigma * x) for x in t])
    shares = np.diff(length.cdf(t))
    return float(values[1:] @ shares + length.cdf(t[0]) + length.sf(t[-1]))


def sigma_for(epsilon: float, delta: float, penalty: float, n_classes: int, mu: float) -> float:
    """Return the least noise with which everything together is (epsilon, delta)-private; infinity if none is."""

    def excess(log_sigma: float) -> float:
        return delta_of(epsilon, math.exp(log_sigma), penalty, n_classes, mu) - delta

    low, high = math.log(1e-3), math.log(1e4)
    if excess(high) > 0:
        return math.inf
    root = float(brentq(excess, low, high, xtol=1e-6))
    while excess(root) > 0:
        root += 1e-6
    return math.exp(root)


def kifer_sigma(epsilon: float, delta: float) -> float:
    """Return the published noise for the same gradients, whose penalty is 2 * curvature / epsilon or more."""
    return GRADIENT * math.sqrt(8 * math.log(2 / delta) + 4 * epsilon) / epsilon
