"""Who plays which part: the roles of one fold, what an attacker sees, what a generator claims, what plugins do.

Roles of plugins are Protocols, so that third parties need not inherit. Nothing here imports scikit-learn or torch.
"""

from __future__ import annotations

import functools
import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.core.errors import DataError
from bench.core.records import Records, Units
from bench.core.released import ReleasedModel

Access = Literal[
    "black-box",
    "black-box + labels",
    "black-box + reference",
    "black-box + labels + reference",
    "code",
    "white-box",
    "query",
    "query + parameters",
    "query + code",
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
    "query": frozenset({"query", "target_labels"}),  # of a released model: answers in place of data
    # the same fields: what differs is that its numbers, ``view.query.arrays``, may be read as well
    "query + parameters": frozenset({"query", "target_labels"}),
    "query + code": frozenset({"query", "target_labels", "units", "make_generator"}),
}


@dataclass(frozen=True, eq=False)
class Split:
    """Disjoint roles of one fold: what a generator may see, who was held out, and an optional reference.

    Parameters
    ----------
    train, holdout : Records, who trained the generator and who did not
    fold, seed : int, the number of the fold, from 1, and the seed that the folds were drawn with
    reference : Records or None, people who are in no training set, for attackers

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

    train: Records
    holdout: Records
    fold: int
    seed: int
    reference: Records | None = None

    def __post_init__(self) -> None:
        roles = {"train": self.train, "holdout": self.holdout}
        if self.reference is not None:
            roles["reference"] = self.reference
        seen: dict[str, str] = {}
        for role, cohort in roles.items():
            if len(cohort) == 0:
                raise DataError(f"fold {self.fold} has no sample in its {role}; use fewer folds.")
            if cohort.features != self.train.features:
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


def _people(cohort: Records) -> set[str]:
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
    public : tuple of str, the public data used, of other people; no budget covers them

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
    public: tuple[str, ...] = ()

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
    units : what the numbers are; with ``code``, ``query + code`` or ``white-box``
    make_generator : returns a fresh, unfitted copy of the attacked generator; likewise
    fitted : the very model that made the release; with ``white-box``
    query : the released model, which answers by ``predict_proba(X)``; with every ``query``, where `synthetic` has
        no rows. Its numbers, ``query.arrays``, are read with ``query + parameters`` alone

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
    query: ReleasedModel | None = None


@runtime_checkable
class Generator(Protocol):
    """Learns a cohort and samples new people; may also expose ``claim() -> PrivacyClaim | None`` after `fit`.

    The harness hands it records of a modality that the plugin declares: a `Cohort` unless it says otherwise.

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

    def fit(self, cohort: Any, *, rng: np.random.Generator) -> Self:
        """Learn from the training cohort; set attributes that end in ``_`` and return self."""

    def sample(self, n: int, *, rng: np.random.Generator) -> Records:
        """Return n synthetic samples with the genes, their order and the units of the training cohort."""


@runtime_checkable
class ModelGenerator(Protocol):
    """Trains a classifier and releases it in place of data; a generator that declares ``releases="model"``.

    May also expose ``claim() -> PrivacyClaim | None`` after `fit`.

    Examples
    --------
    >>> import numpy as np
    >>> from bench import ModelGenerator, ReleasedModel, stream
    >>> from bench.conformance import people
    >>> class Rates:
    ...     def fit(self, cohort, *, rng):
    ...         self.rates_ = np.array([(cohort.y == label).mean() for label in cohort.classes])
    ...         self.names_ = tuple(cohort.classes), cohort.features
    ...         return self
    ...     def release(self, *, rng):
    ...         classes, features = self.names_
    ...         return ReleasedModel(arrays={"rates": self.rates_}, classes=classes, features=features)
    ...     def predict_proba(self, model, X):
    ...         return np.tile(model.arrays["rates"], (len(X), 1))
    >>> isinstance(Rates(), ModelGenerator)
    True
    >>> Rates().fit(people(9), rng=stream(0)).release(rng=stream(1)).classes
    ('a', 'b', 'c')
    """

    def fit(self, cohort: Any, *, rng: np.random.Generator) -> Self:
        """Learn from the training cohort; set attributes that end in ``_`` and return self."""

    def release(self, *, rng: np.random.Generator) -> ReleasedModel:
        """Return the model: everything that its answers depend on, as arrays."""

    def predict_proba(self, model: ReleasedModel, X: NDArray[np.float32]) -> ArrayLike:
        """Return (n, K) probabilities from the arrays of the model alone; `fit` was not called on this copy."""


class Estimate(NamedTuple):
    """A number of a metric with its 95 % interval, which the rows keep as they keep that of an attack.

    Parameters
    ----------
    value : float, NaN where it is undefined
    low, high : float, the interval; NaN where none is given. It may leave the bounds that the measure declares

    Examples
    --------
    >>> from bench import Estimate
    >>> Estimate(0.2, 0.1, 0.3).high
    0.3
    """

    value: float
    low: float = math.nan
    high: float = math.nan


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
        self, train: Any, holdout: Any, synthetic: Any, *, rng: np.random.Generator
    ) -> Mapping[str, float | Estimate]:
        """Return one number, or an `Estimate`, for each declared measure; NaN where the measure is undefined."""


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
