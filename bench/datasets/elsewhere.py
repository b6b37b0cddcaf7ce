"""People of a cohort that is named as the attackers' reference, where the cohort under attack brings none."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from bench.core.cohort import Cohort, as_expression
from bench.core.errors import DataError, near_name
from bench.datasets.foreign_reference import WORDS, foreign_reference

if TYPE_CHECKING:
    from bench.datasets import Dataset

_SHOWN = 3  # genes in a message


@dataclass(frozen=True, eq=False)
class Elsewhere:
    """People of another cohort, shown to attackers as people who are no members.

    Parameters
    ----------
    people : with the genes of the cohort under attack, in its order
    words : who they are, for pages
    """

    people: Cohort
    words: str


def shown_from_elsewhere(dataset: Dataset) -> Elsewhere | None:
    """Return whom attackers with a reference are shown where the dataset brings none: those named, or those shipped."""
    if dataset.elsewhere is not None:
        return dataset.elsewhere
    people = foreign_reference(dataset)
    return None if people is None else Elsewhere(people, WORDS)


def with_people_of(dataset: Dataset, other: Dataset) -> Dataset:
    """Return the dataset with another cohort as what attackers hold of people who are no members.

    The cohort, its folds and what generators see stay. The dataset gets a name of its own, so that rows of one
    reference never mix with rows of another. Each gene is moved to the quantiles of a release before it is shown.

    Raises
    ------
    DataError
        If the dataset brings a reference set, one of the two is no expression, they share a sample or a donor, or the
        other lacks a gene.

    Examples
    --------
    >>> from bench import Dataset
    >>> from bench.conformance import people
    >>> from bench.datasets.elsewhere import with_people_of
    >>> mine, theirs = (Dataset.from_cohort(name, people(n, name)) for name, n in (("mine", 30), ("theirs", 20)))
    >>> attacked = with_people_of(mine, theirs)
    >>> attacked.name, len(attacked.elsewhere.people)
    ('mine-as-theirs', 20)
    """
    if dataset.reference is not None:
        raise DataError(
            f"dataset {dataset.name!r} brings a reference set of {len(dataset.reference)} people; leave out "
            "--reference."
        )
    mine, theirs = as_expression(dataset.cohort), as_expression(other.cohort)
    if missing := [gene for gene in mine.genes if gene not in set(theirs.genes)]:
        some = ", ".join(missing[:_SHOWN]) + (" and others" if len(missing) > _SHOWN else "")
        raise DataError(
            f"{other.name!r} lacks {len(missing)} of the {mine.n_genes} genes of {dataset.name!r} ({some}), and a "
            f"reference needs all of them.{near_name(missing[0], theirs.genes)}"
        )
    if shared := _names(mine) & _names(theirs):
        raise DataError(
            f"{min(shared)!r} is in both {dataset.name!r} and {other.name!r}; people of a reference are no members."
        )
    column = {gene: j for j, gene in enumerate(theirs.genes)}
    X = theirs.X[:, np.array([column[gene] for gene in mine.genes])]
    people = Cohort(X=X, y=theirs.y, genes=mine.genes, samples=theirs.samples, units=theirs.units)
    words = f"foreign: {len(people)} people of {other.label_name}, each gene moved to the quantiles of the release"
    return replace(
        dataset,
        name=f"{dataset.name}-as-{other.slug}",
        title=f"{dataset.title}; attackers hold people of {other.label_name}",
        elsewhere=Elsewhere(people, words),
    )


def _names(people: Cohort) -> set[str]:
    return {*people.samples, *map(str, () if people.donors is None else people.donors)}
