"""A random forest as a release: not private, unless it is trained on a private release."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from bench import PluginError, PrivacyClaim, Records, ReleasedModel, generator, integer_seed

from ._teaching import class_weights, lesson
from ._trees import leaves


@generator(
    "forest",
    family="classifier",
    releases="model",
    modalities="all",
    opt_in=True,
    trains=("train_on",),
    quick={"trees": 20},
)
@dataclass(kw_only=True)
class Forest:
    """Release a random forest: the mean of the class shares in the leaves of many deep trees.

    Not private: with leaves of one person, a tree knows those it was grown on by heart. Trained on a private release
    (``train_on``) it has that release's guarantee.
    """

    trees: int = 300
    least_leaf: int = 1  # people in a leaf, at least
    balanced: bool = False  # all classes weigh the same, however many people they have
    train_on: str = ""  # a generator of data, such as private_pgm[epsilon=4]; empty: the people themselves
    n_synthetic: int = 1000  # people it draws

    def fit(self, cohort: Records, *, rng: np.random.Generator) -> Self:
        """Grow the forest on the cohort or on a release of it."""
        from sklearn.ensemble import RandomForestClassifier  # slow to import

        if self.trees < 1 or self.least_leaf < 1:
            raise PluginError(f"forest: trees={self.trees}, least_leaf={self.least_leaf}; expected 1 or more of both.")
        self.lesson_ = lesson(cohort, self.train_on, self.n_synthetic, rng)
        codes = self.lesson_.codes
        forest = RandomForestClassifier(
            self.trees, min_samples_leaf=self.least_leaf, random_state=integer_seed(rng) % 2**32, n_jobs=1
        )
        forest.fit(self.lesson_.X, codes, class_weights(codes, self.balanced))
        self.arrays_ = _flat([one.tree_ for one in forest.estimators_])
        return self

    def release(self, *, rng: np.random.Generator) -> ReleasedModel:
        """Return the nodes of all trees."""
        return ReleasedModel(self.arrays_, self.lesson_.classes, self.lesson_.features)

    def predict_proba(self, model: ReleasedModel, X: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return class probabilities (n, n_classes)."""
        shares = model.arrays["shares"]
        found = leaves(model.arrays, X)  # (n, n_trees)
        votes = np.zeros((len(X), shares.shape[1]))
        for tree in found.T:
            votes += shares[tree]
        answers: NDArray[np.float64] = votes / votes.sum(axis=1, keepdims=True)
        return answers

    def claim(self) -> PrivacyClaim | None:
        """Return the guarantee of the release that it was trained on, if there is one."""
        return self.lesson_.claim


def _flat(trees: list[Any]) -> dict[str, NDArray[Any]]:
    """Return the nodes of scikit-learn's trees, one tree behind the other, with the class shares of each node."""
    sizes = np.array([tree.node_count for tree in trees])
    roots = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    shift = np.repeat(roots, sizes)
    left, right = (np.concatenate([getattr(tree, f"children_{side}") for tree in trees]) for side in ("left", "right"))
    counts = np.concatenate([tree.value[:, 0] for tree in trees])  # (n_nodes, n_classes)
    return {
        "roots": roots,
        "left": np.where(left < 0, -1, left + shift),
        "right": np.where(right < 0, -1, right + shift),
        "feature": np.maximum(np.concatenate([tree.feature for tree in trees]), 0),
        "threshold": np.concatenate([tree.threshold for tree in trees]),
        "shares": counts / counts.sum(axis=1, keepdims=True),
    }
