"""MST: noisy tables of single genes, and of the pairs of a spanning tree that is chosen privately."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from bench import Cohort, PluginError, PrivacyClaim, generator

from ._discretise import ScaledBins, public_range
from ._labels import class_counts
from ._locate import OCTAVES, fourier_sums, locate
from ._pgm_pairs import choice_epsilon, choose_forest
from ._privacy import EXACT_GAUSSIAN, check_budget, gaussian_mu, noisy_counts, split_mu

Array = NDArray[np.float64]
Codes = NDArray[np.int8]
MAX_GENES = 3_000  # the score of every pair is held in memory, 72 MB at this number
_TRUSTED = 3.0  # a bin with fewer people than this many standard deviations of its noise joins its neighbour
_ROUNDS = 20  # of proportional fitting
_BLOCK = 64  # attributes whose pairs are scored at a time


@generator(
    "mst", family="graphical model", opt_in=True, needs=("mbi",), doi="10.48550/arXiv.2108.04978", quick={"bins": 4}
)
@dataclass(kw_only=True)
class Mst:
    """Measure every gene, choose a spanning tree of genes and label by an exponential mechanism, and measure its pairs.

    The winner of NIST's 2018 contest. It wants columns with few values: genes are cut into `bins` around noisy places,
    and bins that noise hides are joined to neighbours, as it joins rare values. Two steps differ: all choices are made
    in one go, which has the same distribution, and the tables of pairs are fitted to those of genes by proportions,
    where mbi's mirror descent over all at once takes minutes at 978 genes.

    Public are labels, genes and the range of the units. Shares were set before any score was seen, as in the paper.

    References
    ----------
    McKenna, Miklau and Sheldon (2021), Winning the NIST contest, Journal of Privacy and Confidentiality 11(3).
    """

    epsilon: float = 10.0
    delta: float = 1e-5
    bins: int = 8  # per gene
    sizes: float = 0.04  # share of the budget for class sizes
    places: float = 0.15  # share of the budget for where the bins lie; the rest is for genes, choices, pairs alike
    low: float | None = None  # public range of a gene; None is the usual one of the units
    high: float | None = None

    def fit(self, cohort: Cohort, *, rng: np.random.Generator) -> Self:
        """Release places, tables of genes, a tree and tables of its pairs, and estimate a model from them alone."""
        self._check(cohort)
        self.like_ = cohort.take(np.arange(0))
        self.labels_, labels = np.unique(cohort.y, return_inverse=True)
        mu, rest = gaussian_mu(self.epsilon, self.delta), (1 - self.sizes - self.places) / 3
        names = ("class sizes", "places of the bins", "tables of genes", "choice of pairs", "tables of pairs")
        strengths = split_mu(mu, (self.sizes, self.places, rest, rest, rest))
        self.mus_ = tuple(zip(names, strengths, strict=True))
        noisy = noisy_counts(cohort.y, [str(label) for label in self.labels_], 1 / strengths[0], rng)
        self.sizes_ = np.maximum(noisy, max(1.0, 1 / strengths[0]))
        self.bins_ = self._bins(cohort, strengths[1], rng)
        codes = np.concatenate([labels[:, None], self.bins_.codes(cohort)], axis=1).astype(np.int8)
        self.genes_, self.joined_ = self._one_way(codes, strengths[2], rng)
        codes[:, 1:] = self.joined_[np.arange(cohort.n_genes), codes[:, 1:]]
        scores = pair_scores(codes, self._shares(), float(self.sizes_.sum()))
        self.tree_ = from_the_label(
            choose_forest(scores, cohort.n_genes, choice_epsilon(strengths[3] / math.sqrt(cohort.n_genes)), rng)
        )
        self.tables_ = noisy_tables(
            codes, self.tree_, len(self._shares()[0]), math.sqrt(cohort.n_genes) / strengths[4], rng
        )
        self.model_ = consistent(self.tables_, self.tree_, self._shares())
        return self

    def _bins(self, cohort: Cohort, mu: float, rng: np.random.Generator) -> ScaledBins:
        low, high = public_range(cohort.units, self.low, self.high)
        sd = math.sqrt(cohort.n_genes * OCTAVES) / mu
        sums = fourier_sums(cohort, low, high)
        found = locate(sums + rng.normal(0, sd, sums.shape), sd, float(self.sizes_.sum()), low, high)
        return ScaledBins(*found, low, high, self.bins, cohort.units)

    def _one_way(self, codes: Codes, mu: float, rng: np.random.Generator) -> tuple[Array, NDArray[np.intp]]:
        """Return noisy counts, (n_genes, bins), and the bin that each bin is joined to."""
        sd = math.sqrt(codes.shape[1] - 1) / mu
        noisy = np.stack([(codes[:, 1:] == k).sum(axis=0) for k in range(self.bins)], axis=1).astype(np.float64)
        noisy += rng.normal(0, sd, noisy.shape)
        trusted = (noisy >= _TRUSTED * sd) | (noisy == noisy.max(axis=1, keepdims=True))
        apart = np.abs(np.subtract.outer(np.arange(self.bins), np.arange(self.bins)))
        return noisy, np.where(trusted[:, None, :], apart, 2 * self.bins).argmin(axis=2)

    def _shares(self) -> Array:
        """Return the noisy shares of the values of each attribute, (1 + n_genes, cells), the label first."""
        shares = np.zeros((1 + len(self.genes_), max(self.bins, len(self.labels_))))
        shares[0, : len(self.labels_)] = self.sizes_ / self.sizes_.sum()
        positive = np.maximum(self.genes_, 0)
        for k in range(self.bins):
            np.add.at(shares[1:], (np.arange(len(positive)), self.joined_[:, k]), positive[:, k])
        shares[1:] /= np.maximum(shares[1:].sum(axis=1, keepdims=True), 1e-9)
        return shares

    def sample(self, n: int, *, rng: np.random.Generator) -> Cohort:
        """Return n samples in random order, classes at their noisy rates."""
        rates = np.rint(self.sizes_ / self.sizes_.sum() * 2**40).astype(np.int64)
        codes = np.zeros((n, 1 + self.like_.n_genes), dtype=np.int8)
        codes[:, 0] = rng.permutation(np.repeat(np.arange(len(self.labels_)), class_counts(rates, n)))
        for (parent, child), table in zip(self.tree_, self.model_, strict=True):
            upper = table[codes[:, parent]].cumsum(axis=1)[:, :-1]
            codes[:, child] = (rng.random((n, 1)) > upper).sum(axis=1)
        genes = self._parted(codes[:, 1:], rng)
        values = self.bins_.values(genes, slice(None), rng).astype(np.float32)
        return self.like_.synthetic(values, self.labels_[codes[:, 0]])

    def _parted(self, codes: Codes, rng: np.random.Generator) -> Codes:
        """Return joined bins parted again, in proportion to the noisy counts of what was joined."""
        weights = np.maximum(self.genes_, 1e-6)[:, None, :] * (
            self.joined_[:, None, :] == np.arange(self.bins)[:, None]
        )
        upper = (weights / np.maximum(weights.sum(axis=2, keepdims=True), 1e-12)).cumsum(axis=2)
        parted = np.empty_like(codes)
        for g in range(codes.shape[1]):
            parted[:, g] = (rng.random((len(codes), 1)) > upper[g, codes[:, g], :-1]).sum(axis=1)
        return parted

    def claim(self) -> PrivacyClaim:
        """Return the guarantee of everything that was released together."""
        return PrivacyClaim(
            mechanism=f"Gaussian noise and exponential mechanism: {', '.join(name for name, _ in self.mus_)}",
            unit="one sample",
            neighbours="add-remove",
            epsilon=self.epsilon,
            delta=self.delta,
            accountant=EXACT_GAUSSIAN,
        )

    def _check(self, cohort: Cohort) -> None:
        check_budget("mst", self.epsilon, self.delta)
        if not (self.sizes > 0 and self.places > 0 and self.sizes + self.places < 1):
            raise PluginError(f"mst: sizes is {self.sizes} and places {self.places}; expected shares of the budget.")
        if not 2 <= self.bins <= 64:
            raise PluginError(f"mst: bins is {self.bins}; expected 2 to 64.")
        if cohort.n_genes > MAX_GENES:
            raise PluginError(f"mst: {cohort.n_genes} genes; at most {MAX_GENES}, for all pairs are scored at once.")


def pair_scores(codes: Codes, shares: Array, total: float) -> Array:
    """Return how far every pair is from independence, (d, d), in people; one sample moves a score by at most 1."""
    n, d = codes.shape
    cells = shares.shape[1]
    flags = (codes[:, :, None] == np.arange(cells)).astype(np.float32).reshape(n, -1)
    scores = np.empty((d, d))
    for start in range(0, d, _BLOCK):
        some = slice(start * cells, min(start + _BLOCK, d) * cells)
        expected = np.float32(total) * np.outer(shares.ravel()[some], shares.ravel()).astype(np.float32)
        apart = np.abs(flags[:, some].T @ flags - expected)
        scores[start : start + _BLOCK] = apart.reshape(-1, cells, d, cells).sum(axis=(1, 3))
    return scores


def from_the_label(pairs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the pairs of a tree as parents and children, parents first; attribute 0 is the root."""
    beside: dict[int, list[int]] = {}
    for a, b in pairs:
        beside.setdefault(a, []).append(b)
        beside.setdefault(b, []).append(a)
    ordered: list[tuple[int, int]] = []
    seen, wave = {0}, [0]
    while wave:
        found = [(a, b) for a in wave for b in beside.get(a, ()) if b not in seen]
        seen |= {b for _, b in found}
        ordered += found
        wave = [b for _, b in found]
    return ordered


def noisy_tables(codes: Codes, tree: list[tuple[int, int]], cells: int, sd: float, rng: np.random.Generator) -> Array:
    """Return noisy numbers of people by pair of values, (n_pairs, cells, cells), parents along the rows."""
    a, b = np.array(tree).T
    flat = codes[:, a].astype(np.intp) * cells + codes[:, b]
    counts = np.stack([np.bincount(column, minlength=cells**2) for column in flat.T]).reshape(-1, cells, cells)
    noisy: Array = counts + rng.normal(0, sd, counts.shape)
    return noisy


def consistent(tables: Array, tree: list[tuple[int, int]], shares: Array) -> Array:
    """Return the child's values given the parent's, (n_pairs, cells, cells), fitted to the shares of both alone."""
    a, b = np.array(tree).T
    rows, columns = shares[a][:, :, None], shares[b][:, None, :]
    total = np.maximum(tables.sum(axis=(1, 2), keepdims=True), 1.0)
    fitted = np.maximum(tables / total, 0) * (rows > 0) * (columns > 0) + 1e-3 * rows * columns
    for _ in range(_ROUNDS):
        fitted *= rows / np.maximum(fitted.sum(axis=2, keepdims=True), 1e-12)
        fitted *= columns / np.maximum(fitted.sum(axis=1, keepdims=True), 1e-12)
    held = fitted.sum(axis=2, keepdims=True)
    given: Array = np.where(held > 0, fitted / np.maximum(held, 1e-12), columns)
    return given
