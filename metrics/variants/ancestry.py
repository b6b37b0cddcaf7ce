"""Ancestry: whether populations lie where they lie in real people, and a classifier that knows the release alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import nan

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from bench import Measure, PluginError, Variants, fold_fact, metric

from ._genotypes import Floats, dosages

_NAMES = ("fst_mae", "fst_to_real", "pca_distance", "ancestry_accuracy")


@metric(
    "ancestry",
    modalities=("variants",),
    family="utility",
    measures=(
        Measure(
            "ancestry_accuracy",
            "higher",
            0,
            1,
            table="structure",
            rank=1,
            title="ancestry",
            decides="use",
            turn=2,
            real="ancestry_accuracy_real",
        ),
        Measure("ancestry_accuracy_real", "none", 0, 1, table="structure", rank=2, title="ancestry real"),
        Measure("pca_distance", "lower", 0, table="structure", rank=3, title="PCA distance"),
        Measure("pca_distance_real", "none", 0, table="structure", rank=4, title="PCA real"),
        Measure("fst_mae", "lower", 0, 2, table="structure", rank=5, title="FST MAE"),
        Measure("fst_mae_real", "none", 0, 2, table="structure", rank=6, title="FST real"),
        Measure("fst_to_real", "lower", -1, 1, table="structure", rank=7, title="FST to real"),
        Measure("fst_to_real_real", "none", -1, 1),
    ),
)
@dataclass(kw_only=True)
class Ancestry:
    """Compare the structure of populations in the release with that of held-out people.

    Principal components are those of the genotypes of training people, fitted once. ``pca_distance`` is the Wasserstein
    distance between release and held-out people along each component, in standard deviations of the held-out people,
    averaged over the components. ``fst_mae`` is the mean absolute difference of Hudson's FST over all pairs of
    populations, ``fst_to_real`` Hudson's FST between release and held-out people as two populations, 0 where their
    frequencies agree. ``ancestry_accuracy`` is that of a logistic regression on the components which learns populations
    from the release and is asked about held-out people. What ends in ``_real`` has training people in the place of the
    release. NaN where a population is missing from a release, or nothing varies.

    Hudson, Slatkin and Maddison 1992; the ratio of averages of Bhatia, Patterson, Sankararaman and Price 2013, Genome
    Research 23, 1514-1521.
    """

    components: int = 10

    def __call__(
        self, train: Variants, holdout: Variants, synthetic: Variants, *, rng: np.random.Generator
    ) -> Mapping[str, float]:
        """Return the measures of the release, and of training people in its place."""
        if self.components < 1:
            raise PluginError(f"ancestry: components is {self.components}; expected 1 or more.")
        centre, axes = _axes(train, components=self.components)
        found = _compared(synthetic, holdout, centre, axes)
        floor = _floor(train, holdout, components=self.components)
        return {**found, **{f"{name}_real": value for name, value in floor.items()}}


@fold_fact
def _axes(train: Variants, *, components: int) -> tuple[Floats, Floats]:
    return axes_of(train, components)


@fold_fact
def _floor(train: Variants, holdout: Variants, *, components: int) -> dict[str, float]:
    return _compared(train, holdout, *axes_of(train, components))


def axes_of(people: Variants, components: int) -> tuple[Floats, Floats]:
    """Return (n_sites,) the mean genotype and (n_sites, components) the first axes of the people."""
    x = dosages(people)
    centre = x.mean(axis=0)
    _, vectors = np.linalg.eigh((x - centre).T @ (x - centre))
    axes = vectors[:, ::-1][:, :components]
    return centre, axes * np.where(axes.sum(axis=0) < 0, -1, 1)  # a sign that does not depend on the library


def _compared(made: Variants, real: Variants, centre: Floats, axes: Floats) -> dict[str, float]:
    if len(made) == 0:
        return dict.fromkeys(_NAMES, nan)
    x, y = (dosages(people) @ axes - centre @ axes for people in (made, real))
    spread = np.maximum(y.std(axis=0), 1e-12)
    return {
        "fst_mae": _fst_gap(made, real),
        "fst_to_real": hudson_fst(made, real),
        "pca_distance": float(
            np.mean([wasserstein(a, b) for a, b in zip((x / spread).T, (y / spread).T, strict=True)])
        ),
        "ancestry_accuracy": _accuracy(x, made.y, y, real.y),
    }


def wasserstein(a: Floats, b: Floats) -> float:
    """Return the distance between two samples of numbers: the area between their distribution functions."""
    points = np.sort(np.concatenate([a, b]))
    share_a = np.searchsorted(np.sort(a), points[:-1], side="right") / len(a)
    share_b = np.searchsorted(np.sort(b), points[:-1], side="right") / len(b)
    return float(np.sum(np.abs(share_a - share_b) * np.diff(points)))


def _accuracy(x: Floats, labels: NDArray[np.str_], y: Floats, truth: NDArray[np.str_]) -> float:
    if len(np.unique(labels)) < 2:
        return nan
    spread = np.maximum(x.std(axis=0), 1e-12)
    model = LogisticRegression(max_iter=500).fit(x / spread, labels)
    return float((model.predict(y / spread) == truth).mean())


def _fst_gap(made: Variants, real: Variants) -> float:
    labels = real.classes
    if not set(labels.tolist()) <= set(made.y.tolist()) or len(labels) < 2:
        return nan
    pairs = [(a, b) for i, a in enumerate(labels) for b in labels[i + 1 :]]
    found, truth = (
        np.array([hudson_fst(people.take(people.y == a), people.take(people.y == b)) for a, b in pairs])
        for people in (made, real)
    )
    return float(np.mean(np.abs(found - truth)))


def hudson_fst(some: Variants, others: Variants) -> float:
    """Return Hudson's FST between two groups: the ratio of sums over sites; NaN where nothing differs or varies.

    With frequencies p1, p2 of n1, n2 called alleles, a site adds ``(p1 - p2)^2 - p1 (1 - p1) / (n1 - 1) - p2 (1 - p2) /
    (n2 - 1)`` to the numerator and ``p1 (1 - p2) + p2 (1 - p1)`` to the denominator.
    """
    (p1, n1), (p2, n2) = (_alleles(people) for people in (some, others))
    known = (n1 > 1) & (n2 > 1)
    p1, n1, p2, n2 = p1[known], n1[known], p2[known], n2[known]
    between = (p1 - p2) ** 2 - p1 * (1 - p1) / (n1 - 1) - p2 * (1 - p2) / (n2 - 1)
    total = (p1 * (1 - p2) + p2 * (1 - p1)).sum()
    return float(np.clip(between.sum() / total, -1, 1)) if total > 0 else nan


def _alleles(people: Variants) -> tuple[Floats, Floats]:
    called = (people.calls >= 0).sum(axis=(0, 1), dtype=np.float64) * (1 if people.phased else 2)
    return np.nan_to_num(people.frequencies), called
