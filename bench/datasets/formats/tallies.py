"""Folders of counters: STAR, the GDC's STAR files, HTSeq and featureCounts, one file a sample."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.core.errors import DataError
from bench.datasets.formats.samples import by_sample, column_of, files_of, headed, joined, rows_of
from bench.datasets.readers.matrices import Layout, Matrix, chosen_layer
from bench.datasets.readers.spellings import is_no_gene
from bench.datasets.readers.tables import read_table

STAR = "ReadsPerGene.out.tab"
GDC = (".augmented_star_gene_counts.tsv", ".star_gene_counts.tsv")
HTSEQ = (".htseq.counts", ".htseq_counts.txt", ".htseq.txt", ".counts", ".count", "_counts.txt", ".txt", ".tsv")
FEATURE_COUNTS = (".featureCounts.txt", "_featureCounts.txt", ".featurecounts.txt", ".counts.txt", ".txt", ".tsv")
STRANDS = ("unstranded", "forward", "reverse")
_GDC_LAYERS = (
    "unstranded",
    "stranded_first",
    "stranded_second",
    "tpm_unstranded",
    "fpkm_unstranded",
    "fpkm_uq_unstranded",
)
_CLEAR = 1.5  # times as many reads in genes: the other strand is the right one
log = logging.getLogger(__name__)


def read_star(folder: Path, layout: Layout, *, labels_inside: bool) -> Matrix:
    """Return the counts of STAR's ``ReadsPerGene.out.tab`` files (``--quantMode GeneCounts``).

    Column 2 counts unstranded reads, 3 and 4 those of the first and second strand (STAR manual, section 8). Which one
    fits depends on the library; `layer` names it, and a strand that has far fewer reads than another is noticed.
    """
    layer = chosen_layer(folder, layout.layer, STRANDS, STRANDS[0])
    files = by_sample(folder, files_of(folder, STAR), STAR)
    rows = {sample: list(rows_of(path)) for sample, path in files.items()}
    strands = [
        joined(folder, {sample: column_of(files[sample], found, 0, 1 + i) for sample, found in rows.items()})
        for i in range(len(STRANDS))
    ]
    values, samples, genes = strands[STRANDS.index(layer)]
    _note_strand(folder, layer, genes, [strand[0] for strand in strands])
    return Matrix(folder, values, samples, genes, {}, layer=layer, layers=STRANDS)


def _note_strand(folder: Path, layer: str, genes: Sequence[str], strands: Sequence[NDArray[np.float64]]) -> None:
    """Say so if the reads of the chosen strand are far fewer than those of another, as with the wrong library type."""
    of_genes = [not is_no_gene(gene) for gene in genes]
    reads = {name: float(values[:, of_genes].sum()) for name, values in zip(STRANDS, strands, strict=True)}
    best = max(reads, key=lambda name: reads[name])
    if reads[best] > _CLEAR * reads[layer]:
        log.warning(
            "%s: %.0f %% of the reads that lie in genes on the %s strand do so %s; --layer %s takes those",
            folder,
            100 * reads[layer] / reads[best], best, "unstranded" if layer == STRANDS[0] else f"on the {layer} one",
            best,
        )  # fmt: skip


def read_gdc(folder: Path, layout: Layout, *, labels_inside: bool) -> Matrix:
    """Return the counts of the GDC's STAR files, called by the sample sheet where it lies beside them.

    `layer` names one of their columns; ``unstranded`` is the one that the GDC's own workflow counts.
    """
    layer = chosen_layer(folder, layout.layer, _GDC_LAYERS, _GDC_LAYERS[0])
    files = by_sample(folder, files_of(folder, *GDC), *(f".rna_seq{ending}" for ending in GDC), *GDC)
    columns = {}
    for sample, path in files.items():
        head, rows = headed(path)
        if layer not in head or "gene_id" not in head:
            raise DataError(f"{path} has no columns 'gene_id' and {layer!r}; expected those of the GDC's STAR files.")
        rows = [row for row in rows if not is_no_gene(row[0])]  # they have no TPM
        columns[sample] = column_of(path, rows, head.index("gene_id"), head.index(layer))
    values, samples, genes = joined(folder, columns)
    names, beside = _sample_sheet(folder, files)
    return Matrix(folder, values, names or samples, genes, beside, layer=layer, layers=_GDC_LAYERS)


def _sample_sheet(folder: Path, files: dict[str, Path]) -> tuple[tuple[str, ...], dict[str, list[str]]]:
    """Return the samples and further columns of the GDC's sample sheet, in the order of the files."""
    sheets = sorted(folder.glob("gdc_sample_sheet*.tsv"))
    if not sheets:
        return (), {}
    table = read_table(sheets[0], text=None)
    place = {name: i for i, name in enumerate(table.text("File Name"))}
    if lost := [path.name for path in files.values() if path.name not in place]:
        raise DataError(f"{sheets[0]} has no line of {lost[0]!r}. Download the sheet of these very files.")
    rows = [place[path.name] for path in files.values()]
    columns = {name: [table.text(name)[i] for i in rows] for name in table.columns}
    columns |= {"donor": columns["Case ID"]} if "Case ID" in columns else {}
    return tuple(columns["Sample ID"]) if "Sample ID" in columns else (), columns


def read_htseq(folder: Path, layout: Layout, *, labels_inside: bool) -> Matrix:
    """Return the counts of files with two columns, gene and count, and the summaries of HTSeq at their end."""
    files = by_sample(folder, files_of(folder, *HTSEQ), *HTSEQ)
    columns = {sample: column_of(path, list(rows_of(path)), 0, 1) for sample, path in files.items()}
    values, samples, genes = joined(folder, columns)
    return Matrix(folder, values, samples, genes, {})


def read_feature_counts(folder: Path, layout: Layout, *, labels_inside: bool) -> Matrix:
    """Return the counts of a folder of featureCounts, one sample a file: the first column and the last."""
    files = by_sample(folder, [p for p in files_of(folder, *FEATURE_COUNTS) if is_feature_counts(p)], *FEATURE_COUNTS)
    columns = {}
    for sample, path in files.items():
        head, rows = headed(path)
        if len(head) != _FEATURE_COUNTS_COLUMNS:
            raise DataError(
                f"{path} has {len(head)} columns; expected Geneid, Chr, Start, End, Strand, Length and one sample. "
                "Give a file with several samples itself, and not its folder."
            )
        columns[sample] = column_of(path, rows, 0, len(head) - 1)
    values, samples, genes = joined(folder, columns)
    return Matrix(folder, values, samples, genes, {})


_FEATURE_COUNTS_COLUMNS = 7


def is_feature_counts(path: Path) -> bool:
    """Return whether a file's header is that of featureCounts."""
    try:
        return next(rows_of(path), [])[:6] == ["Geneid", "Chr", "Start", "End", "Strand", "Length"]
    except DataError:
        return False


def is_htseq(path: Path) -> bool:
    """Return whether a file ends with the summaries of HTSeq."""
    try:
        rows = list(rows_of(path))
    except DataError:
        return False
    return bool(rows) and all(len(row) == 2 for row in rows[-2:]) and is_no_gene(rows[-1][0])
