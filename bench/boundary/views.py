"""Decides what an attacker sees in a run, a round and an audit, and - for the harness alone - what the truth is.

Every `AttackView` of the harness is made here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.core.errors import PluginError
from bench.core.records import Records
from bench.core.released import Release, ReleasedModel
from bench.core.roles import GRANTS, Access, AttackView, Generator, Split
from bench.core.seeds import stream
from bench.statistics.exposure import exposure_measures, outlying
from bench.statistics.membership import Reading, membership_measures

WITH_CODE = tuple(access for access, fields in GRANTS.items() if "make_generator" in fields)
_Possible = dict[str, Callable[[], Any]]  # the fields of a view that an access may grant, and how each is made


@dataclass(frozen=True, eq=False)
class Candidates:
    """The people an attacker is asked about, in an order that tells nothing, and what only the harness knows.

    Parameters
    ----------
    people : (n, n_genes)
    labels : (n,) class labels
    member : (n,) bool, who was in the training set
    outlier : (n,) bool, the tenth farthest from their class
    """

    people: NDArray[np.float32]
    labels: NDArray[np.str_]
    member: NDArray[np.bool_]
    outlier: NDArray[np.bool_]

    def readings(self, scores: NDArray[np.float64]) -> tuple[Reading, ...]:
        """Return every reading of one attack, over everybody, the worst class and the outliers."""
        everybody = membership_measures(scores, self.member)
        return (*everybody, *exposure_measures(scores, self.member, self.labels, self.outlier))


@lru_cache(maxsize=2)
def candidates(split: Split, dataset: str) -> Candidates:
    """Return the train and holdout people of a fold, mixed; the order is the same for every generator."""
    people = np.concatenate([split.train.X, split.holdout.X])
    labels = np.concatenate([split.train.y, split.holdout.y])
    order = stream(split.seed, "targets", dataset, split.fold).permutation(len(people))
    member = order < len(split.train)
    return Candidates(people[order], labels[order], member, outlying(people[order], labels[order]))


@dataclass(frozen=True, eq=False)
class Insider:
    """What only attackers with more than the release get.

    Parameters
    ----------
    make_generator : returns a fresh, unfitted copy of the attacked generator
    fit : returns the very model that made the release
    """

    make_generator: Callable[[], Generator]
    fit: Callable[[], Generator]


def view_of(split: Split, dataset: str, release: Release, access: Access, insider: Insider | None = None) -> AttackView:
    """Return what an attacker with this access sees of one release of a run.

    Parameters
    ----------
    split : its reference people are shown where the access grants them
    release : synthetic records, or a model, which is queried and shows no records
    access : as the attack declares it
    insider : what the access levels ``code`` and ``white-box`` grant beside; None where there is only a release
    """
    asked = candidates(split, dataset)
    synthetic = _shown(release, split.train)
    possible: _Possible = {
        "synthetic_labels": lambda: synthetic.y,
        "target_labels": lambda: asked.labels,
        "reference": lambda: None if split.reference is None else split.reference.X,
        "units": lambda: synthetic.units,
        "make_generator": lambda: insider.make_generator if insider else None,
        "fitted": lambda: insider.fit() if insider else None,
        "query": lambda: _queried(release),
    }
    return _view(synthetic.X, asked.people, synthetic.genes, access, possible)


def _shown(release: Release, people: Records) -> Records:
    """Return the records that a release shows: none, if it is a model."""
    return people.take([]) if isinstance(release, ReleasedModel) else release


def _queried(release: Release) -> ReleasedModel:
    """Return the released model, to be asked.

    Raises
    ------
    PluginError
        If data were released.
    """
    if not isinstance(release, ReleasedModel):
        raise PluginError("data were released, and an attack with the access 'query' asks a released model.")
    return release


def view_of_round(
    release: NDArray[np.float32], cohort: Records, reference: Records | None, access: Access
) -> AttackView:
    """Return what a red team sees of one release of a round: the candidates in the order of the real cohort.

    Who was in the release was drawn for it alone, so that this order tells nothing. A round gives no labels of a
    release; where the access grants them, they are guessed from those of the candidates.

    Parameters
    ----------
    release : (n_synthetic, n_genes), genes in the order of the cohort
    cohort : the candidates
    reference : people known to be no members, if the cohort has any
    """
    possible: _Possible = {
        "synthetic_labels": lambda: _guessed_labels(release, cohort),
        "target_labels": lambda: cohort.y,
        "reference": lambda: None if reference is None else reference.X,
    }
    return _view(release, cohort.X, cohort.genes, access, possible)


def _guessed_labels(release: NDArray[np.float32], cohort: Records) -> NDArray[np.str_]:
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis  # slow to import

    model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto").fit(cohort.X, cohort.y)
    return np.asarray(model.predict(release), dtype=np.str_)


def order_of_audit(n: int, seed: int, run: int) -> NDArray[np.intp]:
    """Return the order in which attackers are asked about n people in one training of an audit."""
    return stream(seed, "audit", "order", run).permutation(n)


def view_of_audit(people: Records, order: NDArray[np.intp], release: Release, access: Access) -> AttackView:
    """Return what an attacker sees in one training of an audit: the release, and the people in the given order.

    Those that have no coin are among the people, and nothing says which they are.
    """
    synthetic = _shown(release, people)
    possible: _Possible = {
        "synthetic_labels": lambda: synthetic.y,
        "target_labels": lambda: people.y[order],
        "query": lambda: _queried(release),
    }
    return _view(synthetic.X, people.X[order], synthetic.genes, access, possible)


def _view(
    synthetic: NDArray[np.float32],
    targets: NDArray[np.float32],
    genes: tuple[str, ...],
    access: Access,
    possible: _Possible,
) -> AttackView:
    """Return a view that holds what the access grants and nothing else; what it does not grant is not even made."""
    extra = {name: value() for name, value in possible.items() if name in GRANTS[access]}
    return AttackView(synthetic=synthetic, targets=targets, genes=genes, **extra)
