"""Train on synthetic, test on real, as defined in 2025: a classifier on the genes as they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bench import Cohort, Measure, metric

from ._tstr import tstr_values


@metric(
    "tstr",
    modalities="all",
    family="utility",
    measures=(
        Measure(
            "accuracy_synthetic",
            "higher",
            0,
            1,
            table="utility",
            rank=1,
            title="acc syn",
            words="accuracy",
            decides="use",
            turn=9,
            real="accuracy_real",
        ),
        Measure("accuracy_real", "none", 0, 1, table="utility", rank=2, title="acc real"),
        Measure("aupr_synthetic", "higher", 0, 1, table="utility", rank=3, title="AUPR syn", real="aupr_real"),
        Measure("aupr_real", "none", 0, 1, table="utility", rank=4, title="AUPR real"),
        Measure("aupr_weighted_synthetic", "higher", 0, 1),
        Measure("aupr_weighted_real", "none", 0, 1),
        Measure("f1_macro_synthetic", "higher", 0, 1),
        Measure("f1_macro_real", "none", 0, 1),
        Measure("f1_weighted_synthetic", "higher", 0, 1),
        Measure("f1_weighted_real", "none", 0, 1),
        Measure("auroc_synthetic", "higher", 0, 1),
        Measure("auroc_real", "none", 0, 1),
        Measure("feature_overlap", "higher", 0, table="utility", rank=5, title="feature overlap"),
        Measure("feature_overlap_proportion", "higher", 0, 1),
    ),
    doi="10.56553/popets-2024-0062",
)
@dataclass(kw_only=True)
class TSTR:
    """Return how well a classifier of synthetic samples does on held-out ones, beside one of training samples.

    One-vs-rest logistic regression (L2, C = 1) on the genes as they are; class probabilities are the sigmoids divided
    by their sum. AUPR (average precision), its class-weighted form, F1 and AUROC (one-vs-rest) are averages over
    classes. ``feature_overlap`` counts the genes shared by the two unions, over classes, of the ten largest signed
    coefficients.

    Deviations: the regression is solved to its minimum (the published solver stops short of it). Classes are
    matched by label: one that the synthetic samples lack is never predicted and scores minus infinity everywhere, which
    gives it an AUPR of its prevalence and an AUROC of 1/2. With two classes both count for the feature overlap. NaN
    without a synthetic sample; AUROC is NaN if all held-out samples are of one class.
    """

    def __call__(
        self, train: Cohort, holdout: Cohort, synthetic: Cohort, *, rng: np.random.Generator
    ) -> Mapping[str, float]:
        """Return the measures of both classifiers."""
        return tstr_values(train, holdout, synthetic, scaled=False)
