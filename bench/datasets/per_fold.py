"""Steps that are fitted anew for each fold, on its training people alone: who is held out decides nothing.

A dataset that was imported with `--per-fold` keeps the values of its file, and a run takes the steps in each fold: what
they need to know is learned from the training people, and training, held-out and reference people are then changed
alike. So nothing of a held-out person is in what a generator is trained on, as there is in a transformation that was
fitted on the whole cohort.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from bench.core.cohort import Cohort, as_expression
from bench.core.errors import DataError
from bench.core.records import Units
from bench.core.roles import Split
from bench.datasets import Dataset

if TYPE_CHECKING:
    from bench.datasets.steps import Draft, Effect

# steps that change values, and keep people, labels and genes
POSSIBLE = frozenset({"round", "cpm", "log2", "vst", "vst-fitted"})


def check_steps(steps: Sequence[str], cohort: Cohort, reference: Cohort | None) -> tuple[str, ...]:
    """Return what every privacy claim must list about steps that are taken per fold, after a trial on everybody.

    Parameters
    ----------
    steps : such as ``["vst-fitted"]``
    cohort, reference : all people; what the trial finds is not kept

    Raises
    ------
    DataError
        If a step is none that can be taken per fold, or does not fit the values.
    """
    from bench.datasets.steps import STEPS, check_end, follow, names_of

    if other := sorted(names_of(steps) - POSSIBLE):
        raise DataError(
            f"--per-fold {other[0]} is not possible: a step per fold changes values, and keeps people, labels and "
            f"genes. Expected one of {', '.join(name for name in STEPS if name in POSSIBLE)}; take others with "
            "--transform."
        )
    effects = follow(steps, _draft(cohort))
    check_end(effects[-1].draft.units)
    if reference is not None:
        _alike(effects, reference)
    return tuple(f"{e.outside}, fitted on the training people of each fold" for e in effects if e.outside)


def in_fold(dataset: Dataset, split: Split) -> Dataset:
    """Return a dataset with the values that its people have in one fold; itself if no step is taken per fold.

    Parameters
    ----------
    dataset : as it was imported
    split : who is trained on, by name; the values that it holds are not looked at
    """
    if not dataset.per_fold:
        return dataset
    from bench.datasets.steps import follow  # slow to import, and most runs take no step

    cohort = dataset.expression
    place = {name: i for i, name in enumerate(cohort.samples)}
    effects = follow(dataset.per_fold, _draft(cohort.take([place[name] for name in split.train.samples])))
    reference = None if dataset.reference is None else _alike(effects, as_expression(dataset.reference))
    return replace(dataset, cohort=_alike(effects, cohort), reference=reference, per_fold=())


def split_in_fold(dataset: Dataset, split: Split) -> Split:
    """Return a split whose people have the values of its fold; itself if no step is taken per fold."""
    if not dataset.per_fold:
        return split
    changed = in_fold(dataset, split)
    place = {name: i for i, name in enumerate(changed.cohort.samples)}
    train, holdout = ([place[name] for name in side.samples] for side in (split.train, split.holdout))
    reference = None if split.reference is None else changed.reference
    return Split(changed.cohort.take(train), changed.cohort.take(holdout), split.fold, split.seed, reference)


def _alike(effects: Sequence[Effect], people: Cohort) -> Cohort:
    """Return people after steps that were fitted on others."""
    X, genes = people.X.astype(np.float64), people.genes
    for effect in effects:
        assert effect.replay is not None  # every possible step has one
        X, genes = effect.replay(X, genes)
    labels = people.y if people.has_labels else None
    return Cohort(
        X=X.astype(np.float32), y=cast("NDArray[np.str_]", labels), genes=genes, samples=people.samples,
        units=cast("Units", effects[-1].draft.units), donors=people.donors, obs=people.obs,
    )  # fmt: skip


def _draft(cohort: Cohort) -> Draft:
    from bench.datasets.steps import Draft

    labels = cohort.y.tolist() if cohort.has_labels else [""] * len(cohort)
    return Draft(cohort.X.astype(np.float64), labels, cohort.samples, cohort.genes, cohort.units, {})
