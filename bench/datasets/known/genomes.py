"""Variants known by name: files of the 1000 Genomes in the data home, and a simulated stand-in that is shipped."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from bench.core.errors import DataError
from bench.core.variants import Variants

LABEL = "super_pop"
COMMON = 0.01  # least minor-allele frequency of the sites that are kept
# which sites are common was seen in all people, also in those that a fold holds out
_COMMON = ("which sites are kept: those with a minor-allele frequency of 1 % or more among all people",)
_LABELS = "g1k_805snp_labels.csv"
_CHR1 = "g1k_phase3_chr1_11.70-11.84Mb_2504x4296.vcf.gz"
_CHR22 = "g1k_phase1_chr22_1092x19773"
_SUPER = {  # the continental group of each population of the first phase, as the project's own panel has it
    **dict.fromkeys(("ASW", "LWK", "YRI"), "AFR"),
    **dict.fromkeys(("CLM", "MXL", "PUR"), "AMR"),
    **dict.fromkeys(("CHB", "CHS", "JPT"), "EAS"),
    **dict.fromkeys(("CEU", "FIN", "GBR", "IBS", "TSI"), "EUR"),
}
log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Genome:
    """What is known of a dataset of variants before its files are read.

    Parameters
    ----------
    name, title : as on the command line and in tables
    files : names of the files in the data home
    shape : people and columns of the flat view
    n_classes : number of labels
    read : makes the people from the data home
    simulated : whether a simulated stand-in is shipped
    outside : steps that touched people of every fold; see `bench.Dataset`
    """

    name: str
    title: str
    files: tuple[str, ...]
    shape: tuple[int, int]
    n_classes: int
    read: Callable[[Path], Variants]
    simulated: bool = False
    outside: tuple[str, ...] = ()

    def is_in(self, home: Path) -> bool:
        """Return whether all its files lie in the data home."""
        return all((home / name).is_file() for name in self.files)


def real_genome(home: Path, genome: Genome) -> Variants:
    """Return the people of a dataset whose files are in the data home."""
    return genome.read(home)


def no_genome(home: Path, genome: Genome) -> DataError:
    """Return the error for a dataset that has no stand-in and is not here."""
    return DataError(
        f"dataset {genome.name!r} is not here, and there is no simulated stand-in for it. Put "
        f"{' and '.join(genome.files)} into {home}, or import variants of your own with `bench data import`."
    )


def simulated_genome(home: Path, genome: Genome) -> Variants:
    """Return the simulated people that stand in for a dataset whose files are not here, with a warning."""
    log.warning(
        "SIMULATED DATA: the real %r is not in %s, so 2,504 people simulated under an out-of-Africa model stand in. No "
        "result below is about real people. For the real data put %s there.", genome.name, home,
        " and ".join(genome.files),
    )  # fmt: skip
    return simulated_people()


def simulated_people() -> Variants:
    """Return the shipped people: 2,504 from three populations at 528 sites, made by benchmarks/simulate_variants.py.

    Examples
    --------
    >>> from bench.datasets.known.genomes import simulated_people
    >>> simulated_people().calls.shape
    (2504, 2, 528)
    """
    with (files("bench.datasets") / "simulated_g1k_chr1.npz").open("rb") as file, np.load(file) as stored:
        bits, sites, labels = stored["bits"], stored["sites"], stored["labels"]
    calls = _unpacked(bits, len(labels))
    names = tuple(f"SIM-G1K-{i + 1:04d}" for i in range(len(labels)))
    return Variants(calls=calls, y=labels, sites=tuple(map(str, sites)), samples=names, build="simulated")


def _unpacked(bits: NDArray[np.uint8], n_people: int) -> NDArray[np.int8]:
    """Return (n_people, 2, n_sites) from bits (n_sites, ...), the two haplotypes of a person one after the other."""
    haplotypes = np.unpackbits(bits, axis=1, count=2 * n_people).T
    return np.ascontiguousarray(haplotypes).view(np.int8).reshape(n_people, 2, -1)


def common(people: Variants, least: float = COMMON) -> Variants:
    """Return people at the sites whose minor allele has at least this frequency among them."""
    frequency = np.nan_to_num(people.frequencies)
    return people.at_sites(np.minimum(frequency, 1 - frequency) >= least)


# -- the files -----------------------------------------------------------------------------------------------------


def _labels(home: Path, samples: tuple[str, ...]) -> NDArray[np.str_]:
    from bench.datasets.readers.tables import read_table  # it imports pandas, which is slow

    table = read_table(home / _LABELS, text=None)
    group = dict(zip(table.text("sample"), table.text(LABEL), strict=True))
    if unknown := [name for name in samples if name not in group]:
        raise DataError(f"{home / _LABELS} has no line for sample {unknown[0]!r}; expected one for each.")
    return np.array([group[name] for name in samples], dtype=np.str_)


def _chr1_all(home: Path) -> Variants:
    from bench.datasets.readers.variant_files import read_variant_file  # it imports pandas, which is slow

    found = read_variant_file(home / _CHR1)
    y = _labels(home, found.samples)
    return Variants(calls=found.calls, y=y, sites=found.sites, samples=found.samples, build=found.build)


def _chr1(home: Path) -> Variants:
    return common(_chr1_all(home))


def _chr22(home: Path) -> Variants:
    """Return the first phase on chromosome 22: biallelic single-nucleotide variants that are common."""
    from bench.datasets.readers.tables import read_table  # it imports pandas, which is slow

    with np.load(home / f"{_CHR22}.npz") as stored:
        bits, samples, populations = stored["hap"], stored["sample"], stored["pop"]
    legend = read_table(home / f"{_CHR22}.legend.tsv.gz", text=None)
    columns = zip(legend.text("pos"), legend.text("ref"), legend.text("alt"), strict=True)
    sites = tuple(f"22:{position}:{reference}>{alternate}" for position, reference, alternate in columns)
    y = np.array([_SUPER[population] for population in populations.tolist()], dtype=np.str_)
    calls = _unpacked(bits, len(samples))
    people = Variants(calls=calls, y=y, sites=sites, samples=tuple(map(str, samples)), build="GRCh37")
    single = [len(reference) == len(alternate) == 1 for reference, alternate in people.alleles]
    return common(people.at_sites(np.array(single)))


def _snp805(home: Path) -> Variants:
    import pandas as pd

    from bench.datasets.readers.tables import read_table  # it imports pandas, which is slow

    frame = pd.read_parquet(home / "g1k_805snp_genotypes.parquet")
    legend = read_table(home / "g1k_805snp_legend.csv", text=None)
    parts = [name.split(":", 1)[0] for name in legend.text("id")]
    columns = zip(parts, legend.text("position"), legend.text("a0"), legend.text("a1"), strict=True)
    sites = tuple(f"{chromosome}:{position}:{a0}>{a1}" for chromosome, position, a0, a1 in columns)
    samples = tuple(map(str, frame.index))
    calls = frame[legend.text("id")].to_numpy(dtype=np.int8)[:, None]
    return Variants(calls=calls, y=_labels(home, samples), sites=sites, samples=samples, build="GRCh37")


GENOMES: Mapping[str, Genome] = MappingProxyType(
    {
        "g1k_chr1": Genome(
            name="g1k_chr1",
            title="1000 Genomes phase 3, chromosome 1 at 11.70 to 11.84 Mb, haplotypes, minor alleles of 1 % or more",
            files=(_CHR1, _LABELS),
            shape=(2504, 1484),
            n_classes=5,
            read=_chr1,
            simulated=True,
            outside=_COMMON,
        ),
        "g1k_chr1_all": Genome(
            name="g1k_chr1_all",
            title="1000 Genomes phase 3, chromosome 1 at 11.70 to 11.84 Mb, haplotypes, every site",
            files=(_CHR1, _LABELS),
            shape=(2504, 8592),
            n_classes=5,
            read=_chr1_all,
            outside=("which sites are kept: those at which somebody of all people carries the alternate allele",),
        ),
        "g1k_chr22": Genome(
            name="g1k_chr22",
            title="1000 Genomes phase 1, all of chromosome 22 thinned, haplotypes, minor alleles of 1 % or more",
            files=(f"{_CHR22}.npz", f"{_CHR22}.legend.tsv.gz"),
            shape=(1092, 12800),
            n_classes=4,
            read=_chr22,
            outside=_COMMON,
        ),
        "g1k_805": Genome(
            name="g1k_805",
            title="1000 Genomes phase 3, 805 single-nucleotide variants that differ between populations, genotypes",
            files=("g1k_805snp_genotypes.parquet", "g1k_805snp_legend.csv", _LABELS),
            shape=(2504, 805),
            n_classes=5,
            read=_snp805,
            outside=("which sites are kept: those that differ most between the populations of all people",),
        ),
    }
)
