"""Differential expression: whether the genes that tell two classes apart in real people do so in the release."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import nan

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr
from scipy.stats import false_discovery_control, rankdata

from bench import Cohort, Measure, metric

from ._wilcoxon import SMALLEST_CLASS, Array, rank_sum_scores

_LEVEL = 0.05  # of the p-value, as published, and of the false discovery rate
_SUFFIXES = ("", "_lfc05", "_lfc10")  # of the shifts
_LFC05 = 1  # the setting of the published numbers of 2026
_FPR = 0.05


@metric(
    "differential_expression",
    family="biology",
    measures=(
        Measure("de_tpr_up", "higher", 0, 1),
        Measure("de_tpr_down", "higher", 0, 1),
        Measure("de_fpr_up", "none", 0, 1),
        Measure("de_fpr_down", "none", 0, 1),
        Measure("de_tpr_up_lfc05", "higher", 0, 1, table="biology", rank=1, title="DE TPR up"),
        Measure("de_tpr_down_lfc05", "higher", 0, 1, table="biology", rank=2, title="DE TPR down"),
        Measure("de_fpr_up_lfc05", "none", 0, 1),
        Measure("de_fpr_down_lfc05", "none", 0, 1),
        Measure("de_tpr_up_lfc10", "higher", 0, 1),
        Measure("de_tpr_down_lfc10", "higher", 0, 1),
        Measure("de_fpr_up_lfc10", "none", 0, 1),
        Measure("de_fpr_down_lfc10", "none", 0, 1),
        Measure("de_tpr_up_fdr", "higher", 0, 1),
        Measure("de_tpr_down_fdr", "higher", 0, 1),
        Measure("de_fpr_up_fdr", "none", 0, 1),
        Measure("de_fpr_down_fdr", "none", 0, 1),
        Measure("de_tpr_up_fdr_lfc05", "higher", 0, 1),
        Measure("de_tpr_down_fdr_lfc05", "higher", 0, 1),
        Measure("de_fpr_up_fdr_lfc05", "none", 0, 1),
        Measure("de_fpr_down_fdr_lfc05", "none", 0, 1),
        Measure("de_tpr_up_fdr_lfc10", "higher", 0, 1),
        Measure("de_tpr_down_fdr_lfc10", "higher", 0, 1),
        Measure("de_fpr_up_fdr_lfc10", "none", 0, 1),
        Measure("de_fpr_down_fdr_lfc10", "none", 0, 1),
        Measure(
            "de_tpr_at_fpr_05",
            "higher",
            0,
            1,
            table="biology",
            rank=3,
            title="DE TPR @ FPR 5 %",
            real="de_tpr_at_fpr_05_base",
            chance=0.05,
        ),
        Measure("de_tpr_at_fpr_05_base", "none", 0, 1),
        Measure(
            "de_effect_spearman",
            "higher",
            -1,
            1,
            table="biology",
            rank=4,
            title="DE effects",
            words="differences between classes",
            decides="science",
            real="de_effect_spearman_base",
            chance=0,
        ),
        Measure("de_effect_spearman_base", "none", -1, 1),
    ),
    doi="10.56553/popets-2024-0062",
)
@dataclass(kw_only=True)
class DifferentialExpression:
    """Return how far the release finds the differentially expressed genes of the training samples.

    Every pair of classes is compared by one-sided Wilcoxon rank-sum tests, gene by gene; a gene is up (down) if the
    class that comes first in the alphabet lies above (below) the other with p < 0.05. TPR is the share of the training
    samples' genes that the release finds, FPR the share of the other genes that it finds; means over pairs.
    ``_lfc05``, ``_lfc10``: a difference above 0.5 or 1 is tested for (one class is shifted before it is ranked), the
    published setting of 2026 being 0.5; ``_fdr``: Benjamini-Hochberg over the genes of a pair (doi:10.1111/
    j.2517-6161.1995.tb02031.x) takes the place of the raw p-value, in both cohorts.

    ``de_tpr_at_fpr_05`` ranks genes by the release's evidence for a difference above 0.5 and reads the TPR for the
    training samples' genes where at most 5 % of the others are called; it does not depend on the level of a test.
    ``de_effect_spearman`` is the rank correlation, over genes, of the differences of class means. ``_base``: held-out
    samples in place of the release.

    A class with fewer than three training samples is not compared; one with fewer in the release shows no difference,
    so that nothing of it is found and its effects correlate with nothing (0). A pair without a gene to find is
    left out of the TPR. NaN if no pair is left, or the release is empty.
    """

    def __call__(
        self, train: Cohort, holdout: Cohort, synthetic: Cohort, *, rng: np.random.Generator
    ) -> Mapping[str, float]:
        """Return the agreement of the tests and of the effects."""
        found, counts = np.unique(train.y, return_counts=True)
        labels = tuple(str(label) for label in found[counts >= SMALLEST_CLASS])
        real, other = (rank_sum_scores(cohort, labels=labels) for cohort in (train, synthetic))
        values = _rates(real, other) | {
            "de_tpr_at_fpr_05": _tpr_at_fpr(real, other),
            "de_effect_spearman": _effect_agreement(train, synthetic, labels),
        }
        if len(synthetic) == 0:
            values = dict.fromkeys(values, nan)
        return values | {
            "de_tpr_at_fpr_05_base": _tpr_at_fpr(real, rank_sum_scores(holdout, labels=labels)),
            "de_effect_spearman_base": _effect_agreement(train, holdout, labels),
        }


def _rates(real: Array, other: Array) -> dict[str, float]:
    """Return TPR and FPR for each direction, shift and criterion; the arrays are those of `rank_sum_scores`."""
    values = {}
    raw = [ndtr(-scores) for scores in (real, other)]
    corrected = [false_discovery_control(p, axis=-1) for p in raw]
    for criterion, (p, q) in (("", raw), ("_fdr", corrected)):
        truth, found = p < _LEVEL, q < _LEVEL  # (2, n_shifts, n_pairs, n_genes)
        for name, genes in (("tpr", truth), ("fpr", ~truth)):
            rates = _mean_share(genes & found, genes)
            for (way, shift), rate in np.ndenumerate(rates):
                values[f"de_{name}_{('up', 'down')[way]}{criterion}{_SUFFIXES[shift]}"] = float(rate)
    return values


def _mean_share(part: NDArray[np.bool_], whole: NDArray[np.bool_]) -> Array:
    """Return the share of genes, the mean over the pairs that have any; NaN if none has."""
    n = whole.sum(axis=-1)
    shares = part.sum(axis=-1) / np.maximum(n, 1)  # (2, n_shifts, n_pairs)
    pairs = np.count_nonzero(n, axis=-1)
    mean: Array = np.where(pairs > 0, shares.sum(axis=-1) / np.maximum(pairs, 1), nan)
    return mean


def _tpr_at_fpr(real: Array, other: Array) -> float:
    """Return the TPR at the last threshold with an FPR of at most 5 %, the mean over pairs and directions."""
    rates = []
    for truth, scores in zip(*(half[:, _LFC05].reshape(-1, real.shape[-1]) for half in (real, other)), strict=True):
        positive = ndtr(-truth) < _LEVEL
        negatives = np.sort(scores[~positive])[::-1]
        if positive.any() and len(negatives):
            # tied scores are called together or not at all
            rates.append(np.mean(scores[positive] > negatives[int(_FPR * len(negatives))]))
    return float(np.mean(rates)) if rates else nan


def _effect_agreement(real: Cohort, other: Cohort, labels: tuple[str, ...]) -> float:
    """Return the mean over pairs of Spearman's correlation of effects; a pair without real effects is left out."""
    ranks = [rankdata(_effects(cohort, labels), axis=-1) for cohort in (real, other)]
    a, b = (r - r.mean(axis=-1, keepdims=True) for r in ranks)  # (n_pairs, n_genes)
    lengths = [np.linalg.norm(r, axis=-1) for r in (a, b)]
    some = lengths[0] > 0
    if not some.any():
        return nan
    product = np.einsum("ij,ij->i", a, b) / np.maximum(lengths[0] * lengths[1], 0.5)  # 0 where the other has none
    return float(np.clip(product[some].mean(), -1, 1))


def _effects(cohort: Cohort, labels: tuple[str, ...]) -> Array:
    """Return (n_pairs, n_genes) differences of class means; 0 where a class has fewer than three samples."""
    parts = [cohort.X[cohort.y == label] for label in labels]
    enough = np.array([len(part) >= SMALLEST_CLASS for part in parts], dtype=bool)
    means = np.array([part.mean(axis=0, dtype=np.float64) if len(part) else np.zeros(cohort.n_genes) for part in parts])
    first, second = np.triu_indices(len(labels), 1)
    means = means.reshape(len(labels), cohort.n_genes)
    effects: Array = (means[first] - means[second]) * (enough[first] & enough[second])[:, None]
    return effects
