"""Every way in, and every wrong file with the words that say how to mend it."""

from __future__ import annotations

import gzip
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bench import Cohort, DataError, MissingExtraError
from bench.datasets import load_dataset
from bench.datasets.importing import import_dataset
from bench.datasets.readers.matrices import Layout


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "home"
    monkeypatch.setenv("BENCH_DATA_HOME", str(folder))
    return folder


@pytest.fixture
def frame(toy_cohort: Cohort) -> pd.DataFrame:
    """Genes x samples, as the challenge writes them."""
    return pd.DataFrame(toy_cohort.X.T, index=pd.Index(toy_cohort.genes, name="gene"), columns=toy_cohort.samples)


@pytest.fixture
def people(toy_cohort: Cohort) -> pd.DataFrame:
    """The annotation, in another order than the matrix."""
    rows = {"samplesID": toy_cohort.samples, "patient": [f"P{i}" for i in range(60)], "type": toy_cohort.y}
    return pd.DataFrame(rows).iloc[::-1]


def _files(folder: Path, frame: pd.DataFrame, people: pd.DataFrame) -> tuple[Path, Path]:
    counts, labels = folder / "counts.tsv", folder / "labels.csv"
    frame.to_csv(counts, sep="\t")
    people.to_csv(labels, index=False)
    return counts, labels


def _import(counts: Path, labels: Path | None, **layout: Any) -> Cohort:
    return import_dataset("toy", counts, labels, units="vst", layout=Layout(**layout)).cohort


def _same(cohort: Cohort, expected: Cohort) -> None:
    assert cohort.genes == expected.genes
    assert cohort.samples == expected.samples
    assert cohort.y.tolist() == expected.y.tolist()
    np.testing.assert_allclose(cohort.X, expected.X, rtol=1e-6)


# -- the ways in -------------------------------------------------------------------------------------------------------


def test_the_challenge_files_keep_their_orders(
    toy_cohort: Cohort, frame: pd.DataFrame, people: pd.DataFrame, tmp_path: Path
) -> None:
    cohort = _import(*_files(tmp_path, frame, people))
    _same(cohort, toy_cohort)
    assert cohort.donors is not None
    assert cohort.donors.tolist() == [f"P{i}" for i in range(60)]


def test_what_was_imported_is_what_is_loaded(frame: pd.DataFrame, people: pd.DataFrame, tmp_path: Path) -> None:
    imported = import_dataset("toy", *_files(tmp_path, frame, people), units="vst", title="A toy")
    loaded = load_dataset("toy")
    assert loaded.digest == imported.digest
    assert (loaded.title, loaded.label, loaded.label_name, loaded.slug) == ("A toy", "type", "toy", "toy")
    assert not loaded.simulated


def test_a_gzipped_table_is_read(toy_cohort: Cohort, frame: pd.DataFrame, people: pd.DataFrame, tmp_path: Path) -> None:
    counts, labels = _files(tmp_path, frame, people)
    packed = tmp_path / "counts.tsv.gz"
    packed.write_bytes(gzip.compress(counts.read_bytes()))
    _same(_import(packed, labels), toy_cohort)


def test_a_table_of_r_without_a_name_above_the_row_names_is_read(
    toy_cohort: Cohort, frame: pd.DataFrame, people: pd.DataFrame, tmp_path: Path
) -> None:
    counts, labels = _files(tmp_path, frame, people)
    counts.write_text(counts.read_text().removeprefix("gene\t"))
    _same(_import(counts, labels), toy_cohort)


def test_parquet_with_samples_in_rows_is_read(
    toy_cohort: Cohort, frame: pd.DataFrame, people: pd.DataFrame, tmp_path: Path
) -> None:
    _, labels = _files(tmp_path, frame, people)
    frame.T.to_parquet(tmp_path / "counts.parquet")
    _same(_import(tmp_path / "counts.parquet", labels, samples_in="rows"), toy_cohort)


def test_a_csv_with_its_labels_inside_is_read(toy_cohort: Cohort, frame: pd.DataFrame, tmp_path: Path) -> None:
    table = frame.T.assign(type=toy_cohort.y, donor=[f"{i:03d}" for i in range(60)])
    table.to_csv(tmp_path / "all.csv", index_label="sample")
    cohort = _import(tmp_path / "all.csv", None, label_columns=("type",))
    _same(cohort, toy_cohort)
    assert cohort.donors is not None
    assert cohort.donors[1] == "001"


def test_h5ad_is_read_dense_and_sparse(toy_cohort: Cohort, tmp_path: Path) -> None:
    anndata = pytest.importorskip("anndata")
    sparse = pytest.importorskip("scipy.sparse")
    obs = pd.DataFrame(
        {"type": toy_cohort.y, "individual": [f"P{i // 2}" for i in range(60)]}, index=toy_cohort.samples
    )
    for X in (toy_cohort.X.copy(), sparse.csr_matrix(toy_cohort.X)):
        data = anndata.AnnData(X=X, obs=obs.copy(), var=pd.DataFrame(index=list(toy_cohort.genes)))
        data.write_h5ad(tmp_path / "cells.h5ad")
        dataset = import_dataset(
            "toy", tmp_path / "cells.h5ad", units="vst", layout=Layout(label_columns=("type",)), force=True
        )
        _same(dataset.cohort, toy_cohort)
        assert dataset.cohort.donors is not None
        assert dataset.cohort.donors[:4].tolist() == ["P0", "P0", "P1", "P1"]


def test_further_labels_are_kept(frame: pd.DataFrame, people: pd.DataFrame, tmp_path: Path) -> None:
    people = people.assign(tissue="Breast", site=[f"site{i % 2}" for i in range(60)])
    cohort = _import(*_files(tmp_path, frame, people), label_columns=("type",), obs_columns=("site",))
    assert set(cohort.obs) == {"site", "tissue"}
    assert cohort.obs["site"][0] == "site1"  # the annotation is in reverse order


def test_a_gene_or_sample_called_na_is_a_name(frame: pd.DataFrame, people: pd.DataFrame, tmp_path: Path) -> None:
    frame = frame.rename(index={"GENE3": "NA"}, columns={"s07": "nan"})
    cohort = _import(*_files(tmp_path, frame, people.replace({"samplesID": {"s07": "nan"}})))
    assert "NA" in cohort.genes
    assert cohort.samples[7] == "nan"


def test_the_reference_gets_the_gene_order_of_the_cohort(
    frame: pd.DataFrame, people: pd.DataFrame, tmp_path: Path
) -> None:
    counts, labels = _files(tmp_path, frame, people)
    others = frame.iloc[::-1, :9].rename(columns=lambda name: f"other {name}")
    others.to_csv(tmp_path / "reference.tsv", sep="\t")
    dataset = import_dataset("toy", counts, labels, reference=tmp_path / "reference.tsv", units="vst")
    assert dataset.reference is not None
    assert dataset.reference.genes == dataset.cohort.genes
    np.testing.assert_array_equal(dataset.reference.X, dataset.cohort.X[:9])
    loaded = load_dataset("toy").reference
    assert loaded is not None
    assert loaded.digest == dataset.reference.digest


def test_labels_of_reference_samples_are_no_unknown_samples(
    frame: pd.DataFrame, people: pd.DataFrame, tmp_path: Path
) -> None:
    others = frame.iloc[:, :9].rename(columns=lambda name: f"other {name}")
    others.to_csv(tmp_path / "reference.tsv", sep="\t")
    extra = pd.DataFrame({"samplesID": others.columns, "patient": "P", "type": "a"})
    counts, labels = _files(tmp_path, frame, pd.concat([people, extra]))
    dataset = import_dataset("toy", counts, labels, reference=tmp_path / "reference.tsv", units="vst")
    assert len(dataset.cohort) == 60


def test_combined_gets_its_tissues_and_takes_project_codes_for_labels(
    frame: pd.DataFrame, people: pd.DataFrame, tmp_path: Path
) -> None:
    codes = people["type"].map({"a": "TCGA-LUAD", "b": "TCGA-LUSC", "c": "TCGA-OV"})
    for columns in ({"cancer_type": codes}, {"cancer_type": "Lung", "project": codes}):
        annotated = people.drop(columns="type").assign(**columns)
        dataset = import_dataset("combined", *_files(tmp_path, frame, annotated), force=True)
        assert dataset.label == "cancer_type"
        assert dataset.cohort.classes.tolist() == ["TCGA-LUAD", "TCGA-LUSC", "TCGA-OV"]
        assert set(dataset.cohort.obs["tissue"].tolist()) == {"Lung", "Ovarian"}


# -- wrong files -------------------------------------------------------------------------------------------------------

Change = Callable[[pd.DataFrame, pd.DataFrame], tuple[pd.DataFrame, pd.DataFrame]]


def _cell(value: object) -> Change:
    def change(frame: pd.DataFrame, people: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
        frame = frame.astype(object)
        frame.loc["GENE3", "s07"] = value
        return frame, people

    return change


WRONG: dict[str, tuple[Change, str]] = {
    "missing label": (
        lambda f, p: (f, p.assign(type=p["type"].where(p["samplesID"] != "s07"))),
        r"sample 's07' has no value in column 'type' \(found ''\). Fill it in, or drop the sample",
    ),
    "label NA": (
        lambda f, p: (f, p.assign(type=p["type"].where(p["samplesID"] != "s07", "NA"))),
        r"sample 's07' has no value in column 'type' \(found 'NA'\). Fill it in, or drop the sample",
    ),
    "missing donor": (
        lambda f, p: (f, p.assign(patient=p["patient"].where(p["samplesID"] != "s07"))),
        "sample 's07' has no value in column 'patient'",
    ),
    "sample without label": (
        lambda f, p: (f, p[p["samplesID"] != "s07"]),
        "1 sample of .*counts.tsv has no row in .*labels.csv: 's07'. Add their labels or drop the samples",
    ),
    "label of unknown sample": (
        lambda f, p: (f.drop(columns="s07"), p),
        "has labels for 1 sample not in .*: 's07'. Remove the rows, or say --ignore-extra-labels",
    ),
    "no common sample": (
        lambda f, p: (f.rename(columns=lambda s: f"x{s}"), p),
        r"no sample of .*counts.tsv \(first: 'xs00'\) is in column 'samplesID'.*Name the right column with --sample",
    ),
    "gene twice": (
        lambda f, p: (f.rename(index={"GENE3": "GENE5"}), p),
        "gene 'GENE5' appears more than once; keep one of them or rename it",
    ),
    "sample twice": (
        lambda f, p: (f.rename(columns={"s07": "s09"}), p),
        "sample 's09' appears more than once; keep one of them or rename it",
    ),
    "two rows for a sample": (
        lambda f, p: (f, p.replace({"samplesID": {"s07": "s09"}})),
        "sample 's09' has more than one row in column 'samplesID'; keep one of them",
    ),
    "gene without name": (
        lambda f, p: (f.rename(index={f.index[2]: ""}), p),
        "gene number 3 has no name; name or drop it",
    ),
    "empty cell": (
        _cell(None),
        "the cell of row 'GENE3', column 's07' is empty; expected a finite number. Impute the value, or drop",
    ),
    "NaN cell": (_cell("nan"), "row 'GENE3', column 's07' holds 'nan'; expected a finite number. Impute"),
    "infinite cell": (_cell("inf"), "row 'GENE3', column 's07' holds 'inf'; expected a finite number. Impute"),
    "text cell": (_cell("n.d."), "row 'GENE3', column 's07' holds 'n.d.'; expected a finite number. Impute"),
    "decimal comma": (_cell("8,25"), "row 'GENE3', column 's07' holds '8,25'; expected a finite number"),
    "truth value": (_cell(True), "row 'GENE3', column 's07' holds 'True'; expected a finite number"),
    "too large for float32": (
        _cell(1e39),
        r"sample 's07', gene 'GENE3' is 1e\+39, beyond the range of float32. Mend it, or scale",
    ),
    "class with one sample": (
        lambda f, p: (f, p.assign(type=p["type"].where(p["samplesID"] != "s07", "rare"))),
        "class 'rare' has one sample, too few to be in both train and holdout.*Merge it with another class, drop",
    ),
    "labels are not labels": (
        lambda f, p: (f, p.assign(type=p["samplesID"] + "x")),
        r"has one sample, too few.*\(60 such classes\).*name another --label-column",
    ),
    "counts declared as vst": (
        lambda f, p: ((2**f).round(), p),
        "holds values up to .*, too large for units 'vst': they look like counts. Transform them, or .*--units counts",
    ),
    "several label columns": (
        lambda f, p: (f, p.assign(stage="I")),
        "does not say which column holds the labels; its columns are 'patient', 'type', 'stage'. .*--label-column",
    ),
    "no rows": (lambda f, p: (f.iloc[:0], p), "has 61 columns and 0 rows below its header"),
    "no columns": (
        lambda f, p: (f.iloc[:, :0], p),
        "has 1 column and .* rows below its header; .*separator",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_table_is_refused_with_the_cure(
    case: str, frame: pd.DataFrame, people: pd.DataFrame, tmp_path: Path, home: Path
) -> None:
    change, message = WRONG[case]
    counts, labels = _files(tmp_path, *change(frame, people))
    with pytest.raises(DataError, match=message):
        _import(counts, labels)
    assert not (home / "toy").exists()


def _bytes(name: str, content: bytes) -> Callable[[Path, Path], Path]:
    def write(_: Path, folder: Path) -> Path:
        path = folder / name
        path.write_bytes(content)
        return path

    return write


def _renamed(name: str) -> Callable[[Path, Path], Path]:
    return lambda counts, folder: counts.rename(folder / name)


BROKEN: dict[str, tuple[Callable[[Path, Path], Path], str]] = {
    "missing": (lambda counts, folder: folder / "none.tsv", "none.tsv does not exist; check the path"),
    "empty": (_bytes("x.tsv", b""), "x.tsv is empty; expected a table. Download or export it again"),
    "blank": (_bytes("x.tsv", b"\n"), "x.tsv has 0 columns and 0 rows"),
    "not UTF-8": (_bytes("x.tsv", b"gene\ts1\nG\xe9ne\t1\n"), "is not UTF-8 text: byte 0xe9 .*Save it as UTF-8"),
    "ragged": (
        _bytes("x.tsv", b"gene\ts1\ts2\nA\t1\t2\nB\t1\t2\t3\n"),
        "line 3 has 4 cells; expected 3, as many as the header names",
    ),
    "unknown extension": (_bytes("x.doc", b"PK\x03\x04"), "has the extension '.doc'; expected .tsv, .csv"),
    "no separator": (_bytes("x.tsv", b"gene\nA\n"), "has 1 column .* the extension fits the separator"),
    "zip called tsv": (_bytes("x.tsv", b"PK\x03\x04...."), "not what its extension '.tsv' says: .*zip archive"),
    "gzip called tsv": (_bytes("x.tsv", gzip.compress(b"gene\ts1\n")), "extension '.tsv' says: .*gzipped file"),
    "tsv called gz": (
        _bytes("x.tsv.gz", b"gene\ts1\nA\t1\n"),
        "x.tsv.gz is not packed, whatever its name says: it looks like plain text",
    ),
    "cut gzip": (_bytes("x.tsv.gz", gzip.compress(b"gene\ts1\nA\t1\n")[:-9]), "is no complete table"),
    "web page": (_bytes("x.csv", b"<!DOCTYPE html><html>"), "extension '.csv' says: .*a web page, not data"),
    "tsv called parquet": (_renamed("x.parquet"), "x.parquet is not what its extension '.parquet' says"),
    "tsv called h5ad": (_renamed("x.h5ad"), "x.h5ad is not what its extension '.h5ad' says"),
    "cut parquet": (_bytes("x.parquet", b"PAR1 and no more"), "is no complete parquet file.*Download or export it"),
    "cut h5ad": (_bytes("x.h5ad", b"\x89HDF\r\n\x1a\n and no more"), "is no complete HDF5 file"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_file_is_refused_with_the_cure(
    case: str, frame: pd.DataFrame, people: pd.DataFrame, tmp_path: Path, home: Path
) -> None:
    if case == "cut h5ad":
        pytest.importorskip("anndata")
    counts, labels = _files(tmp_path, frame, people)
    write, message = BROKEN[case]
    with pytest.raises(DataError, match=re.compile(message, re.DOTALL)):
        _import(write(counts, tmp_path), labels)
    assert not (home / "toy").exists()


def test_a_wrong_column_name_suggests_the_near_one(frame: pd.DataFrame, people: pd.DataFrame, tmp_path: Path) -> None:
    counts, labels = _files(tmp_path, frame, people)
    for layout in ({"label_columns": ("typ",)}, {"sample_column": "sampleID"}, {"donor_column": "patients"}):
        with pytest.raises(DataError, match=r"Did you mean '(type|samplesID|patient)'"):
            _import(counts, labels, **layout)
    with pytest.raises(DataError, match=r"has no column 'grade'. Its columns are 'patient', 'type'"):
        _import(counts, labels, label_columns=("type",), obs_columns=("grade",))


def test_extra_labels_are_left_out_on_request(frame: pd.DataFrame, people: pd.DataFrame, tmp_path: Path) -> None:
    counts, labels = _files(tmp_path, frame.drop(columns="s07"), people)
    assert len(_import(counts, labels, ignore_extra_labels=True)) == 59


def test_a_table_without_labels_asks_for_them(frame: pd.DataFrame, people: pd.DataFrame, tmp_path: Path) -> None:
    counts, _ = _files(tmp_path, frame, people)
    with pytest.raises(DataError, match=r"no column of it is named as the label. Give the label file, or name"):
        _import(counts, None)
    with pytest.raises(DataError, match=r"has no column 's7'. Did you mean 's.7'"):
        _import(counts, None, label_columns=("s7",))


def test_samples_in_rows_are_read_where_the_labels_name_them(
    toy_cohort: Cohort, frame: pd.DataFrame, people: pd.DataFrame, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    counts, labels = _files(tmp_path, frame.T, people)
    _same(_import(counts, labels), toy_cohort)
    assert "samples are in its rows, as" in caplog.text
    with pytest.raises(DataError, match=r"transposed: .* are in its rows\. Say so with --samples-in rows"):
        import_dataset("x", counts, labels, reference=counts, units="vst")


def test_declared_rows_that_are_columns_are_transposed_too(
    frame: pd.DataFrame, people: pd.DataFrame, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=r"are in its columns. Say so with --samples-in columns"):
        _import(*_files(tmp_path, frame, people), samples_in="rows")


@pytest.mark.parametrize(
    ("units", "change", "message"),
    [
        ("counts", lambda f: f - 20, "counts are never negative"),
        ("genotype", lambda f: f.round(), "genotypes are 0, 1 or 2"),
        (None, lambda f: f, "the units of the numbers are not given; say --units"),
        ("tpm", lambda f: f, "units 'tpm' are not known; expected one of counts"),
    ],
)
def test_wrong_units_are_refused(
    units: Any, change: Callable[[pd.DataFrame], pd.DataFrame], message: str, frame: pd.DataFrame, people: pd.DataFrame,
    tmp_path: Path,
) -> None:  # fmt: skip
    with pytest.raises(DataError, match=message):
        import_dataset("toy", *_files(tmp_path, change(frame), people), units=units)


def test_tissues_where_project_codes_belong_are_refused(
    frame: pd.DataFrame, people: pd.DataFrame, tmp_path: Path
) -> None:
    annotated = people.rename(columns={"type": "cancer_type"})
    with pytest.raises(DataError, match=r"column 'cancer_type': the labels 'a', 'b', 'c' .* are no TCGA project codes"):
        import_dataset("combined", *_files(tmp_path, frame, annotated))


def test_a_reference_with_other_genes_or_the_same_people_is_refused(
    frame: pd.DataFrame, people: pd.DataFrame, tmp_path: Path
) -> None:
    counts, labels = _files(tmp_path, frame, people)
    reference = tmp_path / "reference.tsv"
    others = frame.iloc[:, :9].rename(columns=lambda name: f"other {name}")
    others.drop(index="GENE3").to_csv(reference, sep="\t")
    with pytest.raises(DataError, match=r"lacks 1 genes of the cohort: 'GENE3'. Expected the same genes"):
        import_dataset("toy", counts, labels, reference=reference, units="vst")
    frame.iloc[:, 5:9].to_csv(reference, sep="\t")
    with pytest.raises(
        DataError, match=r"4 samples are in both .*: 's05', 's06', 's07' and 1 more. The reference must"
    ):
        import_dataset("toy", counts, labels, reference=reference, units="vst")


def test_repeated_names_in_h5ad_are_refused(toy_cohort: Cohort, tmp_path: Path) -> None:
    anndata = pytest.importorskip("anndata")
    obs = pd.DataFrame({"type": toy_cohort.y}, index=toy_cohort.samples)
    var = pd.DataFrame(index=[toy_cohort.genes[1], *toy_cohort.genes[1:]])
    with pytest.warns(UserWarning, match=r"not unique"):
        anndata.AnnData(X=toy_cohort.X.copy(), obs=obs, var=var).write_h5ad(tmp_path / "x.h5ad")
    with pytest.raises(DataError, match=f"gene '{toy_cohort.genes[1]}' appears more than once"):
        _import(tmp_path / "x.h5ad", None, label_columns=("type",))


def test_h5ad_without_its_extra_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "anndata", None)  # as if it were not installed
    (tmp_path / "x.h5ad").write_bytes(b"\x89HDF")
    with pytest.raises(MissingExtraError, match=r"Install it with: pip install 'omics-bench\[h5ad\]'"):
        _import(tmp_path / "x.h5ad", None)


def test_a_name_that_is_taken_is_replaced_only_on_request(
    frame: pd.DataFrame, people: pd.DataFrame, tmp_path: Path, home: Path
) -> None:
    files = _files(tmp_path, frame, people)
    first = import_dataset("toy", *files, units="vst")
    with pytest.raises(DataError, match=r"'toy' is in .* already. Say --force to replace it, or choose another name"):
        import_dataset("toy", *files, units="log2")
    assert load_dataset("toy").digest == first.digest
    second = import_dataset("toy", *files, units="log2", force=True)
    assert load_dataset("toy").digest == second.digest != first.digest
    assert [path.name for path in home.iterdir()] == ["toy"]


@pytest.mark.parametrize("name", ["", "../toy", "Toy", "a b", ".hidden"])
def test_a_name_that_is_no_folder_name_is_refused(
    name: str, frame: pd.DataFrame, people: pd.DataFrame, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=r"cannot be the name of a dataset; expected lower-case letters"):
        import_dataset(name, *_files(tmp_path, frame, people), units="vst")


def test_a_failed_import_leaves_the_old_dataset_as_it_was(
    frame: pd.DataFrame, people: pd.DataFrame, tmp_path: Path, home: Path
) -> None:
    first = import_dataset("toy", *_files(tmp_path, frame, people), units="vst")
    with pytest.raises(DataError):
        import_dataset("toy", *_files(tmp_path, frame.iloc[:0], people), units="vst", force=True)
    assert load_dataset("toy").digest == first.digest
    assert [path.name for path in home.iterdir()] == ["toy"]
