"""Differentially private tables of label and gene, joined to a graphical model with the label as its hub."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from bench import Cohort, PluginError, PrivacyClaim, generator

from ._discretise import gene_blocks, public_range
from ._labels import class_counts
from ._pgm import Star
from ._pgm_end_to_end import estimate_end_to_end, measure_end_to_end
from ._pgm_pairs import (
    MAX_GENES,
    Pair,
    choice_epsilon,
    choose_forest,
    draw_children,
    join_pairs,
    measure_pairs,
    pair_scores,
)
from ._pgm_published import OUTSIDE, estimate_published, measure_published
from ._pgm_release import Release
from ._privacy import EXACT_GAUSSIAN, check_budget, gaussian_mu

_BINS = {"end_to_end": 16, "published": 4}


@generator("private_pgm", family="graphical model", preset="quick", doi="10.56553/popets-2024-0062", needs=("mbi",))
@dataclass(kw_only=True)
class PrivatePgm:
    """Measure label x gene tables with Gaussian noise and sample the graphical model that fits them.

    Genes are cut into bins and are independent given the class, unless `pairs` joins some. The set of class labels, the
    genes and their order are public; everything else that fit learns comes from noisy sums whose strength together
    is exactly (epsilon, delta) for cohorts that differ by one sample. The variant ``"published"`` protects the tables
    but not the bins and the number of samples, and its claim says so. A sample has the class rates of the noisy class
    sizes, and as many rows as it is asked for: the number of training samples is not read from it.
    """

    epsilon: float = 10.0
    delta: float = 1e-5
    variant: str = "end_to_end"  # or "published": quartile edges, bin means and row total as they are
    bins: int | None = None  # per gene; None is 16 end to end, 4 as published
    one_way: float = 0.05  # share of the tables' budget for one-way tables; 0.5 as published
    shrink: bool = True  # remove what looks like noise before the fit, which costs no budget; not so as published
    sizes: float = 0.04  # share of the budget for class sizes, end to end only
    places: float = 0.15  # share of the budget for where the bins lie, end to end only
    low: float | None = None  # public range of a gene, end to end only; None is the usual one of the units
    high: float | None = None
    pairs: int = 0  # gene-gene pairs, chosen and measured privately
    pair_share: float = 0.2  # share of the budget for pairs, half for choosing, half for measuring

    def fit(self, cohort: Cohort, *, rng: np.random.Generator) -> Self:
        """Release noisy measurements of the cohort and estimate the model from them alone."""
        self._check(cohort)
        self.like_ = cohort.take(np.arange(0))
        self.labels_, codes = np.unique(cohort.y, return_inverse=True)
        mu = gaussian_mu(self.epsilon, self.delta)
        of_pairs = self.pair_share if self.pairs else 0.0
        self.release_ = self._measure(cohort, codes, mu * math.sqrt(1 - of_pairs), rng)
        self.star_ = self._estimate(self.release_)
        self.pairs_: list[Pair] = []
        if self.pairs:
            self._join(cohort, codes, mu * math.sqrt(of_pairs / 2), rng)
        return self

    def _measure(self, cohort: Cohort, codes: NDArray[np.intp], mu: float, rng: np.random.Generator) -> Release:
        n_bins = self.bins or _BINS[self.variant]
        if self.variant == "published":
            return measure_published(cohort, codes, len(self.labels_), n_bins, mu, self.one_way, rng)
        bounds = public_range(cohort.units, self.low, self.high)
        return measure_end_to_end(cohort, codes, n_bins, mu, (self.sizes, self.places, self.one_way), bounds, rng)

    def _estimate(self, release: Release) -> Star:
        if self.variant == "published":
            return estimate_published(release, self.shrink)
        return estimate_end_to_end(release, self.one_way, self.shrink)

    def _join(self, cohort: Cohort, codes: NDArray[np.intp], mu: float, rng: np.random.Generator) -> None:
        """Choose pairs and measure them, each with Gaussian strength mu in all, and add both to the release."""
        binned, contrast = self.release_.bins.codes(cohort), self.release_.bins.location_contrast()
        scores = pair_scores(binned, codes, self.star_, contrast)
        chosen = choose_forest(scores, self.pairs, choice_epsilon(mu / math.sqrt(self.pairs)), rng)
        measured = measure_pairs(binned, chosen, contrast, mu, rng)
        self.release_ = self.release_.adding(measured, [("choice of pairs", mu), ("products of pairs", mu)])
        self.pairs_ = join_pairs(self.star_, chosen, measured, contrast)

    def sample(self, n: int, *, rng: np.random.Generator) -> Cohort:
        """Return n samples in random order, classes at their noisy rates."""
        shares = np.rint(self.star_.rates * 2**40).astype(np.int64)
        labels = rng.permutation(np.repeat(np.arange(len(self.labels_)), class_counts(shares, n)))
        binned = self.star_.draw(labels, rng)
        draw_children(binned, labels, self.pairs_, rng)
        X = np.empty(binned.shape, dtype=np.float32)
        for genes in gene_blocks(self.like_.n_genes):
            X[:, genes] = self.release_.bins.values(binned[:, genes], genes, rng)
        return self.like_.synthetic(X, self.labels_[labels])

    def claim(self) -> PrivacyClaim:
        """Return the guarantee, and what is outside it."""
        parts = ", ".join(name for name, _ in self.release_.mus)
        return PrivacyClaim(
            mechanism=f"Gaussian noise on {parts}",
            unit="one sample",
            neighbours="add-remove",
            epsilon=self.epsilon,
            delta=self.delta,
            accountant=EXACT_GAUSSIAN,
            outside=OUTSIDE if self.variant == "published" else (),
        )

    def _check(self, cohort: Cohort) -> None:
        check_budget("private_pgm", self.epsilon, self.delta)
        if self.variant not in _BINS:
            raise PluginError(f"private_pgm: variant is {self.variant!r}; expected {' or '.join(map(repr, _BINS))}.")
        if self.bins is not None and not 2 <= self.bins <= 64:
            raise PluginError(f"private_pgm: bins is {self.bins}; expected 2 to 64.")
        shares = {name: getattr(self, name) for name in ("one_way", "sizes", "places", "pair_share")}
        for name, share in shares.items():
            if not 0 < share < 1:
                raise PluginError(f"private_pgm: {name} is {share}; expected a share of the budget between 0 and 1.")
        if not self.sizes + self.places < 1:
            raise PluginError(
                f"private_pgm: sizes and places take {self.sizes + self.places:g} of the budget; leave some for tables."
            )
        if self.pairs and not (0 < self.pairs < cohort.n_genes <= MAX_GENES):
            raise PluginError(
                f"private_pgm: pairs is {self.pairs} for {cohort.n_genes} genes; expected 0, or fewer pairs than genes "
                f"and at most {MAX_GENES:,} genes, because every two genes are compared."
            )
