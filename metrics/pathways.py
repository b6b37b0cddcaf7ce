"""Pathways: whether the activity of sets of genes is distributed in the release as it is in real people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import nan
from pathlib import Path

import gseapy
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import false_discovery_control, ks_2samp

from bench import Cohort, DataError, Measure, metric

from ._shared import shared

_FDR = 0.05


@metric(
    "pathways",
    family="biology",
    measures=(
        Measure("pathway_ks", "lower", 0, 1, table="biology", rank=10, title="pathway KS"),
        Measure("pathway_ks_base", "none", 0, 1),
        Measure("pathway_effect_size", "lower", 0),
        Measure("pathway_variance_ratio", "none", 0),
        Measure("pathway_share_significant", "lower", 0, 1),
    ),
    opt_in=True,
    doi="10.1038/nature08460",
    needs=("gseapy",),
)
@dataclass(kw_only=True)
class Pathways:
    """Return how the ssGSEA scores of gene sets are distributed in the release, against the training samples.

    Gene sets come from a GMT file that the user names, ``pathways[gmt=FILE]``; its genes must be named as the cohort's
    are. Each sample gets a single-sample enrichment score per set (gseapy: genes ranked within the sample, weight 0.25;
    not normalised). Over the sets that have at least five genes in the cohort: mean Kolmogorov-Smirnov distance
    between the scores of training samples and release (``_base``: and held-out samples); mean absolute difference of
    means in units of the pooled standard deviation (Cohen's d); mean ratio of the release's variance to theirs, 1 at
    best; share of sets whose KS test has a false discovery rate below 5 % (Benjamini-Hochberg; published: p < 0.05).

    A set whose scores vary in neither (in no training sample) is left out of the effect size (the variance ratio). NaN
    without a file, and where a cohort has fewer than two samples.
    """

    gmt: str = ""  # one gene set per line: name, description, genes, tabs between them
    smallest: int = 5  # genes of a set that the cohort must have

    def __call__(
        self, train: Cohort, holdout: Cohort, synthetic: Cohort, *, rng: np.random.Generator
    ) -> Mapping[str, float]:
        """Return the distances between the distributions of scores."""
        scores = [self._scores(cohort) for cohort in (train, synthetic, holdout)]
        values = _compare(scores[0], scores[1])
        return values | {"pathway_ks_base": _compare(scores[0], scores[2])["pathway_ks"]}

    def _scores(self, cohort: Cohort) -> NDArray[np.float64] | None:
        if not self.gmt or len(cohort) < 2:
            return None
        return _enrichment(cohort, gmt=self.gmt, smallest=self.smallest)


def read_gmt(path: Path) -> dict[str, list[str]]:
    """Return the genes of each set in a GMT file.

    Raises
    ------
    DataError
        If the file cannot be read or a line has no genes.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"the gene sets {path} cannot be read: {error}. Give the path of a GMT file.") from error
    sets = {}
    for number, line in enumerate(lines, 1):
        name, *rest = line.rstrip().split("\t")
        if line.strip() and len(rest) < 2:
            raise DataError(f"{path}, line {number}: expected name, description and genes with tabs between them.")
        if line.strip():
            sets[name] = sorted(set(rest[1:]) - {""})
    return sets


@shared
def _enrichment(cohort: Cohort, *, gmt: str, smallest: int) -> NDArray[np.float64]:
    """Return (n, n_sets) single-sample enrichment scores."""
    sets = read_gmt(Path(gmt))
    known = set(cohort.genes)
    there = {name: genes for name, genes in sets.items() if smallest <= len(known & set(genes)) < len(known)}
    if not there:
        raise DataError(
            f"none of the {len(sets)} gene sets of {gmt} has {smallest} genes among the cohort's (and not all), which "
            f"are named like {cohort.genes[0]!r}. Give a file with such names."
        )
    names = [f"s{i}" for i in range(len(cohort))]
    found = gseapy.ssgsea(
        pd.DataFrame(cohort.X.T.astype(np.float64), index=list(cohort.genes), columns=names),
        there, outdir=None, min_size=smallest, max_size=cohort.n_genes, permutation_num=0, no_plot=True, threads=1,
    )  # fmt: skip
    table = found.res2d.pivot(index="Name", columns="Term", values="ES").loc[names]
    return np.asarray(table, dtype=np.float64)


def _compare(real: NDArray[np.float64] | None, other: NDArray[np.float64] | None) -> dict[str, float]:
    names = ("pathway_ks", "pathway_effect_size", "pathway_variance_ratio", "pathway_share_significant")
    if real is None or other is None:
        return dict.fromkeys(names, nan)
    tests = [ks_2samp(r, s, method="asymp") for r, s in zip(real.T, other.T, strict=True)]
    shift = np.abs(other.mean(axis=0) - real.mean(axis=0))
    before, after = (scores.var(axis=0, ddof=1) for scores in (real, other))
    pooled = np.sqrt((before + after) / 2)
    values = (
        np.mean([test.statistic for test in tests]),
        _mean_ratio(shift, pooled),
        _mean_ratio(after, before),
        np.mean(false_discovery_control([test.pvalue for test in tests]) < _FDR),
    )
    return dict(zip(names, map(float, values), strict=True))


def _mean_ratio(above: NDArray[np.float64], below: NDArray[np.float64]) -> float:
    some = below > 0
    return float(np.mean(above[some] / below[some])) if some.any() else nan
