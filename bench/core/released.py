"""A model as a release: a classifier that answers queries, kept as arrays that any program can read.

A generator's release is data (`Records`) or a model (`ReleasedModel`). A model is stored as plain arrays, never as a
pickle: reading a stranger's store must not run a stranger's code. The plugin that fitted it turns arrays into answers.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.core.errors import DataError, PluginError
from bench.core.records import Records, check_unique

Released = Literal["data", "model"]
RELEASED: tuple[Released, ...] = get_args(Released)
_SUM_TOLERANCE = 1e-5  # of the probabilities of one person; float32 networks are off by 1e-7


@dataclass(frozen=True, eq=False)
class ReleasedModel:
    """A classifier that was released: its numbers, its classes, and the answers that it gives to queries.

    Parameters
    ----------
    arrays : dict of str to array; everything that the answers depend on, such as weights; made read-only
    classes : K unique class labels, in the order of the probabilities
    features : names of the columns of a query, in order: ``cohort.features``
    answer : callable or None; ``answer(model, X)`` returns the probabilities, (n, K). The harness sets it to the
        plugin's ``predict_proba``; a plugin leaves it out

    Raises
    ------
    DataError
        If there is no class, a name comes twice, or an array holds Python objects.

    Examples
    --------
    >>> import numpy as np
    >>> from bench import ReleasedModel
    >>> model = ReleasedModel(arrays={"rates": np.array([0.25, 0.75])}, classes=("sick", "well"), features=("TP53",))
    >>> model = model.answered_by(lambda model, X: np.tile(model.arrays["rates"], (len(X), 1)))
    >>> model.predict_proba([[1.0], [2.0]]).tolist(), model.predict([[1.0]]).tolist()
    ([[0.25, 0.75], [0.25, 0.75]], ['well'])
    """

    arrays: Mapping[str, NDArray[Any]]
    classes: tuple[str, ...]
    features: tuple[str, ...]
    answer: Callable[[ReleasedModel, NDArray[np.float32]], ArrayLike] | None = None

    def __post_init__(self) -> None:
        arrays = {name: np.array(values) for name, values in self.arrays.items()}
        for name, values in arrays.items():
            if values.dtype.hasobject:
                raise DataError(f"the array {name!r} of a model holds Python objects; expected numbers or text.")
            values.setflags(write=False)
        object.__setattr__(self, "arrays", arrays)
        object.__setattr__(self, "classes", tuple(map(str, self.classes)))
        object.__setattr__(self, "features", tuple(map(str, self.features)))
        if not self.classes:
            raise DataError("a model was released without classes; expected the labels that it tells apart.")
        check_unique(self.classes, "class")
        check_unique(self.features, "feature")

    @property
    def n_parameters(self) -> int:
        """How many numbers the model holds."""
        return sum(values.size for values in self.arrays.values())

    def answered_by(self, answer: Callable[[ReleasedModel, NDArray[np.float32]], ArrayLike]) -> ReleasedModel:
        """Return the model with the code that answers its queries."""
        return replace(self, answer=answer)

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return (n, K) class probabilities of n people, checked.

        Parameters
        ----------
        X : (n, n_features) in the units that the model was trained on

        Raises
        ------
        DataError
            If X has another number of columns than the model.
        PluginError
            If the answers are no probabilities.
        """
        query = np.asarray(X, dtype=np.float32)
        if query.ndim != 2 or query.shape[1] != len(self.features):
            raise DataError(
                f"a query has shape {query.shape}; the model expects n people x {len(self.features)} features."
            )
        if self.answer is None:
            raise PluginError("the model has no code to answer with; it is the plugin's that fitted it.")
        found = np.asarray(self.answer(self, query), dtype=np.float64)
        if found.shape != (len(query), len(self.classes)):
            raise PluginError(
                f"predict_proba returned shape {found.shape}; expected {len(query)} x {len(self.classes)} classes."
            )
        if not (found >= 0).all() or np.abs(found.sum(axis=1) - 1).max(initial=0) > _SUM_TOLERANCE:
            raise PluginError("predict_proba returned no probabilities; expected rows that are >= 0 and sum to 1.")
        return found

    def predict(self, X: ArrayLike) -> NDArray[np.str_]:
        """Return (n,) the most probable class of each person."""
        labels: NDArray[np.str_] = np.asarray(self.classes, dtype=np.str_)[self.predict_proba(X).argmax(axis=1)]
        return labels

    @functools.cached_property
    def digest(self) -> str:
        """SHA-256 of everything in the model, as 64 hex digits."""
        h = hashlib.sha256("\0".join(["model", *self.classes, "\1", *self.features]).encode())
        for name, values in sorted(self.arrays.items()):
            h.update(f"\0{name}\0{values.dtype.str}\0{values.shape}\0".encode())
            h.update(np.ascontiguousarray(values).tobytes())
        return h.hexdigest()


Release: TypeAlias = Records | ReleasedModel


def as_data(release: Release) -> Records:
    """Return a release as the records that it is, for what works with samples alone.

    Raises
    ------
    DataError
        If a model was released.
    """
    if isinstance(release, ReleasedModel):
        raise DataError("a model was released, and this works with released data alone.")
    return release
