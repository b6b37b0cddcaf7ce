"""Multinomial logistic regression as a release: not private, unless it is trained on a private release."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from bench import PluginError, PrivacyClaim, Records, ReleasedModel, generator

from ._linear import linear_answers, linear_model, standard
from ._teaching import class_weights, lesson


@generator("logistic", family="classifier", releases="model", modalities="all", opt_in=True, trains=("train_on",))
@dataclass(kw_only=True)
class Logistic:
    """Release a multinomial logistic regression on standardised features, with an L2 penalty.

    The penalty was chosen on tissue profiles of other people (``benchmarks/choose_classifiers.py``). Not private by
    itself: coefficients are sums over people. Trained on a private release (``train_on``) it has that release's
    guarantee, because it saw nothing else.
    """

    C: float = 1.0  # inverse of the penalty; smaller is flatter
    balanced: bool = False  # all classes weigh the same, however many people they have
    train_on: str = ""  # a generator of data, such as private_pgm[epsilon=4]; empty: the people themselves
    n_synthetic: int = 1000  # people it draws

    def fit(self, cohort: Records, *, rng: np.random.Generator) -> Self:
        """Learn from the cohort or from a release of it."""
        from sklearn.linear_model import LogisticRegression  # slow to import

        if not self.C > 0:
            raise PluginError(f"logistic: C is {self.C}; expected more than 0.")
        self.lesson_ = lesson(cohort, self.train_on, self.n_synthetic, rng)
        X, codes = self.lesson_.X, self.lesson_.codes
        self.centre_, self.scale_ = standard(X)
        found = LogisticRegression(C=self.C, max_iter=5000, tol=1e-6)
        found.fit((X - self.centre_) / self.scale_, codes, class_weights(codes, self.balanced))
        weights, bias = found.coef_.T, found.intercept_
        if len(self.lesson_.classes) == 2:  # one score, of the second class
            weights, bias = np.hstack([0 * weights, weights]), np.array([0.0, *bias])
        self.weights_, self.bias_ = weights, bias
        return self

    def release(self, *, rng: np.random.Generator) -> ReleasedModel:
        """Return the coefficients."""
        return linear_model(self.lesson_, self.weights_, self.bias_, self.centre_, self.scale_)

    def predict_proba(self, model: ReleasedModel, X: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return class probabilities (n, n_classes)."""
        return linear_answers(model.arrays, X)

    def claim(self) -> PrivacyClaim | None:
        """Return the guarantee of the release that it was trained on, if there is one."""
        return self.lesson_.claim
