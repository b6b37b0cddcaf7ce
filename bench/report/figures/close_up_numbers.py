"""Computes what close-up pictures show of a release: its classes, its genes, and what genes do together.

Everything is held against the training samples of one fold, through a `Lens` that is made once. The numbers are plain
lists, so that they can be kept and drawn again without the samples.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import mannwhitneyu

from bench.core.records import Records
from bench.core.roles import Split
from bench.core.seeds import stream
from bench.statistics.pca import Basis, fit_basis

Array = NDArray[np.float64]
Numbers = dict[str, Any]
N_AXES = 50  # principal components in which classes are told apart
N_SHOWN = 800  # dots in a panel, drawn at random where there are more
N_GENES = 2000  # of a larger cohort the most variable genes are correlated: memory grows with their square
N_BINS = 48  # of the picture of correlations, on each side
_SMALLEST = 3  # samples without which a class has no spread
_PER_CLASS = 1000  # samples that the distance of a class is read from
_SHIFT, _LEVEL = 0.5, 0.05  # a difference above one half at p < 0.05: the published criterion of 2026


@dataclass(frozen=True, eq=False)
class Lens:
    """The training samples of one fold, and all that is derived from them alone.

    Parameters
    ----------
    pair : the two largest classes, whose expression is compared; None if fewer than two have three samples
    correlated : the genes whose correlations are looked at
    """

    split: Split
    basis: Basis
    classes: tuple[str, ...]
    pair: tuple[str, str] | None
    correlated: NDArray[np.intp]
    train: Array  # (n_train, n_axes)
    holdout: Array  # (n_holdout, n_axes)
    r: Array  # (n_correlated, n_correlated)
    calls: NDArray[np.int8]  # (n_genes,) 1 up, -1 down, 0 neither
    sorted_genes: NDArray[np.float32]  # (n_train, n_genes), each gene by size


def make_lens(split: Split) -> Lens:
    """Return the lens of a fold."""
    real = split.train
    basis = fit_basis(real, N_AXES)
    classes = tuple(str(label) for label in real.classes)
    sizes = sorted((-int(np.sum(real.y == label)), label) for label in classes)
    large = [label for size, label in sizes if -size >= _SMALLEST]
    pair = (min(large[:2]), max(large[:2])) if len(large) > 1 else None
    spread = real.X.var(axis=0, dtype=np.float64)
    correlated = np.sort(np.argsort(-spread, kind="stable")[:N_GENES])
    return Lens(
        split,
        basis,
        classes,
        pair,
        correlated,
        train=basis.project(real),
        holdout=basis.project(split.holdout),
        r=correlations(real.X[:, correlated]),
        calls=_calls(real, pair),
        sorted_genes=np.sort(real.X, axis=0),
    )


def numbers_of(lens: Lens, cohort: Records) -> Numbers:
    """Return everything that is shown of a cohort, the training samples themselves included."""
    plane = lens.basis.project(cohort)
    return {
        "n": len(cohort),
        "plane": plane_numbers(lens, cohort, plane),
        "classes": class_numbers(lens, cohort, plane),
        "genes": gene_numbers(lens, cohort),
        "correlation": correlation_numbers(lens, cohort),
        "expression": expression_numbers(lens, cohort),
    }


def short(values: Iterable[float]) -> list[float | None]:
    """Return numbers with five digits, None for what is not defined."""
    return [None if math.isnan(value) else float(f"{value:.5g}") for value in values]


def shown_rows(lens: Lens, cohort: Records, most: int) -> NDArray[np.intp]:
    """Return which samples are drawn: all, or so many at random."""
    rng = stream(lens.split.seed, "pictures", lens.split.fold)
    return np.sort(rng.permutation(len(cohort))[:most])


# -- classes -----------------------------------------------------------------------------------------------------------


def plane_numbers(lens: Lens, cohort: Records, plane: Array) -> Numbers:
    """Return the first two principal components of the samples that are drawn, and their classes by number."""
    rows = shown_rows(lens, cohort, N_SHOWN)
    flat = np.zeros((len(rows), 2))
    flat[:, : plane.shape[1]] = plane[rows][:, :2]
    return {"x": short(flat[:, 0]), "y": short(flat[:, 1]), "label": label_numbers(lens, labels_of(cohort)[rows])}


def labels_of(cohort: Records) -> NDArray[np.str_]:
    """Return the labels of a cohort; an empty text for each sample where there are none."""
    return cohort.y if cohort.has_labels else np.full(len(cohort), "")


def label_numbers(lens: Lens, labels: NDArray[np.str_]) -> list[int]:
    """Return each label's place among the classes; -1 for one that the training samples do not have."""
    place = {label: i for i, label in enumerate(lens.classes)}
    return [place.get(str(label), -1) for label in labels]


def class_numbers(lens: Lens, cohort: Records, plane: Array) -> Numbers:
    """Return, for each class, its share, the recall of a classifier trained on the cohort, and the distance (MMD).

    Recall is read on the held-out samples. For the training samples themselves the distance is that of the held-out
    ones: what luck alone gives.
    """
    other, labels = (lens.holdout, lens.split.holdout.y) if cohort is lens.split.train else (plane, labels_of(cohort))
    distances = [
        mmd(lens.train[lens.split.train.y == label][:_PER_CLASS], other[labels == label][:_PER_CLASS])
        for label in lens.classes
    ]
    if not len(cohort) or not cohort.has_labels:
        nothing: list[None] = [None] * len(lens.classes)
        return {"share": nothing, "recall": nothing, "mmd": short(distances)}
    share = [float(np.mean(cohort.y == label)) for label in lens.classes]
    found = discriminant(plane, cohort.y, lens.holdout)
    recall = [_share(found[lens.split.holdout.y == label] == label) for label in lens.classes]
    return {"share": short(share), "recall": short(recall), "mmd": short(distances)}


def _share(hits: NDArray[np.bool_]) -> float:
    return float(hits.mean()) if len(hits) else math.nan


def discriminant(X: Array, y: NDArray[np.str_], new: Array) -> NDArray[np.str_]:
    """Return the classes of new samples by linear discriminant analysis with a small ridge.

    Parameters
    ----------
    X, y : (n, n_axes) training samples and their classes; of none nothing is learnt, and every answer is empty
    new : (n_new, n_axes)
    """
    labels, place, counts = np.unique(y, return_inverse=True, return_counts=True)
    if not len(labels):
        return np.full(len(new), "", dtype=str)
    means = np.array([X[place == k].mean(axis=0) for k in range(len(labels))])
    inside = X - means[place]
    within = inside.T @ inside / len(X)
    ridge = 1e-3 * np.trace(within) / len(within) or 1.0  # without any spread the nearest mean decides
    weights = np.linalg.solve(within + ridge * np.eye(len(within)), means.T)  # (n_axes, n_classes)
    scores = new @ weights - 0.5 * np.sum(means.T * weights, axis=0) + np.log(counts / len(X))
    answers: NDArray[np.str_] = labels[scores.argmax(axis=1)]
    return answers


def mmd(a: Array, b: Array) -> float:
    """Return the maximum mean discrepancy with a Gaussian kernel as wide as the median distance within `a`.

    NaN where one of the two is empty or `a` has no spread.
    """
    if not len(a) or not len(b):
        return math.nan
    within = _squared(a, a)
    apart = within[np.triu_indices(len(a), 1)]
    width = float(np.median(apart)) if len(apart) else 0.0
    if width == 0:
        return math.nan
    kernels = [np.exp(-d / width).mean() for d in (within, _squared(b, b), _squared(a, b))]
    return math.sqrt(max(float(kernels[0] + kernels[1] - 2 * kernels[2]), 0.0))


def _squared(a: Array, b: Array) -> Array:
    lengths = np.sum(a**2, axis=1)[:, None] + np.sum(b**2, axis=1)[None, :]
    distances: Array = np.maximum(lengths - 2 * a @ b.T, 0)
    return distances


# -- genes -------------------------------------------------------------------------------------------------------------


def gene_numbers(lens: Lens, cohort: Records) -> Numbers:
    """Return each gene's mean, standard deviation and Kolmogorov-Smirnov distance to the training samples."""
    if not len(cohort):
        nothing: list[None] = [None] * cohort.n_genes
        return {"mean": nothing, "sd": nothing, "ks": nothing}
    X = cohort.X.astype(np.float64)
    ks = [_ks(real, np.sort(other)) for real, other in zip(lens.sorted_genes.T, cohort.X.T, strict=True)]
    return {"mean": short(X.mean(axis=0)), "sd": short(X.std(axis=0)), "ks": short(ks)}


def _ks(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Return the largest distance of two distribution functions, whose samples are sorted."""
    at = np.concatenate([a, b])
    shares = (np.searchsorted(part, at, side="right") / len(part) for part in (a, b))
    return float(np.abs(np.subtract(*shares)).max())


# -- genes together ----------------------------------------------------------------------------------------------------


def correlations(X: NDArray[np.float32]) -> Array:
    """Return (n_genes, n_genes) Pearson correlations; a constant gene correlates with nothing."""
    Z = X.astype(np.float64) - X.mean(axis=0, dtype=np.float64) if len(X) else X.astype(np.float64)
    lengths = np.linalg.norm(Z, axis=0)
    Z = np.divide(Z, lengths, out=np.zeros_like(Z), where=lengths > 1e-6 * math.sqrt(max(len(Z), 1)))
    r: Array = np.clip(Z.T @ Z, -1, 1)
    return r


def correlation_numbers(lens: Lens, cohort: Records) -> Numbers:
    """Return how many pairs of genes have which r in the training samples (first axis) and in the cohort (second)."""
    pairs = np.triu_indices(len(lens.correlated), 1)
    real, other = lens.r[pairs], correlations(cohort.X[:, lens.correlated])[pairs]
    counts = np.histogram2d(real, other, bins=N_BINS, range=[[-1, 1], [-1, 1]])[0]
    rmse = float(np.sqrt(np.mean((real - other) ** 2))) if len(real) else math.nan
    return {"counts": counts.astype(int).ravel().tolist(), "rmse": short([rmse])[0]}


def expression_numbers(lens: Lens, cohort: Records) -> Numbers | None:
    """Return each gene's difference of means between the two largest classes, what a test calls it, TPR and FPR.

    None if there are no two classes to compare.
    """
    if lens.pair is None:
        return None
    calls = _calls(cohort, lens.pair)
    labels = labels_of(cohort)
    means = [cohort.X[labels == label].mean(axis=0, dtype=np.float64) for label in lens.pair if label in labels]
    change = means[0] - means[1] if len(means) == 2 else np.full(cohort.n_genes, math.nan)
    hit = calls == lens.calls
    rates = [_share(part) for part in (hit[lens.calls != 0], calls[lens.calls == 0] != 0)]
    tpr, fpr = short(rates)
    return {"change": short(change), "call": calls.tolist(), "tpr": tpr, "fpr": fpr}


def _calls(cohort: Records, pair: tuple[str, str] | None) -> NDArray[np.int8]:
    """Return 1 (-1) for genes that lie more than one half higher (lower) in the first class, by Wilcoxon's test."""
    calls = np.zeros(cohort.n_genes, dtype=np.int8)
    parts = [cohort.X[labels_of(cohort) == label].astype(np.float64) for label in pair or ()]
    if pair is None or min(map(len, parts)) < _SMALLEST:
        return calls
    for sign, side in ((1, "greater"), (-1, "less")):
        p = mannwhitneyu(parts[0] - sign * _SHIFT, parts[1], alternative=side, method="asymptotic").pvalue
        calls[p < _LEVEL] = sign
    return calls
