"""The cohorts this project knows by name: how their files are called and which of their columns is the label."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from bench.core.errors import DataError, near_name
from bench.core.records import Units

RECORD = "22996320"
DOI = f"10.5281/zenodo.{RECORD}"

# The ten tissues of the challenge's documents, for the twelve TCGA projects that are the labels of its files.
TISSUES: Mapping[str, str] = MappingProxyType(
    {
        "TCGA-BRCA": "Breast",
        "TCGA-COAD": "Colorectal",
        "TCGA-ESCA": "Esophagus",
        "TCGA-KIRC": "Kidney",
        "TCGA-KIRP": "Kidney",
        "TCGA-LIHC": "Liver",
        "TCGA-LUAD": "Lung",
        "TCGA-LUSC": "Lung",
        "TCGA-OV": "Ovarian",
        "TCGA-PAAD": "Pancreatic",
        "TCGA-PRAD": "Prostate",
        "TCGA-SKCM": "Skin",
    }
)


# the challenge ran DESeq2's VST with the labels in its design, on all people at once
_VST = ("the cohort's VST, fitted on all people with their labels before any split",)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What is known about one cohort before its files are there.

    Parameters
    ----------
    name : the name on the command line
    title : one line for tables
    code : the cohort's name in the challenge's own file names
    label : the label column, as rows and exports call it
    units : what the numbers are
    shape : samples and genes of the published cohort
    n_classes : its number of classes
    label_sources : columns of the annotation file that may hold the labels, the first one present is used
    tissues : tissue of each class; empty if the classes lie in one tissue
    has_reference : whether the challenge published a set of people who are in no training set
    simulated : whether the package carries a simulated stand-in
    fetchable : whether the open-access record holds the cohort
    outside : steps of the published preprocessing that touched people of every fold; see `bench.Dataset`
    """

    name: str
    title: str
    code: str
    label: str
    units: Units
    shape: tuple[int, int]
    n_classes: int
    label_sources: tuple[str, ...]
    tissues: Mapping[str, str] = field(default_factory=dict)
    has_reference: bool = False
    simulated: bool = False
    fetchable: bool = False
    outside: tuple[str, ...] = ()

    @property
    def counts_pattern(self) -> re.Pattern[str]:
        """Matches the name of the genes x samples file."""
        return re.compile(rf"{self.code}_primary_tumor_(?!.*reference).*\.tsv(\.gz)?", re.IGNORECASE)

    @property
    def labels_pattern(self) -> re.Pattern[str]:
        """Matches the name of the annotation file."""
        return re.compile(rf"{self.code}_primary_tumor_(sub)?types\.csv", re.IGNORECASE)

    @property
    def reference_pattern(self) -> re.Pattern[str]:
        """Matches the name of the unlabeled reference set's genes x samples file."""
        return re.compile(rf"{self.code}_primary_tumor_.*reference.*\.tsv(\.gz)?", re.IGNORECASE)

    @property
    def archive_pattern(self) -> re.Pattern[str]:
        """Matches the name of a zip archive of these files."""
        return re.compile(rf".*{self.code}.*\.zip", re.IGNORECASE)


CATALOGUE: Mapping[str, Entry] = MappingProxyType(
    {
        "brca": Entry(
            name="brca",
            title="TCGA breast cancer, 5 PAM50 subtypes",
            code="TCGA-BRCA",
            label="Subtype",
            units="vst",
            shape=(1089, 978),
            n_classes=5,
            label_sources=("Subtype",),
            simulated=True,
            fetchable=True,
            outside=_VST,
        ),
        "combined": Entry(
            name="combined",
            title="TCGA, 12 projects from 10 tissues",
            code="TCGA-COMBINED",
            label="cancer_type",
            units="vst",
            shape=(4323, 978),
            n_classes=12,
            # Versions of the annotation file differ: where there is a column of project codes, `cancer_type` may hold
            # the tissue instead, which would merge KIRC with KIRP and LUAD with LUSC.
            label_sources=("project", "cancer_type"),
            tissues=TISSUES,
            has_reference=True,
            simulated=True,
            fetchable=True,
            outside=_VST,
        ),
        "mirna12": Entry(
            name="mirna12",
            title="miRNA of 12 TCGA projects from 10 tissues",
            code="TCGA-MIRNA12",
            label="cancer_type",
            units="log2",
            shape=(4089, 505),
            n_classes=12,
            label_sources=("cancer_type",),
            tissues=TISSUES,
        ),
        "metabric": Entry(
            name="metabric",
            title="METABRIC breast cancer, 6 subtypes",
            code="METABRIC",
            label="subtype",
            units="log2",
            shape=(1974, 20000),
            n_classes=6,
            label_sources=("pam50_claudin", "deeptype6"),
            simulated=True,
        ),
    }
)


def known_outside(name: str, units: Units) -> tuple[str, ...]:
    """Return which steps touched people of every fold, for a cohort of the catalogue in its published units."""
    entry = CATALOGUE.get(name)
    return entry.outside if entry is not None and entry.units == units else ()


@dataclass(frozen=True)
class FileSet:
    """The names of a cohort's files: counts, labels and, where there is one, the reference set."""

    counts: str
    labels: str
    reference: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Every name of the set."""
        return tuple(name for name in (self.counts, self.labels, self.reference) if name is not None)


def match_files(entry: Entry, names: Iterable[str], where: str) -> FileSet | None:
    """Return which of these file names are the cohort's, or None if none of them is.

    Raises
    ------
    DataError
        If only a part of the files is there, or two names fit one role.
    """
    known = sorted(names)
    counts = _one(entry.counts_pattern, known, where, "counts")
    labels = _one(entry.labels_pattern, known, where, "labels")
    reference = _one(entry.reference_pattern, known, where, "reference")
    if counts is None and labels is None and reference is None:
        return None
    if counts is None or labels is None:
        missing = f"{entry.code}_primary_tumor_*.tsv" if counts is None else f"{entry.code}_primary_tumor_subtypes.csv"
        raise DataError(
            f"{where} has {counts or labels or reference!r} of dataset {entry.name!r}, but no {missing}. "
            "Put the missing file beside it."
        )
    return FileSet(counts, labels, reference)


def _one(pattern: re.Pattern[str], names: Sequence[str], where: str, role: str) -> str | None:
    found = [name for name in names if pattern.fullmatch(name)]
    if len(found) > 1:
        raise DataError(f"{where} has several {role} files, {found[0]!r} and {found[1]!r}; keep one of them.")
    return found[0] if found else None


def unknown_dataset(name: str, known: Iterable[str]) -> DataError:
    """Return the error for a name that is no dataset; it suggests the nearest one."""
    return DataError(
        f"there is no dataset {name!r}.{near_name(name, known)} `bench data list` shows all of them, and "
        "`bench data import` adds your own."
    )
