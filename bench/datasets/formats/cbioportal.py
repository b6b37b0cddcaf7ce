"""cBioPortal study folders: a table of expression, and the clinical tables of samples and patients.

The formats are those of https://docs.cbioportal.org/file-formats/.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bench.core.errors import DataError
from bench.datasets.formats.wide import in_columns
from bench.datasets.readers.matrices import Layout, Matrix, chosen_layer
from bench.datasets.readers.tables import Table, read_table, shown

SAMPLES, PATIENTS = "data_clinical_sample.txt", "data_clinical_patient.txt"
_PROFILES = ("data_mrna*.txt", "data_expression*.txt", "data_rna_seq*.txt", "data_RNA_Seq*.txt")
log = logging.getLogger(__name__)


def profiles(folder: Path) -> dict[str, Path]:
    """Return the expression tables of a study by the names that `layer` takes, z-scores last."""
    found = sorted({path for pattern in _PROFILES for path in folder.glob(pattern)}, key=lambda p: (_scored(p), p.name))
    return {path.stem.removeprefix("data_"): path for path in found}


def _scored(path: Path) -> bool:
    return "zscore" in path.stem.casefold()


def read_study(folder: Path, layout: Layout, *, labels_inside: bool) -> Matrix:
    """Return one expression table of a study, with the clinical columns of its samples.

    Raises
    ------
    DataError
        If there are several tables and `layer` chooses none, or the files do not fit each other.
    """
    found = profiles(folder)
    plain = [name for name, path in found.items() if not _scored(path)]
    if layout.layer is None and len(plain) != 1:
        raise DataError(
            f"{folder} has {len(found)} tables of expression: {shown(list(found), 12)}. Choose one with --layer."
        )
    layer = chosen_layer(folder, layout.layer, tuple(found), plain[0] if plain else "")
    matrix = _one_row_a_gene(in_columns(_named(read_table(found[layer])), layout))
    return replace(matrix, path=folder, columns=_clinical(folder, matrix.samples), layer=layer, layers=tuple(found))


def _named(table: Table) -> Table:
    """Return the table with its genes by symbol; a row without one is called by its Entrez number."""
    if table.columns[0] != "Hugo_Symbol" or "Entrez_Gene_Id" not in table.columns:
        return table
    entrez = table.text("Entrez_Gene_Id")
    names = [name or number for name, number in zip(table.rows, entrez, strict=True)]
    frame = table.frame.copy(deep=False)
    frame[0] = names
    return replace(table, frame=frame)


def _one_row_a_gene(matrix: Matrix) -> Matrix:
    """Return the matrix with the first row of each gene, which is the one that cBioPortal itself keeps."""
    first = {gene: i for i, gene in reversed(list(enumerate(matrix.genes)))}
    keep = sorted(first.values())
    if len(keep) == len(matrix.genes):
        return matrix
    twice = sorted({gene for i, gene in enumerate(matrix.genes) if first[gene] != i})
    log.warning("%s: genes with several rows keep the first, as in cBioPortal: %s", matrix.path, shown(twice, 3))
    return matrix.only(keep, f"further rows of {shown(twice, 3)}")


def _clinical(folder: Path, samples: Sequence[str]) -> dict[str, list[str]]:
    """Return the clinical columns of samples and of their patients; what is not known of a sample is empty."""
    if not (folder / SAMPLES).is_file():
        return {}
    columns = _by_key(read_table(folder / SAMPLES, text=None), "SAMPLE_ID", samples)
    patients = columns.get("PATIENT_ID", [])
    if patients and (folder / PATIENTS).is_file():
        further = _by_key(read_table(folder / PATIENTS, text=None), "PATIENT_ID", patients)
        columns |= {name: values for name, values in further.items() if name not in columns}
    return columns | ({"donor": patients} if all(patients) and patients else {})


def _by_key(table: Table, key: str, names: Sequence[str]) -> dict[str, list[str]]:
    place = {name: i for i, name in enumerate(table.text(key))}
    if not set(names) & set(place):
        raise DataError(
            f"no sample of the study is in column {key!r} of {table.path} ({next(iter(place))!r} ...). Expected the "
            "files of one study."
        )
    columns = {name: table.text(name) for name in table.columns if name != key}
    return {name: [values[place[n]] if n in place else "" for n in names] for name, values in columns.items()}
