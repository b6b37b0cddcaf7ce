"""Reads synthetic data made elsewhere into one checked cohort per fold, and says what was done to make them fit."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np

from bench.core.cohort import Cohort, as_expression
from bench.core.errors import DataError
from bench.core.records import Units
from bench.datasets import Dataset
from bench.datasets.gene_lists import landmark_genes
from bench.datasets.readers.spellings import patient_of
from bench.datasets.readers.tables import shown
from bench.foreign.checks import check_units
from bench.foreign.gene_names import GeneNames, read_gene_map
from bench.foreign.labels import read_labels
from bench.foreign.sources import Source, find_sources
from bench.foreign.tables import FOLD_COLUMNS, LABEL_COLUMNS, Part, ReadOptions, pick, read_part


@dataclass(frozen=True, kw_only=True)
class Form:
    """What a user says about a release, where the files do not say it themselves.

    Parameters
    ----------
    folds : the folds that the files were made from, in the order of their numbers; empty if the names say so
    every_fold : whether a single table stands for all folds; nobody can then say who was a member
    label_column : the column that holds the labels, in the table or in the file of labels
    labelled : False for a release that has no labels
    genes : ``"exact"``: all genes of the real cohort and no others; ``"common"``: those that both have
    gene_map : a table of synonyms of genes; the landmark genes' is shipped
    units : what the numbers are; checked by their looks if not given
    samples_in : whether samples are rows or columns; found out from the names of genes if not given
    """

    folds: tuple[int, ...] = ()
    every_fold: bool = False
    label_column: str | None = None
    labelled: bool = True
    genes: Literal["exact", "common"] = "exact"
    gene_map: Path | None = None
    units: Units | None = None
    samples_in: Literal["rows", "columns"] | None = None


@dataclass(frozen=True, eq=False)
class Release:
    """A release that fits: the real dataset to compare with, one synthetic cohort per fold, and what was done."""

    dataset: Dataset
    given: dict[int, Cohort]
    notes: list[str] = field(default_factory=list)


def read_release(
    source: Path | Sequence[Source], dataset: Dataset, form: Form | None = None, folds: Sequence[int] = ()
) -> Release:
    """Return a release, its genes named and ordered as those of the real cohort.

    Parameters
    ----------
    source : a file, or a folder with one file per fold, or what was given from Python
    dataset : the real cohort
    form : what the files do not say
    folds : the numbers of all folds, for a table that stands for each of them

    Raises
    ------
    DataError
        If anything about the release does not fit; the message says what to do.
    """
    form = form or Form()
    release = Release(dataset, {})
    if form.units not in (None, dataset.cohort.units):
        raise DataError(
            f"the release is said to be in units {form.units!r}, but dataset {dataset.name!r} is in "
            f"{dataset.cohort.units!r}. Bring it into those; no conversion here would be the one its training data had."
        )
    rows = read_gene_map(form.gene_map) if form.gene_map else landmark_genes()
    labels = (form.label_column,) if form.label_column else (dataset.label, *LABEL_COLUMNS)
    names = GeneNames(dataset.cohort.genes, rows)
    say = release.notes.append
    options = ReadOptions(names=names, label_columns=labels, genes=form.genes, samples_in=form.samples_in, say=say)
    sources = find_sources(source, say) if isinstance(source, Path) else list(source)
    parts = [read_part(one, options) for one in sources]
    for part in parts:
        _note_real_names(part, dataset.cohort.samples, say)
    real = _cut(release, parts)
    cohorts = [_cohort(part, one, real.expression, form, options) for part, one in zip(parts, sources, strict=True)]
    given = _by_fold(cohorts, sources, parts, form, folds)
    return Release(real, given, _grouped(release.notes))


def _note_real_names(part: Part, people: Sequence[str], say: Callable[[str], None]) -> None:
    """Say so if rows of a release are called as people of the real cohort, by their own name or their barcode."""
    known = {*people, *(patient for name in people if (patient := patient_of(name)))}
    called = sum(name in known or patient_of(name) in known for name in part.samples or ())
    if called:
        say(f"{part.path.name}: {called} rows are called as people of the real cohort, as synthetic people are not")


def _grouped(notes: Sequence[str]) -> list[str]:
    """Return each note once, with how many further files it holds for."""
    files: dict[str, list[str]] = {}
    for note in notes:
        name, colon, text = note.partition(": ")
        files.setdefault(text if colon else note, []).append(name)
    more = {text: f" and {len(names) - 1} more" if len(names) > 1 else "" for text, names in files.items()}
    return [text if names[0] == text else f"{names[0]}{more[text]}: {text}" for text, names in files.items()]


# -- genes -----------------------------------------------------------------------------------------------------------


def _cut(release: Release, parts: Sequence[Part]) -> Dataset:
    """Return the real dataset with the genes of the release alone, under a name of its own where some are missing."""
    genes = parts[0].genes
    for part in parts[1:]:
        if part.genes != genes:
            other = sorted(set(part.genes) ^ set(genes))
            raise DataError(
                f"{part.path} has other genes than {parts[0].path.name}: {shown(other, 3)} are in one of them only. "
                "Expected the same genes in every fold."
            )
    return with_genes(release.dataset, genes, release.notes)


def with_genes(dataset: Dataset, genes: tuple[str, ...], notes: list[str]) -> Dataset:
    """Return the dataset with these of its genes; rows of the smaller cohort never mix with those of the whole."""
    if genes == dataset.cohort.genes:
        return dataset
    name = f"{dataset.name}-genes{len(genes)}-{hashlib.sha256(chr(0).join(genes).encode()).hexdigest()[:6]}"
    share = f"{len(genes)} of {dataset.cohort.n_genes} genes"
    notes.append(f"the real cohort is cut to {share}, those of the release; it is called {name}")
    return replace(
        dataset,
        name=name,
        title=f"{dataset.title}; {share}",
        cohort=_of_genes(dataset.expression, genes),
        reference=None if dataset.reference is None else _of_genes(as_expression(dataset.reference), genes),
        source=f"{dataset.source}; cut to {share}",
    )


def _of_genes(cohort: Cohort, genes: tuple[str, ...]) -> Cohort:
    place = {gene: i for i, gene in enumerate(cohort.genes)}
    return replace(cohort, X=cohort.X[:, [place[gene] for gene in genes]], genes=genes)


# -- one file --------------------------------------------------------------------------------------------------------


def _cohort(part: Part, source: Source, like: Cohort, form: Form, options: ReadOptions) -> Cohort:
    if len(part.values) == 0:
        raise DataError(f"{part.path} has no rows below its header; expected synthetic samples.")
    if form.units is None:
        check_units(part.path, part.values, like)
    y = read_labels(part, source.labels, like, options) if form.labelled else None
    return like.synthetic(part.values, y)


# -- folds -----------------------------------------------------------------------------------------------------------


def _by_fold(
    cohorts: Sequence[Cohort], sources: Sequence[Source], parts: Sequence[Part], form: Form, folds: Sequence[int]
) -> dict[int, Cohort]:
    path = sources[0].path
    column = pick(parts[0].columns, FOLD_COLUMNS)
    if len(sources) == 1 and column and not form.folds and not form.every_fold:
        return _divided(cohorts[0], path, column, parts[0].columns[column])
    if form.every_fold:
        if len(sources) > 1:
            raise DataError(f"--folds all is for one table, and there are {len(sources)}. Name one fold for each.")
        return dict.fromkeys(folds, cohorts[0])
    if form.folds and len(form.folds) != len(sources):
        raise DataError(
            f"--folds names {len(form.folds)} folds for {len(sources)} data files, {path.name!r} first. "
            "Expected one for each."
        )
    numbers = form.folds or [source.fold for source in sources]
    if numbers[0] is None:
        raise DataError(
            f"{path} does not say from which fold's training samples it was made. Say it with --folds 1, add a column "
            "'fold', or say --folds all to compare it with every fold, without attacks."
        )
    return {number: cohort for number, cohort in zip(numbers, cohorts, strict=True) if number is not None}


def _divided(cohort: Cohort, path: Path, column: str, cells: Sequence[str]) -> dict[int, Cohort]:
    """Return the cohorts of one table whose rows say which fold they belong to."""
    try:
        numbers = np.array([int(float(cell)) for cell in cells])
    except ValueError as error:
        raise DataError(f"{path}, column {column!r}: {error}. Expected the number of a fold in every row.") from error
    shift = 1 if numbers.min() == 0 else 0
    rows = {int(number): np.flatnonzero(numbers == number) for number in np.unique(numbers)}
    labels = cohort.y if cohort.has_labels else None
    return {
        number + shift: cohort.synthetic(cohort.X[i], None if labels is None else labels[i])
        for number, i in rows.items()
    }
