"""How well the clusters of a network stand apart, and how many genes it selected."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import nan

import numpy as np
from scipy.special import expit

from bench import Measure, Records, ReleasedModel, metric


@metric(
    "model_clusters",
    releases="model",
    family="utility",
    opt_in=True,
    measures=(
        Measure("model_cluster_silhouette", "higher", -1, 1, table="utility", rank=38, title="cluster silhouette"),
        Measure("model_selected_genes", "none", 0, table="utility", rank=39, title="selected genes"),
    ),
    doi="10.1016/0377-0427(87)90125-7",
)
@dataclass(kw_only=True)
class ModelClusters:
    """Return the silhouette of held-out people in a network's clusters, and the number of genes that it selected.

    Each held-out person is in the cluster whose centre is nearest in the network's representation; the silhouette there
    is 1 where clusters are tight and far apart, 0 where they touch. It is for models that hold such arrays, as
    `deeptype` does, and runs when named; NaN for any other model, and where all people are in one cluster.
    """

    def __call__(
        self, train: Records, holdout: Records, model: ReleasedModel, *, rng: np.random.Generator
    ) -> Mapping[str, float]:
        """Return both numbers."""
        a = model.arrays
        if "selected" not in a:
            return {"model_cluster_silhouette": nan, "model_selected_genes": nan}
        return {
            "model_cluster_silhouette": _silhouette(model, holdout),
            "model_selected_genes": float(a["selected"].sum()),
        }


def _silhouette(model: ReleasedModel, people: Records) -> float:
    from sklearn.metrics import silhouette_score  # slow to import

    a = model.arrays
    if len(a["centres"]) == 0:
        return nan
    h = (people.X[:, a["kept"]] - a["low"]) / a["width"]
    for layer in (1, 2):
        h = expit(h @ a[f"weights_{layer}"].T + a[f"bias_{layer}"])
    nearest = ((h[:, None] - a["centres"]) ** 2).sum(axis=2).argmin(axis=1)
    return float(silhouette_score(h, nearest)) if 1 < len(np.unique(nearest)) < len(h) else nan
