"""Names of genes that are public: the landmark genes under each of their names, and identifiers without a version."""

from __future__ import annotations

import csv
import re
from importlib.resources import files

_VERSION = re.compile(r"(ENS[A-Z]*[GTP]\d{6,})\.\d+")  # not ENSG00000182378.15_PAR_Y, which is a gene of its own


def landmark_genes() -> list[tuple[str, ...]]:
    """Return (Ensembl, symbol, Entrez) of the 978 landmark genes, as shipped."""
    text = (files("bench.datasets") / "landmark_genes.tsv").read_text(encoding="utf-8")
    return [tuple(row) for row in csv.reader(text.splitlines()[1:], delimiter="\t")]


def without_version(name: str) -> str:
    """Return an Ensembl identifier without its version, and any other name as it is.

    >>> without_version("ENSG00000141510.18"), without_version("HLA-A")
    ('ENSG00000141510', 'HLA-A')
    """
    match = _VERSION.fullmatch(name)
    return match[1] if match else name
