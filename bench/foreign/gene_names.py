"""Finds the genes of a real cohort under the names that another file gives them.

A name counts if it is the gene's own, or the same without the version of an Ensembl identifier, or as R rewrites names
that are no variables (``HLA-A`` becomes ``HLA.A``), or if a table of synonyms puts both in one row. The table for the
landmark genes is shipped; others are the user's. Two genes are never merged: a name that could be either is an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from bench.core.errors import DataError
from bench.datasets.gene_lists import without_version
from bench.datasets.readers.spellings import as_r_writes
from bench.datasets.readers.tables import read_table, shown

_EXCEL = re.compile(r"\d{1,2}-(Mar|Sep|Dec|Oct|Apr|Feb)", re.IGNORECASE)
_UNVERSIONED, _MAPPED = "without the version of the Ensembl identifier", "by the table of synonyms"


class GeneNames:
    """The genes of one cohort and every name that they go by.

    Parameters
    ----------
    genes : the real cohort's own names, in order
    rows : rows of a table of synonyms; each holds names of one gene, of which one may be the cohort's
    """

    def __init__(self, genes: Sequence[str], rows: Iterable[Sequence[str]] = ()) -> None:
        self.genes = tuple(genes)
        self._exact = frozenset(genes)
        self._others: dict[str, dict[str, str]] = {}  # name -> real gene -> why they are the same
        for gene in genes:
            self._add(without_version(gene), gene, _UNVERSIONED)
            self._add(as_r_writes(gene), gene, "as R rewrites names")
        for row in rows:
            for gene in {g for cell in row if (g := self._own(cell))}:
                for cell in row:
                    self._add(without_version(cell), gene, _MAPPED)

    def _add(self, name: str, gene: str, why: str) -> None:
        if name and name != gene:
            self._others.setdefault(name, {}).setdefault(gene, why)

    def _own(self, cell: str) -> str:
        """Return the cohort's own name of a cell in a table of synonyms, or nothing."""
        bare = without_version(cell)
        if cell in self._exact or bare in self._exact:
            return cell if cell in self._exact else bare
        return next((gene for gene, why in self._others.get(bare, {}).items() if why == _UNVERSIONED), "")

    def resolve(self, name: str) -> tuple[str, str]:
        """Return the cohort's name of a gene and how it was found; both are empty if it is none of its genes.

        Raises
        ------
        DataError
            If the name stands for two genes.
        """
        if name in self._exact:
            return name, ""
        bare = without_version(name)
        if bare in self._exact:
            return bare, _UNVERSIONED
        found = self._others.get(bare, {})
        if len(found) > 1:
            raise DataError(
                f"the name {name!r} stands for {len(found)} genes of the real cohort: {shown(list(found), 3)}. "
                "Expected one; mend --gene-map, or name the gene as the cohort does."
            )
        return next(iter(found.items()), ("", ""))

    def count(self, names: Iterable[str]) -> int:
        """Return how many of the names are genes of the cohort."""
        both = ((name, without_version(name)) for name in names)
        return sum(name in self._exact or bare in self._exact or bare in self._others for name, bare in both)


def read_gene_map(path: Path) -> list[tuple[str, ...]]:
    """Return the rows of a user's table of synonyms: TSV, CSV or parquet, a column for each kind of name."""
    table = read_table(path, text=None)
    return list(zip(*(table.frame[i].fillna("").str.strip() for i in range(len(table.columns))), strict=True))


def spoiled_by_spreadsheet(names: Iterable[str]) -> str | None:
    """Return a name that looks like a gene symbol which a spreadsheet turned into a date, or None."""
    return next((name for name in names if _EXCEL.fullmatch(name)), None)


def by_real_name(
    path: Path, names: Sequence[str], known: GeneNames
) -> tuple[dict[str, int], list[str], Mapping[str, int]]:
    """Return where each real gene stands among a file's names, which names are no genes, and how many were renamed how.

    Raises
    ------
    DataError
        If a gene comes twice, under one name or two.
    """
    place: dict[str, int] = {}
    unknown: list[str] = []
    how: dict[str, int] = {}
    for i, name in enumerate(names):
        gene, why = known.resolve(name)
        if not gene:
            unknown.append(name)
        elif gene in place:
            first = names[place[gene]]
            both = (
                f"the gene {gene!r} twice" if first == name else f"{first!r} and {name!r}, which are one gene, {gene!r}"
            )
            raise DataError(f"{path} has {both}. Keep one of them.")
        else:
            place[gene] = i
            if why:
                how[why] = how.get(why, 0) + 1
    return place, unknown, how
