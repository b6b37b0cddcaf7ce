"""Cohorts, and judgements of a release, that several test files share."""

from __future__ import annotations

import numpy as np

from bench import Cohort, Split, stream
from bench.registry.finding import create, find


def cohort(X: object, y: object = None) -> Cohort:
    """Return a cohort of these values; of one class unless labels are given."""
    values = np.asarray(X, dtype=np.float32)
    labels = np.asarray(["a"] * len(values) if y is None else y)
    samples, genes = ([f"{kind}{i}" for i in range(n)] for kind, n in zip("sg", values.shape, strict=True))
    return Cohort(X=values, y=labels, genes=tuple(genes), samples=tuple(samples), units="vst")


def cohort_of(n: int = 40, genes: int = 12, labels: str = "ab") -> Cohort:
    """Return classes of equal size with means of their own, in mixed order."""
    rng = np.random.default_rng(3)
    y = rng.permutation(np.resize(list(labels), n))
    X = 8 + rng.normal(size=(len(set(labels)), genes))[np.searchsorted(sorted(set(labels)), y)]
    names = tuple(f"G{g}" for g in range(genes))
    X = np.clip(X + 0.3 * rng.normal(size=(n, genes)), 0, 20)
    return Cohort(X=X, y=y, genes=names, samples=tuple(map(str, range(n))), units="vst")


def correlation_agreement(real: Cohort, synthetic: Cohort) -> float:
    """Return how well the gene-gene correlations of the two match, as the correlation of the two lists."""
    pairs = np.triu_indices(real.n_genes, 1)
    lists = [np.corrcoef(cohort.X.T.astype(np.float64))[pairs] for cohort in (real, synthetic)]
    return float(np.corrcoef(*lists)[0, 1])


def utility(split: Split, synthetic: Cohort) -> tuple[float, float]:
    """Return accuracy and AUPR on real people of classifiers trained on the synthetic ones."""
    values = create(find("metric", "tstr"))(split.train, split.holdout, synthetic, rng=stream(0))
    return values["accuracy_synthetic"], values["aupr_synthetic"]
