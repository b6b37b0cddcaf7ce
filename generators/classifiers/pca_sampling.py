"""Sanitised rows in coordinates that public profiles of other people give, in the place of cosines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from bench import Cohort, PrivacyClaim, generator

from .._public_prior import public_words, read_prior
from ._sanitise import OUTSIDE_LENGTH, check, cosines, local_claim, radial_noise, sanitise

_FEWEST = 50  # genes that the prior must have, and ...
_COVERAGE = 0.5  # ... the part of all genes


@generator("pca_sampling", family="noisy rows", opt_in=True, files=("prior",))
@dataclass(kw_only=True)
class PcaSampling:
    """Release everybody's coordinates in a public basis with radial noise, turned back into genes: metric privacy.

    As `dct_sampling`, but the coordinates are those in which people differ: the public mean profile and the strongest
    programmes of the prior that `dp_prior` reads, made of other people. The basis looks at nobody in the cohort. A
    prior with fewer than half of the genes is not used, and the claim says so.
    """

    epsilon: float = 50.0  # per unit of distance between rows of length 1
    coefficients: int = 50
    prior: str = "shipped"  # or a file
    length: float | None = None  # public length that rows are put back to; None: the mean of the cohort, said outside
    label_epsilon: float | None = None  # of k-ary randomised response

    def fit(self, cohort: Cohort, *, rng: np.random.Generator) -> Self:
        """Draw everybody's noisy row, once."""
        check("pca_sampling", self.coefficients, self.epsilon, self.length, self.label_epsilon)
        basis = self._basis(cohort)
        self.rows_ = sanitise(
            cohort, basis, self.length, self.label_epsilon,
            lambda n, k: radial_noise(n, k, self.epsilon, rng), rng,
        )  # fmt: skip
        return self

    def _basis(self, cohort: Cohort) -> NDArray[np.float64]:
        """Return the public basis (n_genes, k); cosines where the prior has too few of the genes."""
        self.words_: tuple[str, ...] = ()
        prior = read_prior(self.prior)
        prior.refuse(cohort)
        public = prior.on(cohort.genes)
        known = int(public.known.sum())
        if known < max(_FEWEST, _COVERAGE * cohort.n_genes):
            self.words_ = (
                f"none: the prior has {known} of {cohort.n_genes} genes, too few to use it; cosines instead",
            )
            return cosines(cohort.n_genes, self.coefficients)
        self.words_ = public_words(prior, known / cohort.n_genes)
        mean = np.where(public.known, public.mean, public.mean[public.known].mean())
        spread = np.where(public.known, public.spread, 0.0)
        directions = np.column_stack([mean, public.basis[:, : self.coefficients - 1] * spread[:, None]])
        basis: NDArray[np.float64] = np.linalg.qr(directions)[0]
        return basis

    def sample(self, n: int, *, rng: np.random.Generator) -> Cohort:
        """Return n noisy rows in random order."""
        return self.rows_.sample(n, rng)

    def claim(self) -> PrivacyClaim:
        """Return what the metric guarantee amounts to for any two people."""
        outside = () if self.length else (OUTSIDE_LENGTH,)
        how = "metric privacy by radial noise in a public basis"
        return local_claim(how, self.epsilon, self.label_epsilon, outside, self.words_)
