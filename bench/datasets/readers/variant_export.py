"""Writes variants as VCF, compressed and indexed where the library for it is there, and as a PLINK fileset."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from bench.core.errors import DataError, MissingExtraError
from bench.core.files import replacing
from bench.core.variants import MISSING, Variants

_TEXT = re.compile(r"[\t\n\r]")


def write_vcf(path: Path, people: Variants, *, source: str) -> None:
    """Write people to ``.vcf``, ``.vcf.gz`` (bgzip, with an index ``.tbi``) or ``.bcf`` (with an index ``.csi``).

    Haplotypes are written as ``0|1``, genotypes as ``0/1`` and a missing call as ``.``. Sites are written in the order
    of positions within each chromosome, which the index asks for. The header names the contigs, the build and what
    made the file.

    Parameters
    ----------
    path : pathlib.Path
    people : Variants
    source : str, what made the people, for the line ``##source=``; for synthetic people it must say so

    Raises
    ------
    DataError
        If the extension is another.
    MissingExtraError
        If a compressed file is asked for and pysam is not installed.

    Examples
    --------
    >>> from pathlib import Path
    >>> from bench.conformance import haplotypes
    >>> from bench.datasets.readers.variant_export import write_vcf
    >>> write_vcf(Path("people.vcf"), haplotypes(2), source="invented people")
    >>> Path("people.vcf").read_text().splitlines()[:2]
    ['##fileformat=VCFv4.2', '##source=invented people']
    """
    name = path.name.lower()
    if not name.endswith((".vcf", ".vcf.gz", ".bcf")):
        raise DataError(f"{path} has the extension {path.suffix!r}; expected .vcf, .vcf.gz or .bcf.")
    with replacing(path) as temporary:
        if name.endswith(".vcf"):
            with temporary.open("w", encoding="utf-8", newline="\n") as file:
                _write_lines(file, people, source)
            return
        pysam = _pysam(path)
        plain = temporary.with_name(f"{temporary.name}.vcf")
        try:
            with plain.open("w", encoding="utf-8", newline="\n") as file:
                _write_lines(file, people, source)
            if name.endswith(".bcf"):
                _to_bcf(pysam, plain, temporary)
            else:
                pysam.tabix_compress(str(plain), str(temporary), force=True)
        finally:
            plain.unlink(missing_ok=True)
    if name.endswith(".bcf"):
        pysam.tabix_index(str(path), preset="bcf", force=True, csi=True)
    else:
        pysam.tabix_index(str(path), preset="vcf", force=True)


def _pysam(path: Path) -> Any:
    try:
        import pysam
    except ImportError as error:
        raise MissingExtraError(f"writing {path}", "pysam", "variants") from error
    return pysam


def _to_bcf(pysam: Any, plain: Path, target: Path) -> None:
    with pysam.VariantFile(str(plain)) as read, pysam.VariantFile(str(target), "wb", header=read.header) as written:
        for record in read:
            written.write(record)


def _write_lines(file: TextIO, people: Variants, source: str) -> None:
    file.writelines(f"{line}\n" for line in _header(people, source))
    chromosomes, positions, alleles = people.chromosomes, people.positions, people.alleles
    rank = {name: i for i, name in enumerate(dict.fromkeys(chromosomes.tolist()))}
    order = sorted(range(people.n_sites), key=lambda i: (rank[str(chromosomes[i])], int(positions[i])))
    for i in order:
        (reference, alternate), calls = alleles[i], people.calls[:, :, i]
        fixed = (chromosomes[i], positions[i], ".", reference, alternate, ".", "PASS", ".", "GT")
        file.write("\t".join([*map(str, fixed), *_texts(calls)]) + "\n")


def _header(people: Variants, source: str) -> Iterator[str]:
    yield "##fileformat=VCFv4.2"
    yield f"##source={_TEXT.sub(' ', source)}"
    if people.build:
        yield f"##reference={people.build}"
    yield '##FILTER=<ID=PASS,Description="All filters passed">'
    for name in dict.fromkeys(people.chromosomes.tolist()):
        yield f"##contig=<ID={name}{f',assembly={people.build}' if people.build else ''}>"
    for allele in sorted({alternate for _, alternate in people.alleles if alternate.startswith("<")}):
        yield f'##ALT=<ID={allele[1:-1]},Description="symbolic allele {allele[1:-1]}">'
    yield '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">'
    columns = ("#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT")
    yield "\t".join([*columns, *(_TEXT.sub(" ", name) for name in people.samples)])


def _texts(calls: np.ndarray[Any, np.dtype[np.int8]]) -> list[str]:
    """Return the genotype of each person as VCF writes it; calls is (n_people, 2 or 1)."""
    if calls.shape[1] == 1:
        return [_UNPHASED[c] for c in calls[:, 0].tolist()]
    return [f"{_ALLELE[a]}|{_ALLELE[b]}" for a, b in calls.tolist()]


_ALLELE = {0: "0", 1: "1", MISSING: "."}
_UNPHASED = {0: "0/0", 1: "0/1", 2: "1/1", MISSING: "./."}


def write_bed(path: Path, people: Variants) -> None:
    """Write the genotypes of people as a PLINK 1 fileset ``.bed``, ``.bim`` and ``.fam``; the phase is lost.

    Allele 1 is the alternate. The family of a person is the donor, or the person where there are no donors.

    Raises
    ------
    DataError
        If the extension is not .bed.
    MissingExtraError
        If bed-reader is not installed.
    """
    if path.suffix.lower() != ".bed":
        raise DataError(f"{path} has the extension {path.suffix!r}; expected .bed.")
    try:
        from bed_reader import to_bed
    except ImportError as error:
        raise MissingExtraError(f"writing {path}", "bed-reader", "variants") from error
    values = np.where(people.genotypes == MISSING, np.int8(-127), people.genotypes)
    properties = {
        "fid": list(people.samples if people.donors is None else people.donors.tolist()),
        "iid": list(people.samples),
        "chromosome": people.chromosomes.tolist(),
        "sid": list(people.sites),
        "bp_position": people.positions.tolist(),
        "allele_1": [alternate for _, alternate in people.alleles],
        "allele_2": [reference for reference, _ in people.alleles],
    }
    to_bed(path, values, properties=properties, count_A1=True, num_threads=1)
