"""Train on synthetic, test on real, as revised in 2026: genes standardised by the training samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bench import Cohort, Measure, metric

from ._tstr import tstr_values


@metric(
    "tstr_2026",
    modalities="all",
    family="utility",
    measures=(
        Measure("accuracy_synthetic_2026", "higher", 0, 1),
        Measure("accuracy_real_2026", "none", 0, 1),
        Measure("aupr_synthetic_2026", "higher", 0, 1),
        Measure("aupr_real_2026", "none", 0, 1),
        Measure("aupr_weighted_synthetic_2026", "higher", 0, 1),
        Measure("aupr_weighted_real_2026", "none", 0, 1),
        Measure("f1_macro_synthetic_2026", "higher", 0, 1),
        Measure("f1_macro_real_2026", "none", 0, 1),
        Measure("f1_weighted_synthetic_2026", "higher", 0, 1),
        Measure("f1_weighted_real_2026", "none", 0, 1),
        Measure("auroc_synthetic_2026", "higher", 0, 1),
        Measure("auroc_real_2026", "none", 0, 1),
        Measure("feature_overlap_2026", "higher", 0),
        Measure("feature_overlap_proportion_2026", "higher", 0, 1),
    ),
    doi="10.64898/2026.03.02.707794",
)
@dataclass(kw_only=True)
class TSTR2026:
    """Return the measures of `tstr` with every gene standardised by the mean and spread of the training samples.

    Both classifiers, of synthetic and of training samples, see the same transform; a gene that is constant among the
    training samples is only centred. Everything else, deviations too, is as in `tstr`. NaN without a synthetic sample;
    AUROC is NaN if all held-out samples are of one class.
    """

    def __call__(
        self, train: Cohort, holdout: Cohort, synthetic: Cohort, *, rng: np.random.Generator
    ) -> Mapping[str, float]:
        """Return the measures of both classifiers."""
        values = tstr_values(train, holdout, synthetic, scaled=True)
        return {f"{name}_2026": value for name, value in values.items()}
