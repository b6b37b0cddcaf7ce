"""METABRIC: both forms that it is published in, what is wrong with fifteen of them, the download, and the simulated one."""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from click.testing import CliRunner
from cohort_files import write

from bench import Cohort, DataError
from bench.cli.data import data_group
from bench.datasets import load_dataset, where_is
from bench.datasets.formats import metabric, recognise
from bench.datasets.home import read_manifest
from bench.datasets.importing import import_dataset
from bench.datasets.known import fetching
from bench.datasets.known.fetching import fetch_dataset
from bench.datasets.known.simulated import Parameters, simulated_cohort
from bench.datasets.known.simulated_metabric import SIZES, metabric_parameters
from bench.datasets.readers.matrices import Layout

NEWEST, MIDDLE, OLDEST = metabric.EXPRESSION
CLINICAL, NORMALS = metabric.CLINICAL, metabric.NORMALS
PEOPLE = [f"MB-{i:04d}" for i in range(20)]
CLASSES = ["LumA", "Basal", "claudin-low", "LumA", "Basal", "claudin-low"] * 3 + ["NC", ""]
KEPT = PEOPLE[:18]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Path:
    monkeypatch.setenv("BENCH_DATA_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(fetching, "PAUSE_S", 0.0)
    caplog.set_level(logging.WARNING)
    return tmp_path / "home"


def study(folder: Path, name: str = NEWEST, end: str = "\n") -> Path:
    """Return a study folder; its table of expression may have another name or other line ends."""
    place = write("metabric", folder)
    text = (place / NEWEST).read_text()
    (place / NEWEST).unlink()
    (place / name).write_bytes(text.replace("\n", end).encode())
    (place / CLINICAL).write_bytes((place / CLINICAL).read_text().replace("\n", end).encode())
    return place


def read(path: Path, labels: str | None = "pam50_claudin", name: str = "m", **layout: Any) -> Cohort:
    beside = None if labels is None else Path(labels)
    return import_dataset(name, path, beside, layout=Layout(**layout), force=True).expression


def add_normals(place: Path, genes: list[str] | None = None, names: tuple[str, ...] = ("N1", "N2", "N3")) -> Path:
    known = [line.split("\t")[0] for line in (place / NEWEST).read_text().splitlines()[1:]]
    genes = genes or [gene for gene in dict.fromkeys(known) if gene]
    rows = [[gene, *(str(7 + i / 8 + j / 4) for j in range(len(names)))] for i, gene in enumerate(reversed(genes))]
    (place / NORMALS).write_text("\n".join("\t".join(row) for row in [["gene", *names], *rows]) + "\n")
    return place


# -- cBioPortal's folder -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("name", metabric.EXPRESSION)
def test_the_study_is_read_under_each_name_and_with_each_line_end(tmp_path: Path, name: str, end: str) -> None:
    place = study(tmp_path, name, end)
    assert recognise(place).name == "metabric"
    cohort = read(place, None)
    assert (cohort.samples, cohort.y.tolist(), cohort.units) == (tuple(KEPT), CLASSES[:18], "log2")
    assert cohort.n_genes == 12


def test_rows_of_a_gene_are_averaged_and_one_with_a_gap_is_left_out(tmp_path: Path) -> None:
    place = study(tmp_path)
    lines = (place / NEWEST).read_text().splitlines()
    first = lines[1].split("\t")
    twice = [first[0], "99", *(str(float(x) + 2) for x in first[2:])]
    gap = ["GAPPED", "98", "NA", *first[3:]]
    unnamed = ["", "97", *first[2:]]
    lines += ["\t".join(row) for row in (twice, gap, unnamed)]
    (place / NEWEST).write_text("\n".join(lines) + "\n")
    cohort = read(place)
    assert cohort.genes[-1] == "97"
    assert "GAPPED" not in cohort.genes
    np.testing.assert_allclose(cohort.X[:, 0], np.array(first[2:20], dtype=float) + 1, rtol=1e-6)
    np.testing.assert_allclose(cohort.X[:, -1], np.array(first[2:20], dtype=float), rtol=1e-6)
    left = read_manifest(tmp_path / "home", "m").taken["left out"]
    assert "1 rows with a missing value: 'GAPPED'" in left
    assert "1 genes with several rows are their mean: 'TP53'" in left
    assert "2 people without a class of pam50_claudin" in left


def test_every_claim_on_it_lists_what_was_done_to_all_people_together(tmp_path: Path) -> None:
    made = import_dataset("m", study(tmp_path), Path("pam50_claudin"))
    assert made.outside == metabric.OUTSIDE
    assert "calls of subtypes" in load_dataset("m").outside[0]


def test_the_six_classes_of_deeptype_are_five_and_normal_tissue(tmp_path: Path) -> None:
    place = add_normals(study(tmp_path))
    cohort = read(place, "deeptype6", name="metabric")
    assert sorted(set(cohort.y.tolist())) == ["Basal", "LumA", "Normal tissue"]
    assert cohort.samples[-3:] == ("N1", "N2", "N3")
    assert len(cohort) == 12 + 3  # nobody of claudin-low
    last = cohort.genes.index("TP53")
    assert cohort.X[-3:, last].tolist() == pytest.approx([7 + 11 / 8, 7 + 11 / 8 + 0.25, 7 + 11 / 8 + 0.5])
    assert read_manifest(tmp_path / "home", "metabric").label == "subtype"


def test_labels_of_ones_own_keep_everybody(tmp_path: Path) -> None:
    place, own = study(tmp_path), tmp_path / "own.csv"
    own.write_text("samplesID,er\n" + "".join(f"{name},{'+-'[i % 2]}\n" for i, name in enumerate(PEOPLE)))
    cohort = import_dataset("m", place, own).expression
    assert (len(cohort), set(cohort.y.tolist())) == (20, {"+", "-"})


# -- Kaggle's table ----------------------------------------------------------------------------------------------------


def test_the_one_table_of_kaggle_is_read(tmp_path: Path) -> None:
    path = write("metabric-csv", tmp_path)
    assert recognise(path).name == "metabric-csv"
    cohort = read(path, name="metabric")
    assert (cohort.samples, cohort.units) == (tuple(KEPT), "zscore")
    assert cohort.genes == tuple(line.upper() for line in ("tp53", "brca1", "esr1", "erbb2"))
    assert cohort.y.tolist() == CLASSES[:18]
    assert load_dataset("metabric").outside[-1] == "z-scores of genes over all people"


# -- what is wrong, and what is said -----------------------------------------------------------------------------------


def change(name: str, what: Callable[[str], str]) -> Callable[[Path], Path]:
    def do(folder: Path) -> Path:
        place = study(folder)
        (place / name).write_text(what((place / name).read_text()))
        return place

    return do


def without(*names: str) -> Callable[[Path], Path]:
    def do(folder: Path) -> Path:
        place = study(folder)
        for name in names:
            (place / name).unlink()
        return place

    return do


def scores_alone(folder: Path) -> Path:
    return study(folder, "data_mrna_illumina_microarray_zscores_ref_diploid_samples.txt")


def two_tables(folder: Path) -> Path:
    place = study(folder)
    (place / OLDEST).write_text((place / NEWEST).read_text())
    return place


def kaggle(what: Callable[[str], str]) -> Callable[[Path], Path]:
    def do(folder: Path) -> Path:
        path = write("metabric-csv", folder)
        path.write_text(what(path.read_text()))
        return path

    return do


def archive(folder: Path) -> Path:
    (folder / "brca_metabric.tar.gz").write_bytes(b"\x1f\x8b\x08\x00" + bytes(60))
    return folder / "brca_metabric.tar.gz"


POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "0" * 64 + "\nsize 689254852\n"
BAD: dict[str, tuple[Callable[[Path], Path], str, str]] = {
    "no table of expression": (without(NEWEST), "pam50_claudin", r"has none of data_mrna_illumina_microarray\.txt, .*unpacked study folder brca_metabric"),
    "z-scores alone": (scores_alone, "pam50_claudin", r"It has data_mrna_illumina_microarray_zscores.*z-scores of all people together and not the measurements"),
    "two tables": (two_tables, "pam50_claudin", "has 2 tables of expression: 'mrna_illumina_microarray', 'expression_median'. Choose with --layer"),
    "no patients": (without(CLINICAL), "pam50_claudin", "has no data_clinical_patient.txt, which holds the subtypes"),
    "patients without a subtype": (change(CLINICAL, lambda s: s.replace("CLAUDIN_SUBTYPE", "THREEGENE")), "pam50_claudin", "has no column 'CLAUDIN_SUBTYPE'"),
    "a patient twice": (change(CLINICAL, lambda s: s + "MB-0001\tLumA\tYES\n"), "pam50_claudin", "patient 'MB-0001' appears more than once"),
    "another study's patients": (change(CLINICAL, lambda s: s.replace("MB-", "MTS-")), "pam50_claudin", r"no sample of the study \('MB-0000' \.\.\.\) is in column 'PATIENT_ID'.*'MTS-"),
    "nobody has a class": (change(CLINICAL, lambda s: s.replace("LumA", "NA").replace("Basal", "NC").replace("claudin-low", "")), "pam50_claudin", "nobody with expression has a class of pam50_claudin"),
    "a pointer in its place": (change(NEWEST, lambda s: POINTER), "pam50_claudin", "is a pointer of Git LFS, three lines long, and not the table. Run `git lfs pull`"),
    "patients as a pointer": (change(CLINICAL, lambda s: POINTER), "pam50_claudin", "data_clinical_patient.txt is a pointer of Git LFS"),
    "a web page": (change(NEWEST, lambda s: "<!DOCTYPE html>\n<html>rate limit</html>\n"), "pam50_claudin", "is a web page, not the table: the download was refused"),
    "empty": (change(NEWEST, lambda s: ""), "pam50_claudin", "begins with nothing; expected a header of Hugo_Symbol"),
    "a cut last line": (change(NEWEST, lambda s: s[: -len(s.splitlines()[-1]) // 2]), "pam50_claudin", r"line 13 has \d+ cells; expected 22, as many as the header. The file was cut"),
    "a word among numbers": (change(NEWEST, lambda s: s.replace(s.splitlines()[3].split("\t")[5], "high", 1)), "pam50_claudin", "line 4, sample 'MB-0003' holds 'high'; expected a finite number, or NA"),
    "an infinite number": (change(NEWEST, lambda s: s.replace(s.splitlines()[2].split("\t")[4], "1e999", 1)), "pam50_claudin", "line 3, sample 'MB-0002' holds '1e999'"),
    "a sample twice": (change(NEWEST, lambda s: s.replace("MB-0004", "MB-0003", 1)), "pam50_claudin", "sample 'MB-0003' appears more than once"),
    "every gene has a gap": (change(NEWEST, lambda s: "\n".join("\t".join([*line.split("\t")[:-1], "NA" if i else "MB-0019"]) for i, line in enumerate(s.splitlines()))), "pam50_claudin", "has no gene without a missing value"),
    "not UTF-8": (lambda f: (p := study(f), (p / NEWEST).write_bytes((p / NEWEST).read_bytes() + b"G\xff\t1"), p)[2], "pam50_claudin", "is not UTF-8 text"),
    "normal tissue is not there": (study, "deeptype6", r"needs normal breast tissue, which is under controlled access at the EGA \(EGAS00000000083\)"),
    "normal tissue by probe": (lambda f: add_normals(study(f), [f"ILMN_{i}" for i in range(12)]), "deeptype6", r"lacks 12 of 12 genes of the tumours: 'TP53', .*turn names of probes into symbols"),
    "a tumour among normal tissue": (lambda f: add_normals(study(f), None, ("N1", "MB-0000")), "deeptype6", "sample 'MB-0000' is a tumour too"),
    "a slip in the scheme": (study, "pam50_claudine", "--labels pam50_claudine is neither a file nor a scheme of METABRIC's labels. Did you mean 'pam50_claudin'"),
    "the archive itself": (archive, "pam50_claudin", r"brca_metabric.tar.gz is neither cBioPortal's study folder, which must be unpacked, nor"),
    "Kaggle's table without genes": (kaggle(lambda s: "\n".join(",".join(row.split(",")[:3]) for row in s.splitlines())), "pam50_claudin", "has no column of a gene"),
    "Kaggle's table for six classes": (kaggle(lambda s: s), "deeptype6", "has no normal tissue, which --labels deeptype6 needs"),
    "a word among Kaggle's numbers": (kaggle(lambda s: s.replace(",0.5,", ",half,", 1)), "pam50_claudin", "holds 'half'; expected a finite number"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_a_bad_file_is_refused_in_words(tmp_path: Path, case: str) -> None:
    make, labels, words = BAD[case]
    path = make(tmp_path)
    with pytest.raises(DataError, match=words):
        read(path, labels)
    assert not (tmp_path / "home" / "m").exists()


# -- the download ------------------------------------------------------------------------------------------------------


class Hub(BaseHTTPRequestHandler):
    files: ClassVar[dict[str, bytes]] = {}

    def do_GET(self) -> None:
        kind, name = self.path.strip("/").split("/")
        if name not in self.files:
            self.send_error(404)
            return
        content = self.files[name]
        if kind == "pointers" and name != CLINICAL:
            digest = hashlib.sha256(content).hexdigest()
            content = f"version https://git-lfs.github.com/spec/v1\noid sha256:{digest}\nsize {len(content)}\n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name of the base class
        pass


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, bytes]]:
    place = study(tmp_path, MIDDLE)
    handler = type("Here", (Hub,), {"files": {path.name: path.read_bytes() for path in place.iterdir()}})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("BENCH_METABRIC_URL", f"http://127.0.0.1:{server.server_port}")
    yield handler.files
    server.shutdown()
    server.server_close()


def test_fetch_takes_the_table_that_is_there_and_checks_it(hub: dict[str, bytes], home: Path) -> None:
    result = CliRunner().invoke(data_group, ["fetch", "metabric"], catch_exceptions=False)
    assert "Fetching metabric from cBioPortal's datahub" in result.output
    manifest = read_manifest(home, "metabric")
    assert {Path(file.path).name for file in manifest.files} == {CLINICAL, MIDDLE}
    assert all(file.checksum == f"sha256:{file.sha256}" for file in manifest.files)
    assert (where_is("metabric"), load_dataset("metabric").simulated, manifest.n_samples) == ("imported", False, 18)
    with pytest.raises(DataError, match="Say --force to fetch"):
        fetch_dataset("metabric")


def test_fetch_says_what_the_datahub_lacks(hub: dict[str, bytes]) -> None:
    del hub[MIDDLE]
    with pytest.raises(
        DataError, match=r"has none of data_mrna_illumina_microarray\.txt, .* today\. Download the study"
    ):
        fetch_dataset("metabric")


def test_without_a_network_one_sentence_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_METABRIC_URL", "http://127.0.0.1:9")
    with pytest.raises(DataError) as error:
        fetch_dataset("metabric")
    assert str(error.value) == (
        "127.0.0.1:9 cannot be reached (no connection): check the network, or download the study by hand from "
        "https://www.cbioportal.org/study/summary?id=brca_metabric and use `bench data import metabric --counts FOLDER`."
    )


# -- the simulated one -------------------------------------------------------------------------------------------------


def test_the_model_has_the_classes_of_the_real_one_and_landmark_genes_first() -> None:
    model = metabric_parameters(Parameters.load("brca"), 1200)
    assert dict(zip(model.classes.tolist(), model.counts.tolist(), strict=True)) == SIZES
    assert sum(SIZES.values()) == 1980 - 6  # not classified
    assert model.genes[:2].tolist() == ["TSPAN6", "SCYL3"]
    assert model.genes[-1] == "SIM01200"
    assert len(set(model.genes.tolist())) == 1200
    whole = metabric_parameters(Parameters.load("brca"))
    assert whole.shift.shape == (6, 20_000)
    assert (whole.mean[:1200] == model.mean).all()  # fewer genes are the first ones
    assert np.median(whole.mean) < np.median(whole.mean[:978])  # half of the others are not expressed
    assert (whole.mean > 5).all()
    assert whole.sd.min() > 0


@pytest.mark.full
def test_the_simulated_people_say_so_and_are_the_same_on_every_call(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    dataset = load_dataset("metabric")
    assert (dataset.simulated, dataset.slug, dataset.label_name) == (True, "metabric-simulated", "metabric (simulated)")
    assert dataset.expression.X.shape == (1974, 20_000)
    assert dataset.expression.units == "log2"
    assert 4.5 <= dataset.expression.X.min() < dataset.expression.X.max() <= 16
    assert all(name.startswith("SIM-METABRIC-") for name in dataset.expression.samples)
    assert simulated_cohort("metabric").digest == dataset.digest


def test_the_simulated_one_stands_in_until_the_real_one_is_imported(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    assert where_is("metabric") == "simulated"
    read(study(tmp_path), name="metabric")
    assert where_is("metabric") == "imported"
