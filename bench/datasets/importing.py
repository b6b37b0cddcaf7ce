"""Imports cohorts into the data home, reads the challenge's own files where they lie, and checks what was imported."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from bench.core.cohort import Cohort
from bench.core.errors import DataError
from bench.core.files import sha256
from bench.core.records import Units
from bench.datasets import Dataset, load_dataset, where_is
from bench.datasets.catalogue import CATALOGUE, Entry, FileSet, known_outside
from bench.datasets.cohorts import build_cohort, check_values
from bench.datasets.home import SourceFile, check_name, data_home, describe, is_stored, read_stored, store
from bench.datasets.matrices import Layout, Matrix, read_matrix
from bench.datasets.tables import shown

UNLABELED = "unlabeled"


def import_dataset(
    name: str,
    counts: Path,
    labels: Path | None = None,
    *,
    reference: Path | None = None,
    units: Units | None = None,
    layout: Layout | None = None,
    title: str = "",
    source: str = "",
    files: tuple[SourceFile, ...] = (),
    outside: tuple[str, ...] = (),
    force: bool = False,
) -> Dataset:
    """Return the dataset after it was checked and stored in the data home under this name.

    Parameters
    ----------
    name : the name for the command line; for one of the catalogue the label column and units are known
    counts : the matrix: TSV, CSV, parquet or h5ad
    labels : one row per sample; None if `counts` holds the labels
    reference : matrix of unlabeled people who are in no training set, laid out as `counts`
    units : what the numbers are
    layout : which columns hold what
    title : one line for tables; the name if empty
    source, files : where the files came from; found out if not given
    outside : steps that touched people of every fold (see `bench.Dataset`); known for those of the catalogue
    force : whether to replace a dataset of the same name

    Raises
    ------
    DataError
        If anything about the files is not as expected, or the name is taken; nothing is stored then.
    """
    home = data_home(create=True)
    if is_stored(home, check_name(name)) and not force:
        raise DataError(f"dataset {name!r} is in {home} already. Say --force to replace it, or choose another name.")
    entry = CATALOGUE.get(name)
    layout, units = _with_defaults(entry, layout or Layout(), units)
    cohort, others, label = _read(counts, labels, reference, layout, units, entry)
    roles = {"counts": counts, "labels": labels, "reference": reference}
    files = files or tuple(SourceFile.of(role, path) for role, path in roles.items() if path is not None)
    manifest = describe(
        name,
        cohort,
        others,
        title=title or (entry.title if entry else name),
        label=label,
        source=source or f"imported from {counts.resolve()}",
        files=files,
        outside=outside or known_outside(name, cohort.units),
    )
    store(home, manifest, cohort, others)
    return Dataset(name, manifest.title, manifest.label, cohort, others, False, manifest.source, manifest.outside)


def read_challenge(folder: Path, entry: Entry, files: FileSet) -> tuple[Cohort, Cohort | None]:
    """Return the cohort and the reference set of the challenge's own files in a folder."""
    layout, units = _with_defaults(entry, Layout(), None)
    reference = None if files.reference is None else folder / files.reference
    return _read(folder / files.counts, folder / files.labels, reference, layout, units, entry)[:2]


def _with_defaults(entry: Entry | None, layout: Layout, units: Units | None) -> tuple[Layout, Units]:
    if entry is not None and not layout.label_columns:
        layout = replace(layout, label_columns=entry.label_sources)
    units = units or (entry.units if entry else None)
    if units is None:
        raise DataError(
            "the units of the numbers are not given; say --units with counts, log2, vst, zscore, genotype or intensity."
        )
    return layout, units


def _read(
    counts: Path, labels: Path | None, reference: Path | None, layout: Layout, units: Units, entry: Entry | None
) -> tuple[Cohort, Cohort | None, str]:
    others = None if reference is None else read_matrix(reference, layout, labels_inside=False)
    cohort, label = build_cohort(counts, labels, layout, units, others.samples if others else ())
    if entry is not None and label in entry.label_sources:
        cohort, label = _with_tissue(cohort, entry, labels or counts, label), entry.label
    return cohort, None if others is None else _reference_cohort(others, cohort), label


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
        raise DataError(
            f"the reference set {matrix.path} lacks {len(missing)} genes of the cohort: {shown(missing, 3)}. "
            "Expected the same genes; make both files from the same gene list."
        )
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
    return reference


# -- is it still what was imported? ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class PartCheck:
    """What the check of one part of an imported dataset found."""

    what: str
    ok: bool
    detail: str


def verify_dataset(name: str) -> list[PartCheck]:
    """Return one check per part: the cohort against its digest, each source file against its SHA-256.

    A source file that is no longer there is no failure: the imported form does not need it.
    """
    if where_is(name) != "imported":
        dataset = load_dataset(name)  # whatever is wrong with it is raised here
        return [
            PartCheck("cohort", True, f"readable, digest {dataset.digest}; not imported, so nothing to compare with")
        ]
    home = data_home()
    try:
        manifest, cohort, reference = read_stored(home, name)
    except DataError as error:
        return [PartCheck("cohort", False, str(error))]
    checks = [PartCheck("cohort", True, f"digest {cohort.digest}")]
    if reference is not None:
        checks.append(PartCheck("reference", True, f"digest {reference.digest}"))
    return checks + [_check_source(file) for file in manifest.files]


def _check_source(file: SourceFile) -> PartCheck:
    path = Path(file.path)
    what = f"{file.role} file"
    if not path.is_file():
        return PartCheck(what, True, f"{path} is no longer there; the imported form does not need it")
    if (found := sha256(path)) == file.sha256:
        return PartCheck(what, True, f"{path}, SHA-256 {found}")
    return PartCheck(
        what,
        False,
        f"{path} has SHA-256 {found[:12]}, but had {file.sha256[:12]} at import. Import it again if it is newer.",
    )
