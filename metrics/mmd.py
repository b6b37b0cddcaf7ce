"""Maximum mean discrepancy: how far two clouds of samples are apart as distributions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import nan

import numpy as np

from bench import Cohort, Measure, metric

from ._distances import kernel_sum


@metric(
    "mmd",
    modalities="all",
    family="fidelity",
    measures=(
        Measure("mmd", "lower", -2, 2, table="utility", rank=6, title="MMD", real="mmd_base"),
        Measure("mmd_holdout", "lower", -2, 2, table="fidelity", rank=1, title="MMD holdout"),
        Measure("mmd_base", "none", -2, 2),
    ),
    doi="10.7551/mitpress/7503.003.0069",
)
@dataclass(kw_only=True)
class MMD:
    """Return the unbiased estimate of the squared MMD with a Gaussian kernel, gamma = 1 / number of genes.

    ``mmd`` compares synthetic with training samples, ``mmd_holdout`` with held-out samples and ``mmd_base`` held-out
    with training samples: what two honest draws of the same people give. On the values as they are. Unbiased means that
    it is 0 on average for equal distributions, so it is often below 0. NaN where a cohort has fewer than two samples.
    """

    def __call__(
        self, train: Cohort, holdout: Cohort, synthetic: Cohort, *, rng: np.random.Generator
    ) -> Mapping[str, float]:
        """Return the three estimates."""
        within = {name: _within(cohort) for name, cohort in (("t", train), ("h", holdout), ("s", synthetic))}
        return {
            "mmd": within["t"] + within["s"] - 2 * _between(train, synthetic),
            "mmd_holdout": within["h"] + within["s"] - 2 * _between(holdout, synthetic),
            "mmd_base": within["t"] + within["h"] - 2 * _between(train, holdout),
        }


def _between(a: Cohort, b: Cohort) -> float:
    """Return the mean kernel value between samples of a and of b."""
    if len(a) == 0 or len(b) == 0:
        return nan
    return kernel_sum(a, b, width=float(a.n_genes)) / (len(a) * len(b))


def _within(a: Cohort) -> float:
    """Return the mean kernel value between two different samples of a."""
    n = len(a)
    return (_between(a, a) * n - 1) / (n - 1) if n > 1 else nan
