"""The values that travel between the parts of the harness, checked once, where they are made.

Nothing here imports scikit-learn or torch: `bench list` must start fast, and plugins import from here.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self, get_args, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.core.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

Units = Literal["counts", "log2", "vst", "zscore", "genotype", "intensity"]
Access = Literal[
    "black-box", "black-box + labels", "black-box + reference", "black-box + labels + reference", "code", "white-box"
]
_LABELS = frozenset({"synthetic_labels", "target_labels"})
_CODE = _LABELS | {"reference", "units", "make_generator"}
# the fields of AttackView that each access grants beside synthetic, targets and genes; the others are None
GRANTS: Mapping[Access, frozenset[str]] = {
    "black-box": frozenset(),
    "black-box + labels": _LABELS,
    "black-box + reference": frozenset({"reference"}),
    "black-box + labels + reference": _LABELS | {"reference"},
    "code": _CODE,
    "white-box": _CODE | {"fitted"},
}


def _first(names: list[str], limit: int = 3) -> str:
    shown = ", ".join(repr(name) for name in names[:limit])
    return shown + (f" and {len(names) - limit} more" if len(names) > limit else "")


def _unique(names: tuple[str, ...], what: str) -> None:
    if len(set(names)) == len(names):
        return
    seen: set[str] = set()
    twice = [name for name in names if name in seen or seen.add(name)]  # type: ignore[func-returns-value]
    raise DataError(f"{what} names must be unique, but {_first(twice)} appears more than once. Remove or rename it.")


@dataclass(frozen=True, eq=False)
class Cohort:
    """A matrix of samples x genes with one class label per sample; the order of samples and genes is part of it.

    Parameters
    ----------
    X : (n_samples, n_genes) float32, finite; made read-only
    y : (n_samples,) str, the class label, for example the cancer type
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

    X: NDArray[np.float32]
    y: NDArray[np.str_]
    genes: tuple[str, ...]
    samples: tuple[str, ...]
    units: Units
    donors: NDArray[np.str_] | None = None
    obs: Mapping[str, NDArray[np.str_]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        X = np.array(self.X, dtype=np.float32, order="C")
        X.setflags(write=False)
        object.__setattr__(self, "X", X)
        object.__setattr__(self, "y", _labels(self.y, "y"))
        object.__setattr__(self, "genes", tuple(self.genes))
        object.__setattr__(self, "samples", tuple(self.samples))
        if self.donors is not None:
            object.__setattr__(self, "donors", _labels(self.donors, "donors"))
        object.__setattr__(self, "obs", {name: _labels(v, name) for name, v in self.obs.items()})
        self._check()

    def _check(self) -> None:
        if self.X.ndim != 2 or self.X.shape != (len(self.samples), len(self.genes)):
            raise DataError(
                f"the matrix has shape {self.X.shape}, but there are {len(self.samples)} sample names and "
                f"{len(self.genes)} gene names. Expected samples x genes."
            )
        for name, values in {"y": self.y, "donors": self.donors, **self.obs}.items():
            if values is not None and values.shape != (len(self.samples),):
                raise DataError(
                    f"{name!r} has shape {values.shape}; expected one label for each of {len(self)} samples."
                )
        _unique(self.genes, "gene")
        _unique(self.samples, "sample")
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
    def classes(self) -> NDArray[np.str_]:
        """The distinct class labels, sorted."""
        return np.unique(self.y)

    def take(self, rows: ArrayLike) -> Cohort:
        """Return the cohort of the given rows (indices or mask), in that order."""
        index = np.asarray(rows)
        index = np.flatnonzero(index) if index.dtype == bool else index.astype(np.intp)
        return Cohort(
            X=self.X[index],
            y=self.y[index],
            genes=self.genes,
            samples=tuple(self.samples[i] for i in index),
            units=self.units,
            donors=None if self.donors is None else self.donors[index],
            obs={name: values[index] for name, values in self.obs.items()},
        )

    def by_label(self) -> Iterator[tuple[str, NDArray[np.float32]]]:
        """Yield each class label, sorted, with its (n_class, n_genes) matrix."""
        for label in self.classes:
            yield str(label), self.X[self.y == label]

    def synthetic(self, X: ArrayLike, y: ArrayLike) -> Cohort:
        """Return a synthetic cohort with these values, this cohort's genes and units, and new sample names.

        Parameters
        ----------
        X : (n, n_genes) values
        y : (n,) class labels
        """
        values = np.asarray(X, dtype=np.float32)
        names = tuple(f"synthetic_{i + 1}" for i in range(len(values)))
        return Cohort(X=values, y=np.asarray(y, dtype=np.str_), genes=self.genes, samples=names, units=self.units)

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
        columns = {"y": self.y, "donors": self.donors, **dict(sorted(self.obs.items()))}
        for name, values in columns.items():
            h.update("\0".join([f"\1{name}", *([] if values is None else map(str, values))]).encode())
        for names in (self.genes, self.samples):
            h.update("\0".join(["\1", *names]).encode())
        return h.hexdigest()


def _labels(values: ArrayLike, what: str) -> NDArray[np.str_]:
    labels = np.array(values, dtype=np.str_)
    if np.any(labels == ""):
        raise DataError(
            f"{what!r} has an empty value at position {int(np.argmax(labels == ''))}; expected text for each."
        )
    labels.setflags(write=False)
    return labels


@dataclass(frozen=True, eq=False)
class Split:
    """Disjoint roles of one fold: what a generator may see, who was held out, and an optional reference.

    Parameters
    ----------
    train, holdout : Cohort, who trained the generator and who did not
    fold, seed : int, the number of the fold, from 1, and the seed that the folds were drawn with
    reference : Cohort or None, people who are in no training set, for attackers

    Raises
    ------
    DataError
        If a sample or a donor has two roles, a role is empty, or the genes differ.

    Examples
    --------
    >>> from bench import Split
    >>> from bench.conformance import people
    >>> everybody = people(9)
    >>> split = Split(everybody.take([0, 1, 2, 3, 4, 5]), everybody.take([6, 7, 8]), fold=1, seed=42)
    >>> len(split.train), len(split.holdout)
    (6, 3)
    >>> Split(everybody, everybody.take([0]), fold=1, seed=42)
    Traceback (most recent call last):
    bench.core.errors.DataError: fold 1: ... is in both train and holdout; expected disjoint roles. ...
    """

    train: Cohort
    holdout: Cohort
    fold: int
    seed: int
    reference: Cohort | None = None

    def __post_init__(self) -> None:
        roles = {"train": self.train, "holdout": self.holdout}
        if self.reference is not None:
            roles["reference"] = self.reference
        seen: dict[str, str] = {}
        for role, cohort in roles.items():
            if len(cohort) == 0:
                raise DataError(f"fold {self.fold} has no sample in its {role}; use fewer folds.")
            if cohort.genes != self.train.genes:
                raise DataError(f"fold {self.fold}: the genes of the {role} differ from those of the train samples.")
            for person in _people(cohort):
                if seen.setdefault(person, role) != role:
                    raise DataError(
                        f"fold {self.fold}: {person.split(':', 1)[1]!r} is in both {seen[person]} and {role}; "
                        "expected disjoint roles. Mend the splits file or the donor column."
                    )

    @functools.cached_property
    def digest(self) -> str:
        """SHA-256 of who has which role, so that an imported split never meets another split's results."""
        parts = [self.train.digest, self.holdout.digest, self.reference.digest if self.reference else ""]
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _people(cohort: Cohort) -> set[str]:
    people = {f"sample:{name}" for name in cohort.samples}
    if cohort.donors is not None:
        people |= {f"donor:{name}" for name in cohort.donors}
    return people


@dataclass(frozen=True, kw_only=True)
class PrivacyClaim:
    """What a generator guarantees, as data; the harness prints it beside what the attacks found.

    Parameters
    ----------
    mechanism : str, for example ``"Gaussian mechanism"`` or ``"DP-SGD"``
    unit : str, whose data is protected, for example ``"one sample"``
    neighbours : ``"add-remove"`` or ``"replace-one"``
    epsilon, delta : float, the budget spent
    accountant : str, for example ``"PLD (dp-accounting), Poisson sampling"``
    outside : tuple of str, the steps that touch the data outside the budget; empty means end to end

    Raises
    ------
    DataError
        If epsilon is not above 0, or delta is not in [0, 1).

    Examples
    --------
    >>> from bench import PrivacyClaim
    >>> claim = PrivacyClaim(
    ...     mechanism="Gaussian mechanism",
    ...     unit="one sample",
    ...     neighbours="add-remove",
    ...     epsilon=4.0,
    ...     delta=1e-5,
    ...     accountant="analytic Gaussian",
    ...     outside=("range of each gene",),
    ... )
    >>> claim.end_to_end
    False
    """

    mechanism: str
    unit: str
    neighbours: Literal["add-remove", "replace-one"]
    epsilon: float
    delta: float
    accountant: str
    outside: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.epsilon > 0 or not 0 <= self.delta < 1:
            raise DataError(
                f"a privacy claim has epsilon {self.epsilon} and delta {self.delta}; "
                "expected epsilon > 0 and 0 <= delta < 1."
            )

    @property
    def end_to_end(self) -> bool:
        """True if every step that touches the data is inside the budget."""
        return not self.outside


@dataclass(frozen=True, eq=False, kw_only=True)
class AttackView:
    """Everything an attacker sees; a field that the declared access does not grant is None.

    There is no membership in here, and the targets come in an order that tells nothing.

    Parameters
    ----------
    synthetic : (n_synthetic, n_genes) float32, the release
    targets : (n_targets, n_genes) float32, the people asked about
    genes : column names
    synthetic_labels : (n_synthetic,) str; with ``+ labels``, ``code`` or ``white-box``
    target_labels : (n_targets,) str; likewise
    reference : (n_reference, n_genes) float32; people known to be no members; with ``+ reference``, and with ``code``
        or ``white-box`` where the cohort has one
    units : what the numbers are; with ``code`` or ``white-box``
    make_generator : returns a fresh, unfitted copy of the attacked generator; with ``code`` or ``white-box``
    fitted : the very model that made the release; with ``white-box``

    Examples
    --------
    What an attack with the access ``"black-box"`` is handed, here with three synthetic samples and two people:

    >>> import numpy as np
    >>> from bench import AttackView
    >>> view = AttackView(synthetic=np.zeros((3, 4)), targets=np.ones((2, 4)), genes=("G1", "G2", "G3", "G4"))
    >>> view.reference is None
    True
    """

    synthetic: NDArray[np.float32]
    targets: NDArray[np.float32]
    genes: tuple[str, ...]
    synthetic_labels: NDArray[np.str_] | None = None
    target_labels: NDArray[np.str_] | None = None
    reference: NDArray[np.float32] | None = None
    units: Units | None = None
    make_generator: Callable[[], Generator] | None = None
    fitted: Generator | None = None


@runtime_checkable
class Generator(Protocol):
    """Learns a cohort and samples new people; may also expose ``claim() -> PrivacyClaim | None`` after `fit`.

    Examples
    --------
    >>> from bench import Generator, stream
    >>> from bench.conformance import people
    >>> class Mean:
    ...     def fit(self, cohort, *, rng):
    ...         self.cohort_ = cohort
    ...         return self
    ...     def sample(self, n, *, rng):
    ...         X = self.cohort_.X.mean(axis=0) + rng.normal(size=(n, self.cohort_.n_genes))
    ...         return self.cohort_.synthetic(X, rng.choice(self.cohort_.y, n))
    >>> isinstance(Mean(), Generator)
    True
    >>> Mean().fit(people(9), rng=stream(0, "fit")).sample(4, rng=stream(0, "sample")).X.shape
    (4, 24)
    """

    def fit(self, cohort: Cohort, *, rng: np.random.Generator) -> Self:
        """Learn from the training cohort; set attributes that end in ``_`` and return self."""

    def sample(self, n: int, *, rng: np.random.Generator) -> Cohort:
        """Return n synthetic samples with the genes, their order and the units of the training cohort."""


@runtime_checkable
class Metric(Protocol):
    """Compares a synthetic cohort with real ones.

    Examples
    --------
    >>> from bench import Metric, stream
    >>> from bench.conformance import people
    >>> class Means:
    ...     def __call__(self, train, holdout, synthetic, *, rng):
    ...         return {"mean_gap": float(abs(holdout.X.mean() - synthetic.X.mean()))}
    >>> isinstance(Means(), Metric)
    True
    >>> Means()(people(9), people(9, "held out"), people(9, "held out"), rng=stream(0))
    {'mean_gap': 0.0}
    """

    def __call__(
        self, train: Cohort, holdout: Cohort, synthetic: Cohort, *, rng: np.random.Generator
    ) -> Mapping[str, float]:
        """Return one number for each declared measure; NaN where the measure is undefined."""


@runtime_checkable
class Attack(Protocol):
    """Scores how likely each target was in the training data.

    Examples
    --------
    >>> import numpy as np
    >>> from bench import Attack, AttackView, stream
    >>> class Nearest:
    ...     def score(self, view, *, rng):
    ...         apart = view.targets[:, None, :] - view.synthetic[None, :, :]  # (n_targets, n_synthetic, n_genes)
    ...         return -(apart**2).sum(axis=2).min(axis=1)
    >>> isinstance(Nearest(), Attack)
    True
    >>> view = AttackView(synthetic=np.zeros((3, 2)), targets=np.array([[0, 0], [3, 4]]), genes=("G1", "G2"))
    >>> Nearest().score(view, rng=stream(0)).tolist()  # the first is in the release itself
    [-0.0, -25.0]
    """

    def score(self, view: AttackView, *, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return (n_targets,) scores; higher means more likely a member."""


def claim_of(fitted: Any) -> PrivacyClaim | None:
    """Return the privacy claim of a fitted generator, or None if it claims nothing."""
    claim = getattr(fitted, "claim", None)
    return claim() if callable(claim) else None
