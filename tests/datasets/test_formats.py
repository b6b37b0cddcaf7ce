"""Every format of the trade is recognised by its content and read to the same cohort; what does not fit is said."""

from __future__ import annotations

import gzip
import logging
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from cohort_files import COUNTS, ENSEMBL, FILES, GENES, HDF5, KINDS, LABELS_INSIDE, LINEAR, SAMPLES, write

from bench import Cohort, DataError
from bench.datasets.formats import FORMATS, hdf5_probe, read_matrix, recognise
from bench.datasets.home import data_home, read_manifest
from bench.datasets.importing import import_dataset
from bench.datasets.readers.apart import read_apart
from bench.datasets.readers.matrices import Layout


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Path:
    monkeypatch.setenv("BENCH_DATA_HOME", str(tmp_path / "home"))
    caplog.set_level(logging.WARNING)
    return tmp_path / "home"


def labels(folder: Path, samples: Any = SAMPLES) -> Path:
    path = folder / "labels.csv"
    pd.DataFrame({"samplesID": samples, "type": KINDS}).to_csv(path, index=False)
    return path


def read(path: Path, folder: Path, units: str | None = "counts", **layout: Any) -> Cohort:
    beside = layout.pop("labels", "with")
    return import_dataset("x", path, labels(folder) if beside == "with" else beside, units=units, layout=Layout(**layout), force=True).cohort  # type: ignore[return-value]  # fmt: skip


@pytest.mark.parametrize("case", FILES)
def test_a_format_is_recognised_and_read(tmp_path: Path, case: str) -> None:
    if case in HDF5:
        pytest.importorskip("anndata")
    path = write(case, tmp_path)
    assert recognise(path).name == case.partition(",")[0]
    units = "counts" if FORMATS[recognise(path).name].units is None else None
    cohort = read(path, tmp_path, units)
    assert (cohort.samples, cohort.y.tolist(), cohort.units) == (tuple(SAMPLES), KINDS, "counts")
    assert cohort.genes in (tuple(GENES), tuple(ENSEMBL))
    np.testing.assert_array_equal(cohort.X, COUNTS)


@pytest.mark.parametrize("case", LABELS_INSIDE)
def test_what_a_format_says_about_its_samples_are_labels(tmp_path: Path, case: str) -> None:
    if case in HDF5:
        pytest.importorskip("anndata")
    column = LABELS_INSIDE[case]
    cohort = read(write(case, tmp_path), tmp_path, labels=None, label_columns=(column,))
    assert (cohort.samples, cohort.y.tolist()) == (tuple(SAMPLES), KINDS)
    taken = read_manifest(data_home(), "x").taken
    assert taken["label"] == f"column {column!r}: a 10, b 10"
    assert f"({case.partition(',')[0]})" in taken["format"]


LAYERS: dict[str, tuple[str, str, Any]] = {
    "star": ("forward", "counts", COUNTS // 2),
    "star, gzipped": ("reverse", "counts", COUNTS - COUNTS // 2),
    "gdc": ("tpm_unstranded", "linear", LINEAR),
    "salmon": ("TPM", "linear", LINEAR),
    "kallisto": ("tpm", "linear", LINEAR),
    "h5ad, layers": ("counts", "counts", COUNTS),
    "h5ad, raw": ("raw", "counts", COUNTS),
    "loom, layers": ("spliced", "counts", COUNTS),
    "cbioportal, two tables": ("mrna_seq_v2_rsem", "linear", LINEAR),
}


@pytest.mark.parametrize("case", LAYERS)
def test_a_layer_is_taken_by_its_name(tmp_path: Path, case: str) -> None:
    if case.startswith(("h5ad", "loom")):
        pytest.importorskip("anndata")
    layer, units, values = LAYERS[case]
    steps = ("log2",) if units == "linear" else ()
    made = import_dataset("x", write(case, tmp_path), labels(tmp_path), units=units, layout=Layout(layer=layer), transform=steps)  # fmt: skip
    np.testing.assert_allclose(made.expression.X, np.log2(values + 1) if steps else values, rtol=1e-5)
    assert f"layer {layer} of" in read_manifest(data_home(), "x").taken["format"]


def test_an_unknown_layer_names_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"has no layer 'sense'; it has 'unstranded', 'forward', 'reverse'\. Mend --layer"
    ):
        read(write("star", tmp_path), tmp_path, layer="sense")


def test_a_layer_that_would_fit_is_named_where_the_main_matrix_does_not(tmp_path: Path) -> None:
    pytest.importorskip("anndata")
    with pytest.raises(DataError, match=r"holds fractions .* It also has the layers 'counts': --layer takes one"):
        read(write("h5ad, layers", tmp_path), tmp_path)


def test_the_wrong_strand_is_noticed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = write("star", tmp_path)
    for path in folder.iterdir():
        rows = [line.split("\t") for line in path.read_text().splitlines()]
        path.write_text("".join("\t".join([r[0], r[1], str(int(r[1]) // 9), r[1]]) + "\n" for r in rows))
    read(folder, tmp_path, layer="forward")
    assert "on the unstranded strand do so on the forward one; --layer unstranded takes those" in caplog.text
    caplog.clear()
    read(folder, tmp_path)
    assert "--layer" not in caplog.text


def test_names_of_alignments_are_no_names_of_samples(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    read(write("table, featureCounts", tmp_path), tmp_path)
    assert (
        "samples are called by their alignments: '/data/run 1/S00Aligned.sortedByCoord.out.bam' is 'S00'" in caplog.text
    )


def test_the_first_row_of_a_gene_is_kept_as_in_cbioportal(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write("cbioportal", tmp_path)
    cohort = read(path, tmp_path, labels=None, label_columns=("SUBTYPE",))
    assert cohort.donors is not None
    assert cohort.donors.tolist() == [f"P{i:02d}" for i in range(20)]
    (table,) = path.glob("data_mrna*")
    lines = table.read_text().splitlines()
    double, nameless = lines[1].split("\t"), lines[2].split("\t")
    nameless[0] = ""
    table.write_text("\n".join([*lines[:2], "\t".join(nameless), *lines[3:], "\t".join([*double[:2], *["1"] * 20])]))
    again = read(path, tmp_path, labels=None, label_columns=("SUBTYPE",))
    np.testing.assert_array_equal(again.X, cohort.X)
    assert again.genes == (GENES[0], "101", *GENES[2:])
    assert f"genes with several rows keep the first, as in cBioPortal: '{GENES[0]}'" in caplog.text


def test_two_platforms_are_joined_on_what_they_share_or_chosen(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = write("geo, two platforms", tmp_path)
    cohort = read(folder, tmp_path, labels=None, label_columns=("kind",), obs_columns=("platform_id",))
    order = [*range(10, 20), *range(10)]  # of the names of the files
    assert cohort.samples == tuple(SAMPLES[i] for i in order)
    assert (cohort.y.tolist(), cohort.genes) == ([KINDS[i] for i in order], tuple(GENES))
    np.testing.assert_array_equal(cohort.X, COUNTS[order])
    assert cohort.obs["platform_id"].tolist() == ["GPL570"] * 10 + ["GPL96"] * 10
    assert "GPL570 and GPL96 are joined on their 12 common probes" in caplog.text
    one = read(folder, tmp_path, labels=None, label_columns=("kind",), layer="GPL96")
    assert one.samples == tuple(SAMPLES[:10])


def test_platforms_that_measure_other_things_are_refused(tmp_path: Path) -> None:
    folder = write("geo, two platforms", tmp_path)
    path = next(folder.glob("*GPL570*"))
    text = gzip.decompress(path.read_bytes()).decode()
    for gene in GENES:
        text = text.replace(f'"{gene}"', f'"{gene}_x"')
    path.write_bytes(gzip.compress(text.encode()))
    with pytest.raises(DataError, match=r"holds 2 platforms, .*with 0 probes in common.*--layer GPL"):
        read(folder, tmp_path, labels=None, label_columns=("kind",))


def test_a_series_without_values_says_where_they_are(tmp_path: Path) -> None:
    path = write("geo", tmp_path)
    text = gzip.decompress(path.read_bytes()).decode().splitlines()
    begin = text.index("!series_matrix_table_begin")
    path.write_bytes(gzip.compress("\n".join([*text[: begin + 2], text[-1]]).encode()))
    with pytest.raises(DataError, match=r"has no values: series of sequencing keep them in supplementary files"):
        read(path, tmp_path)


def _lose_a_gene(folder: Path) -> None:
    path = sorted(folder.iterdir())[3]
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-2]))


def _cut_a_line(folder: Path) -> None:
    path = sorted(folder.iterdir())[3]
    path.write_text(path.read_text().rstrip().rsplit("\t", 2)[0] + "\n")


def _twins(folder: Path) -> None:
    first, second, *_ = sorted(folder.iterdir())
    (folder / "S00_").mkdir()
    second.rename(folder / "S00_" / first.name)


def _lying_mtx(folder: Path) -> None:
    path = folder / "matrix.mtx.gz"
    text = gzip.decompress(path.read_bytes()).decode().replace("12 20 ", "12 20 9", 1)
    path.write_bytes(gzip.compress(text.encode()))


def _outside_mtx(folder: Path) -> None:
    path = folder / "matrix.mtx.gz"
    head, about, sizes, _, *rest = gzip.decompress(path.read_bytes()).decode().splitlines()
    path.write_bytes(gzip.compress("\n".join([head, about, sizes, "13 1 5", *rest, ""]).encode()))


def _other_barcodes(folder: Path) -> None:
    path = folder / "barcodes.tsv.gz"
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()) + b"S20\n"))


WRONG: dict[str, tuple[str, Callable[[Path], None], str]] = {
    "another annotation": ("star", _lose_a_gene, r"samples 'S00' and 'S03' differ in 2 genes: .*count them again with one"),
    "a line cut short": ("star", _cut_a_line, r"has \d cells?; expected \d. It was cut, or is of another format"),
    "two files of a sample": ("star", _twins, r"two files are of a sample 'S00'\. Keep one of them"),
    "entries that are not there": ("10x", _lying_mtx, r"it says that it holds 9\d+ entries, and has 720 numbers for them"),
    "an entry outside": ("10x", _outside_mtx, r"has an entry outside of its 12 x 20"),
    "barcodes of another run": ("10x", _other_barcodes, r"is of 12 x 20, and beside it are 12 features and 21 barcodes"),
    "no barcodes": ("10x", lambda f: (f / "barcodes.tsv.gz").unlink(), r"has no file of barcodes \(barcodes.tsv\); expected it"),
    "an empty folder": ("star", lambda f: [p.unlink() for p in f.iterdir()], r"is a folder of nothing, which is no format"),  # type: ignore[dict-item,return-value]
    "several tables": ("cbioportal, two tables", lambda f: None, r"has 3 tables of expression: 'mrna_agilent_microarray', 'mrna_seq_v2_rsem', .*zscores.*Choose one"),
    "another study's people": ("cbioportal", lambda f: (f / "data_clinical_sample.txt").write_text("PATIENT_ID\tSAMPLE_ID\nP\tQ\n") and None, r"no sample of the study is in column 'SAMPLE_ID' of .*\('Q' \.\.\.\)"),
    "a pair that is not there": ("long", lambda p: p.write_text("".join(p.read_text().splitlines(keepends=True)[:-1])) and None, r"sample 'S19' has 0 values of gene 'CDH1'; expected one for each pair"),
    "a pair that is there twice": ("long", lambda p: p.write_text(p.read_text() + p.read_text().splitlines()[-1] + "\n") and None, r"sample 'S19' has 2 values of gene 'CDH1'"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_what_does_not_fit_is_one_clear_error(tmp_path: Path, case: str) -> None:
    form, spoil, words = WRONG[case]
    path = write(form, tmp_path)
    spoil(path)
    with pytest.raises(DataError, match=words):
        read(path, tmp_path)


def test_a_format_can_be_named_and_a_wrong_one_is_refused(tmp_path: Path) -> None:
    path = write("long", tmp_path)
    assert read(path, tmp_path, format="long").genes == tuple(GENES)
    for name, words in {"lon": "Did you mean 'long'", "star": "expected the folder that 'star' is", "loom": "no complete HDF5 file"}.items():  # fmt: skip
        if name == "loom":
            pytest.importorskip("h5py")
        with pytest.raises(DataError, match=words):
            read(path, tmp_path, format=name)
    with pytest.raises(DataError, match="is a folder; expected a file in the format 'table'"):
        read(write("star", tmp_path), tmp_path, format="table")


def test_antibodies_beside_the_genes_of_cells_are_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write("10x", tmp_path)
    features = path / "features.tsv.gz"
    text = gzip.decompress(features.read_bytes()).decode().splitlines()
    text[3] = text[3].replace("Gene Expression", "Antibody Capture")
    features.write_bytes(gzip.compress("\n".join(text).encode()))
    assert read(path, tmp_path, None).genes == tuple(ENSEMBL[:3] + ENSEMBL[4:])
    assert "1 features are no genes and are left out: Antibody Capture" in caplog.text


def test_transcripts_with_the_gene_in_their_name_are_added_up(tmp_path: Path) -> None:
    folder = write("salmon", tmp_path)
    for path in folder.glob("*/quant.sf"):
        head, *rows = path.read_text().splitlines()
        path.write_text("\n".join([head, *(f"ENST{k}.1|{r.split()[0]}|x|" + r[r.index("\t"):] for k, r in enumerate(rows * 2))]))  # fmt: skip
    cohort = read(folder, tmp_path)
    assert cohort.genes == tuple(ENSEMBL)
    np.testing.assert_array_equal(cohort.X, 2 * COUNTS)


# -- HDF5, whose library may never come back ---------------------------------------------------------------------------


def test_a_file_from_which_hdf5_does_not_come_back_is_given_up(tmp_path: Path) -> None:
    pytest.importorskip("h5py")
    os.mkfifo(tmp_path / "x.h5ad")  # to open it waits for somebody who writes
    whole = write("10x-h5", tmp_path)
    with hdf5_probe.Probe() as probe:
        assert probe.wrong_with(whole) == ""
        assert probe.wrong_with(tmp_path / "x.h5ad", 0.02) == "reading it did not come to an end in 0.02 s"
        assert probe.wrong_with(whole) == ""  # by another process


def test_a_file_that_ends_the_reading_process_is_given_up(tmp_path: Path) -> None:
    pytest.importorskip("h5py")
    whole = write("10x-h5", tmp_path)
    with hdf5_probe.Probe() as probe:
        assert probe.wrong_with(whole) == ""
        assert probe._process is not None
        probe._process.kill()
        probe._process.wait()
        assert probe.wrong_with(whole) == "reading it ends the process (exit status -9)"
        assert probe.wrong_with(whole) == ""


@pytest.mark.parametrize("case", HDF5)
def test_what_the_reading_process_says_is_the_error(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("anndata")
    path = write(case, tmp_path)
    monkeypatch.setattr(hdf5_probe, "_wrong_with", lambda path, changed, size: "reading it did not come to an end")
    with pytest.raises(DataError, match=rf"{path.name} is no complete HDF5 file: reading it did not come to an end\. "):
        read_matrix(path, Layout(), labels_inside=False)


def test_sizes_that_a_damaged_10x_file_claims_are_compared_before_memory_is_asked_for(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    path = write("10x-h5", tmp_path)
    with h5py.File(path, "r+") as file:
        file["matrix/shape"][0] = 10**8
    with pytest.raises(DataError, match="has 20 barcodes and 12 features for a matrix of 100000000 x 20"):
        read_matrix(path, Layout(), labels_inside=False)


# the last pointer is 0, so that SciPy's own check looks at none; one beyond what fits; one that turns round
POINTERS = [[0, 5, 10**9, *[0] * 18], [0, *[2**31 - 1] * 19, 240], [0, 8, 4, *range(18)]]


@pytest.mark.parametrize("pointers", POINTERS)
def test_pointers_of_a_damaged_sparse_matrix_are_not_followed(pointers: list[int], tmp_path: Path) -> None:
    """SciPy writes to where they lead, and the process ends; so it is read in a copy of this one."""
    h5py = pytest.importorskip("h5py")
    path = write("10x-h5", tmp_path)
    with h5py.File(path, "a") as file:
        del file["matrix/indptr"]
        file["matrix/indptr"] = np.array(pointers, dtype="int32")
    with pytest.raises(DataError, match=r"no complete HDF5 file: .*the pointers of its sparse matrix lead nowhere"):
        read_apart(lambda: read_matrix(path, Layout(), labels_inside=False), path)


def test_an_entry_outside_of_a_sparse_layer_is_refused(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    path = write("h5ad, layers", tmp_path)
    with h5py.File(path, "a") as file:
        file["layers/counts/indices"][3] = 10**8
    with pytest.raises(DataError, match=r"has an entry outside of it|is no AnnData file"):
        read_apart(lambda: read_matrix(path, Layout(layer="counts"), labels_inside=False), path)


def test_a_process_with_threads_reads_a_file_apart_without_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fork = os.fork

    def warn_and_fork() -> int:
        warnings.warn("os.fork() was called, and JAX is multithreaded", RuntimeWarning, stacklevel=2)
        return fork()

    monkeypatch.setattr(os, "fork", warn_and_fork)
    assert read_apart(lambda: 7, tmp_path / "any") == 7
