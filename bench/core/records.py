"""What every kind of data has in common: people in rows, a label for each, and a flat view of them as a matrix.

A *modality* is what was measured: expression, genetic variants or images. Each has a class of its own (`Cohort`,
`Images`, `Variants`), and all of them keep the contract of `Records`, so that whatever only needs a matrix -
distances, densities, classifiers, folds - works for every one of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.core.errors import DataError, NoLabelsError

Modality = Literal["expression", "variants", "images"]
MODALITIES: tuple[Modality, ...] = get_args(Modality)
FEATURES: Mapping[Modality, str] = {
    "expression": "genes",
    "variants": "sites",
    "images": "pixels",
}  # as pages call them
Units = Literal["counts", "log2", "vst", "zscore", "genotype", "intensity"]
_SHOWN = 3  # names in a message


class Records(Protocol):
    """People in rows, in an order that is part of the data: what folds, metrics, attacks and the store ask of them.

    The **flat view** is ``X``, one row a person and one column a feature, float32: the matrix itself for expression,
    the pixels row by row (channels last) scaled to [0, 1] for images, one haplotype after the other (or the genotypes)
    for variants. ``features`` names its columns.

    Examples
    --------
    >>> import numpy as np
    >>> from bench import Cohort, Images, Records
    >>> expression = Cohort(X=[[1, 2], [3, 4]], y=["a", "b"], genes=["G1", "G2"], samples=["s1", "s2"], units="log2")
    >>> images = Images(pixels=np.zeros((2, 8, 8, 1), dtype=np.uint8), y=["0", "1"], samples=("i1", "i2"))
    >>> def width(records: Records) -> str:
    ...     return f"{records.modality}: {len(records)} x {records.X.shape[1]}"
    >>> width(expression), width(images)
    ('expression: 2 x 2', 'images: 2 x 64')
    """

    @property
    def modality(self) -> Modality:
        """What was measured."""

    @property
    def X(self) -> NDArray[np.float32]:  # noqa: N802 - the name of a matrix in this field
        """The flat view, (n, n_features), read-only."""

    @property
    def features(self) -> tuple[str, ...]:
        """The names of the columns of the flat view, in order."""

    @property
    def genes(self) -> tuple[str, ...]:
        """The features by the name that plugins for expression know them by."""

    @property
    def n_genes(self) -> int:
        """Number of features."""

    @property
    def units(self) -> Units:
        """What the numbers of the flat view are."""

    @property
    def y(self) -> NDArray[np.str_]:
        """The class label of each person; raises `NoLabelsError` if there are none."""

    @property
    def has_labels(self) -> bool:
        """Whether there are class labels."""

    @property
    def classes(self) -> NDArray[np.str_]:
        """The distinct class labels, sorted."""

    @property
    def samples(self) -> tuple[str, ...]:
        """The names of the rows, in order."""

    @property
    def donors(self) -> NDArray[np.str_] | None:
        """The person that each row came from, where one person gave several."""

    @property
    def digest(self) -> str:
        """SHA-256 of everything in the records."""

    def __len__(self) -> int:
        """Return the number of rows."""

    def take(self, rows: ArrayLike) -> Self:
        """Return the records of the given rows (indices or mask), in that order."""

    def renamed(self, samples: tuple[str, ...]) -> Self:
        """Return the same records under other row names."""

    def by_label(self) -> Iterator[tuple[str, NDArray[np.float32]]]:
        """Yield each class label, sorted, with the flat view of its people."""

    def synthetic(self, X: ArrayLike, y: ArrayLike | None) -> Self:
        """Return synthetic records of this kind from a flat view and labels, with new row names."""


class Labelled:
    """Reads labels that may be absent: a base of every kind of `Records`.

    Records without labels have no attribute ``y``: whoever asks for it gets a `NoLabelsError`, by which the harness
    knows that a measure or an attack cannot be computed without labels.
    """

    @property
    def has_labels(self) -> bool:
        """Whether there are class labels."""
        return "y" in vars(self)

    @property
    def classes(self: Records) -> NDArray[np.str_]:
        """The distinct class labels, sorted."""
        return np.unique(self.y)

    def by_label(self: Records) -> Iterator[tuple[str, NDArray[np.float32]]]:
        """Yield each class label, sorted, with its (n_class, n_features) matrix."""
        for label in self.classes:
            yield str(label), self.X[self.y == label]

    def __repr__(self: Records) -> str:
        """Return the kind, the size and the classes; the values would fill the screen."""
        classes = f"{len(self.classes)} classes" if self.has_labels else "no labels"
        return f"<{type(self).__name__} of {len(self)} samples x {self.n_genes} features, {classes}>"

    def _keep_labels(self, y: ArrayLike | None) -> None:
        """Store checked labels, or none; the class is a frozen dataclass."""
        if y is None:
            object.__delattr__(self, "y")
        else:
            object.__setattr__(self, "y", label_array(y, "y"))

    def _labels(self: Records) -> dict[str, NDArray[np.str_] | None]:
        """Return the labels as the column `y`; None if there are none."""
        return {"y": self.y if self.has_labels else None}

    if not TYPE_CHECKING:  # or a type checker would believe that every name is an attribute

        def __getattr__(self, name: str) -> Any:
            if name == "y":
                raise NoLabelsError
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")


def row_numbers(rows: ArrayLike) -> NDArray[np.intp]:
    """Return indices from indices or a mask."""
    index = np.asarray(rows)
    return np.flatnonzero(index) if index.dtype == bool else index.astype(np.intp)


def label_array(values: ArrayLike, what: str) -> NDArray[np.str_]:
    """Return labels as a read-only array of text.

    Raises
    ------
    DataError
        If one is empty.
    """
    labels = np.array(values, dtype=np.str_)
    if np.any(labels == ""):
        raise DataError(
            f"{what!r} has an empty value at position {int(np.argmax(labels == ''))}; expected text for each."
        )
    labels.setflags(write=False)
    return labels


def check_one_each(n: int, columns: Mapping[str, NDArray[np.str_] | None]) -> None:
    """Check that every column that is there has one value for each of n samples.

    Raises
    ------
    DataError
        If one has another shape.
    """
    for name, values in columns.items():
        if values is not None and values.shape != (n,):
            raise DataError(f"{name!r} has shape {values.shape}; expected one label for each of {n} samples.")


def check_unique(names: tuple[str, ...], what: str) -> None:
    """Check that no name comes twice.

    Raises
    ------
    DataError
        If one does; the first few are named.
    """
    if len(set(names)) == len(names):
        return
    seen: set[str] = set()
    twice = []
    for name in names:
        if name in seen:
            twice.append(name)
        seen.add(name)
    shown = ", ".join(map(repr, twice[:_SHOWN])) + (f" and {len(twice) - _SHOWN} more" if len(twice) > _SHOWN else "")
    raise DataError(f"{what} names must be unique, but {shown} appears more than once. Remove or rename it.")


def synthetic_names(n: int) -> tuple[str, ...]:
    """Return row names for n synthetic people."""
    return tuple(f"synthetic_{i + 1}" for i in range(n))
