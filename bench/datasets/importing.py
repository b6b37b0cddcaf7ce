"""Imports cohorts into the data home, and checks what was imported."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.core.cohort import as_expression
from bench.core.errors import DataError
from bench.core.files import sha256
from bench.core.images import Images
from bench.datasets import Dataset, load_dataset, where_is
from bench.datasets.cohorts import check_classes
from bench.datasets.formats.metabric import with_scheme
from bench.datasets.home import SourceFile, check_name, data_home, describe, is_stored, read_stored, store
from bench.datasets.known.catalogue import CATALOGUE, known_outside
from bench.datasets.per_fold import check_steps
from bench.datasets.readers.image_files import (
    ImageLayout,
    read_idx_images,
    read_image_npz,
    read_png_folder,
    without_repeats,
)
from bench.datasets.readers.matrices import Layout
from bench.datasets.readers.variant_files import is_variant_file
from bench.datasets.reading import Found, read_people, read_variants
from bench.datasets.steps import names_of

log = logging.getLogger(__name__)


def import_dataset(
    name: str,
    counts: Path,
    labels: Path | None = None,
    *,
    reference: Path | None = None,
    units: str | None = None,
    layout: Layout | None = None,
    transform: Sequence[str] = (),
    per_fold: Sequence[str] = (),
    title: str = "",
    source: str = "",
    files: tuple[SourceFile, ...] = (),
    outside: tuple[str, ...] = (),
    force: bool = False,
    build: str = "",
) -> Dataset:
    """Return the dataset after it was checked and stored in the data home under this name.

    Parameters
    ----------
    name : the name for the command line; for one of the catalogue the label column and units are known
    counts : the matrix: a file or folder in a format of `bench.datasets.formats`; or variants: VCF, BCF, PLINK .bed
    labels : one row per sample; None if `counts` holds the labels; or the name of a scheme of METABRIC's labels
    reference : matrix of unlabeled people who are in no training set, laid out as `counts`
    units : what the numbers of the file are, ``"linear"`` if they are CPM, TPM or the like; some formats say it
    layout : which columns hold what
    transform : steps from raw to ready, as in `bench.datasets.steps`, in their order
    per_fold : steps that are taken in each fold instead, fitted on its training people alone
    title : one line for tables; the name if empty
    source, files : where the files came from; found out if not given
    outside : steps that touched people of every fold (see `bench.Dataset`); known for those of the catalogue
    force : whether to replace a dataset of the same name
    build : the reference genome of variants, where their file does not say

    Raises
    ------
    DataError
        If anything about the files is not as expected, or the name is taken; nothing is stored then.
    """
    home = _free_home(name, force=force)
    entry = CATALOGUE.get(name)
    labels, layout = with_scheme(counts, labels, layout or Layout())
    found: Found
    if is_variant_file(counts):
        if per_fold:
            raise DataError(f"{counts} holds variants, and --per-fold is for expression; leave it out.")
        found = read_variants(counts, labels, reference, layout, build)
    else:
        done = names_of(transform)
        layout = replace(layout, missing="complete-genes" in done, unlabelled="drop-unlabelled" in done)
        layout = replace(layout, per_fold=bool(per_fold))
        found = read_people(counts, labels, reference, layout, units, entry, transform)
    cohort = found.cohort
    roles = {"counts": counts, "labels": labels, "reference": reference}
    files = files or tuple(
        SourceFile.of(role, file) for role, path in roles.items() if path is not None for file in _files_in(path)
    )
    manifest = describe(
        name,
        cohort,
        found.reference,
        title=title or (entry.title if entry else name),
        label=found.label,
        source=source or f"imported from {counts.resolve().name}",
        files=files,
        outside=(*(outside or known_outside(name, cohort.units)), *found.outside, *_of_folds(found, per_fold)),
        taken=found.taken,
        steps=found.steps,
        per_fold=per_fold,
    )
    store(home, manifest, cohort, found.reference)
    about = (manifest.title, manifest.label, cohort, found.reference, False, manifest.source)
    return Dataset(name, *about, manifest.outside, per_fold=manifest.per_fold)


def _of_folds(found: Found, per_fold: Sequence[str]) -> tuple[str, ...]:
    """Return what every claim must list about steps that are taken in each fold, after a trial on everybody."""
    if not per_fold:
        return ()
    reference = None if found.reference is None else as_expression(found.reference)
    return check_steps(per_fold, as_expression(found.cohort), reference)


def import_images(
    name: str,
    images: Path,
    labels: Path | None = None,
    *,
    layout: ImageLayout | None = None,
    title: str = "",
    force: bool = False,
) -> Dataset:
    """Return a dataset of images after it was checked and stored in the data home under this name.

    Parameters
    ----------
    name : the name for the command line
    images : an npz file (of MedMNIST's, the training part is the cohort, the validation part the reference), an idx
        file (gzipped or not), or a folder of PNG files
    labels : an idx file beside an idx file, a CSV file beside a folder; None for npz
    layout : which columns of the CSV file hold what
    title : one line for tables; the name if empty
    force : whether to replace a dataset of the same name

    Raises
    ------
    DataError
        If anything about the files is not as expected, or the name is taken; nothing is stored then.
    """
    home = _free_home(name, force=force)
    cohort, reference = _read_images(images, labels, layout)
    check_classes(cohort, labels or images, "label")
    if repeats := without_repeats(cohort)[1]:
        log.warning(
            "%s: %d images equal an earlier one; a copy on both sides of a fold makes attacks and measures look "
            "better than they are", images, repeats,
        )  # fmt: skip
    files = tuple(
        SourceFile.of(role, path)
        for role, path in {"images": images, "labels": labels}.items()
        if path is not None and path.is_file()
    )
    source = f"imported from {images.resolve().name}"
    manifest = describe(name, cohort, reference, title=title or name, label="label", source=source, files=files)
    store(home, manifest, cohort, reference)
    return Dataset(name, manifest.title, "label", cohort, reference, False, source)


def _read_images(images: Path, labels: Path | None, layout: ImageLayout | None) -> tuple[Images, Images | None]:
    if images.suffix.lower() == ".npz":
        if labels is not None:
            raise DataError(f"{images} holds its labels itself; leave out --labels.")
        parts = read_image_npz(images)
        return next(iter(parts.values())), parts.get("val") if "train" in parts else None
    if labels is None:
        raise DataError(
            f"{images} has no labels in it; give them with --labels (idx beside idx, CSV beside PNG files)."
        )
    if images.is_dir():
        return read_png_folder(images, labels, layout), None
    return read_idx_images(images, labels), None


def _free_home(name: str, *, force: bool) -> Path:
    """Return the data home, in which the name is free or may be replaced."""
    home = data_home(create=True)
    if is_stored(home, check_name(name)) and not force:
        raise DataError(f"dataset {name!r} is in {home} already. Say --force to replace it, or choose another name.")
    return home


def _files_in(path: Path) -> list[Path]:
    """Return a file, or those of a folder and of the folders in it."""
    if path.is_file():
        return [path]
    return sorted(file for pattern in ("*", "*/*") for file in path.glob(pattern) if file.is_file())


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
