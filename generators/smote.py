"""SMOTE alone, as a generator: the memorising baseline that shows why privacy must be measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from imblearn.over_sampling import SMOTE
from numpy.typing import NDArray

from bench import Cohort, PluginError, generator, integer_seed

from ._labels import class_counts


@generator("smote", family="resampling", preset="quick", modalities="all", doi="10.1613/jair.953", needs=("imblearn",))
@dataclass(kw_only=True)
class Smote:
    """Draw each sample on the line between a training sample and one of its nearest neighbours in the class.

    Every synthetic sample lies on a segment between two real people, often close to one of them. Nothing is private
    here, and the class counts of a full-size sample are those of the training cohort, exactly. A class of k samples or
    fewer is interpolated between all of its members.

    References
    ----------
    Chawla, Bowyer, Hall and Kegelmeyer (2002), SMOTE, JAIR 16, 321-357.
    """

    neighbours: int = 5  # imbalanced-learn's default, and the published one

    def fit(self, cohort: Cohort, *, rng: np.random.Generator) -> Self:
        """Keep the training samples of each class."""
        if self.neighbours < 1:
            raise PluginError(f"smote: neighbours is {self.neighbours}; expected 1 or more.")
        self.like_ = cohort.take(np.arange(0))
        self.labels_, self.counts_ = np.unique(cohort.y, return_counts=True)
        for label, count in zip(self.labels_, self.counts_, strict=True):
            if count < 2:
                raise PluginError(
                    f"smote: class {str(label)!r} has one sample; expected two or more to draw between. "
                    "Drop the class, or use fewer folds."
                )
        self.members_ = [X for _, X in cohort.by_label()]
        return self

    def sample(self, n: int, *, rng: np.random.Generator) -> Cohort:
        """Return n samples in random order, classes at their training rates."""
        counts = class_counts(self.counts_, n)
        drawn = [self._draw(X, int(count), rng) for X, count in zip(self.members_, counts, strict=True)]
        order = rng.permutation(n)
        return self.like_.synthetic(np.concatenate(drawn)[order], np.repeat(self.labels_, counts)[order])

    def _draw(self, X: NDArray[np.float32], n: int, rng: np.random.Generator) -> NDArray[np.float32]:
        seed = integer_seed(rng)
        if n == 0:
            return X[:0]
        smote = SMOTE(
            sampling_strategy={1: len(X) + n}, k_neighbors=min(self.neighbours, len(X) - 1), random_state=seed
        )
        y = np.append(np.ones(len(X), dtype=int), 0)  # the library wants a second class: one row that is never used
        resampled, _ = smote.fit_resample(np.vstack([X, X[:1]]), y)  # the real rows first, then the new ones
        new: NDArray[np.float32] = resampled[len(X) + 1 :]
        return new
