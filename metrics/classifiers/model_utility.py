"""How well a released classifier tells the classes of people it has not seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bench import Measure, Records, ReleasedModel, metric

from .._ranking import auroc, average_precision
from ._aligned import aligned, labels_of


@metric(
    "model_utility",
    modalities="all",
    releases="model",
    family="utility",
    measures=(
        Measure("model_accuracy", "higher", 0, 1, table="utility", rank=31, title="accuracy"),
        Measure(
            "model_balanced_accuracy", "higher", 0, 1, table="utility", rank=32, title="balanced accuracy",
            decides="use", real="best",
        ),
        Measure("model_aupr", "higher", 0, 1, table="utility", rank=33, title="AUPR"),
        Measure(
            "model_worst_class_recall", "higher", 0, 1, table="utility", rank=34, title="worst class recall",
            decides="worst", real="best", words="worst class",
        ),
        Measure("model_auroc", "higher", 0, 1),
        Measure("model_accuracy_train", "none", 0, 1, table="utility", rank=36, title="accuracy on its own people"),
    ),
    doi="10.1109/ICPR.2010.764",
)  # fmt: skip
@dataclass(kw_only=True)
class ModelUtility:
    """Return how well a released classifier tells the classes of held-out people.

    Balanced accuracy is the mean recall over the classes that have held-out people, and worst class recall the least of
    them; accuracy alone hides a class that is never found. AUPR (average precision) and AUROC, one class against the
    rest, are means over classes. A class that the model does not know gets probability 0. The accuracy on the model's
    own training people stands beside as a value to compare with: the gap is what the simplest attack lives on. AUROC is
    NaN if all held-out people are of one class.
    """

    def __call__(
        self, train: Records, holdout: Records, model: ReleasedModel, *, rng: np.random.Generator
    ) -> Mapping[str, float]:
        """Return the measures."""
        labels = labels_of(model, holdout)
        shares, truth = aligned(model, holdout, labels), holdout.y[:, None] == labels
        right = labels[shares.argmax(axis=1)] == holdout.y
        there = truth.any(axis=0)
        recall = (truth & right[:, None]).sum(axis=0)[there] / truth.sum(axis=0)[there]
        own = model.predict(train.X) == train.y
        return {
            "model_accuracy": float(right.mean()),
            "model_balanced_accuracy": float(recall.mean()),
            "model_worst_class_recall": float(recall.min()),
            "model_aupr": float(average_precision(shares[:, there], truth[:, there]).mean()),
            "model_auroc": float(auroc(shares[:, there], truth[:, there]).mean()) if there.sum() > 1 else float("nan"),
            "model_accuracy_train": float(own.mean()),
        }
