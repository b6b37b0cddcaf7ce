"""Names that are no gene, no sample and no label, and the spellings that other programs give to names.

Import and `bench score` share them, so that both call the same things missing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

# what spreadsheets, R, pandas, cBioPortal, the GDC and UCI write where there is no value
_MISSING = frozenset(
    {"", "na", "n/a", "#n/a", "#na", "nan", "null", "none", "nil", "pd.na", "missing", "unknown", "unk", "?", ".", "--"}
    | {"'--", "no data", "not available", "not applicable", "not reported", "not evaluated", "not determined"}
)
# summary rows of STAR, HTSeq and featureCounts
_NO_GENE = re.compile(
    r"N_(unmapped|multimapping|noFeature|ambiguous)|(__)?(no_feature|ambiguous|too_low_aQual|not_aligned|"
    r"alignment_not_unique)|Assigned|Unassigned_\w+",
    re.IGNORECASE,
)
# columns that describe genes, between their names and the samples
_OF_GENES = frozenset(
    {"entrez_gene_id", "entrezid", "entrez_id", "hugo_symbol", "gene_symbol", "symbol", "gene_name", "genename"}
    | {"gene_type", "gene_biotype", "biotype", "description", "gene_description", "chr", "chrom", "chromosome", "start"}
    | {"end", "strand", "length", "gene_length", "effective_length", "cytoband", "ensembl_gene_id"}
)
_CLINICAL = re.compile(
    r"(.*_)?(age|os|dfs|pfs|rfs|survival|bmi|weight|height|stage|grade|sex|gender|event|status|vital_status)(_.*)?|"
    r".*(months|days|years|patient|sample|subject|_no|_id|_number|batch|purity).*|unnamed: \d+|index",
    re.IGNORECASE,
)
_BARCODE = re.compile(r"(TCGA-\w{2}-\w{4})(-\w{2}\w?)?.*")  # of a patient, 12 characters, and of a sample, 15 or 16
_ENOUGH = 8  # samples from which on a column of whole or serial numbers is no accident
_MOSTLY = 0.9


def is_missing(value: str) -> bool:
    """Return whether a text is one of the spellings of a missing value, in any case and in any brackets.

    >>> is_missing("[Not Available]"), is_missing("<NA>"), is_missing("?"), is_missing("LumA")
    (True, True, True, False)
    """
    return value.strip().casefold().strip("[]<>()") in _MISSING


def is_no_gene(name: str) -> bool:
    """Return whether a name is a summary row of an aligner or a counter.

    >>> is_no_gene("N_unmapped"), is_no_gene("__no_feature"), is_no_gene("TP53")
    (True, True, False)
    """
    return _NO_GENE.fullmatch(name) is not None


def describes_genes(column: str) -> bool:
    """Return whether a column beside the names of genes describes them, so that it is no sample.

    >>> describes_genes("Entrez_Gene_Id"), describes_genes("TCGA-A1-A0SB-01")
    (True, False)
    """
    return column.casefold().replace(" ", "_") in _OF_GENES


def looks_clinical(name: str) -> bool:
    """Return whether a name is one that facts about people have, rather than genes.

    >>> looks_clinical("age_at_diagnosis"), looks_clinical("OS_MONTHS"), looks_clinical("BRCA1")
    (True, True, False)
    """
    return _CLINICAL.fullmatch(name) is not None


def unlike_others(genes: Sequence[str], values: NDArray[Any]) -> list[str]:
    """Return the genes that may be none: serial numbers, names of facts about people, whole numbers among fractions.

    Parameters
    ----------
    genes : n_genes names
    values : (n_samples, n_genes)
    """
    if len(values) < _ENOUGH or len(genes) < 2:
        return []
    steps = np.diff(values, axis=0)
    serial = (steps == steps[0]).all(axis=0) & (steps[0] != 0)
    whole = (np.rint(values) == values).all(axis=0) & (values.min(axis=0) != values.max(axis=0))
    whole &= whole.mean() < 1 - _MOSTLY if len(genes) > 1 / (1 - _MOSTLY) else whole.mean() < 0.5
    flags = serial | (whole & [len(np.unique(column)) > 2 for column in values.T])
    return [gene for gene, flag in zip(genes, flags.tolist(), strict=True) if flag or looks_clinical(gene)]


def as_r_writes(name: str) -> str:
    """Return a name as R makes a variable of it.

    >>> as_r_writes("HLA-A"), as_r_writes("000-A")
    ('HLA.A', 'X000.A')
    """
    changed = re.sub(r"[^A-Za-z0-9._]", ".", name)
    return f"X{changed}" if changed[:1].isdigit() or changed[:1] == "_" else changed


def patient_of(sample: str) -> str | None:
    """Return the patient whom a TCGA barcode names, or None if it is no barcode.

    >>> patient_of("TCGA-A1-A0SB-01A-11R-A144-07")
    'TCGA-A1-A0SB'
    """
    match = _BARCODE.fullmatch(sample)
    return match[1] if match else None


# -- one name in two spellings ---------------------------------------------------------------------------------------


def matched(names: Sequence[str], samples: Sequence[str]) -> tuple[dict[str, str], str]:
    """Return which sample each name of a label file stands for, where no name is a sample's own, and how it is known.

    Empty unless one way of spelling explains every sample, and no name could be two of them.
    """
    for why, spell in _SPELLINGS.items():
        found = spell(names, samples)
        if len(set(found.values())) == len(found) and set(found.values()) == set(samples):
            return found, why
    return {}, ""


def _by_r(names: Sequence[str], samples: Sequence[str]) -> dict[str, str]:
    known = set(samples)
    return {name: as_r_writes(name) for name in names if as_r_writes(name) in known}


def _by_zeros(names: Sequence[str], samples: Sequence[str]) -> dict[str, str]:
    if not all(name.isdecimal() for name in samples):
        return {}
    place = {sample.lstrip("0"): sample for sample in samples}
    return {name: place[name.lstrip("0")] for name in names if name.isdecimal() and name.lstrip("0") in place}


def _by_barcode(names: Sequence[str], samples: Sequence[str]) -> dict[str, str]:
    """Match barcodes that were cut to the patient or the sample, if that leaves each sample its own."""
    found: dict[str, str] = {}
    for length in sorted({len(name) for name in names if patient_of(name)}):
        short = {sample[:length]: sample for sample in samples}
        if len(short) == len(samples):
            found |= {name: short[name] for name in names if len(name) == length and name in short}
    return found


_SPELLINGS: Mapping[str, Callable[[Sequence[str], Sequence[str]], dict[str, str]]] = {
    "R rewrote them in the matrix (write.csv after read.csv without check.names=FALSE)": _by_r,
    "leading zeros were lost in one of the files": _by_zeros,
    "barcodes are cut in one of the files": _by_barcode,
}
