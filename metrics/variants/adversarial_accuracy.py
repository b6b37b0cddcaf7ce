"""Nearest-neighbour adversarial accuracy of haplotypes, in its two halves, and copies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import nan

import numpy as np
from numpy.typing import NDArray

from bench import Measure, Variants, metric

from ._genotypes import apart, sequences

_NAMES = ("aats_real", "aats_synthetic", "aats", "privacy_loss", "exact_copies", "exact_copies_real")


@metric(
    "adversarial_accuracy",
    modalities=("variants",),
    family="fidelity",
    measures=(
        Measure("aats_real", "none", 0, 1, table="neighbours", rank=1, title="AATS, real half"),
        Measure("aats_synthetic", "none", 0, 1, table="neighbours", rank=2, title="AATS, synthetic half"),
        Measure("aats", "none", 0, 1, table="neighbours", rank=3, title="AATS, mean"),
        Measure("privacy_loss", "none", -1, 1, table="neighbours", rank=4, title="privacy loss"),
        Measure("exact_copies", "none", 0, 1, table="neighbours", rank=5, title="exact copies"),
        Measure("exact_copies_real", "none", 0, 1, table="neighbours", rank=6, title="copies real"),
    ),
)
@dataclass(kw_only=True)
class AdversarialAccuracy:
    """Return how well nearest neighbours tell the release from training people, in halves, and what is copied.

    ``aats_real`` is the share of real haplotypes that are nearer to another real one than to any synthetic one (a tie
    counts half), ``aats_synthetic`` the same of synthetic ones; both are 1/2 for a perfect release, 0 for a copy. Their
    mean is what is published, and it is **not** to be read alone: independent sites have halves of 1 and 0.1, which
    average to a perfect-looking 0.55. ``privacy_loss`` is the mean on held-out people less that on training people;
    above 0 the release is nearer to those it was trained on. ``exact_copies`` is the share of synthetic haplotypes that
    some training person carries at every site, ``exact_copies_real`` that of held-out ones: in a short region many
    people share a haplotype, and only what is beyond that was copied. Distances are numbers of alleles that differ. All
    sets are cut to one size, by chance, since the measure depends on it. NaN where one holds fewer than two people.

    Yale, Dash, Dutta et al. 2020, Neurocomputing 416, 244-255; Yelmen et al. 2021, PLoS Genetics 17, e1009303.
    """

    def __call__(
        self, train: Variants, holdout: Variants, synthetic: Variants, *, rng: np.random.Generator
    ) -> Mapping[str, float]:
        """Return both halves, their mean, the privacy loss and the copies."""
        known, others, made = (sequences(people) for people in (train, holdout, synthetic))
        n = min(len(known), len(others), len(made))
        if n < 2:
            return dict.fromkeys(_NAMES, nan)
        some = {name: x[rng.permutation(len(x))[:n]] for name, x in (("t", known), ("h", others), ("s", made))}
        real, synthetic_half = halves(some["t"], some["s"])
        mean, unseen = (real + synthetic_half) / 2, float(np.mean(halves(some["h"], some["s"])))
        return {
            "aats_real": real,
            "aats_synthetic": synthetic_half,
            "aats": mean,
            "privacy_loss": unseen - mean,
            "exact_copies": _copied(made, known),
            "exact_copies_real": _copied(others, known),
        }


def halves(real: NDArray[np.int8], made: NDArray[np.int8]) -> tuple[float, float]:
    """Return the shares of real and of synthetic sequences that have their nearest neighbour among their own kind."""
    return _nearer_own(real, made), _nearer_own(made, real)


def _nearer_own(some: NDArray[np.int8], others: NDArray[np.int8]) -> float:
    own, other = apart(some, some, itself=True), apart(some, others)
    return float(np.mean((own < other) + 0.5 * (own == other)))


def _copied(some: NDArray[np.int8], known: NDArray[np.int8]) -> float:
    """Return the share of sequences that are equal to one of the known ones."""
    carried = {row.tobytes() for row in known}
    return float(np.mean([row.tobytes() in carried for row in np.ascontiguousarray(some)]))
