"""Cohorts by name: imported ones, the challenge's own files, and the simulated stand-ins."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from bench.core.cohort import Cohort, as_expression
from bench.core.errors import DataError
from bench.core.records import Modality, Records
from bench.datasets.home import check_name, data_home, is_stored, read_stored, stored_names
from bench.datasets.known.catalogue import CATALOGUE, DOI, Entry, FileSet, known_outside, match_files, unknown_dataset
from bench.datasets.known.genomes import GENOMES, LABEL, Genome, no_genome, real_genome, simulated_genome
from bench.datasets.known.image_sets import IMAGE_SETS, load_image_set
from bench.datasets.known.providers import Provider, provided
from bench.datasets.known.remembered import read_once

if TYPE_CHECKING:
    import pandas as pd

    from bench.datasets.elsewhere import Elsewhere

log = logging.getLogger(__name__)
# where none is named
DEFAULT_DATASETS: Mapping[str, str] = MappingProxyType({"expression": "combined", "images": "digits"})
__all__ = ["DEFAULT_DATASETS", "Dataset", "dataset_names", "load_dataset", "where_is"]


@dataclass(frozen=True, eq=False)
class Dataset:
    """A cohort with its name and where it came from.

    `load_dataset` gives those that are known by name, `from_cohort` makes one of your own.

    Parameters
    ----------
    name : str, the name on the command line
    title : str, one line for tables
    label : str, name of the label column, for exports
    cohort : Records, the samples: a `Cohort` of expression, `Images` or `Variants`
    reference : Records or None, people who are in no training set
    simulated : bool, True if no measured value is in it
    source : str, where the data came from, in one line
    outside : tuple of str, the steps of their making that touched people of every fold, such as a transformation that
        was fitted on all of them; every privacy claim on these data lists them, since no budget of a generator pays
    elsewhere : Elsewhere or None, people of another cohort for attackers that need a reference, where there is none
    per_fold : tuple of str, steps that a run takes in each fold, fitted on its training people (see
        `bench.datasets.per_fold`); the values here are those before them

    Examples
    --------
    >>> from bench import Cohort, Dataset
    >>> cohort = Cohort(X=[[1, 2], [3, 4]], y=["a", "b"], genes=["G1", "G2"], samples=["s1", "s2"], units="log2")
    >>> mine = Dataset.from_cohort("mine", cohort, label="disease", simulated=True)
    >>> mine.label_name
    'mine (simulated)'
    >>> mine.to_frame().columns.tolist()
    ['disease', 'G1', 'G2']
    """

    name: str
    title: str
    label: str
    cohort: Records
    reference: Records | None
    simulated: bool
    source: str
    outside: tuple[str, ...] = ()
    elsewhere: Elsewhere | None = None
    per_fold: tuple[str, ...] = ()

    @property
    def label_name(self) -> str:
        """The name for tables and pictures; a simulated cohort says so."""
        return f"{self.name} (simulated)" if self.simulated else self.name

    @property
    def slug(self) -> str:
        """The name for files; a simulated cohort says so."""
        return f"{self.name}-simulated" if self.simulated else self.name

    @property
    def digest(self) -> str:
        """SHA-256 of the cohort, and of the steps that are taken in each fold, if there are any."""
        if not self.per_fold:
            return self.cohort.digest
        return hashlib.sha256("\0".join([self.cohort.digest, *self.per_fold]).encode()).hexdigest()

    def same_in_all_folds(self) -> Dataset:
        """Return the dataset, for what works with one set of values.

        Raises
        ------
        DataError
            If steps are taken in each fold, so that its people have other values in each.
        """
        if self.per_fold:
            raise DataError(
                f"the values of {self.name!r} are not the same in all folds, because {', '.join(self.per_fold)} is "
                "fitted in each: `bench run` works with them, and this does not. Import the files under another name "
                "with --transform in place of --per-fold."
            )
        return self

    @property
    def modality(self) -> Modality:
        """What was measured: expression, variants or images."""
        return self.cohort.modality

    @property
    def expression(self) -> Cohort:
        """The cohort as one of expression; raises `DataError` if it is of another modality."""
        return as_expression(self.cohort)

    def to_frame(self) -> pd.DataFrame:
        """Return a table of samples x genes, the labels in its first column, called as in exports."""
        return self.expression.to_frame(self.label)

    def to_anndata(self) -> Any:
        """Return an AnnData object, the labels in ``obs``, and whether the data are simulated in ``uns``."""
        data = self.expression.to_anndata(self.label)
        data.uns |= {"dataset": self.name, "simulated": self.simulated, "source": self.source}
        return data

    @staticmethod
    def from_cohort(
        name: str,
        cohort: Records,
        *,
        label: str = "label",
        reference: Records | None = None,
        simulated: bool = False,
        outside: tuple[str, ...] = (),
    ) -> Dataset:
        """Return a dataset of your own, kept in memory only, to run or score on.

        Parameters
        ----------
        name : str, for tables and files; none of the known datasets' names
        cohort : Records, the samples: a `Cohort` of expression, `Images` or `Variants`
        label : str, what the labels are called
        reference : Records or None, people who are in no training set
        simulated : bool, True if no measured value is in it; every table and picture then says so
        outside : tuple of str, the steps that touched people of every fold, as above

        Raises
        ------
        DataError
            If the name is taken or cannot be one.
        """
        if check_name(name) in dataset_names():
            raise DataError(f"there is a dataset {name!r} already; choose another name, so that results do not mix.")
        return Dataset(name, name, label, cohort, reference, simulated, "given from Python", outside)


def load_dataset(name: str) -> Dataset:
    """Return the dataset of that name: imported, else from the challenge's own files or simulated, else from code.

    Parameters
    ----------
    name : str, as `bench data list` shows it

    Raises
    ------
    DataError
        If the name is unknown, or the data cannot be read or are not there.

    Examples
    --------
    >>> from bench import load_dataset
    >>> brca = load_dataset("brca")  # the real cohort is not here: a simulated one of its shape, with a warning
    >>> brca.simulated, brca.cohort.X.shape
    (True, (1089, 978))
    """
    home = data_home()
    if is_stored(home, name):
        manifest, cohort, reference = read_stored(home, name)
        outside = manifest.outside or known_outside(name, cohort.units)
        about = (manifest.title, manifest.label, cohort, reference, False, manifest.source)
        return Dataset(name, *about, outside, per_fold=manifest.per_fold)
    if name in CATALOGUE:
        return _load_known(home, CATALOGUE[name])
    if name in IMAGE_SETS:
        return load_image_set(home, IMAGE_SETS[name])
    if name in GENOMES:
        return _load_genome(home, GENOMES[name])
    if name in (ours := provided()):
        return _load_provided(ours[name])
    raise unknown_dataset(name, dataset_names())


def dataset_names() -> list[str]:
    """Return every name that `load_dataset` may be asked for, sorted."""
    return sorted({*CATALOGUE, *IMAGE_SETS, *GENOMES, *stored_names(data_home()), *provided()})


def where_is(name: str) -> str:
    """Return ``"imported"``, ``"files"``, ``"installed"``, ``"plugin"``, ``"simulated"`` or ``"absent"``.

    No data are read.
    """
    home = data_home()
    if is_stored(home, name):
        return "imported"
    if name in IMAGE_SETS:
        known = IMAGE_SETS[name]
        return "absent" if not known.is_here(home) else "files" if known.files else "installed"
    if name in GENOMES:
        return "files" if GENOMES[name].is_in(home) else "simulated" if GENOMES[name].simulated else "absent"
    entry = CATALOGUE.get(name)
    if entry is None:
        provider = provided().get(name)
        return "absent" if provider is None else "plugin" if provider.path else "installed"
    if challenge_files(home, entry):
        return "files"
    return "simulated" if entry.simulated else "absent"


def challenge_files(home: Path, entry: Entry) -> FileSet | None:
    """Return the challenge's own files of a cohort that lie in the data home, or None."""
    names = (path.name for path in home.iterdir() if path.is_file()) if home.is_dir() else ()
    return match_files(entry, names, str(home))


def _load_known(home: Path, entry: Entry) -> Dataset:
    files = challenge_files(home, entry)
    if files is not None:
        cohort, reference = read_once(home, entry, files)
        source = f"the challenge's files: {', '.join(files.names)}"
        return Dataset(entry.name, entry.title, entry.label, cohort, reference, False, source, entry.outside)
    if not entry.simulated:
        raise DataError(
            f"dataset {entry.name!r} is not here, and there is no simulated stand-in for it. Put its files "
            f"{entry.code}_primary_tumor_*.tsv and *_types.csv into {home}, or import them with `bench data import`."
        )
    return _simulate(home, entry)


def _simulate(home: Path, entry: Entry) -> Dataset:
    from bench.datasets.known.simulated import simulated  # reads its parameters

    log.warning(
        "SIMULATED DATA: the real %r cohort is not in %s, so a simulated one of the same shape stands in. No result "
        "below is about real people. For the real data: bench data fetch %s (%s).",
        entry.name,
        home,
        entry.name,
        f"open access, DOI {DOI}" if entry.fetchable else "open access, cBioPortal's datahub",
    )
    cohort, reference = simulated(entry.name)
    return Dataset(entry.name, entry.title, entry.label, cohort, reference, True, "simulated, shipped with the package")


def _load_genome(home: Path, genome: Genome) -> Dataset:
    if genome.is_in(home):
        people, source = real_genome(home, genome), f"the data home's files: {', '.join(genome.files)}"
        return Dataset(genome.name, genome.title, LABEL, people, None, False, source, genome.outside)
    if not genome.simulated:
        raise no_genome(home, genome)
    people, title = simulated_genome(home, genome), "haplotypes simulated under an out-of-Africa model, 140,000 bases"
    source = "simulated with msprime, shipped with the package"
    return Dataset(genome.name, title, LABEL, people, None, True, source, genome.outside)


# -- datasets that come from code ------------------------------------------------------------------------------------


def _load_provided(provider: Provider) -> Dataset:
    make = provider.load()
    dataset = make() if callable(make) else make
    gave = f"a Dataset named {dataset.name!r}" if isinstance(dataset, Dataset) else type(dataset).__name__
    if not isinstance(dataset, Dataset) or dataset.name != provider.name:
        raise DataError(
            f"{provider.where} gave {gave}; expected a function that returns a bench.datasets.Dataset whose name is "
            f"{provider.name!r}."
        )
    return dataset
