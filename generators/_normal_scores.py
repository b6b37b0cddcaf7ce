"""The two steps before a diffusion model that look at the data: oversampling of rare classes and normal scores."""

from __future__ import annotations

import numpy as np
from imblearn.over_sampling import SMOTE
from numpy.typing import NDArray
from sklearn.preprocessing import QuantileTransformer

from bench import integer_seed

_NEIGHBOURS = 5  # of SMOTE, as published


def oversampled(
    X: NDArray[np.float32], codes: NDArray[np.int64], per_class: int, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return rows and class codes in which each smaller class is brought to `per_class` rows by SMOTE.

    A class of k samples or fewer is interpolated between all of its members; of one sample there is nothing to
    interpolate, so it is repeated.
    """
    new, new_codes = [X], [codes]
    for code, count in enumerate(np.bincount(codes)):
        missing = per_class - int(count)
        if missing <= 0:
            continue
        members = X[codes == code]
        new.append(_between(members, missing, rng) if count > 1 else np.repeat(members, missing, axis=0))
        new_codes.append(np.full(missing, code))
    return np.concatenate(new), np.concatenate(new_codes)


def _between(X: NDArray[np.float32], n: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return n rows on the lines between samples and their nearest neighbours."""
    smote = SMOTE(
        sampling_strategy={1: len(X) + n}, k_neighbors=min(_NEIGHBOURS, len(X) - 1), random_state=integer_seed(rng)
    )
    y = np.append(np.ones(len(X), dtype=int), 0)  # the library wants a second class: one row that is never used
    rows, _ = smote.fit_resample(np.vstack([X, X[:1]]), y)  # the given rows first, then the new ones
    new: NDArray[np.float32] = rows[len(X) + 1 :]
    return new


class NormalScores:
    """Maps each gene to a standard normal by its quantiles, and back; a constant gene is 0 and keeps its value."""

    def __init__(self, X: NDArray[np.float32], seed: int) -> None:
        quantiles = min(1000, len(X))  # scikit-learn's default, and the published one
        self.quantiles = QuantileTransformer(
            n_quantiles=quantiles, output_distribution="normal", random_state=seed
        ).fit(X)  # fmt: skip
        self.varies = X.min(axis=0) < X.max(axis=0)

    def forward(self, X: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the (n, n_genes) normal scores."""
        scores: NDArray[np.float32] = np.where(self.varies, self.quantiles.transform(X), 0).astype(np.float32)
        return scores

    def back(self, scores: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the genes' values; none is outside the range of the data that the quantiles are of."""
        values: NDArray[np.float32] = self.quantiles.inverse_transform(scores)
        return values
