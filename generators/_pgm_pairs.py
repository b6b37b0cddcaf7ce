"""Gene-gene pairs for a star model: chosen and measured privately, and joined to the label by Private-PGM.

An exponential mechanism picks the pairs that move together within classes, never closing a circle: the genes form trees
under the label, and a sample is drawn from parent to child. One number per pair is measured, the mean product of the
two genes' linear contrasts. The table of label, parent and child that has this product and the tables of the star is
the small general clique for which mbi is made.

References
----------
Dong, Durfee and Rogers (2020), Optimal differential privacy composition for exponential mechanisms, ICML.
Chow and Liu (1968), Approximating discrete probability distributions with dependence trees, IEEE Trans. Inf. Theory 14.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import ndtri

from ._mbi import LABEL, Contrast, Domain, LinearMeasurement, estimation, gene_name
from ._pgm import Star
from ._privacy import noisy_sum

Array = NDArray[np.float64]
MAX_GENES = 5_000  # the score of every pair is held in memory, 200 MB at this number
_PRODUCT_REACH = 2.5  # root mean square up to which the products of a sample count; 1.4 for pairs that correlate by 0.7
_STEPS = 5_000  # mirror descent steps per table; some 20 microseconds each


@dataclass(frozen=True, eq=False)
class Pair:
    """A parent gene, a child gene, and the child's bins given class and the parent's bin.

    Parameters
    ----------
    given_parent : (n_classes, n_bins, n_bins) probability of the child's bin, the last axis
    """

    parent: int
    child: int
    given_parent: Array


# -- choosing ----------------------------------------------------------------------------------------------------------


def choice_mu(epsilon: float) -> float:
    """Return the Gaussian strength whose guarantee is no stronger than one exponential-mechanism choice.

    A choice with probability proportional to ``exp(epsilon * score / 2)``, where one sample moves every score by at
    most 1, has a privacy loss within an interval of length epsilon. Its trade-off curve lies above that of a coin with
    losses t and t - epsilon for some t, and a Gaussian curve, being convex, lies below that if it does at the corner.
    """
    t = np.linspace(0, epsilon, 2_001)[1:-1]
    rare = -np.expm1(t - epsilon) / (np.exp(t) * -np.expm1(-epsilon))  # probability of loss t without the sample
    return float((ndtri(np.exp(t) * rare) - ndtri(rare)).max())


def choice_epsilon(mu: float) -> float:
    """Return the epsilon of an exponential mechanism that costs this Gaussian strength; inverts `choice_mu`."""
    high = 1.0
    while choice_mu(high) < mu and high < 64:
        high *= 2
    return float(brentq(lambda epsilon: choice_mu(epsilon) - mu, 1e-9, high, xtol=1e-12)) * (1 - 1e-6)


def pair_scores(codes: NDArray[np.int8], labels: NDArray[np.intp], star: Star, contrast: Array) -> Array:
    """Return the size of the summed product of every two genes' residuals, (n_genes, n_genes).

    A residual is a gene's contrast less its mean in the class, as the noisy star has it, cut at 1 to each side: adding
    or removing a sample moves a score by at most 1.
    """
    expected = star.given_label @ contrast  # (n_genes, n_classes)
    residual = np.clip(contrast[codes] - expected[:, labels].T, -1, 1)  # (n, n_genes)
    scores: Array = np.abs(residual.T @ residual)
    return scores


def choose_forest(scores: Array, n_pairs: int, epsilon: float, rng: np.random.Generator) -> list[tuple[int, int]]:
    """Return up to n_pairs pairs of genes without a circle, each chosen by an exponential mechanism of this epsilon.

    Sorting scores with Gumbel noise makes all choices in one go: the next pair in order that closes no circle has the
    distribution of a fresh exponential mechanism over the pairs that are still allowed.
    """
    first, second = np.triu_indices(len(scores), k=1)
    noisy = 0.5 * epsilon * scores[first, second] + rng.gumbel(size=len(first))
    tree = np.arange(len(scores))
    chosen: list[tuple[int, int]] = []
    for k in np.argsort(-noisy):
        a, b = int(first[k]), int(second[k])
        if tree[a] != tree[b]:
            chosen.append((a, b))
            tree[tree == tree[b]] = tree[a]
        if len(chosen) >= n_pairs:
            break
    return chosen


# -- measuring and joining ---------------------------------------------------------------------------------------------


def measure_pairs(
    codes: NDArray[np.int8], pairs: list[tuple[int, int]], contrast: Array, mu: float, rng: np.random.Generator
) -> list[LinearMeasurement]:
    """Return the noisy sum over samples of each pair's product of contrasts; together of Gaussian strength mu."""
    a, b = np.array(pairs).T
    radius = _PRODUCT_REACH * math.sqrt(len(pairs))
    sums = noisy_sum(contrast[codes[:, a]] * contrast[codes[:, b]], radius, 1 / mu, rng)
    query = Contrast(np.outer(contrast, contrast).reshape(-1, 1))
    return [
        LinearMeasurement(sums[k : k + 1], (gene_name(g), gene_name(h)), radius / mu, query)
        for k, (g, h) in enumerate(pairs)
    ]


def join_pairs(
    star: Star, pairs: list[tuple[int, int]], measurements: list[LinearMeasurement], contrast: Array
) -> list[Pair]:
    """Return every pair with its child's distribution, parents before their children."""
    known = {frozenset(pair): m for pair, m in zip(pairs, measurements, strict=True)}
    return [
        Pair(parent, child, _child_given_parent(star, parent, child, known[frozenset((parent, child))]))
        for parent, child in _from_parent_to_child(pairs)
    ]


def _from_parent_to_child(pairs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    ordered: list[tuple[int, int]] = []
    reached: set[int] = set()
    rest = list(pairs)
    while rest:
        touching = [pair for pair in rest if reached & set(pair)] or rest[:1]
        for a, b in touching:
            ordered.append((a, b) if a in reached or b not in reached else (b, a))
            reached |= {a, b}
            rest.remove((a, b))
    return ordered


def _child_given_parent(star: Star, parent: int, child: int, measured: LinearMeasurement) -> Array:
    """Return P(child | class, parent), (n_classes, n_bins, n_bins), from mbi's estimate of the three together.

    The two tables of the star enter as if measured with a noise of one sample. All blocks have the same
    attribute names, so that the program that mbi compiles for the first serves all.
    """
    n_classes, n_bins = star.given_label.shape[1:]
    total = float(star.counts.sum())
    tables = star.given_label[[parent, child]] * star.counts[:, None]
    block = [
        LinearMeasurement(tables[0].ravel(), (LABEL, "parent")),
        LinearMeasurement(tables[1].ravel(), (LABEL, "child")),
        LinearMeasurement(np.asarray(measured.noisy_measurement), ("parent", "child"), measured.stddev, measured.query),
    ]
    domain = Domain((LABEL, "parent", "child"), (n_classes, n_bins, n_bins))
    model = estimation.MirrorDescent().estimate(domain, block, known_total=total, iters=_STEPS)
    joint = np.asarray(model.project((LABEL, "parent", "child")).values, dtype=np.float64)
    joint = np.maximum(joint, 0) + 1e-9 * total / joint.size  # a bin of the parent that never came up
    conditional: Array = joint / joint.sum(axis=2, keepdims=True)
    return conditional


def draw_children(
    codes: NDArray[np.int8], labels: NDArray[np.intp], pairs: list[Pair], rng: np.random.Generator
) -> None:
    """Replace the bins of every child by draws given its parent's bin, in place; (n, n_genes)."""
    for pair in pairs:
        upper = pair.given_parent[labels, codes[:, pair.parent]].cumsum(axis=1)[:, :-1]  # (n, n_bins - 1)
        codes[:, pair.child] = (rng.random((len(labels), 1)) > upper).sum(axis=1)
