"""Long tables: a row for each value, with the sample, the gene and whatever is known about the sample."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from bench.core.errors import DataError
from bench.datasets.readers.matrices import Layout, Matrix, check_size
from bench.datasets.readers.tables import Table, read_table, shown

SAMPLES = ("sample", "sample_id", "sampleid", "samplesid", "sample_name", "barcode", "cell", "cell_id")
GENES = ("gene", "gene_id", "gene_name", "gene_symbol", "symbol", "feature", "ensembl_gene_id", "hugo_symbol", "mirna")
VALUES = ("value", "count", "counts", "expression", "expr", "tpm", "fpkm", "cpm", "intensity", "log2", "vst", "reads")


def names_a_long_table(header: list[str]) -> bool:
    """Return whether a header has a column of samples, one of genes and one of values.

    >>> names_a_long_table(["sample", "gene", "tpm"]), names_a_long_table(["gene", "S1", "S2"])
    (True, False)
    """
    names = {name.strip().strip('"').casefold() for name in header}
    return all(names & set(some) for some in (SAMPLES, GENES, VALUES))


def read_long(path: Path, layout: Layout, *, labels_inside: bool) -> Matrix:
    """Return the matrix of a long table; columns that are the same in all rows of a sample come with it.

    Raises
    ------
    DataError
        If a pair of sample and gene comes twice or not at all.
    """
    table = read_table(path, text=None)
    sample, gene, value = (_column(table, names) for names in (SAMPLES, GENES, VALUES))
    rows, samples = pd.factorize(np.array(table.text(sample), dtype=object))
    columns, genes = pd.factorize(np.array(table.text(gene), dtype=object))
    check_size(path, len(samples), len(genes))
    numbers = table.numbers([value], missing=layout.missing)[:, 0]
    times = np.zeros((len(samples), len(genes)), dtype=int)
    np.add.at(times, (rows, columns), 1)
    if (times != 1).any():
        s, g = np.argwhere(times != 1)[0]
        raise DataError(
            f"{path}: sample {samples[s]!r} has {times[s, g]} values of gene {genes[g]!r}; expected one for each pair. "
            "Complete the table, or keep one of them."
        )
    matrix = np.empty(times.shape)
    matrix[rows, columns] = numbers
    first = np.unique(rows, return_index=True)[1]
    beside = {name: table.text(name) for name in table.columns if name not in (sample, gene, value)}
    same = {n: [v[i] for i in first] for n, v in beside.items() if all(v[i] == v[first[r]] for i, r in enumerate(rows))}
    return Matrix(path, matrix, tuple(map(str, samples)), tuple(map(str, genes)), same)


def _column(table: Table, names: tuple[str, ...]) -> str:
    known = {name.casefold(): name for name in reversed(table.columns)}
    found = next((known[name] for name in names if name in known), None)
    if found is None:
        raise DataError(
            f"{table.path} has the columns {shown(table.columns)}; a long table has one of {shown(names, 20)} among "
            "them. Rename it, or give another --format."
        )
    return found
