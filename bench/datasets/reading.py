"""Reads what an import is made of: the cohort and the reference of a matrix or of variants, and how they came about."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from bench.core.cohort import Cohort
from bench.core.errors import DataError
from bench.core.records import Records
from bench.core.variants import Variants
from bench.datasets.cohorts import Built, build_cohort, check_classes, check_values, labels_of
from bench.datasets.formats import FORMATS, read_matrix, recognise
from bench.datasets.home import Done
from bench.datasets.known.catalogue import Entry, FileSet
from bench.datasets.readers.matrices import Layout, Matrix
from bench.datasets.readers.spellings import patients_of
from bench.datasets.readers.tables import shown
from bench.datasets.readers.variant_files import read_variant_file

UNLABELED = "unlabeled"
log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Found:
    """What was found in files.

    Parameters
    ----------
    cohort, reference : the people, and those who are in no training set
    label : name of the column that the labels came from
    taken : what was taken, in words
    steps : what was done to it
    outside : what every privacy claim must list
    """

    cohort: Records
    reference: Records | None
    label: str
    taken: Mapping[str, str] = field(default_factory=dict)
    steps: Sequence[Done] = ()
    outside: tuple[str, ...] = ()


def read_challenge(folder: Path, entry: Entry, files: FileSet) -> Found:
    """Return the cohort and the reference set of the challenge's own files in a folder."""
    reference = None if files.reference is None else folder / files.reference
    return read_people(folder / files.counts, folder / files.labels, reference, Layout(), None, entry)


def _with_defaults(entry: Entry | None, layout: Layout, units: str | None, counts: Path) -> tuple[Layout, str, str]:
    """Return the layout, the units of the file, and why they are those."""
    if entry is not None and not layout.label_columns:
        layout = replace(layout, label_columns=entry.label_sources)
    if units is not None:
        return layout, units, "as you say"
    kind = recognise(counts, layout.format)
    if entry is not None and (kind.units is None or not kind.outside):  # METABRIC's own files say what they hold
        return layout, entry.units, f"as {entry.name} is known to be"
    if kind.units is None or (layout.layer or "").startswith(("tpm", "fpkm")):
        raise DataError(
            "the units of the numbers are not given; say --units with counts, log2, vst, zscore, genotype or "
            "intensity, or linear for CPM, TPM, FPKM and RSEM, with --transform log2."
        )
    return layout, kind.units, f"as {kind.name} files hold them"


def _taken(built: Built, units: str) -> dict[str, str]:
    """Return what was taken from the files, in words, for people to check."""
    matrix, cohort = built.matrix, built.cohort
    labels, sizes = np.unique(cohort.y, return_counts=True)
    chosen = f", layer {matrix.layer} of {', '.join(matrix.layers)}" if matrix.layer else ""
    classes = ", ".join(f"{label} {size}" for label, size in zip(labels.tolist(), sizes.tolist(), strict=True))
    left = {
        name for name in matrix.columns if name not in (built.label, *cohort.obs) and repr(name) not in built.donors
    }
    taken = {
        "format": f"{FORMATS[matrix.format].what} ({matrix.format}){chosen}",
        "read": f"{len(matrix.samples)} samples x {len(matrix.genes)} genes",
        "units": units,
        "label": f"column {built.label!r}: {classes}",
        "donors": "one per sample" if cohort.donors is None else f"{len(np.unique(cohort.donors))}, {built.donors}",
        "left out": "; ".join(matrix.left_out) or "nothing",
    }
    return taken | ({"not used": f"columns {shown(sorted(left), 12)}"} if left else {})


def read_people(
    counts: Path,
    labels: Path | None,
    reference: Path | None,
    layout: Layout,
    units: str | None,
    entry: Entry | None,
    steps: Sequence[str] = (),
) -> Found:
    """Return the cohort of a matrix, and of another one the reference, both after the same steps.

    Parameters
    ----------
    counts, labels, reference, layout, units : as `bench.datasets.importing.import_dataset` has them
    entry : what is known about a cohort of the catalogue
    steps : as in `bench.datasets.steps`

    Raises
    ------
    DataError
        If anything about the files is not as expected.
    """
    layout, units, why = _with_defaults(entry, layout, units, counts)
    others = None if reference is None else read_matrix(reference, layout, labels_inside=False)
    built = build_cohort(counts, labels, layout, units, others.samples if others else (), steps)
    if entry is not None and built.label in entry.label_sources:
        cohort = _with_tissue(built.cohort, entry, labels or counts, built.label)
        built = replace(built, cohort=cohort, label=entry.label)
    return Found(
        built.cohort,
        None if others is None else _reference_cohort(_replayed(others, built), built.cohort),
        built.label,
        _taken(built, f"{units}, {why}"),
        [Done(effect.step, effect.did) for effect in built.effects],
        (*FORMATS[built.matrix.format].outside, *(effect.outside for effect in built.effects if effect.outside)),
    )


def _replayed(matrix: Matrix, built: Built) -> Matrix:
    """Return a matrix after the steps that the cohort took; what was fitted or chosen there stays as it is."""
    values, genes = matrix.values, matrix.genes
    if any(effect.replay for effect in built.effects) and genes != built.matrix.genes:
        place = {gene: i for i, gene in enumerate(genes)}
        if missing := [gene for gene in built.matrix.genes if gene not in place]:
            raise _lacks(matrix.path, missing)
        values, genes = values[:, [place[gene] for gene in built.matrix.genes]], built.matrix.genes
    for effect in built.effects:
        if effect.replay is not None:
            values, genes = effect.replay(values, genes)
    return replace(matrix, values=values, genes=genes)


def _lacks(path: Path, missing: Sequence[str]) -> DataError:
    return DataError(
        f"the reference set {path} lacks {len(missing)} genes of the cohort: {shown(missing, 3)}. "
        "Expected the same genes; make both files from the same gene list."
    )


def read_variants(counts: Path, labels: Path | None, reference: Path | None, layout: Layout, build: str) -> Found:
    """Return the people of a file of variants, and those of the reference at the same sites."""
    if labels is None:
        raise DataError(f"{counts} holds variants and no labels; give a table of them with --labels.")
    found = read_variant_file(counts, build=build)
    others = None if reference is None else read_variant_file(reference, build=build)
    samples = () if others is None else others.samples
    y, label, donors = labels_of(labels, layout, counts, found.samples, samples)
    people = Variants(
        calls=found.calls, y=y, sites=found.sites, samples=found.samples, build=found.build,
        donors=found.families if donors is None else donors,
    )  # fmt: skip
    check_classes(people, labels, label)
    if reference is None or others is None:
        return Found(people, None, label)
    if both := sorted(set(others.samples) & set(people.samples)):
        raise DataError(
            f"{len(both)} samples are in both {counts} and {reference}: {shown(both, 3)}. Drop them from one."
        )
    place = {site: i for i, site in enumerate(others.sites)}
    if (missing := [site for site in people.sites if site not in place]) or others.calls.shape[1] != people.calls.shape[
        1
    ]:
        what = (
            f"lacks {len(missing)} sites: {shown(missing, 3)}" if missing else "differs in whether the phase is known"
        )
        raise DataError(f"the reference {reference} {what}. Make both files from the same sites.")
    calls = others.calls[:, :, [place[site] for site in people.sites]]
    y = np.full(len(others.samples), UNLABELED)
    known = Variants(calls=calls, y=y, sites=people.sites, samples=others.samples, build=people.build)
    return Found(people, known, label)


def _with_tissue(cohort: Cohort, entry: Entry, path: Path, column: str) -> Cohort:
    if not entry.tissues or "tissue" in cohort.obs:
        return cohort
    unknown = sorted(set(cohort.y.tolist()) - set(entry.tissues))
    if unknown:
        raise DataError(
            f"{path}, column {column!r}: the labels {shown(unknown)} of dataset {entry.name!r} are no TCGA project "
            f"codes; expected {shown(entry.tissues, 3)}. Name the column that holds the codes with --label-column."
        )
    tissue = np.array([entry.tissues[label] for label in cohort.y.tolist()], dtype=np.str_)
    return replace(cohort, obs={**cohort.obs, "tissue": tissue})


def _reference_cohort(matrix: Matrix, cohort: Cohort) -> Cohort:
    """Return the reference set with its genes in the order of the cohort's."""
    place = {gene: i for i, gene in enumerate(matrix.genes)}
    if missing := [gene for gene in cohort.genes if gene not in place]:
        raise _lacks(matrix.path, missing)
    if both := sorted(set(matrix.samples) & set(cohort.samples)):
        raise DataError(
            f"{len(both)} samples are in both the cohort and the reference set {matrix.path}: {shown(both, 3)}. The "
            "reference must hold other people; drop them from it."
        )
    reference = Cohort(
        X=matrix.values[:, [place[gene] for gene in cohort.genes]],
        y=np.full(len(matrix.samples), UNLABELED),
        genes=cohort.genes,
        samples=matrix.samples,
        units=cohort.units,
    )
    check_values(reference, matrix.path)
    _note_people_in_both(cohort, reference, matrix.path)
    return reference


def _note_people_in_both(cohort: Cohort, reference: Cohort, path: Path) -> None:
    """Say so if a barcode tells that somebody in the reference gave a sample of the cohort too."""
    ours, theirs = patients_of(cohort.samples), patients_of(reference.samples)
    both = [] if ours is None or theirs is None else sorted(set(ours.tolist()) & set(theirs.tolist()))
    if both:
        log.warning(
            "%s: %d people are in the cohort too, with another sample: %s. Attacks take the reference for strangers; "
            "drop these people from it", path, len(both), shown(both, 3),
        )  # fmt: skip
