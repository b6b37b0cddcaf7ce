"""Co-expression: whether the genes that rise and fall together in real people do so in the release."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import nan

import numpy as np

from bench import Cohort, Measure, metric

from ._correlation import Array, Comparison, compare, connectivity, modules, standardised

_SUFFIXES = ("r00", "r03", "r05")  # of the cuts
_R03 = 1  # the published headline
_OF_REAL = ("edges", "_real", "_base")  # marks what an empty release does not leave undefined


@metric(
    "coexpression",
    family="biology",
    measures=(
        Measure("coexpression_recall_r00", "higher", 0, 1),
        Measure(
            "coexpression_recall_r03",
            "higher",
            0,
            1,
            table="biology",
            rank=5,
            title="co-expr recall",
            real="coexpression_recall_r03_base",
        ),
        Measure("coexpression_recall_r05", "higher", 0, 1),
        Measure("coexpression_precision_r00", "higher", 0, 1),
        Measure(
            "coexpression_precision_r03",
            "higher",
            0,
            1,
            table="biology",
            rank=6,
            title="co-expr precision",
            real="coexpression_precision_r03_base",
        ),
        Measure("coexpression_precision_r05", "higher", 0, 1),
        Measure("coexpression_edges_r00", "none", 0),
        Measure("coexpression_edges_r03", "none", 0),
        Measure("coexpression_edges_r05", "none", 0),
        Measure("coexpression_recall_r03_class", "higher", 0, 1),
        Measure("coexpression_precision_r03_class", "higher", 0, 1),
        Measure("coexpression_recall_r03_base", "none", 0, 1),
        Measure("coexpression_precision_r03_base", "none", 0, 1),
        Measure(
            "gene_corr_rmse", "lower", 0, 2, table="biology", rank=7, title="corr RMSE", real="gene_corr_rmse_base"
        ),
        Measure("gene_corr_rmse_class", "lower", 0, 2, table="biology", rank=8, title="corr RMSE in class"),
        Measure("gene_corr_rmse_base", "none", 0, 2),
        Measure(
            "module_preservation",
            "higher",
            -1,
            1,
            table="biology",
            rank=9,
            title="modules",
            words="modules",
            decides="science",
            turn=3,
            chance=0,
        ),
        Measure("module_density", "none", -1, 1),
        Measure("module_density_real", "none", -1, 1),
    ),
    doi="10.56553/popets-2024-0062",
)
@dataclass(kw_only=True)
class Coexpression:
    """Return how far the gene correlations of the release agree with those of the training samples.

    An edge is a pair of genes with Pearson r above 0, 0.3 or 0.5 and p < 0.05 (two-sided), as published: only positive
    correlations count. Recall is the share of the training samples' edges (``coexpression_edges_*``) that the release
    has, precision the share of its edges that they have. ``gene_corr_rmse`` is the root mean squared difference of r,
    sign included, over all pairs. ``_class``: within each class of at least ten training samples, mean over classes.
    ``_base``: held-out samples in place of the release.

    ``module_preservation`` is the statistic cor.kIM (doi:10.1371/journal.pcbi.1001057): genes of the training samples
    are clustered into modules (average linkage on 1 - r, cut at a mean r of 0.3); within each, the gene's summed
    correlation with the module's other genes is correlated between training samples and release; mean over modules,
    weighted by genes. ``module_density`` is the mean r inside modules, weighted likewise.

    A constant gene, and any gene in fewer than three samples, correlates with nothing: r is 0. Without an edge the
    release has precision 0; without a real edge (a real module) recall and precision (preservation) are NaN. Module
    preservation counts a module whose genes are all connected alike in the release as 0. NaN where a cohort is empty.
    """

    smallest_class: int = 10  # training samples that a class needs to be looked at alone

    def __call__(
        self, train: Cohort, holdout: Cohort, synthetic: Cohort, *, rng: np.random.Generator
    ) -> Mapping[str, float]:
        """Return the agreement over all samples, within classes and in modules."""
        overall, base = compare(train.X, synthetic.X), compare(train.X, holdout.X)
        values = _overall(overall) | {
            "coexpression_recall_r03_base": base.recall(_R03),
            "coexpression_precision_r03_base": base.precision(_R03),
            "gene_corr_rmse_base": base.rmse,
        }
        values |= self._within_classes(train, synthetic) | _in_modules(train, synthetic)
        if len(synthetic) == 0:
            values |= {name: nan for name in values if not any(part in name for part in _OF_REAL)}
        return values

    def _within_classes(self, train: Cohort, synthetic: Cohort) -> dict[str, float]:
        found = [
            compare(X, synthetic.X[synthetic.y == label])
            for label, X in train.by_label()
            if len(X) >= self.smallest_class
        ]
        return {
            "coexpression_recall_r03_class": _mean([c.recall(_R03) for c in found]),
            "coexpression_precision_r03_class": _mean([c.precision(_R03) for c in found]),
            "gene_corr_rmse_class": _mean([c.rmse for c in found]),
        }


def _overall(found: Comparison) -> dict[str, float]:
    values = {"gene_corr_rmse": found.rmse}
    for cut, suffix in enumerate(_SUFFIXES):
        values[f"coexpression_edges_{suffix}"] = float(found.real[cut])
        values[f"coexpression_recall_{suffix}"] = found.recall(cut)
        values[f"coexpression_precision_{suffix}"] = found.precision(cut)
    return values


def _mean(values: list[float]) -> float:
    """Return the mean of those that are defined."""
    defined = [value for value in values if value == value]
    return sum(defined) / len(defined) if defined else nan


def _in_modules(train: Cohort, synthetic: Cohort) -> dict[str, float]:
    """Return the preservation of the modules and their density, each weighted by the number of genes."""
    names = ("module_preservation", "module_density", "module_density_real")
    groups = modules(train)
    if not groups:
        return dict.fromkeys(names, nan)
    A, B = standardised(train.X), standardised(synthetic.X)
    rows = []
    for genes in groups:
        real, other = connectivity(A, genes), connectivity(B, genes)
        rows.append((_correlation(real, other), *(k.mean() / (len(genes) - 1) for k in (other, real))))
    means = np.average(rows, axis=0, weights=[len(genes) for genes in groups])
    return dict(zip(names, np.clip(means, -1, 1).tolist(), strict=True))


def _correlation(a: Array, b: Array) -> float:
    """Return Pearson's r; 0 where one of the two does not vary beyond rounding."""
    a, b = a - a.mean(), b - b.mean()
    lengths = np.linalg.norm(a) * np.linalg.norm(b)
    return float(a @ b / lengths) if lengths > 1e-12 * len(a) else 0.0
