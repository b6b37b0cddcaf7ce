"""Sanitised rows: the slowest cosines of a person's genes with Laplace noise, as in the DCT sanitiser of 2022."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from bench import Cohort, PluginError, PrivacyClaim, generator

from ._sanitise import OUTSIDE_LENGTH, Scale, check, cosines, laplace_noise, local_claim, sanitise


@generator("dct_laplace", family="noisy rows", doi="10.1109/ICHI54592.2022.00101", opt_in=True)
@dataclass(kw_only=True)
class DctLaplace:
    """Release everybody's first cosine coefficients with Laplace noise, turned back into genes: metric privacy.

    As `dct_sampling`, with Laplace noise on every coefficient: of scale sqrt(coefficients) / epsilon for the L2
    distance between people, or 1 / epsilon for the L1 distance (``norm="l1"``), in which two rows of length 1 may be 2
    sqrt(K) apart, and the claim says so.

    Zhang and Bonomi 2022. Labels are released as they are unless `label_epsilon` is given.
    """

    epsilon: float = 50.0  # per unit of distance between rows of length 1
    coefficients: int = 50
    norm: str = "l2"  # or "l1": the distance that epsilon is per unit of
    length: float | None = None  # public length that rows are put back to; None: the mean of the cohort, said outside
    label_epsilon: float | None = None  # of k-ary randomised response
    scale: str | None = None  # of genes before rows are put at length 1: public (the prior) or cohort, said outside

    def fit(self, cohort: Cohort, *, rng: np.random.Generator) -> Self:
        """Draw everybody's noisy row, once."""
        check("dct_laplace", self.coefficients, self.epsilon, self.length, self.label_epsilon)
        if self.norm not in ("l1", "l2"):
            raise PluginError(f"dct_laplace: norm is {self.norm!r}; expected 'l1' or 'l2'.")
        basis = cosines(cohort.n_genes, self.coefficients)
        self.kept_ = basis.shape[1]
        self.scale_ = Scale.of(cohort, self.scale, "dct_laplace")
        self.rows_ = sanitise(
            cohort, basis, self.length, self.label_epsilon,
            lambda n, k: laplace_noise(n, k, self.epsilon, self.norm, rng), rng, self.scale_,
        )  # fmt: skip
        return self

    def sample(self, n: int, *, rng: np.random.Generator) -> Cohort:
        """Return n noisy rows in random order."""
        return self.rows_.sample(n, rng)

    def claim(self) -> PrivacyClaim:
        """Return what the metric guarantee amounts to for any two people."""
        outside = (*self.scale_.outside, *(() if self.length else (OUTSIDE_LENGTH,)))
        worth = self.epsilon * (self.kept_**0.5 if self.norm == "l1" else 1.0)
        how = "metric privacy by Laplace noise on cosines"
        return local_claim(how, worth, self.label_epsilon, outside, self.scale_.public)
