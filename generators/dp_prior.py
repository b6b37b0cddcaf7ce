"""Private margins of genes, joined by gene programmes that are known from other people's public profiles."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from bench import Cohort, PluginError, PrivacyClaim, generator

from ._discretise import ScaledBins, original_scale, public_range
from ._labels import class_counts
from ._locate import locate
from ._locate_public import locate_with_prior
from ._pgm import Star, posterior_mean
from ._pgm_end_to_end import estimate_end_to_end, measure_end_to_end, trusted_sizes
from ._pgm_release import Release
from ._privacy import EXACT_GAUSSIAN, check_budget, gaussian_mu
from ._programmes import (
    Programmes,
    denoise_by_programmes,
    draw_together,
    loadings,
    measure_programmes,
    normal_scores,
)
from ._public_prior import PriorOnGenes, public_words, read_prior

_BINS = 16
_FEWEST = 50  # genes that the prior must have, and ...
_COVERAGE = 0.5  # ... the part of all genes; with less, the prior is not used


@generator("dp_prior", family="copula", preset="quick", needs=("mbi",), files=("prior",))
@dataclass(kw_only=True)
class DpPrior:
    """Measure label x gene tables and the strength of public gene programmes with noise, and sample a Gaussian copula.

    The margins of the genes in every class are those of `private_pgm`. What a budget cannot pay for is how a thousand
    genes go together: half a million correlations. But which genes rise and fall together is much the same in all human
    tissues, so that public profiles of other people give the programmes, and the private cohort is asked how strong
    they are in it, and which further genes go with the strongest (`_programmes`). The prior also says where genes lie
    (`_locate_public`) and tells the signal in class differences from noise. Every number that it gives is
    checked against noisy measurements of the cohort, which overrule it where they can be seen.

    Public are the set of class labels, the genes and their order, the range that the units allow, and the prior: made
    of 989 normal and tumour profiles of 14 tissues, none of them breast. ``prior=FILE`` names another, made by
    `bench data prior make`; ``prior=none`` takes none. A prior that has fewer than half of the genes is not used,
    and the claim says so. A cohort with a sample or a donor who is in the prior is refused.
    """

    epsilon: float = 10.0
    delta: float = 1e-5
    prior: str | None = "shipped"  # or a file, or none
    programmes: int = 60  # the strongest of the prior
    together: float = 0.2  # share of the budget for how genes go together
    sizes: float = 0.04  # share of the rest for class sizes
    places: float = 0.2  # share of the rest for where the genes' bins lie
    one_way: float = 0.05  # share of the tables' budget for one-way tables
    low: float | None = None  # public range of a gene; None is the usual one of the units
    high: float | None = None

    def fit(self, cohort: Cohort, *, rng: np.random.Generator) -> Self:
        """Release noisy measurements of the cohort and estimate margins and programmes from them alone."""
        self._check()
        self.like_ = cohort.take(np.arange(0))
        self.labels_, codes = np.unique(cohort.y, return_inverse=True)
        self.public_ = self._public(cohort)
        mu, joins = gaussian_mu(self.epsilon, self.delta), self.together if self.public_ else 0.0
        self.release_ = self._margins(cohort, codes, mu * math.sqrt(1 - joins), rng)
        self.star_ = self._star()
        self.moments_: Programmes | None = None
        self.loadings_ = np.zeros((cohort.n_genes, 1))
        if self.public_:
            scores = normal_scores(self.star_, self.release_.bins.codes(cohort), codes)
            total = self._total()
            self.moments_ = measure_programmes(scores, self.public_, total, mu * math.sqrt(joins), rng)
            self.loadings_ = loadings(self.moments_, self.public_, total)
        return self

    @property
    def mus_(self) -> tuple[tuple[str, float], ...]:
        """Name and Gaussian strength of everything released."""
        return self.release_.mus + (self.moments_.mus if self.moments_ else ())

    def _public(self, cohort: Cohort) -> PriorOnGenes | None:
        """Return the prior on the cohort's genes, or None if it has too few of them."""
        self.words_: tuple[str, ...] = ()
        if self.prior is None:
            return None
        prior = read_prior(self.prior)
        prior.refuse(cohort)
        found = prior.on(cohort.genes)
        known = int(found.known.sum())
        if known < max(_FEWEST, _COVERAGE * cohort.n_genes):
            self.words_ = (f"none: the prior has {known} of {cohort.n_genes} genes, too few to use it",)
            return None
        self.words_ = public_words(prior, known / cohort.n_genes)
        return found.first(self.programmes)

    def _margins(self, cohort: Cohort, codes: NDArray[np.intp], mu: float, rng: np.random.Generator) -> Release:
        bounds, shares = public_range(cohort.units, self.low, self.high), (self.sizes, self.places, self.one_way)
        return measure_end_to_end(cohort, codes, _BINS, mu, shares, bounds, rng, self._locate)

    def _locate(
        self, sums: NDArray[np.float64], sd: float, total: float, low: float, high: float
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        if self.public_ is None:
            return locate(sums, sd, total, low, high)
        return locate_with_prior(sums, sd, total, low, high, self.public_.known, self.public_.mean, self.public_.spread)

    def _star(self) -> Star:
        return estimate_end_to_end(self.release_, self.one_way, True, self._denoise)

    def _denoise(self, noisy: NDArray[np.float64], noise: NDArray[np.float64]) -> NDArray[np.float64]:
        if self.public_ is None:
            return posterior_mean(noisy, noise)
        return denoise_by_programmes(noisy, noise, self.public_.basis)

    def _total(self) -> float:
        return float(trusted_sizes(*self.release_.labels).sum())

    def sample(self, n: int, *, rng: np.random.Generator) -> Cohort:
        """Return n samples in random order, classes at their noisy rates."""
        shares = np.rint(self.star_.rates * 2**40).astype(np.int64)
        labels = rng.permutation(np.repeat(np.arange(len(self.labels_)), class_counts(shares, n)))
        codes, inside = draw_together(self.star_, labels, self.loadings_, rng)
        bins = self.release_.bins
        assert isinstance(bins, ScaledBins)
        z = bins.edges[codes] + inside * (bins.edges[1] - bins.edges[0])
        values = np.clip(bins.centre + bins.scale * z, bins.low, bins.high)
        return self.like_.synthetic(original_scale(values, bins.units).astype(np.float32), self.labels_[labels])

    def claim(self) -> PrivacyClaim:
        """Return the guarantee, and the public data that it does not cover."""
        return PrivacyClaim(
            mechanism=f"Gaussian noise on {', '.join(name for name, _ in self.mus_)}",
            unit="one sample",
            neighbours="add-remove",
            epsilon=self.epsilon,
            delta=self.delta,
            accountant=EXACT_GAUSSIAN,
            public=self.words_,
        )

    def _check(self) -> None:
        check_budget("dp_prior", self.epsilon, self.delta)
        for name in ("together", "one_way", "sizes", "places"):
            if not 0 < getattr(self, name) < 1:
                raise PluginError(
                    f"dp_prior: {name} is {getattr(self, name)}; expected a share of the budget between 0 and 1."
                )
        if not self.sizes + self.places < 1:
            raise PluginError(
                f"dp_prior: sizes and places take {self.sizes + self.places:g} of the budget; leave some for tables."
            )
        if self.programmes < 1:
            raise PluginError(f"dp_prior: programmes is {self.programmes}; expected 1 or more.")
