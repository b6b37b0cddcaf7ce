"""Gradient-boosted trees as a release: not private, unless they are trained on a private release."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from bench import PluginError, PrivacyClaim, Records, ReleasedModel, generator, integer_seed

from ._teaching import class_weights, lesson
from ._trees import leaves


@generator(
    "xgboost", family="classifier", releases="model", modalities="all", opt_in=True, needs=("xgboost",),
    trains=("train_on",), doi="10.1145/2939672.2939785", quick={"rounds": 10},
)  # fmt: skip
@dataclass(kw_only=True)
class XGBoost:
    """Release gradient-boosted trees, one a class and round; a softmax of the sums of their leaves.

    The trees are kept as plain arrays and answer without the library. Not private. Trained on a private release
    (``train_on``) they have that release's guarantee.
    """

    rounds: int = 60
    depth: int = 4
    lr: float = 0.2
    balanced: bool = False  # all classes weigh the same, however many people they have
    train_on: str = ""  # a generator of data, such as private_pgm[epsilon=4]; empty: the people themselves
    n_synthetic: int = 1000  # people it draws

    def fit(self, cohort: Records, *, rng: np.random.Generator) -> Self:
        """Boost trees on the cohort or on a release of it."""
        import xgboost  # slow to import

        if self.rounds < 1 or self.depth < 1 or not self.lr > 0:
            raise PluginError(
                f"xgboost: rounds={self.rounds}, depth={self.depth}, lr={self.lr}; expected 1 or more, and lr above 0."
            )
        self.lesson_ = lesson(cohort, self.train_on, self.n_synthetic, rng)
        codes = self.lesson_.codes
        data = xgboost.DMatrix(self.lesson_.X, label=codes, weight=class_weights(codes, self.balanced))
        settings = {
            "objective": "multi:softprob", "num_class": len(self.lesson_.classes), "max_depth": self.depth,
            "eta": self.lr, "tree_method": "hist", "seed": integer_seed(rng) % 2**31, "nthread": 1, "base_score": 0.5,
            "colsample_bynode": 0.1,
        }  # fmt: skip
        self.arrays_ = _flat(xgboost.train(settings, data, self.rounds))
        return self

    def release(self, *, rng: np.random.Generator) -> ReleasedModel:
        """Return the nodes of all trees."""
        return ReleasedModel(self.arrays_, self.lesson_.classes, self.lesson_.features)

    def predict_proba(self, model: ReleasedModel, X: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return class probabilities (n, n_classes)."""
        values = model.arrays["value"][leaves(model.arrays, X)]  # (n, n_trees)
        owner = model.arrays["owner"][:, None] == np.arange(len(model.classes))  # (n_trees, n_classes)
        answers: NDArray[np.float64] = softmax(values @ owner, axis=1)
        return answers

    def claim(self) -> PrivacyClaim | None:
        """Return the guarantee of the release that it was trained on, if there is one."""
        return self.lesson_.claim


def _flat(booster: Any) -> dict[str, NDArray[Any]]:
    """Return the nodes of the library's trees, one tree behind the other, and the class that each tree is about."""
    whole = json.loads(bytes(booster.save_raw("json")))["learner"]["gradient_booster"]["model"]
    parts: dict[str, list[NDArray[Any]]] = {name: [] for name in ("left", "right", "feature", "threshold", "value")}
    roots, start = [], 0
    for tree in whole["trees"]:
        left, right = np.array(tree["left_children"]), np.array(tree["right_children"])
        cut = np.array(tree["split_conditions"], dtype=np.float32)  # of a leaf it is the value
        parts["left"].append(np.where(left < 0, -1, left + start))
        parts["right"].append(np.where(left < 0, -1, right + start))
        parts["feature"].append(np.array(tree["split_indices"]))
        parts["threshold"].append(np.nextafter(cut, np.float32(-np.inf)))  # the library goes left below the cut
        parts["value"].append(np.where(left < 0, cut, 0).astype(np.float64))
        roots.append(start)
        start += len(left)
    flat = {name: np.concatenate(arrays) for name, arrays in parts.items()}
    return {**flat, "roots": np.array(roots), "owner": np.array(whole["tree_info"])}
