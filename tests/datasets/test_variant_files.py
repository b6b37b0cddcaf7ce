"""Variants from and to files: what is kept, what is left out, and one clear sentence for each file that is refused."""

from __future__ import annotations

import gzip
import logging
import os
import re
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench import DataError, Variants
from bench.conformance import haplotypes
from bench.datasets import load_dataset
from bench.datasets.importing import import_dataset
from bench.datasets.readers import variant_files
from bench.datasets.readers.variant_export import write_bed, write_vcf
from bench.datasets.readers.variant_files import Called, read_variant_file

pytest.importorskip("cyvcf2")

META = (
    "##fileformat=VCFv4.2\n##contig=<ID=1,length=249250621>\n##contig=<ID=2,length=243199373>\n"
    '##FORMAT=<ID=GT,Number=1,Type=String,Description="g">\n##FORMAT=<ID=DS,Number=1,Type=Float,Description="d">\n'
)
HEAD = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ta\tb\n"


def record(chrom: str = "1", pos: object = 100, ref: str = "A", alt: str = "G", a: str = "0|1", b: str = "1|1") -> str:
    return f"{chrom}\t{pos}\t.\t{ref}\t{alt}\t.\tPASS\t.\tGT\t{a}\t{b}\n"


def read(tmp_path: Path, text: str, name: str = "x.vcf", build: str = "") -> Called:
    path = tmp_path / name
    path.write_bytes(text.encode())
    return read_variant_file(path, build=build)


GOOD = META + HEAD + record()
REFUSED = {
    "empty file": ("", r"is empty; expected variants"),
    "no header": (record(), r"cannot be opened as VCF or BCF"),
    "something else": ("sample,G1,G2\na,1,2\n", r"cannot be opened as VCF or BCF"),
    "spaces for tabs": ((META + HEAD + record()).replace("\t", " "), r"columns separated by tabs"),
    "a sample twice": (META + HEAD.replace("\tb", "\ta") + record(), r"each sample once"),
    "no samples": (
        META + HEAD.replace("\tFORMAT\ta\tb", "") + "1\t9\t.\tA\tG\t.\tPASS\t.\n", r"holds sites and no people"
    ),
    "no records": (META + HEAD, r"has no site that can be taken: it holds no records"),
    "no genotypes": (META + HEAD + record(a="0.5", b="1").replace("\tGT\t", "\tDS\t"), r"has no genotypes \(GT\)"),
    "mixed ploidy": (META + HEAD + record(b="1"), r"record 1 \(1:100\): sample 'b' has 1 allele; expected two"),
    "haploid": (META + HEAD + record(a="0", b="1"), r"sample 'a' has 1 allele; expected two of everybody"),
    "triploid": (META + HEAD + record(b="1|1|0"), r"sample 'b' has 3 alleles; expected two"),
    "unknown allele": (META + HEAD + record(b="3|1"), r"a genotype names allele 3, but the record has 1 alternate"),
    "letters in a genotype": (META + HEAD + record() + record(pos=200, b="x|1"), r"after record 1 \(1:100\)"),
    "a column missing": (META + HEAD + record().replace("\t1|1", ""), r"cannot be read after the header"),
    "a position in letters": (META + HEAD + record(pos="x"), r"a position that is no number"),
    "position zero": (META + HEAD + record(pos=0), r"the position is 0; expected 1 or more"),
    "beyond the chromosome": (META + HEAD + record(pos=300_000_000), r"lies beyond the end of its chromosome"),
    "two builds": (
        META.replace("243199373", "242193529") + HEAD + record(), r"contigs of its header are of GRCh37 and GRCh38"
    ),
    "a site twice": (META + HEAD + record() + record(a="0|0"), r"has the site 1:100:A>G more than once"),
    "a reference that is no sequence": (META + HEAD + record(ref="."), r"the reference allele is '\.'"),
    "nothing but reference": (
        META + HEAD + record(alt=".", a="0|0", b="0|0"), r"no site that can be taken: 1 with records without an alternate"
    ),
    "only a breakend": (META + HEAD + record(alt="A[2:5["), r"no site that can be taken: 1 with alternate alleles"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_a_bad_vcf_is_refused_with_one_clear_sentence(case: str, tmp_path: Path) -> None:
    text, message = REFUSED[case]
    with pytest.raises(DataError, match=message) as raised:
        read(tmp_path, text)
    assert "x.vcf" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_the_documentation_lists_every_bad_vcf_with_the_beginning_of_what_is_said(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs/variants.md").read_text()
    listed = dict(
        re.findall(r"^\| ([^|`]+) \| `(.+?)(?: \.\.\.)?` \|$", page.split("| file | sentence |")[1], re.MULTILINE)
    )
    assert set(REFUSED) <= set(listed)
    for case, (text, _) in REFUSED.items():
        with pytest.raises(DataError) as raised:
            read(tmp_path, text)
        assert str(raised.value).replace(f"{tmp_path}/", "").startswith(listed[case]), case


def test_a_file_that_was_cut_off_says_after_which_record(tmp_path: Path) -> None:
    pysam = pytest.importorskip("pysam")
    people = haplotypes(300, sites=600)
    write_vcf(tmp_path / "whole.vcf.gz", people, source="test")
    data = (tmp_path / "whole.vcf.gz").read_bytes()
    (tmp_path / "cut.vcf.gz").write_bytes(data[: len(data) // 2])
    with pytest.raises(DataError, match=r"cut\.vcf\.gz cannot be read after record \d+ \(22:\d+\)"):
        read_variant_file(tmp_path / "cut.vcf.gz")
    assert pysam.__version__


def test_a_build_that_was_said_must_not_contradict_the_header(tmp_path: Path) -> None:
    assert read(tmp_path, GOOD).build == "GRCh37"
    with pytest.raises(DataError, match="is on GRCh37, as the contig lengths of its header say, and not on GRCh38"):
        read(tmp_path, GOOD, build="GRCh38")
    bare = GOOD.replace("##contig=<ID=1,length=249250621>\n", "##contig=<ID=1>\n").replace(",length=243199373", "")
    assert read(tmp_path, bare).build == ""
    assert read(tmp_path, bare, build="GRCh38").build == "GRCh38"


def test_what_is_kept_is_kept_as_it_is(tmp_path: Path) -> None:
    body = (
        record(pos=100, alt="G,T", a="0|1", b="2|.")  # two sites
        + record(pos=120, ref="AC", alt="A", a=".|.", b="0|1")  # a deletion, a missing genotype
        + record(pos=130, ref="c", alt="ctt", a=".", b="1|0")  # an insertion in lower case, and '.' alone
        + record(pos=140, alt="<DEL>,*", a="0|1", b="2|0")  # a symbolic allele; the overlapped one is left out
    )
    found = read(tmp_path, META + HEAD + body)
    assert found.sites == ("1:100:A>G", "1:100:A>T", "1:120:AC>A", "1:130:C>CTT", "1:140:A><DEL>")
    expected = [[[0, 0, -1, -1, 0], [1, 0, -1, -1, 1]], [[0, 1, 0, 1, 0], [-1, -1, 1, 0, 0]]]
    np.testing.assert_array_equal(found.calls, expected)
    assert found.samples == ("a", "b")
    assert found.left_out.total() == 1


def test_records_out_of_order_are_sorted_within_their_chromosome(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    body = record("2", 50, a="1|0") + record("1", 300) + record("1", 20, a="0|0") + record("2", 10, a="1|1")
    with caplog.at_level(logging.WARNING):
        found = read(tmp_path, META + HEAD + body)
    assert [site.split(">")[0] for site in found.sites] == ["2:10:A", "2:50:A", "1:20:A", "1:300:A"]
    assert found.calls[0].tolist() == [[1, 1, 0, 0], [1, 0, 0, 1]]
    assert "not in the order of positions" in caplog.text


def test_one_heterozygous_call_without_phase_makes_genotypes(tmp_path: Path) -> None:
    found = read(tmp_path, META + HEAD + record(b="1/1") + record(pos=200, a="0/0"))
    assert found.calls.shape == (2, 2, 2)  # whose phase does not matter
    found = read(tmp_path, META + HEAD + record() + record(pos=200, a="0/1", b="./1"))
    assert found.calls.tolist() == [[[1, 1]], [[2, -1]]]


def test_more_sites_than_a_block_come_back_in_order(tmp_path: Path) -> None:
    drawn = np.random.default_rng(1).integers(0, 2, (5, 2, 2500))
    people = Variants(
        calls=drawn, y=["a"] * 5, sites=[f"7:{i + 1}:C>T" for i in range(2500)], samples=[f"p{i}" for i in range(5)]
    )
    write_vcf(tmp_path / "many.vcf", people, source="test")
    found = read_variant_file(tmp_path / "many.vcf")
    assert found.sites == people.sites
    np.testing.assert_array_equal(found.calls, people.calls)


def with_missing(people: Variants) -> Variants:
    calls = people.calls.copy()
    calls[::3, 0, ::5] = -1
    return replace(people, calls=calls, y=people.y, build="GRCh37")


@pytest.mark.parametrize("name", ["p.vcf", "p.vcf.gz", "p.bcf"])
@pytest.mark.parametrize("phased", [True, False])
def test_what_is_written_is_read_back(name: str, phased: bool, tmp_path: Path) -> None:
    people = with_missing(haplotypes(40))
    if not phased:
        people = replace(people, calls=people.genotypes[:, None], y=people.y)
    write_vcf(tmp_path / name, people, source="invented people, not real")
    found = read_variant_file(tmp_path / name)
    assert (found.sites, found.samples) == (people.sites, people.samples)
    np.testing.assert_array_equal(found.calls, people.calls)
    index = {"p.vcf.gz": "p.vcf.gz.tbi", "p.bcf": "p.bcf.csi"}.get(name)
    assert index is None or (tmp_path / index).stat().st_size > 0


def test_a_written_vcf_is_valid_for_an_independent_reader_and_says_what_made_it(tmp_path: Path) -> None:
    pysam = pytest.importorskip("pysam")
    people = with_missing(haplotypes(30))
    write_vcf(tmp_path / "p.vcf.gz", people, source="made by nobody, synthetic")
    with pysam.VariantFile(str(tmp_path / "p.vcf.gz")) as file:
        assert "##source=made by nobody, synthetic" in str(file.header)
        assert str(file.header.contigs["22"].name) == "22"
        inside = list(file.fetch("22", int(people.positions[3]) - 1, int(people.positions[5])))  # by the index
    assert [r.pos for r in inside] == people.positions[3:6].tolist()
    assert inside[0].samples[1]["GT"] == tuple(int(v) for v in people.calls[1, :, 3])
    lines = gzip.decompress((tmp_path / "p.vcf.gz").read_bytes()).decode().splitlines()
    assert lines[0] == "##fileformat=VCFv4.2"
    stats = pysam.bcftools.stats(str(tmp_path / "p.vcf.gz")) if hasattr(pysam, "bcftools") else ""
    assert not stats or f"number of SNPs:\t{people.n_sites}" in stats


def test_plink_files_are_read_back_as_genotypes_with_families(tmp_path: Path) -> None:
    people = with_missing(haplotypes(30))
    people = replace(people, y=people.y, donors=np.repeat([f"f{i}" for i in range(15)], 2))
    write_bed(tmp_path / "p.bed", people)
    found = read_variant_file(tmp_path / "p.bed")
    assert found.sites == people.sites
    np.testing.assert_array_equal(found.calls[:, 0], people.genotypes)
    assert found.families is not None
    assert found.families.tolist() == people.donors.tolist()  # type: ignore[union-attr]
    (tmp_path / "p.fam").unlink()
    with pytest.raises(DataError, match=r"p\.fam does not exist; a PLINK fileset is"):
        read_variant_file(tmp_path / "p.bed")


def test_variants_are_imported_with_their_labels_and_loaded_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_DATA_HOME", str(tmp_path / "home"))
    people = with_missing(haplotypes(45))
    write_vcf(tmp_path / "p.vcf.gz", people, source="test")
    rows = [f"{name},{label},fam{i // 2}" for i, (name, label) in enumerate(zip(people.samples, people.y, strict=True))]
    (tmp_path / "panel.csv").write_text("\n".join(["sample,population,donor", *reversed(rows), "other,a,x"]) + "\n")
    with pytest.raises(DataError, match="holds variants and no labels"):
        import_dataset("mine", tmp_path / "p.vcf.gz")
    from bench.datasets.readers.matrices import Layout

    layout = Layout(label_columns=("population",), ignore_extra_labels=True)
    import_dataset("mine", tmp_path / "p.vcf.gz", tmp_path / "panel.csv", layout=layout, build="GRCh37")
    found = load_dataset("mine")
    cohort = found.cohort
    assert isinstance(cohort, Variants)
    assert (found.modality, found.label, cohort.build, found.simulated) == ("variants", "population", "GRCh37", False)
    np.testing.assert_array_equal(cohort.calls, people.calls)
    np.testing.assert_array_equal(cohort.y, people.y)
    assert cohort.donors is not None
    assert len(set(cohort.donors.tolist())) == 23


def test_a_file_that_crashes_the_library_is_an_error_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(variant_files, "_read_vcf", lambda path, build: os.kill(os.getpid(), signal.SIGKILL))
    with pytest.raises(DataError, match=r"x\.vcf is damaged: reading it ends the process \(SIGKILL\)"):
        read(tmp_path, GOOD)


def test_what_a_library_raises_is_an_error_with_the_name_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "x.vcf").write_bytes((META + HEAD + record(chrom="1\x80")).encode("latin-1"))
    with pytest.raises(DataError, match=r"x\.vcf is damaged: UnicodeDecodeError"):
        read_variant_file(tmp_path / "x.vcf")
