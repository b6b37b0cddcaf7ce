"""Names that are no gene, no sample and no label, and the spellings that other programs give to names.

Import and `bench score` share them, so that both call the same things missing.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

# what spreadsheets, R, pandas, cBioPortal, the GDC and UCI write where there is no value
_MISSING = frozenset(
    {"", "na", "n/a", "#n/a", "#na", "nan", "null", "none", "nil", "pd.na", "missing", "unknown", "unk", "?", ".", "--"}
    | {"#div/0!", "#value!", "#ref!", "#num!", "#name?", "#null!"}  # of formulas
    | {"'--", "no data", "not available", "not applicable", "not reported", "not evaluated", "not determined"}
)
# summary rows of STAR, HTSeq and featureCounts, and of spreadsheets
_NO_GENE = re.compile(
    r"(grand |column )?totals?|sum|mean|average|median|"
    r"N_(unmapped|multimapping|noFeature|ambiguous)|(__)?(no_feature|ambiguous|too_low_aQual|not_aligned|"
    r"alignment_not_unique)|Assigned|Unassigned_\w+",
    re.IGNORECASE,
)
# columns that describe genes, between their names and the samples
_OF_GENES = frozenset(
    {"entrez_gene_id", "entrezid", "entrez_id", "hugo_symbol", "gene_symbol", "symbol", "gene_name", "genename"}
    | {"gene_type", "gene_biotype", "biotype", "description", "gene_description", "chr", "chrom", "chromosome", "start"}
    | {"end", "strand", "length", "gene_length", "effective_length", "cytoband", "ensembl_gene_id"}
    # what DESeq2, edgeR, limma and spreadsheets write beside the samples
    | {
        "basemean",
        "log2foldchange",
        "lfcse",
        "stat",
        "pvalue",
        "p.value",
        "padj",
        "adj.p.val",
        "logfc",
        "logcpm",
        "fdr",
    }
    | {"aveexpr", "mean", "average", "median", "sd", "stdev", "total", "sum", "grand_total"}
)
_CLINICAL = re.compile(
    r"(.*_)?(age|os|dfs|pfs|rfs|survival|bmi|weight|height|stage|grade|sex|gender|event|status|vital_status)(_.*)?|"
    r".*(months|days|years|patient|sample|subject|_no|_id|_number|batch|purity).*|unnamed: \d+|index",
    re.IGNORECASE,
)
# of a patient, and what names a sample of theirs: TCGA (12 of 28 characters), TARGET, GTEx
_BARCODE = re.compile(r"(TCGA[-.]\w{2}[-.]\w{4}|TARGET-\d{2}-[A-Z]{6}|GTEX-[A-Z0-9]{4,5})([-.].*)?")
# what people write behind the number of a patient for one of several samples
_OF_PERSON = r"t|n|tumou?r|normal|primary|met(?:astasis)?|relapse|pre|post|before|after|blood"
_NUMBERED = r"(?:rep|visit|week|day|time|tp|biopsy|[rtvwd])[-_. ]?\d{1,2}"
_PART = re.compile(rf"(?P<stem>.*\d.*?)(?:[-_. ](?:{_OF_PERSON}|{_NUMBERED})|(?<=\d)[TN])", re.IGNORECASE)
# what spreadsheets make of MARCH1, SEPT2, DEC1 and OCT4 (doi:10.1186/1471-2105-5-80)
_DATE = re.compile(
    r"\d{1,2}-(mar|sept?|dec|oct|apr|feb|nov)|(mar|sept?|dec|oct|apr|feb|nov)-\d{2}|"
    r"\d{4}-\d{2}-\d{2}( 00:00:00)?|\d{1,2}[./]\d{1,2}[./]\d{2,4}",
    re.IGNORECASE,
)
_ENSEMBL = re.compile(r"(ENS[A-Z]*G\d{11})\.\d+")
_ENOUGH = 8  # samples from which on a column of whole or serial numbers is no accident
_MOSTLY = 0.9


def is_missing(value: str) -> bool:
    """Return whether a text is one of the spellings of a missing value, in any case and in any brackets.

    >>> is_missing("[Not Available]"), is_missing("<NA>"), is_missing("?"), is_missing("LumA")
    (True, True, True, False)
    """
    return value.strip().casefold().strip("[]<>()") in _MISSING


def is_no_gene(name: str) -> bool:
    """Return whether a name is a summary row of an aligner, a counter or a spreadsheet.

    >>> is_no_gene("N_unmapped"), is_no_gene("__no_feature"), is_no_gene("Total"), is_no_gene("TP53")
    (True, True, True, False)
    """
    return _NO_GENE.fullmatch(name) is not None


def describes_genes(column: str) -> bool:
    """Return whether a column beside the names of genes describes them, so that it is no sample.

    >>> describes_genes("Entrez_Gene_Id"), describes_genes("TCGA-A1-A0SB-01")
    (True, False)
    """
    return column.casefold().replace(" ", "_") in _OF_GENES


def is_date(name: str) -> bool:
    """Return whether a name of a gene is what a spreadsheet made of it.

    >>> is_date("1-Mar"), is_date("2021-09-02 00:00:00"), is_date("MARCH1"), is_date("7SK")
    (True, True, False, False)
    """
    return _DATE.fullmatch(name) is not None


def spoiled_names(genes: Sequence[str]) -> Iterator[str]:
    """Yield in words what is noticed about names of genes: dates, missing ones, versions of one gene.

    >>> list(spoiled_names(["ENSG00000000003.14", "ENSG00000000003.15"]))
    ["'ENSG00000000003.14' and 'ENSG00000000003.15' are versions of one gene, which counts twice"]
    >>> list(spoiled_names(["TP53", "BRCA1"]))
    []
    """
    dates = [gene for gene in genes if is_date(gene)]
    if dates:
        yield (
            f"{len(dates)} genes are called by a date, such as {dates[0]!r}: a spreadsheet changed their names, as it "
            "does to MARCH1 and SEPT2. Export the table again without one"
        )
    if missing := [gene for gene in genes if is_missing(gene)]:
        yield f"a gene is called {missing[0]!r}, as missing values are; --leave-out leaves it out"
    seen: dict[str, str] = {}
    for gene in genes:
        match = _ENSEMBL.fullmatch(gene)
        if match and seen.setdefault(match[1], gene) != gene:
            yield f"{seen[match[1]]!r} and {gene!r} are versions of one gene, which counts twice"
            return


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
    """Return the patient whom a barcode of TCGA, TARGET or GTEx names, or None if it is no barcode.

    >>> patient_of("TCGA-A1-A0SB-01A-11R-A144-07"), patient_of("GTEX-1117F-0226-SM-5GZZ7"), patient_of("S1")
    ('TCGA-A1-A0SB', 'GTEX-1117F', None)
    """
    match = _BARCODE.fullmatch(sample)
    return match[1].replace(".", "-") if match else None


def patients_of(samples: Sequence[str]) -> NDArray[np.str_] | None:
    """Return (n,) the patients whom barcodes name, or None if a name is no barcode."""
    patients = [patient_of(sample) for sample in samples]
    return None if not patients or None in patients else np.array(patients, dtype=np.str_)


def people_in(samples: Sequence[str]) -> NDArray[np.str_] | None:
    """Return (n,) the people whom names of samples seem to share, as in ``P01_tumor`` and ``P01_normal``.

    Returns
    -------
    None where nothing says so: no name has such an end, or nobody has two samples. A name without an end stands for
    itself. What this finds is a guess, which is for a message and never for a division into folds.

    >>> people_in(["P01_T", "P01_N", "P02_T", "P03"]).tolist()
    ['P01', 'P01', 'P02', 'P03']
    >>> people_in(["sample_1", "sample_2"]) is None
    True
    """
    matches = [_PART.fullmatch(sample) for sample in samples]
    people = [match["stem"] if match else sample for match, sample in zip(matches, samples, strict=True)]
    n = len(set(people))
    return np.array(people, dtype=np.str_) if 1 < n < len(samples) else None


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


def _by_case(names: Sequence[str], samples: Sequence[str]) -> dict[str, str]:
    """Match names that differ in case, in what separates their parts, or in characters that look alike.

    Programs for texts make long dashes of hyphens, compose accents differently and add spaces of no width.
    """

    def plain(name: str) -> str:
        seen = "".join(c for c in unicodedata.normalize("NFKC", name) if unicodedata.category(c) != "Cf")
        return re.sub(r"[-_. \u2010-\u2015\u2212]+", "-", seen.casefold())

    place = {plain(sample): sample for sample in samples}
    return {name: place[plain(name)] for name in names if plain(name) in place} if len(place) == len(samples) else {}


def _by_ending(names: Sequence[str], samples: Sequence[str]) -> dict[str, str]:
    """Match names that are those of the samples and one ending, such as ``.bam``, or the other way round."""
    for longer, shorter in ((names, samples), (samples, names)):
        known = set(shorter)
        ends = [longer[0][i:] for i in range(1, len(longer[0])) if longer[0][i] in "-_. "] if longer else []
        for end in ends:
            cut = {name: name.removesuffix(end) for name in longer if name.endswith(end)}
            found = {name: core for name, core in cut.items() if core in known}
            if found:
                return found if shorter is samples else {core: name for name, core in found.items()}
    return {}


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
    "they differ in case, in what separates their parts, or in characters that look alike": _by_case,
    "barcodes are cut in one of the files": _by_barcode,
    "those of one file have an ending more": _by_ending,
}
