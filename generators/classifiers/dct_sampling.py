"""Sanitised rows: the slowest cosines of a person's genes with radial noise, as in the DCT sanitiser of 2022."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from bench import Cohort, PrivacyClaim, generator

from ._sanitise import OUTSIDE_LENGTH, Scale, check, cosines, local_claim, radial_noise, sanitise


@generator("dct_sampling", family="noisy rows", doi="10.1109/ICHI54592.2022.00101", opt_in=True)
@dataclass(kw_only=True)
class DctSampling:
    """Release everybody's first cosine coefficients with radial noise, turned back into genes: metric privacy.

    A row is put at length 1, its genes in their order are transformed (DCT-II), the first `coefficients` are kept and
    moved by noise whose density falls by exp(-epsilon) per unit of length. Neighbouring genes mean nothing in a table,
    so that the first cosines are an arbitrary projection. `epsilon` is per unit of distance: the claim prints 2 *
    epsilon, what it is worth to somebody who may be anybody; at the published 50 to 200 that is no promise at all.
    Without a `scale` rows of positive numbers are nearly parallel, and the noise hides who differs from whom: the
    published accuracies need rows around a centre, which must come from somewhere.

    Zhang and Bonomi 2022. Labels are released as they are unless `label_epsilon` is given.
    """

    epsilon: float = 50.0  # per unit of distance between rows of length 1
    coefficients: int = 50
    length: float | None = None  # public length that rows are put back to; None: the mean of the cohort, said outside
    label_epsilon: float | None = None  # of k-ary randomised response
    scale: str | None = None  # of genes before rows are put at length 1: public (the prior) or cohort, said outside

    def fit(self, cohort: Cohort, *, rng: np.random.Generator) -> Self:
        """Draw everybody's noisy row, once."""
        check("dct_sampling", self.coefficients, self.epsilon, self.length, self.label_epsilon)
        basis = cosines(cohort.n_genes, self.coefficients)
        self.scale_ = Scale.of(cohort, self.scale, "dct_sampling")
        self.rows_ = sanitise(
            cohort, basis, self.length, self.label_epsilon, lambda n, k: radial_noise(n, k, self.epsilon, rng), rng,
            self.scale_,
        )  # fmt: skip
        return self

    def sample(self, n: int, *, rng: np.random.Generator) -> Cohort:
        """Return n noisy rows in random order."""
        return self.rows_.sample(n, rng)

    def claim(self) -> PrivacyClaim:
        """Return what the metric guarantee amounts to for any two people."""
        outside = (*self.scale_.outside, *(() if self.length else (OUTSIDE_LENGTH,)))
        how = "metric privacy by radial noise on cosines"
        return local_claim(how, self.epsilon, self.label_epsilon, outside, self.scale_.public)
