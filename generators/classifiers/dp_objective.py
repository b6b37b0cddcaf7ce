"""Differentially private multinomial logistic regression by noise in its objective, not in its steps."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import logsumexp, softmax

from bench import Cohort, PluginError, PrivacyClaim, ReleasedModel, generator

from .._privacy import check_budget, compose_mu, gaussian_mu
from ._objective import FINISH, TOLERANCE, sigma_for
from ._private_scale import unit_rows
from ._private_start import start

Array = NDArray[np.float64]


@generator(
    "dp_objective", family="classifier", releases="model", opt_in=True, files=("prior",), doi="10.1109/SP.2019.00001"
)
@dataclass(kw_only=True)
class DpObjective:
    """Release the minimum of a multinomial logistic regression whose objective got noise, private end to end.

    Rows are centred, scaled and put at unit length as in `dp_logistic`, a constant is added, and the sum of losses gets
    a penalty and one random linear term. The minimum of that is released. There are no steps to count: the noise is
    drawn once, and a regression is solved. What it costs is proved in `_objective`, the determinant of the Hessian and
    minima that are only nearly reached included; class sizes and scale compose with it exactly.

    Public are the set of class labels, the genes and their order, the range that the units allow, and the prior
    (``prior=none`` takes none). The penalty was chosen on tissue profiles of other people, in a short search
    (``benchmarks/choose_classifiers.py``); the shares are those of `dp_logistic`.

    Kifer, Smith and Thakurta 2012; Iyengar et al. 2019. Deviations: cohorts differ by a person added or removed, not
    exchanged; delta is computed, not bounded by tails.
    """

    epsilon: float = 10.0
    delta: float = 1e-5
    prior: str | None = "shipped"  # or a file, or none
    penalty: float = 2.0  # of the squared weights; a larger one is flatter and needs less noise
    constant: float = 0.3  # what is added to rows of length 1 before both are put at length 1, for the intercept
    sizes: float = 0.02  # share of the budget for class sizes
    centring: float = 0.3  # share of the budget for where the genes lie
    low: float | None = None  # public range of a gene; None is the usual one of the units
    high: float | None = None

    def fit(self, cohort: Cohort, *, rng: np.random.Generator) -> Self:
        """Measure sizes and scale with noise, then solve."""
        self._check()
        self.features_ = cohort.features
        whole = gaussian_mu(self.epsilon, self.delta)
        mus = (whole * math.sqrt(self.sizes), whole * math.sqrt(self.centring))
        begun = start(cohort, self.prior, (self.low, self.high), mus, rng)
        self.classes_, self.scale_, self.words_ = begun.classes, begun.scale, begun.words
        self.mus_ = (*begun.mus, ("the end of the solver", 2 * FINISH))
        n_classes = len(self.classes_)
        if n_classes < 2:
            raise PluginError(f"dp_objective: everybody is {self.classes_[0]!r}; a classifier needs two classes.")
        self.sigma_ = sigma_for(self.epsilon, self.delta, self.penalty, n_classes, self.spent())
        if self.sigma_ == math.inf:
            raise PluginError(
                f"dp_objective: penalty is {self.penalty}, which alone costs more than epsilon {self.epsilon} leaves; "
                "take a larger penalty or smaller shares."
            )
        X = with_constant(begun.rows, self.constant)
        noise = rng.normal(0, self.sigma_, (X.shape[1], n_classes))
        exact = minimum(X, begun.codes, self.penalty, noise)
        self.weights_ = exact + rng.normal(0, TOLERANCE / self.penalty / FINISH, exact.shape)
        return self

    def spent(self) -> float:
        """Return the strength of the Gaussian releases beside the objective, together."""
        return compose_mu([mu for _, mu in self.mus_])

    def release(self, *, rng: np.random.Generator) -> ReleasedModel:
        """Return coefficients, scale and the constant."""
        arrays = {
            "weights": self.weights_, "centre": self.scale_.centre, "spread": self.scale_.spread,
            "constant": np.array(self.constant),
        }  # fmt: skip
        return ReleasedModel(arrays, self.classes_, self.features_)

    def predict_proba(self, model: ReleasedModel, X: NDArray[np.float32]) -> Array:
        """Return class probabilities (n, n_classes)."""
        a = model.arrays
        rows = with_constant(unit_rows(X, a["centre"], a["spread"]), float(a["constant"]))
        answers: Array = softmax(rows @ a["weights"], axis=1)
        return answers

    def claim(self) -> PrivacyClaim:
        """Return the guarantee, and the public data that it does not cover."""
        parts = ", ".join(name for name, _ in self.mus_)
        return PrivacyClaim(
            mechanism=f"objective perturbation (noise {self.sigma_:.3g}, penalty {self.penalty:g}), and on {parts}",
            unit="one sample",
            neighbours="add-remove",
            epsilon=self.epsilon,
            delta=self.delta,
            accountant="densities of the minimum, with Gaussian differential privacy; one integral",
            public=self.words_,
        )

    def _check(self) -> None:
        check_budget("dp_objective", self.epsilon, self.delta)
        for name in ("penalty", "constant", "sizes", "centring"):
            if not getattr(self, name) > 0:
                raise PluginError(f"dp_objective: {name} is {getattr(self, name)}; expected more than 0.")
        if not self.sizes + self.centring < 1:
            raise PluginError(
                f"dp_objective: sizes and centring take {self.sizes + self.centring:g} of the budget; leave some for "
                "the objective."
            )


def with_constant(rows: Array, constant: float) -> Array:
    """Return rows (n, d) of length 1 at most with a constant column, (n, d + 1), again of length 1 at most."""
    found: Array = np.hstack([rows, np.full((len(rows), 1), constant)]) / math.sqrt(1 + constant**2)
    return found


def minimum(X: Array, codes: NDArray[np.intp], penalty: float, noise: Array) -> Array:
    """Return the weights (d, n_classes) that minimise the perturbed objective, to a gradient of `TOLERANCE`.

    Parameters
    ----------
    X : (n, d)
    noise : (d, n_classes), the random linear term

    Raises
    ------
    PluginError
        If the solver stops earlier: what is proved is about minima.
    """
    truth = np.eye(noise.shape[1])[codes]

    def objective(flat: Array) -> tuple[float, Array]:
        W = flat.reshape(noise.shape)
        scores = X @ W
        value = float((logsumexp(scores, axis=1) - (scores * truth).sum(axis=1)).sum())
        value += penalty / 2 * float(flat @ flat) + float((noise * W).sum())
        return value, (X.T @ (softmax(scores, axis=1) - truth) + penalty * W + noise).ravel()

    found: Array = -noise.ravel() / penalty
    options = {"maxiter": 5000, "maxfun": 10_000, "ftol": 0, "maxcor": 30}
    for _ in range(5):  # the line search may stop early where values no longer differ; from there it goes on
        solved = minimize(objective, found, jac=True, method="L-BFGS-B", options={**options, "gtol": 1e-12})
        found = solved.x
        if np.linalg.norm(objective(found)[1]) <= TOLERANCE:
            weights: Array = found.reshape(noise.shape)
            return weights
    left = float(np.linalg.norm(objective(found)[1]))
    raise PluginError(f"dp_objective: the solver stopped at a gradient of {left:.2g}; expected {TOLERANCE:g} at most.")
