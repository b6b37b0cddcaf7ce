"""Folders of salmon and kallisto: one folder a sample, estimates for transcripts."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from bench.core.errors import DataError
from bench.datasets.formats.samples import by_sample, column_of, files_of, headed, joined
from bench.datasets.readers.matrices import Layout, Matrix, chosen_layer

SALMON, SALMON_GENES, KALLISTO = "quant.sf", "quant.genes.sf", "abundance.tsv"
log = logging.getLogger(__name__)


def read_salmon(folder: Path, layout: Layout, *, labels_inside: bool) -> Matrix:
    """Return salmon's ``quant.genes.sf``, or ``quant.sf`` where there are none; `layer` is ``NumReads`` or ``TPM``."""
    ending = SALMON_GENES if files_of(folder, SALMON_GENES) else SALMON
    return _read(folder, layout, ending, ("NumReads", "TPM"))


def read_kallisto(folder: Path, layout: Layout, *, labels_inside: bool) -> Matrix:
    """Return kallisto's ``abundance.tsv``; `layer` is ``est_counts`` or ``tpm``."""
    return _read(folder, layout, KALLISTO, ("est_counts", "tpm"))


def _read(folder: Path, layout: Layout, ending: str, layers: tuple[str, ...]) -> Matrix:
    layer = chosen_layer(folder, layout.layer, layers, layers[0])
    columns = {}
    for sample, path in by_sample(folder, files_of(folder, ending), ending).items():
        head, rows = headed(path)
        if layer not in head:
            raise DataError(f"{path} has no column {layer!r} in its header; expected the file as it was written.")
        columns[sample] = column_of(path, rows, 0, head.index(layer))
    values, samples, genes = joined(folder, _of_genes(folder, columns))
    if ending != SALMON_GENES and all(gene.startswith("ENST") for gene in genes):
        log.warning(
            "%s: these are transcripts (%s ...) and no genes; --transform sum-to-genes[map=FILE] adds them up, by a "
            "table of transcripts and genes", folder, genes[0],
        )  # fmt: skip
    return Matrix(folder, values, samples, genes, {}, layer=layer, layers=layers)


def _of_genes(folder: Path, columns: Mapping[str, Mapping[str, float]]) -> dict[str, Mapping[str, float]]:
    """Return sums for genes where GENCODE's names of transcripts say the gene: ``ENST...|ENSG...|...``."""
    first = next(iter(columns.values()), {})
    if not first or not all(name.count("|") > 1 and name.split("|")[1].startswith("ENS") for name in first):
        return dict(columns)
    log.warning("%s: transcripts are added up to genes, which their GENCODE names say", folder)
    summed: dict[str, Mapping[str, float]] = {}
    for sample, column in columns.items():
        genes: dict[str, float] = defaultdict(float)
        for name, value in column.items():
            genes[name.split("|")[1]] += value
        summed[sample] = dict(genes)
    return summed
