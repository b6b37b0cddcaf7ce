"""Sets people aside as the attackers' reference where a cohort brings none, before any fold is made."""

from __future__ import annotations

from dataclasses import replace

from bench.core.errors import DataError
from bench.datasets import Dataset
from bench.datasets.folds import make_splits

_SEED = 0  # of who is set aside: the same people whatever seeds the folds have


def with_reference(dataset: Dataset, one_in: int) -> Dataset:
    """Return the dataset with one person in `one_in` as the reference, in no fold and seen by no generator.

    Classes keep their proportions and the samples of a donor stay together. The cohort that is left is smaller and has
    other folds, so the dataset gets a name of its own and its rows never mix with those of the whole cohort.

    Raises
    ------
    DataError
        If the dataset brings a reference set, or a class has too few people.
    """
    if dataset.reference is not None:
        raise DataError(
            f"dataset {dataset.name!r} brings a reference set of {len(dataset.reference)} people; leave out "
            "--reference-one-in."
        )
    parts = make_splits(dataset.cohort, seed=_SEED, n_folds=one_in)[0]
    return replace(
        dataset,
        name=f"{dataset.name}-reference{one_in}",
        title=f"{dataset.title}; one person in {one_in} set aside as the attackers' reference",
        cohort=parts.train,
        reference=parts.holdout,
        source=f"{dataset.source}; {len(parts.holdout)} of {len(dataset.cohort)} people set aside as reference",
    )
