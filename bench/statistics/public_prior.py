"""What people outside a cohort teach about genes: where they lie, how far they spread, and which move together.

A prior is made of public profiles of other people (`bench data prior make`), and is data that a private generator may
read without a budget. It holds no profile, but the names of everybody whose profile is in it: a cohort that shares a
sample or a donor with it is refused, because then the prior is an unprotected statistic of that cohort.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Self

import numpy as np
from numpy.typing import NDArray

from bench.core.cohort import Cohort
from bench.core.errors import DataError, PluginError

Array = NDArray[np.float64]
SCALES = ("log2", "vst")  # units on which programmes are comparable between cohorts
ABOUT = ("name", "source", "licence", "made")
_CLIP = 4.0  # standard deviations at which a value of a public profile is cut, so that no outlier makes a programme


@dataclass(frozen=True, eq=False)
class PublicPrior:
    """Gene means and spreads, and the gene programmes of the variation within tissues.

    Parameters
    ----------
    genes : (n_genes,) identifiers
    symbols : (n_genes,) other names of the same genes
    mean, spread : (n_genes,) in log2 units; spread within a label
    programmes : (n_genes, n_programmes) orthonormal up to rounding, strongest first
    strengths : (n_programmes,) variance along each programme if every gene has variance 1
    people : samples and donors whose profiles these are
    about : name, source, licence, and how it was made
    """

    genes: NDArray[np.str_]
    symbols: NDArray[np.str_]
    mean: Array
    spread: Array
    programmes: Array
    strengths: Array
    people: frozenset[str]
    about: Mapping[str, str]

    @classmethod
    def of(cls, cohort: Cohort, n_programmes: int, about: Mapping[str, str], symbols: Sequence[str] = ()) -> Self:
        """Return the prior that public profiles teach; their labels say what is compared within.

        Parameters
        ----------
        n_programmes : how many of the strongest are kept
        about : ``name``, ``source``, ``licence`` and ``made`` (how), which a claim prints
        symbols : other names of the genes, in their order

        Raises
        ------
        DataError
            If values are on another scale than log2, or people or programmes are too few.
        """
        if cohort.units not in SCALES:
            raise DataError(
                f"a prior is made of values in {' or '.join(SCALES)}, not in {cohort.units!r}: there a few genes with "
                "large values are every programme. Import the profiles as log2(CPM + 1)."
            )
        most = min(len(cohort) - len(cohort.classes), cohort.n_genes)
        if not 1 <= n_programmes <= most:
            raise DataError(
                f"{n_programmes} programmes of {len(cohort)} profiles with {len(cohort.classes)} labels and "
                f"{cohort.n_genes} genes; expected 1 to {most}."
            )
        X = cohort.X.astype(np.float64)
        means = np.stack([X[cohort.y == label].mean(axis=0) for label in cohort.classes])
        rest = X - means[np.searchsorted(cohort.classes, cohort.y)]
        spread = np.maximum(rest.std(axis=0), 1e-3)
        z = np.clip(rest / spread, -_CLIP, _CLIP)
        z /= np.maximum(z.std(axis=0), 1e-3)
        _, lengths, programmes = np.linalg.svd(z - z.mean(axis=0), full_matrices=False)
        people = frozenset(_people(cohort))
        names = np.array(cohort.genes)
        return cls(
            names, np.array(symbols) if symbols else names, X.mean(axis=0), spread,
            programmes[:n_programmes].T, lengths[:n_programmes] ** 2 / len(z), people, dict(about),
        )  # fmt: skip

    def write(self, file: Path | BinaryIO) -> None:
        """Write the prior to an npz file, rounded: programmes to 8 bits, the rest to 16 or 32."""
        unit = np.abs(self.programmes).max(axis=0) / 127
        np.savez_compressed(
            file, genes=np.array("\n".join(self.genes)), symbols=np.array("\n".join(self.symbols)),
            mean=self.mean.astype(np.float16), spread=self.spread.astype(np.float16),
            programmes=np.rint(self.programmes / unit).astype(np.int8), unit=unit.astype(np.float32),
            strengths=self.strengths.astype(np.float32), people=np.array("\n".join(sorted(self.people))),
            about=np.array(json.dumps(dict(self.about), sort_keys=True)),
        )  # fmt: skip

    @classmethod
    def read(cls, content: bytes, where: str) -> Self:
        """Return the prior in the content of a file that `write` wrote."""
        try:
            with np.load(io.BytesIO(content)) as stored:
                held = {name: stored[name] for name in stored.files}
            about = json.loads(str(held["about"]))
            genes, symbols, people = (str(held[name]).split("\n") for name in ("genes", "symbols", "people"))
            prior = cls(
                np.array(genes), np.array(symbols), held["mean"].astype(np.float64), held["spread"].astype(np.float64),
                held["programmes"] * held["unit"].astype(np.float64), held["strengths"].astype(np.float64),
                frozenset(people), {name: about[name] for name in ABOUT},
            )  # fmt: skip
        except (KeyError, ValueError, OSError, EOFError) as error:
            raise PluginError(
                f"{where} is no prior ({error}); expected a file that `bench data prior make` wrote."
            ) from error
        return prior

    def refuse(self, cohort: Cohort) -> None:
        """Raise a `PluginError` if a sample or a donor of the cohort is among the people of the prior."""
        both = sorted(name for name in _people(cohort) if not self.people.isdisjoint(_names_within(name)))
        if both:
            raise PluginError(
                f"{both[0]!r} is in the training cohort and in the prior {self.about['name']!r} ({len(both)} such): "
                "what the prior says of them is outside any budget. Use a prior made of other people, or prior=none."
            )

    def on(self, genes: Sequence[str]) -> PriorOnGenes:
        """Return the prior of these genes, found by identifier or else by symbol."""
        place = {str(name): i for i, name in enumerate(self.symbols)} | {
            str(name): i for i, name in enumerate(self.genes)
        }
        found = np.array([place.get(gene, -1) for gene in genes])
        known = found >= 0
        rows = np.where(known[:, None], self.programmes[found], 0.0)
        basis, triangle = np.linalg.qr(rows[:, : int(known.sum())])
        return PriorOnGenes(
            known, self.mean[found], self.spread[found], basis * np.where(np.diag(triangle) < 0, -1.0, 1.0),
            self.strengths[: basis.shape[1]],
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class PriorOnGenes:
    """A prior on the genes of a cohort.

    Parameters
    ----------
    known : (n_genes,) whether the prior has the gene; where not, `mean` and `spread` mean nothing
    mean, spread : (n_genes,)
    basis : (n_genes, n_programmes) orthonormal columns; rows of unknown genes are 0
    strengths : (n_programmes,)
    """

    known: NDArray[np.bool_]
    mean: Array
    spread: Array
    basis: Array
    strengths: Array

    def first(self, n: int) -> PriorOnGenes:
        """Return the same with the strongest programmes alone."""
        return PriorOnGenes(self.known, self.mean, self.spread, self.basis[:, :n], self.strengths[:n])


def _people(cohort: Cohort) -> set[str]:
    return {*map(str, cohort.samples), *map(str, () if cohort.donors is None else cohort.donors)}


def _names_within(name: str) -> set[str]:
    """Return a name and its leading parts between dashes: a TCGA or GTEx barcode begins with its donor's."""
    parts = name.split("-")
    return {"-".join(parts[:k]) for k in range(2, len(parts))} | {name}
