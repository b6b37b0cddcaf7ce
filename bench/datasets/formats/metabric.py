"""METABRIC as it is published: cBioPortal's study folder, and the one table of Kaggle.

Curtis et al. (2012), doi:10.1038/nature10983; Pereira et al. (2016), doi:10.1038/ncomms11479. The table of expression
has 20,600 rows of 1,980 people in 689 MB of text: it is read line by line, so that only the numbers are held. Rows of
one gene are averaged, which cBioPortal does not do (it shows the first), but the papers that learn from METABRIC do.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.core.errors import DataError, near_name
from bench.datasets.readers.matrices import Layout, Matrix, chosen_layer, repeated
from bench.datasets.readers.spellings import is_missing
from bench.datasets.readers.table_text import open_text
from bench.datasets.readers.tables import read_table, shown

PAM50, DEEPTYPE = "pam50_claudin", "deeptype6"
SCHEMES = (PAM50, DEEPTYPE)
EXPRESSION = (
    "data_mrna_illumina_microarray.txt",
    "data_mrna_agilent_microarray.txt",
    "data_expression_median.txt",
)  # its names, the newest first
CLINICAL = "data_clinical_patient.txt"
NORMALS = "normals_ExpressionMatrix.txt"
NORMAL_TISSUE = "Normal tissue"
OUTSIDE = ("METABRIC's normalisation of arrays and its calls of subtypes, made on all people together",)
_SUBTYPE, _PATIENT = "CLAUDIN_SUBTYPE", "PATIENT_ID"
_BESIDE = ("Hugo_Symbol", "Entrez_Gene_Id")
_DROPPED = "NC"  # not classified: six people
_TUMOURS = ("Basal", "Her2", "LumA", "LumB", "Normal")  # of DeepType, beside normal tissue
_POINTER = "version https://git-lfs"
_KAGGLE_ID, _KAGGLE_LABEL = "patient_id", "pam50_+_claudin-low_subtype"
_KAGGLE_FACTS = frozenset(
    {_KAGGLE_ID, _KAGGLE_LABEL, "age_at_diagnosis", "type_of_breast_surgery", "cancer_type", "cancer_type_detailed"}
    | {"cellularity", "chemotherapy", "cohort", "er_status_measured_by_ihc", "er_status", "neoplasm_histologic_grade"}
    | {"her2_status_measured_by_snp6", "her2_status", "tumor_other_histologic_subtype", "hormone_therapy"}
    | {"inferred_menopausal_state", "integrative_cluster", "primary_tumor_laterality", "lymph_nodes_examined_positive"}
    | {"mutation_count", "nottingham_prognostic_index", "oncotree_code", "overall_survival_months", "overall_survival"}
    | {"pr_status", "radio_therapy", "3-gene_classifier_subtype", "tumor_size", "tumor_stage", "death_from_cancer"}
)
Floats = NDArray[np.float32]
log = logging.getLogger(__name__)


def is_study(folder: Path) -> bool:
    """Return whether a folder is the study: a table of expression, and patients with their claudin subtype."""
    path = folder / CLINICAL
    if not path.is_file() or not any((folder / name).is_file() for name in EXPRESSION):
        return False
    with open_text(path) as lines:
        try:
            return any(_SUBTYPE in line for _, line in zip(range(8), lines, strict=False))
        except UnicodeDecodeError:
            return False


def is_kaggle(header: Sequence[str]) -> bool:
    """Return whether the header of a table is that of METABRIC_RNA_Mutation.csv."""
    return {_KAGGLE_ID, _KAGGLE_LABEL} <= set(header)


def with_scheme(counts: Path, labels: Path | None, layout: Layout) -> tuple[Path | None, Layout]:
    """Return labels and layout after the name of a scheme of labels was taken for what it is, and no file.

    Raises
    ------
    DataError
        If it is nearly the name of a scheme, and no file either.
    """
    if labels is None or labels.exists() or len(labels.parts) > 1 or labels.suffix:
        return labels, layout
    if labels.name not in SCHEMES:
        if near := near_name(labels.name, SCHEMES):
            raise DataError(f"--labels {labels.name} is neither a file nor a scheme of METABRIC's labels.{near}")
        return labels, layout
    form = layout.format or ("metabric" if counts.is_dir() else "metabric-csv")
    return None, replace(layout, label_columns=(labels.name,), format=form)


# -- the study folder --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Expression:
    """A table of expression: values (n_genes, n_samples), names, and what was not taken."""

    values: Floats
    genes: tuple[str, ...]
    samples: tuple[str, ...]
    left_out: tuple[str, ...]


def read_study(folder: Path, layout: Layout, *, labels_inside: bool) -> Matrix:
    """Return the people of cBioPortal's study folder with their subtypes; who has none is left out.

    Parameters
    ----------
    folder : the unpacked study
    layout : `layer` chooses between tables of expression, `label_columns` the scheme: ``pam50_claudin`` are the six
        classes of CLAUDIN_SUBTYPE, ``deeptype6`` its five without claudin-low, and normal tissue
    labels_inside : False if the labels come from a table of the user's, and nobody is left out

    Raises
    ------
    DataError
        If a file is missing, cut, a pointer or another study's, or the scheme needs what is not there.
    """
    found = {name.removesuffix(".txt").removeprefix("data_"): folder / name for name in EXPRESSION}
    found = {name: path for name, path in found.items() if path.is_file()}
    if not found:
        raise DataError(_no_expression(folder))
    if layout.layer is None and len(found) > 1:
        raise DataError(f"{folder} has {len(found)} tables of expression: {shown(list(found))}. Choose with --layer.")
    layer = chosen_layer(folder, layout.layer, tuple(found), next(iter(found)))
    table = _read_expression(found[layer], missing=layout.missing)
    scheme = _scheme(layout)
    labels = _labels(folder, table.samples, scheme) if labels_inside else [""] * len(table.samples)
    keep = [i for i, label in enumerate(labels) if label] if labels_inside else list(range(len(labels)))
    left = (*table.left_out, *_without_label(len(labels) - len(keep), scheme))
    values, samples, columns = table.values[:, keep].T, tuple(table.samples[i] for i in keep), [labels[i] for i in keep]
    if labels_inside and scheme == DEEPTYPE:
        values, samples, columns = _with_normals(folder, table, values, samples, columns)
    inside = {scheme: columns} if labels_inside else {}
    return Matrix(
        folder, np.ascontiguousarray(values), samples, table.genes, inside, layer=layer, layers=tuple(found),
        left_out=left,
    )  # fmt: skip


def _scheme(layout: Layout) -> str:
    wanted = layout.label_columns[0] if layout.label_columns else PAM50
    return wanted if wanted in SCHEMES else PAM50


def _without_label(n: int, scheme: str) -> tuple[str, ...]:
    return (f"{n} people without a class of {scheme}",) if n else ()


def _no_expression(folder: Path) -> str:
    scores = sorted(path.name for path in folder.glob("data_*") if "zscore" in path.name.casefold())
    beside = f" It has {scores[0]}: z-scores of all people together and not the measurements." if scores else ""
    return (
        f"{folder} has none of {', '.join(EXPRESSION)}.{beside} Expected the unpacked study folder brca_metabric of "
        "cBioPortal's datahub."
    )


def _read_expression(path: Path, *, missing: bool) -> _Expression:
    """Return a table of genes x people, read line by line.

    Genes with a missing value are left out, unless `missing` says that a later step deals with them; genes with several
    rows are averaged.
    """
    try:
        with open_text(path) as lines:
            return _parsed(path, iter(lines), missing=missing)
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 text ({error.reason}). Download it again.") from error
    except ValueError as error:
        raise DataError(f"{path} is no complete table: {error}. Download it again.") from error


def _parsed(path: Path, lines: Iterator[str], *, missing: bool) -> _Expression:
    head = _header(path, lines)
    first = sum(name in _BESIDE for name in head)
    samples = tuple(head[first:])
    if twice := repeated(samples):
        raise DataError(f"{path}: sample {twice!r} appears more than once; keep one of them.")
    symbol, number = head.index(_BESIDE[0]), head.index(_BESIDE[1]) if _BESIDE[1] in head[:first] else None
    rows: dict[str, Floats] = {}
    times: dict[str, int] = {}
    gaps: list[str] = []
    for place, line in enumerate(lines, start=2):
        cells = line.rstrip("\r\n").split("\t")
        if cells == [""]:
            continue
        if len(cells) != len(head):
            raise DataError(
                f"{path}, line {place} has {len(cells)} cells; expected {len(head)}, as many as the header. The file "
                "was cut or changed: download it again."
            )
        gene = cells[symbol].strip() or (cells[number].strip() if number is not None else "")
        values = _numbers(path, place, cells[first:], samples)
        if not missing and np.isnan(values).any():
            gaps.append(gene)
            continue
        times[gene] = times.get(gene, 0) + 1
        rows[gene] = rows[gene] + values if gene in rows else values
    if not rows:
        raise DataError(f"{path} has no gene without a missing value; expected about 20,000. Download it again.")
    several = [gene for gene, n in times.items() if n > 1]
    for gene in several:
        rows[gene] = rows[gene] / np.float32(times[gene])
    left: tuple[str, ...] = (f"{len(gaps)} rows with a missing value: {shown(gaps, 3)}",) if gaps else ()
    left += (f"{len(several)} genes with several rows are their mean: {shown(several, 3)}",) if several else ()
    return _Expression(np.stack(list(rows.values())), tuple(rows), samples, left)


def _header(path: Path, lines: Iterator[str]) -> list[str]:
    """Return the names of the columns.

    Raises
    ------
    DataError
        If the file is a pointer of Git LFS, a web page, empty or another table.
    """
    line = next((line for line in lines if line.strip() and not line.startswith("#")), "")
    if line.startswith(_POINTER):
        raise DataError(
            f"{path} is a pointer of Git LFS, three lines long, and not the table. Run `git lfs pull` in the clone, or "
            "`bench data fetch metabric`."
        )
    if line.lstrip().startswith("<"):
        raise DataError(f"{path} is a web page, not the table: the download was refused. Download it again.")
    head = [name.strip() for name in line.rstrip("\r\n").split("\t")]
    if _BESIDE[0] not in head[:2] or not [name for name in head if name not in _BESIDE]:
        found = shown(head[:3]) if line else "nothing"
        raise DataError(f"{path} begins with {found}; expected a header of Hugo_Symbol, Entrez_Gene_Id and samples.")
    return head


def _numbers(path: Path, place: int, cells: Sequence[str], samples: tuple[str, ...]) -> Floats:
    """Return the numbers of a line, NaN where one is missing."""
    try:
        values = np.array(cells, dtype=np.float32)
    except ValueError:
        values = np.array([_number(cell) for cell in cells], dtype=np.float64).astype(np.float32)
    wrong = ~np.isfinite(values)
    for i in np.flatnonzero(wrong).tolist():
        if not is_missing(cells[i]):
            raise DataError(
                f"{path}, line {place}, sample {samples[i]!r} holds {cells[i]!r}; expected a finite number, or NA."
            )
    return values


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return np.nan


def _labels(folder: Path, samples: tuple[str, ...], scheme: str) -> list[str]:
    """Return the class of each person by a scheme, empty for who has none."""
    path = folder / CLINICAL
    if not path.is_file():
        raise DataError(f"{folder} has no {CLINICAL}, which holds the subtypes. Put it beside the table of expression.")
    with path.open("rb") as stream:
        if stream.read(len(_POINTER)) == _POINTER.encode():
            raise DataError(f"{path} is a pointer of Git LFS and not the table; run `git lfs pull` in the clone.")
    table = read_table(path, text=None)
    people, classes = table.text(_PATIENT), table.text(_SUBTYPE)
    if twice := repeated(people):
        raise DataError(f"{path}: patient {twice!r} appears more than once; keep one of the rows.")
    of = dict(zip(people, classes, strict=True))
    if not set(samples) & set(people):
        raise DataError(
            f"no sample of the study ({samples[0]!r} ...) is in column {_PATIENT!r} of {path} ({people[0]!r} ...). "
            "Expected the files of one study."
        )
    found = [of.get(name, "") for name in samples]
    wanted = set(found) if scheme == PAM50 else set(_TUMOURS)
    labels = ["" if is_missing(label) or label == _DROPPED or label not in wanted else label for label in found]
    if not any(labels):
        raise DataError(f"{path}: nobody with expression has a class of {scheme} in column {_SUBTYPE!r}. Get it again.")
    return labels


def _with_normals(
    folder: Path, table: _Expression, values: Floats, samples: tuple[str, ...], labels: list[str]
) -> tuple[Floats, tuple[str, ...], list[str]]:
    """Return the people with those of normal tissue behind them."""
    path = folder / NORMALS
    if not path.is_file():
        raise DataError(
            f"--labels {DEEPTYPE} needs normal breast tissue, which is under controlled access at the EGA "
            f"(EGAS00000000083) and not in cBioPortal's study. With leave to use it put it into {folder} as {NORMALS}, "
            f"genes by symbol in rows; or take --labels {PAM50}."
        )
    normals = read_table(path)
    names, place = normals.columns[1:], {gene: i for i, gene in enumerate(normals.rows)}
    missing = [gene for gene in table.genes if gene not in place]
    if missing:
        raise DataError(
            f"{path} lacks {len(missing)} of {len(table.genes)} genes of the tumours: {shown(missing, 3)}. Expected "
            "the same genes by symbol; turn names of probes into symbols first."
        )
    if shared := sorted(set(names) & set(samples)):
        raise DataError(f"{path}: sample {shared[0]!r} is a tumour too; expected other samples.")
    further = normals.numbers(names)[[place[gene] for gene in table.genes]].T.astype(np.float32)
    return np.vstack([values, further]), (*samples, *names), [*labels, *[NORMAL_TISSUE] * len(names)]


# -- the one table of Kaggle -------------------------------------------------------------------------------------------


def read_kaggle(path: Path, layout: Layout, *, labels_inside: bool) -> Matrix:
    """Return the people of METABRIC_RNA_Mutation.csv: z-scores of about 489 genes.

    Facts about people and columns of mutations are no genes. Names of genes, which the table writes small, are written
    large again, and people are called as cBioPortal calls them.

    Raises
    ------
    DataError
        If it is another table, or the scheme needs normal tissue.
    """
    if not path.name.lower().endswith((".csv", ".csv.gz")):
        raise DataError(
            f"{path} is neither cBioPortal's study folder, which must be unpacked, nor Kaggle's "
            "METABRIC_RNA_Mutation.csv. Give one of them."
        )
    if _scheme(layout) == DEEPTYPE:
        raise DataError(f"{path} has no normal tissue, which --labels {DEEPTYPE} needs; take --labels {PAM50}.")
    table = read_table(path, text=_KAGGLE_FACTS)
    if twice := repeated(table.columns):
        raise DataError(f"{path}: column {twice!r} appears more than once; keep one of them.")
    genes = [name for name in table.columns if name not in _KAGGLE_FACTS and not name.endswith("_mut")]
    if not genes:
        raise DataError(f"{path} has no column of a gene; expected about 489 behind 'death_from_cancer'.")
    classes = table.text(_KAGGLE_LABEL)
    values = table.numbers(genes, missing=layout.missing).astype(np.float32)
    samples = tuple(_person(name) for name in table.text(_KAGGLE_ID))
    columns: dict[str, Sequence[str]] = {}
    left = [f"{len(table.columns) - len(genes)} columns of facts about people and of mutations"]
    if labels_inside:
        keep = [i for i, label in enumerate(classes) if not is_missing(label) and label != _DROPPED]
        left += _without_label(len(classes) - len(keep), PAM50)
        values, samples = values[keep], tuple(samples[i] for i in keep)
        columns = {PAM50: [classes[i] for i in keep]}
    return Matrix(path, values, samples, tuple(name.upper() for name in genes), columns, left_out=tuple(left))


def _person(name: str) -> str:
    return f"MB-{int(name):04d}" if name.isdecimal() else name
