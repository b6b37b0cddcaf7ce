"""What private classifiers measure before they learn: class sizes and where the genes lie, each with noise.

Public are the set of class labels, the genes and their order, the range that the units allow, and the prior. The number
of people is not: sums are divided by a noisy count.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench import Cohort

from .._discretise import public_range
from .._privacy import noisy_counts
from .._public_prior import PriorOnGenes, public_words, read_prior
from ._private_scale import PrivateScale, release_scale, unit_rows

Array = NDArray[np.float64]
_FEWEST = 50  # genes that the prior must have, and ...
_COVERAGE = 0.5  # ... the part of all genes; with less, the prior is not used
_LEAST = 5.0  # people that a class is taken to have at least


@dataclass(frozen=True, eq=False)
class Start:
    """People as a private classifier sees them, and what was released to see them so.

    Parameters
    ----------
    rows : (n, n_genes) of length 1
    codes : (n,) class numbers
    classes : the labels, sorted
    counts : (n_classes,) sizes of classes, with noise
    scale : centre and spread of the genes, with noise
    mus : what each release is, and its strength as a Gaussian mechanism
    words : the public data used, as a claim says it
    """

    rows: Array
    codes: NDArray[np.intp]
    classes: tuple[str, ...]
    counts: Array
    scale: PrivateScale
    mus: tuple[tuple[str, float], ...]
    words: tuple[str, ...]


def start(
    cohort: Cohort, prior: str | None, bounds: tuple[float | None, float | None], mus: tuple[float, float],
    rng: np.random.Generator,
) -> Start:  # fmt: skip
    """Release class sizes and scale of a cohort at the strengths `mus`, and put its people at unit length.

    Parameters
    ----------
    prior : ``"shipped"``, a file, or None
    bounds : public range of a gene; None is the usual one of the units
    """
    labels, codes = np.unique(cohort.y, return_inverse=True)
    classes = tuple(map(str, labels))
    counts = np.maximum(noisy_counts(cohort.y, list(classes), 1 / mus[0], rng), _LEAST)
    low, high = public_range(cohort.units, *bounds)
    public, words = _public(cohort, prior)
    X = np.clip(cohort.X.astype(np.float64), low, high)
    scale = release_scale(X, float(counts.sum()), (low, high), public, mus[1], rng)
    rows = unit_rows(cohort.X, scale.centre, scale.spread)
    released = (("class sizes", mus[0]), ("where genes lie", scale.mu))
    return Start(rows, codes, classes, counts, scale, released, words)


def _public(cohort: Cohort, name: str | None) -> tuple[PriorOnGenes | None, tuple[str, ...]]:
    """Return the prior on the cohort's genes, or None if it has too few of them, and what a claim says of it."""
    if name is None:
        return None, ()
    prior = read_prior(name)
    prior.refuse(cohort)
    found = prior.on(cohort.genes)
    known = int(found.known.sum())
    if known < max(_FEWEST, _COVERAGE * cohort.n_genes):
        return None, (f"none: the prior has {known} of {cohort.n_genes} genes, too few to use it",)
    return found, public_words(prior, known / cohort.n_genes)
