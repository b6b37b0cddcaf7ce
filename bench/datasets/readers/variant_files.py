"""Reads the variants of people from VCF, BCF and PLINK files: what is kept, what is left out, what is refused."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.core.errors import DataError, MissingExtraError
from bench.core.formatting import counted
from bench.core.variants import MISSING
from bench.datasets.readers.apart import read_apart
from bench.datasets.readers.matrices import repeated

VARIANT_FILES = (".vcf", ".vcf.gz", ".vcf.bgz", ".bcf", ".bed")
_BLOCK = 1024  # sites that are put together at once
_NONE = -2  # what htslib writes where a person has fewer alleles than another
_BASES = re.compile(r"[ACGTN]+")
_SYMBOLIC = re.compile(r"<[^\s<>|]+>")
_CONTIG = re.compile(r"##contig=<ID=([^,>]+)(?:,[^>]*)?>")
_LENGTH = re.compile(r"length=(\d+)")
_LENGTHS = {  # of chromosomes 1 to 22, by which the reference genome of a file is known
    "GRCh37": (
        *(249250621, 243199373, 198022430, 191154276, 180915260, 171115067, 159138663, 146364022, 141213431, 135534747),
        *(135006516, 133851895, 115169878, 107349540, 102531392, 90354753, 81195210, 78077248, 59128983, 63025520),
        *(48129895, 51304566),
    ),
    "GRCh38": (
        *(248956422, 242193529, 198295559, 190214555, 181538259, 170805979, 159345973, 145138636, 138394717, 133797422),
        *(135086622, 133275309, 114364328, 107043718, 101991189, 90338345, 83257441, 80373285, 58617616, 64444167),
        *(46709983, 50818468),
    ),
}
log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Called:
    """What a file says of people at sites, not yet with labels.

    Parameters
    ----------
    calls : (n_people, 2, n_sites) haplotypes or (n_people, 1, n_sites) genotypes, int8, -1 where no call was made
    sites, samples : their names
    build : the reference genome, empty if the file does not say
    families : (n_people,) the family of each person, where the file has families of several people
    left_out : records that were not taken, by the reason
    """

    calls: NDArray[np.int8]
    sites: tuple[str, ...]
    samples: tuple[str, ...]
    build: str
    families: NDArray[np.str_] | None = None
    left_out: Counter[str] = field(default_factory=Counter)


def is_variant_file(path: Path) -> bool:
    """Return whether a file's name says that it holds variants."""
    return path.name.lower().endswith(VARIANT_FILES)


def read_variant_file(path: Path, *, build: str = "") -> Called:
    """Return the calls of a VCF, VCF.gz, BCF or PLINK .bed file (with its .bim and .fam).

    A record with several alternate alleles becomes one site for each of them; insertions, deletions and symbolic
    alleles such as ``<DEL>`` are kept; missing calls are kept as missing. Records that are no variation of the people
    (no alternate allele, or only ``*``) and breakends are left out and counted. Records out of order are sorted within
    their chromosome. One heterozygous call without a phase makes genotypes of the whole file.

    Parameters
    ----------
    path : pathlib.Path
    build : str, what the reference genome is, for example ``"GRCh38"``; found from the header's contigs if empty

    Raises
    ------
    DataError
        If the file is damaged or not as expected; the message says what to do.
    MissingExtraError
        If the library that reads it is not installed.
    """
    if not path.is_file():
        raise DataError(f"the file {path} does not exist; check the path.")
    if path.stat().st_size == 0:
        raise DataError(f"{path} is empty; expected variants. Download or export it again.")
    if path.suffix.lower() == ".bed":
        found = _read_bed(path, build)
    else:
        _check_library(path)
        found = read_apart(lambda: _read_vcf(path, build), path)  # from some damage htslib and cyvcf2 crash
    if not found.sites:
        why = ", ".join(f"{n} with {reason}" for reason, n in found.left_out.items()) or "it holds no records"
        raise DataError(f"{path} has no site that can be taken: {why}.")
    if found.left_out:
        log.warning("%s: left out %s", path, ", ".join(f"{n} {reason}" for reason, n in found.left_out.items()))
    if (n := int(np.count_nonzero(found.calls == MISSING))) > 0:
        log.warning("%s: %d of %d calls are missing (%.2g %%)", path, n, found.calls.size, 100 * n / found.calls.size)
    return found


# -- VCF and BCF ---------------------------------------------------------------------------------------------------


def _read_vcf(path: Path, build: str) -> Called:
    reader = _opened(path)
    samples = tuple(reader.samples)
    if not samples:
        raise DataError(f"{path} names no samples after FORMAT, so it holds sites and no people. Take the full file.")
    lengths = _contigs(reader.raw_header)
    build = _build(path, lengths, build)
    columns = _Columns(len(samples))
    left_out: Counter[str] = Counter()
    for number, record in enumerate(_records(path, reader), start=1):
        place = f"{path}, record {number} ({record.CHROM}:{record.POS})"
        _check_place(place, record, lengths)
        wanted = list(_alternates(record, left_out))
        if not wanted:
            continue
        alleles, phased = _alleles(place, record, samples)
        for index, alternate in wanted:
            columns.add(f"{record.CHROM}:{record.POS}:{record.REF.upper()}>{alternate}", alleles, index)
        columns.phased &= phased
    return columns.called(path, samples, build, left_out)


def _check_library(path: Path) -> None:
    try:
        import cyvcf2  # noqa: F401 - and the copy of this process need not load it
    except ImportError as error:
        raise MissingExtraError(f"reading {path}", "cyvcf2", "variants") from error


def _opened(path: Path) -> Any:
    from cyvcf2 import VCF

    try:
        return VCF(str(path))
    except Exception as error:  # htslib raises bare Exceptions
        raise DataError(
            f"{path} cannot be opened as VCF or BCF ({error}): expected a header that starts with ##fileformat=VCF and "
            "ends with a line #CHROM of columns separated by tabs, each sample once. Mend or export it again."
        ) from error


def _records(path: Path, reader: Any) -> Iterator[Any]:
    """Yield the records; what htslib cannot parse or finds cut off is one clear error."""
    number, last = 0, "the header"
    while True:
        try:
            record = next(reader)
        except StopIteration:
            return
        except Exception as error:
            raise DataError(
                f"{path} cannot be read after {last}: the next record is cut off, or has a field that is no VCF (a "
                "position that is no number, a genotype with letters, another number of columns than the header). "
                "`bcftools view` names the field; download or export the file again."
            ) from error
        number += 1
        last = f"record {number} ({record.CHROM}:{record.POS})"
        yield record


def _contigs(header: str) -> dict[str, int]:
    """Return the length of each contig that the header gives, 0 where it gives none."""
    found = {}
    for match in _CONTIG.finditer(header):
        length = _LENGTH.search(match[0])
        found[match[1]] = int(length[1]) if length else 0
    return found


def _build(path: Path, lengths: dict[str, int], said: str) -> str:
    """Return the reference genome: what the contig lengths say, which must not contradict what was said."""
    known = {
        build
        for build, sizes in _LENGTHS.items()
        for number, size in enumerate(sizes, start=1)
        if size in (lengths.get(str(number)), lengths.get(f"chr{number}"))
    }
    if len(known) > 1:
        raise DataError(f"{path}: the contigs of its header are of {' and '.join(sorted(known))}; expected one build.")
    found = next(iter(known), "")
    if said and found and said != found:
        raise DataError(
            f"{path} is on {found}, as the contig lengths of its header say, and not on {said}. Leave the build out, "
            "or take the file of that build."
        )
    return found or said


def _check_place(place: str, record: Any, lengths: dict[str, int]) -> None:
    if record.POS < 1:
        raise DataError(f"{place}: the position is {record.POS}; expected 1 or more.")
    length = lengths.get(record.CHROM, 0)
    if 0 < length < record.POS:
        raise DataError(
            f"{place} lies beyond the end of its chromosome, which has {length} bases by the header; the header and "
            "the records are of different builds. Take the header of the right one."
        )
    if not _BASES.fullmatch(record.REF.upper()):
        raise DataError(f"{place}: the reference allele is {record.REF!r}; expected bases (A, C, G, T or N).")


def _alternates(record: Any, left_out: Counter[str]) -> Iterator[tuple[int, str]]:
    """Yield number and name of each alternate allele that is taken, and count those that are not."""
    if not record.ALT:
        left_out["records without an alternate allele"] += 1
    for index, allele in enumerate(record.ALT, start=1):
        if _BASES.fullmatch(allele.upper()):
            yield index, allele.upper()
        elif _SYMBOLIC.fullmatch(allele) and allele not in ("<*>", "<NON_REF>"):
            yield index, allele
        else:
            left_out["alternate alleles that are no sequence (*, breakends, <NON_REF>)"] += 1


def _alleles(place: str, record: Any, samples: tuple[str, ...]) -> tuple[NDArray[np.int16], bool]:
    """Return (n_people, 2) allele numbers, -1 where missing, and whether the phase of every one is known."""
    try:
        found = record.genotype.array()  # (n, ploidy + 1), the last column is the phase
    except Exception as error:
        raise DataError(f"{place} has no genotypes (GT); expected them of every sample at every site.") from error
    alleles, phase = found[:, :-1], found[:, -1].astype(bool)
    whole_missing = (alleles[:, :1] == MISSING) & (alleles[:, 1:] < 0).all(axis=1, keepdims=True)
    if alleles.shape[1] == 1:
        alleles = np.concatenate([alleles, np.where(alleles < 0, MISSING, _NONE)], axis=1)
    alleles = np.where(whole_missing & (alleles == _NONE), MISSING, alleles)
    copies = (alleles != _NONE).sum(axis=1)
    if (odd := np.flatnonzero(copies != 2)).size:
        n = int(copies[odd[0]])
        raise DataError(
            f"{place}: sample {samples[odd[0]]!r} has {n} allele{'s' * (n != 1)}; expected "
            "two of everybody. Leave out the sex chromosomes and the mitochondrion, or split the people by ploidy."
        )
    alleles = alleles[:, :2]
    if (highest := int(alleles.max())) > len(record.ALT):
        raise DataError(
            f"{place}: a genotype names allele {highest}, but the record has "
            f"{counted(len(record.ALT), 'alternate allele')}."
        )
    unphased = ~phase & (alleles[:, 0] != alleles[:, 1]) & (alleles >= 0).all(axis=1)
    return alleles, not unphased.any()


class _Columns:
    """Collects the calls of one site after another, in blocks, so that little more than the result is ever held."""

    def __init__(self, n_people: int) -> None:
        self.n_people, self.phased = n_people, True
        self.sites: list[str] = []
        self._blocks: list[NDArray[np.int8]] = []

    def add(self, site: str, alleles: NDArray[np.int16], index: int) -> None:
        """Keep who carries the alternate allele of this number at a site."""
        at = len(self.sites) % _BLOCK
        if at == 0:
            self._blocks.append(np.empty((self.n_people, 2, _BLOCK), dtype=np.int8))
        self._blocks[-1][:, :, at] = np.where(alleles == MISSING, MISSING, alleles == index)
        self.sites.append(site)

    def called(self, path: Path, samples: tuple[str, ...], build: str, left_out: Counter[str]) -> Called:
        """Return everything, in the order of positions, as haplotypes or, if a phase is not known, as genotypes."""
        if twice := repeated(self.sites):
            raise DataError(
                f"{path} has the site {twice} more than once; expected each alternate allele once. "
                "`bcftools norm --rm-dup exact` keeps the first."
            )
        calls = np.empty((self.n_people, 2, len(self.sites)), dtype=np.int8)
        for number in range(len(self._blocks)):
            start = number * _BLOCK
            calls[:, :, start : start + _BLOCK] = self._blocks[number][:, :, : len(self.sites) - start]
            self._blocks[number] = np.empty((0, 2, 0), dtype=np.int8)  # free it before the next is copied
        order = _order(path, self.sites)
        if order is not None:
            calls, self.sites = calls[:, :, order], [self.sites[i] for i in order]
        if not self.phased:
            log.warning("%s: a heterozygous call has no phase, so that the people are kept as genotypes", path)
            calls = _genotypes(calls)
        calls.setflags(write=False)
        return Called(calls, tuple(self.sites), samples, build, None, left_out)


def _genotypes(haplotypes: NDArray[np.int8]) -> NDArray[np.int8]:
    missing = (haplotypes == MISSING).any(axis=1, keepdims=True)
    counts: NDArray[np.int8] = haplotypes.sum(axis=1, keepdims=True, dtype=np.int8)
    counts[missing] = MISSING
    return counts


def _order(path: Path, sites: list[str]) -> NDArray[np.intp] | None:
    """Return the order that sorts sites by position within each chromosome, or None if they are sorted."""
    chromosomes = [site.split(":", 1)[0] for site in sites]
    rank = {name: i for i, name in enumerate(dict.fromkeys(chromosomes))}
    keys = [(rank[name], int(site.split(":", 2)[1])) for name, site in zip(chromosomes, sites, strict=True)]
    order = np.array(sorted(range(len(sites)), key=keys.__getitem__), dtype=np.intp)
    if np.array_equal(order, np.arange(len(sites))):
        return None
    log.warning("%s: its records are not in the order of positions; they are sorted here", path)
    return order


# -- PLINK ---------------------------------------------------------------------------------------------------------


def _read_bed(path: Path, build: str) -> Called:
    """Return the genotypes of a PLINK 1 binary fileset; the second allele of the .bim is taken as the reference."""
    try:
        from bed_reader import open_bed
    except ImportError as error:
        raise MissingExtraError(f"reading {path}", "bed-reader", "variants") from error
    for suffix in (".bim", ".fam"):
        if not path.with_suffix(suffix).is_file():
            raise DataError(f"{path.with_suffix(suffix)} does not exist; a PLINK fileset is .bed, .bim and .fam.")
    try:
        with open_bed(path, num_threads=1) as bed:
            columns = {name: [str(v) for v in getattr(bed, name)] for name in ("iid", "fid", "chromosome")}
            alternates, references = ([str(v).upper() for v in values] for values in (bed.allele_1, bed.allele_2))
            positions = [int(v) for v in bed.bp_position]
            counts = bed.read(dtype="int8", order="C")  # (n_people, n_sites) of allele 1, -127 where missing
    except Exception as error:
        raise DataError(f"{path} cannot be read as PLINK 1 binary: {error}. Export it again.") from error
    if twice := repeated(columns["iid"]):
        raise DataError(f"{path.with_suffix('.fam')}: sample {twice!r} has more than one line; keep one of them.")
    left_out: Counter[str] = Counter()
    taken = [_is_sequence(a, r, left_out) for a, r in zip(alternates, references, strict=True)]
    rows = zip(columns["chromosome"], positions, references, alternates, strict=True)
    names = [f"{c}:{p}:{r}>{a}" for (c, p, r, a), keep in zip(rows, taken, strict=True) if keep]
    if twice := repeated(names):
        raise DataError(f"{path.with_suffix('.bim')} has the site {twice} more than once; keep one of them.")
    order = _order(path, names)
    where = np.flatnonzero(taken) if order is None else np.flatnonzero(taken)[order]
    calls = np.where(counts[:, where] == -127, np.int8(MISSING), counts[:, where])[:, None]
    families = np.array(columns["fid"], dtype=np.str_)
    whole = len(set(columns["fid"])) == len(families) or set(columns["fid"]) == {"0"}
    return Called(
        calls,
        tuple(names if order is None else [names[i] for i in order]),
        tuple(columns["iid"]),
        build,
        None if whole else _alone(families, columns["iid"]),
        left_out,
    )


def _is_sequence(alternate: str, reference: str, left_out: Counter[str]) -> bool:
    if _BASES.fullmatch(alternate) and _BASES.fullmatch(reference):
        return True
    left_out["sites with an allele that is no sequence (0 where nobody carries it)"] += 1
    return False


def _alone(families: NDArray[np.str_], samples: list[str]) -> NDArray[np.str_]:
    """Return the families; a person of family 0 has none, and is one of his own."""
    return np.array([f"{iid} alone" if fid == "0" else fid for fid, iid in zip(families, samples, strict=True)])
