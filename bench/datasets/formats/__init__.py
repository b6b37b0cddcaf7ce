"""The formats that cohorts come in, in one table: how each is recognised by its content, and what reads it."""

from __future__ import annotations

import functools
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from bench.core.errors import DataError, near_name
from bench.core.records import Units
from bench.datasets.formats import cbioportal, geo, h5ad, hdf5, long, metabric, quantified, tallies, tenx, wide
from bench.datasets.formats.samples import files_of
from bench.datasets.readers.matrices import Layout, Matrix, checked
from bench.datasets.readers.table_text import encoding_of, open_bytes
from bench.datasets.readers.tables import HDF5, check_is_there, delimiter_of, shown

__all__ = ["FORMATS", "Format", "read_matrix", "recognise"]
_LOOK = 65536  # bytes of a text in which its format must show
_HTSEQ_FILES = 3  # that are looked at


class Reader(Protocol):
    """Reads a file or folder; labels are inside it if no table of labels was given."""

    def __call__(self, path: Path, layout: Layout, /, *, labels_inside: bool) -> Matrix:
        """Return the matrix."""


@dataclass(frozen=True)
class Look:
    """A look at a file or folder, before it is read."""

    path: Path

    def has(self, *endings: str) -> bool:
        """Return whether a folder, or a folder in it, has a file that ends so."""
        return self.path.is_dir() and bool(files_of(self.path, *endings))

    @functools.cached_property
    def lines(self) -> list[str]:
        """The first lines of a text; none of a folder or of what is no text."""
        if self.path.is_dir():
            return []
        try:
            with open_bytes(self.path) as stream:
                start = stream.read(_LOOK)
        except (OSError, EOFError, zlib.error):
            return []
        return start.decode(encoding_of(start), "replace").splitlines()

    @functools.cached_property
    def header(self) -> list[str]:
        """The cells of the first line that is no comment."""
        line = next((line for line in self.lines if line.strip() and not line.startswith("#")), "")
        return line.split(delimiter_of(self.path))

    @functools.cached_property
    def hdf5(self) -> str:
        """Which kind of HDF5 file it is, if it is one."""
        if self.path.is_dir():
            return ""
        with self.path.open("rb") as stream:
            return hdf5.kind_of(self.path) if stream.read(len(HDF5)) == HDF5 else ""


@dataclass(frozen=True, kw_only=True)
class Format:
    """A format: its name for ``--format``, what it is, how it is recognised, what reads it, its units if it says.

    `outside` are steps of its making that touched people of every fold, for every privacy claim.
    """

    name: str
    what: str
    looks: Callable[[Look], bool]
    read: Reader
    units: Units | None = None
    outside: tuple[str, ...] = ()


def _folder_of(kind: Callable[[Path], bool], *endings: str) -> Callable[[Look], bool]:
    """Return whether the first files of a folder are all of a kind."""

    def looks(look: Look) -> bool:
        found = files_of(look.path, *endings)[:_HTSEQ_FILES] if look.path.is_dir() else []
        return bool(found) and all(kind(path) for path in found)

    return looks


_GCT = re.compile(r"#1\.[23]\s*")
FORMATS = {
    one.name: one
    for one in (
        Format(name="h5ad", what="AnnData; --layer X, raw or a layer",
               looks=lambda look: look.hdf5 == "h5ad" or look.path.suffix.lower() == ".h5ad", read=h5ad.read_h5ad),
        Format(name="loom", what="loom; --layer matrix or a layer",
               looks=lambda look: look.hdf5 == "loom" or look.path.suffix.lower() == ".loom", read=hdf5.read_loom),
        Format(name="10x-h5", what="Cell Ranger's HDF5 file",
               looks=lambda look: look.hdf5 == "10x-h5" or look.path.suffix.lower() == ".h5",
               read=hdf5.read_tenx_h5, units="counts"),
        Format(name="10x", what="Cell Ranger's folder of matrix.mtx, barcodes.tsv and features.tsv",
               looks=lambda look: look.has("matrix.mtx") or look.path.name.endswith(("matrix.mtx", "matrix.mtx.gz")),
               read=tenx.read_tenx, units="counts"),
        Format(name="metabric", what="METABRIC's study folder of cBioPortal; --labels pam50_claudin or deeptype6",
               looks=lambda look: metabric.is_study(look.path), read=metabric.read_study, units="log2",
               outside=metabric.OUTSIDE),
        Format(name="metabric-csv", what="METABRIC in one table, of Kaggle; --labels pam50_claudin",
               looks=lambda look: metabric.is_kaggle(look.header), read=metabric.read_kaggle,
               units="zscore", outside=(*metabric.OUTSIDE, "z-scores of genes over all people")),
        Format(name="cbioportal", what="a study folder of cBioPortal; --layer names the table of expression",
               looks=lambda look: bool(cbioportal.profiles(look.path)), read=cbioportal.read_study),
        Format(name="geo", what="a GEO series matrix, or a folder with one for each platform; --layer GPL570",
               looks=lambda look: look.has(geo.ENDING) or any(ln.startswith("!Series_") for ln in look.lines[:50]),
               read=geo.read_geo),
        Format(name="star", what="a folder of STAR's ReadsPerGene.out.tab; --layer unstranded, forward or reverse",
               looks=lambda look: look.has(tallies.STAR), read=tallies.read_star, units="counts"),
        Format(name="gdc", what="a folder of the GDC's STAR counts, with its sample sheet if it is there",
               looks=lambda look: look.has(*tallies.GDC), read=tallies.read_gdc, units="counts"),
        Format(name="salmon", what="a folder of salmon's; --layer NumReads or TPM",
               looks=lambda look: look.has(quantified.SALMON, quantified.SALMON_GENES), read=quantified.read_salmon),
        Format(name="kallisto", what="a folder of kallisto's; --layer est_counts or tpm",
               looks=lambda look: look.has(quantified.KALLISTO), read=quantified.read_kallisto),
        Format(name="featurecounts", what="a folder of featureCounts, a sample a file (one file of all: a table)",
               looks=_folder_of(tallies.is_feature_counts, *tallies.FEATURE_COUNTS),
               read=tallies.read_feature_counts, units="counts"),
        Format(name="htseq", what="a folder of HTSeq's counts",
               looks=_folder_of(tallies.is_htseq, *tallies.HTSEQ), read=tallies.read_htseq, units="counts"),
        Format(name="gct", what="GCT 1.2 or 1.3",
               looks=lambda look: bool(look.lines) and _GCT.fullmatch(look.lines[0]) is not None, read=wide.read_wide),
        Format(name="long", what="a table with a row for each value: sample, gene, value",
               looks=lambda look: long.names_a_long_table(look.header), read=long.read_long),
        Format(name="table", what="TSV, CSV or parquet, genes or samples in rows; also of Xena and featureCounts",
               looks=lambda look: not look.path.is_dir(), read=wide.read_wide),
    )
}  # fmt: skip


def recognise(path: Path, wanted: str | None = None) -> Format:
    """Return the format of a file or folder: the one that the user named, or the first that its content fits.

    Raises
    ------
    DataError
        If it is not there, the name is unknown, or a folder holds nothing that is known.
    """
    if wanted is not None and wanted not in FORMATS:
        raise DataError(
            f"there is no format {wanted!r}.{near_name(wanted, FORMATS)} Expected one of {', '.join(FORMATS)}."
        )
    check_is_there(path)
    look = Look(path)
    found = FORMATS[wanted] if wanted else next((one for one in FORMATS.values() if one.looks(look)), None)
    if found is None:
        names = sorted(one.name for one in path.iterdir())
        raise DataError(
            f"{path} is a folder of {shown(names) or 'nothing'}, which is no format that is known. Expected a file, or "
            f"a folder of one of these: {', '.join(_FOLDERS)}; --format names one."
        )
    if path.is_dir() and found.name not in _FOLDERS:
        raise DataError(f"{path} is a folder; expected a file in the format {found.name!r}.")
    if path.is_file() and found.name in _FOLDERS and found.name not in ("geo", "10x"):
        raise DataError(f"{path} is a file; expected the folder that {found.name!r} is. Give that.")
    return found


_FOLDERS = ("10x", "metabric", "cbioportal", "geo", "star", "gdc", "salmon", "kallisto", "featurecounts", "htseq")


def read_matrix(path: Path, layout: Layout, *, labels_inside: bool) -> Matrix:
    """Return the samples x genes matrix of a file or folder, in its own orders, after every check.

    Raises
    ------
    DataError
        If it cannot be read, is damaged or holds no plain matrix; the message says what to do.
    """
    kind = recognise(path, layout.format)
    return checked(replace(kind.read(path, layout, labels_inside=labels_inside), format=kind.name), layout)
