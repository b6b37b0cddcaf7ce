"""Gene expression as data: a matrix of samples x genes with a label for each sample, checked where it is made.

Nothing here imports pandas or scikit-learn: `bench list` must start fast, and plugins import from here.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, cast, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.core.errors import DataError
from bench.core.plain import real
from bench.core.records import (
    Labelled,
    Modality,
    Records,
    Units,
    check_one_each,
    check_unique,
    label_array,
    row_numbers,
    synthetic_names,
)

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False, repr=False)
class Cohort(Labelled):
    """A matrix of samples x genes with one class label per sample; the order of samples and genes is part of it.

    Parameters
    ----------
    X : (n_samples, n_genes) float32, finite; made read-only
    y : (n_samples,) str, the class label, for example the cancer type; None for a cohort without labels,
        whose ``y`` raises `NoLabelsError` when it is asked for
    genes : n_genes unique column names, in order
    samples : n_samples unique row names, in order
    units : what the numbers are, for example ``"vst"``
    donors : (n_samples,) str or None; the person a sample came from, where one person gave several
    obs : further labels per sample, for example ``{"tissue": ...}``; each (n_samples,) str

    Raises
    ------
    DataError
        If a shape does not fit, a value is not finite, a name comes twice or the units are unknown.

    Examples
    --------
    >>> from bench import Cohort
    >>> cohort = Cohort(
    ...     X=[[1.0, 2.0], [3.0, 4.0]], y=["sick", "well"], genes=("TP53", "MYC"), samples=("p1", "p2"), units="log2"
    ... )
    >>> len(cohort), cohort.n_genes, cohort.take([1]).samples
    (2, 2, ('p2',))
    """

    modality: ClassVar[Modality] = "expression"

    X: NDArray[np.float32]
    y: NDArray[np.str_]
    genes: tuple[str, ...]
    samples: tuple[str, ...]
    units: Units
    donors: NDArray[np.str_] | None = None
    obs: Mapping[str, NDArray[np.str_]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        X = np.array(real(self.X, "the values of the matrix", DataError), dtype=np.float32, order="C")
        X.setflags(write=False)
        object.__setattr__(self, "X", X)
        self._keep_labels(self.y)
        object.__setattr__(self, "genes", tuple(self.genes))
        object.__setattr__(self, "samples", tuple(self.samples))
        if self.donors is not None:
            object.__setattr__(self, "donors", label_array(self.donors, "donors"))
        object.__setattr__(self, "obs", {name: label_array(v, name) for name, v in self.obs.items()})
        self._check()

    def _check(self) -> None:
        if self.X.ndim != 2 or self.X.shape != (len(self.samples), len(self.genes)):
            raise DataError(
                f"the matrix has shape {self.X.shape}, but there are {len(self.samples)} sample names and "
                f"{len(self.genes)} gene names. Expected samples x genes."
            )
        check_one_each(len(self), {**self._labels(), "donors": self.donors, **self.obs})
        check_unique(self.genes, "gene")
        check_unique(self.samples, "sample")
        if not np.isfinite(self.X).all():
            row, column = np.argwhere(~np.isfinite(self.X))[0]
            raise DataError(
                f"sample {self.samples[row]!r}, gene {self.genes[column]!r} is {self.X[row, column]}; expected a "
                "finite number everywhere. Impute or drop it first."
            )
        if self.units not in get_args(Units):
            raise DataError(f"units {self.units!r} are not known; expected one of {', '.join(get_args(Units))}.")

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def n_genes(self) -> int:
        """Number of genes."""
        return len(self.genes)

    @property
    def features(self) -> tuple[str, ...]:
        """The genes: the names of the columns of the flat view, which is X itself."""
        return self.genes

    def take(self, rows: ArrayLike) -> Cohort:
        """Return the cohort of the given rows (indices or mask), in that order."""
        index = row_numbers(rows)
        return Cohort(
            X=self.X[index],
            y=cast("NDArray[np.str_]", self.y[index] if self.has_labels else None),
            genes=self.genes,
            samples=tuple(self.samples[i] for i in index),
            units=self.units,
            donors=None if self.donors is None else self.donors[index],
            obs={name: values[index] for name, values in self.obs.items()},
        )

    def renamed(self, samples: tuple[str, ...]) -> Cohort:
        """Return the same cohort under other sample names."""
        return replace(self, samples=samples, y=cast("NDArray[np.str_]", self._labels()["y"]))

    def synthetic(self, X: ArrayLike, y: ArrayLike | None) -> Cohort:
        """Return a synthetic cohort with these values, this cohort's genes and units, and new sample names.

        Parameters
        ----------
        X : (n, n_genes) values
        y : (n,) class labels; None if there are none
        """
        values = np.asarray(real(X, "the synthetic values", DataError), dtype=np.float32)
        names = synthetic_names(len(values))
        labels = cast("NDArray[np.str_]", y)  # made text, or left out, by the cohort
        return Cohort(X=values, y=labels, genes=self.genes, samples=names, units=self.units)

    def to_frame(self, label: str = "label") -> pd.DataFrame:
        """Return a table of samples x genes, the labels in its first column (see `bench.core.frames.to_frame`)."""
        from bench.core.frames import to_frame

        return to_frame(self, label)

    def to_anndata(self, label: str = "label") -> Any:
        """Return an AnnData object, the labels in ``obs`` (see `bench.core.frames.to_anndata`)."""
        from bench.core.frames import to_anndata

        return to_anndata(self, label)

    @staticmethod
    def from_frame(frame: pd.DataFrame, *, label: str | ArrayLike, units: Units, **more: Any) -> Cohort:
        """Return the cohort of a table of samples x genes (see `bench.core.frames.from_frame`)."""
        from bench.core.frames import from_frame

        return from_frame(frame, label=label, units=units, **more)

    @staticmethod
    def from_anndata(data: Any, *, label: str, units: Units | None = None, **more: Any) -> Cohort:
        """Return the cohort of an AnnData object (see `bench.core.frames.from_anndata`)."""
        from bench.core.frames import from_anndata

        return from_anndata(data, label=label, units=units, **more)

    @functools.cached_property
    def digest(self) -> str:
        """SHA-256 of everything in the cohort, as 64 hex digits."""
        h = hashlib.sha256(f"{self.units}\0{self.X.shape}\0".encode())
        h.update(self.X.tobytes())
        columns = {**self._labels(), "donors": self.donors, **dict(sorted(self.obs.items()))}
        for name, values in columns.items():
            h.update("\0".join([f"\1{name}", *([] if values is None else map(str, values))]).encode())
        for names in (self.genes, self.samples):
            h.update("\0".join(["\1", *names]).encode())
        return h.hexdigest()


def as_expression(records: Records) -> Cohort:
    """Return records as the cohort of expression that they are, for what works with named genes alone.

    Raises
    ------
    DataError
        If they are of another modality.
    """
    if not isinstance(records, Cohort):
        raise DataError(
            f"the data are {records.modality}, and this works with expression alone. `bench run` and `bench report` "
            "take every modality."
        )
    return records
