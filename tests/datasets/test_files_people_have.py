"""Files as archives, aligners and spreadsheets write them are read, or refused with the true cause."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from plain_tables import GENES, KINDS, SAMPLES, X, labels, lines, read

from bench import DataError
from bench.core.records import Units
from bench.datasets.folds import make_splits
from bench.datasets.home import read_manifest
from bench.datasets.importing import import_dataset
from bench.datasets.readers.matrices import Layout


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Path:
    monkeypatch.setenv("BENCH_DATA_HOME", str(tmp_path / "home"))
    caplog.set_level(logging.WARNING)
    return tmp_path / "home"


def geo(table: list[str]) -> list[str]:
    head = ['!Series_title\t"A study"', '!Series_summary\t"Line one', 'second line"', "", '!Sample_title\t"a"\t"b"']
    return [*head, "!series_matrix_table_begin", *table, "!series_matrix_table_end"]


def quoted(table: list[str]) -> list[str]:
    return ["\t".join(f'"{c}"' if i == 0 or n == 0 else c for i, c in enumerate(line.split("\t"))) for n, line in enumerate(table)]  # fmt: skip


def beside(table: list[str], *columns: str) -> list[str]:
    """Put columns between the names of genes and the samples."""
    head, *rows = (line.split("\t", 1) for line in table)
    return ["\t".join([head[0], *columns, head[1]]), *("\t".join([name, *["7"] * len(columns), rest]) for name, rest in rows)]  # fmt: skip


READ: dict[str, tuple[str, Callable[[], list[str] | str | bytes]]] = {
    "as it should be": ("x.tsv", lines),
    "a GEO series matrix": ("GSE1_series_matrix.txt.gz", lambda: geo(quoted(lines()))),
    "its table with the closing line": ("x.txt", lambda: [*quoted(lines()), "!series_matrix_table_end"]),
    "the same without quotes": ("x.txt", lambda: geo(lines())),
    "GCT 1.2": ("x.gct", lambda: ["#1.2", "12\t20", *beside(lines(), "Description")]),
    "GCT 1.2 called txt": ("x.txt", lambda: ["#1.2", "12\t20", *beside(lines(), "Description")]),
    "GCT 1.3": ("x.gct.gz", lambda: ["#1.3", "12\t20\t2\t1", (t := beside(lines(), "a", "b"))[0], "\t".join(["batch", "", "", *["one"] * 20]), *t[1:]]),
    "a comment above": ("x.tsv", lambda: ["# made by pipeline 1.2", *lines()]),
    "comments as wide as the table": ("x.tsv", lambda: ["\t".join(["#t", *["text"] * 20])] * 4 + lines()),
    "a header with a #": ("x.tsv", lambda: [f"#{lines()[0]}", *lines()[1:]]),
    "comments above a header with a #": ("x.tsv", lambda: ["##version 4", f"#{lines()[0]}", *lines()[1:]]),
    "a blank line above": ("x.tsv", lambda: ["", *lines()]),
    "blank lines below": ("x.tsv", lambda: [*lines(), "", ""]),
    "a tab at the end of each line": ("x.tsv", lambda: [f"{line}\t" for line in lines()]),
    "a tab at the end of each but the first": ("x.tsv", lambda: [lines()[0], *(f"{line}\t" for line in lines()[1:])]),
    "no name above the genes, as R writes": ("x.tsv", lambda: [lines()[0].split("\t", 1)[1], *lines()[1:]]),
    "semicolons": ("x.csv", lambda: lines(sep=";")),
    "semicolons and decimal commas": ("x.csv", lambda: [line.replace(".", ",") for line in lines(sep=";")]),
    "a mark of the byte order and other line ends": ("x.tsv", lambda: "\ufeff" + "\r\n".join(lines())),
    "the line ends of old": ("x.tsv", lambda: "\r".join(lines())),
    "the number of the gene beside its name": ("x.tsv", lambda: beside(lines(), "Entrez_Gene_Id")),
    "featureCounts": ("x.txt", lambda: ['# Program:featureCounts v2.0.1; Command:"x" "-a"', *beside(lines(), "Chr", "Start", "End", "Strand", "Length")]),
    "STAR": ("x.tsv", lambda: lines(np.hstack([X[:, :4] * 1e6, X]), genes=["N_unmapped", "N_multimapping", "N_noFeature", "N_ambiguous", *GENES])),
    "HTSeq": ("x.tsv", lambda: lines(np.hstack([X, X[:, :2]]), genes=[*GENES, "__no_feature", "__not_aligned"])),
}  # fmt: skip


@pytest.mark.parametrize("case", READ)
def test_what_a_table_lies_in_is_seen(tmp_path: Path, case: str) -> None:
    name, make = READ[case]
    cohort = read(tmp_path, make(), name)
    assert (cohort.genes, cohort.samples, cohort.y.tolist()) == (tuple(GENES), tuple(SAMPLES), KINDS)
    np.testing.assert_allclose(cohort.X, X, rtol=1e-6)


@pytest.mark.parametrize("case", ["STAR", "HTSeq", "the number of the gene beside its name", "featureCounts"])
def test_what_is_left_out_is_said_and_can_be_kept(tmp_path: Path, case: str, caplog: pytest.LogCaptureFixture) -> None:
    name, make = READ[case]
    read(tmp_path, make(), name)
    assert "are left out: '" in caplog.text
    if case in ("STAR", "HTSeq"):
        with pytest.raises(DataError, match="too large") if case == "STAR" else contextlib.nullcontext():
            assert read(tmp_path, make(), name, keep_non_genes=True).n_genes == 14


def test_a_table_of_labels_may_have_comments_and_semicolons(tmp_path: Path) -> None:
    for head, sep in (("#a;b\n#c;d\nPATIENT;SAMPLE_ID;KIND\n", ";"), ("# note\nPATIENT,SAMPLE_ID,KIND\n", ",")):
        rows = [sep.join([f"P{s}", s, k]) for s, k in zip(SAMPLES, KINDS, strict=True)]
        (tmp_path / "y.csv").write_text(head + "\n".join(rows))
        found = read(tmp_path, lines(), labels=tmp_path / "y.csv", sample_column="SAMPLE_ID", label_columns=("KIND",))
        assert found.y.tolist() == KINDS


def spoiled(values: Any, row: int, column: int, value: float) -> Any:
    values = values.astype(float).copy()
    values[row, column] = value
    return values


REFUSED: dict[str, tuple[Units, Callable[[], list[str]], str]] = {
    "a zero byte": ("log2", lambda: [*lines()[:3], "G\t\0" + "\t1" * 19], "line 4 holds a zero byte, which no text has"),
    "a code for missing": ("log2", lambda: lines(spoiled(X, 3, 4, -666)), "holds -666, which is no logarithm of an expression: it looks like a code"),
    "another code in vst": ("vst", lambda: lines(spoiled(X, 3, 4, -9999)), "holds -9999, which is no logarithm"),
    "normalised values called counts": ("counts", lambda: lines(2**X), "holds fractions (100% of the values), and counts are whole numbers"),
    "logarithms called counts": ("counts", lines, "take logarithms and say --units log2"),
    "nothing but zeros": ("log2", lambda: lines(X * 0), "every value is 0; expected measurements that differ"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_values_that_cannot_be_in_the_units_are_refused_at_import(tmp_path: Path, case: str) -> None:
    units, make, words = REFUSED[case]
    with pytest.raises(DataError) as error:
        read(tmp_path, make(), units=units)
    assert words in str(error.value)
    assert "quotes" not in str(error.value)


def test_log_ratios_are_imported_with_a_word_on_what_is_cut(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    read(tmp_path, lines(X - 8))
    assert "% of the values are below 0, and private generators take log2 values to lie above it" in caplog.text
    caplog.clear()
    read(tmp_path, lines(X))
    assert not caplog.text


MISSING = ["", "NA", "na", "N/A", "#N/A", "NaN", "null", "NULL", "None", "<NA>", "[Not Available]", "not reported", "?", "Unknown"]  # fmt: skip


@pytest.mark.parametrize("spelling", MISSING)
def test_every_spelling_of_a_missing_label_is_refused(tmp_path: Path, spelling: str) -> None:
    labels(tmp_path, kinds=[spelling if i % 4 == 0 else kind for i, kind in enumerate(KINDS)])
    with pytest.raises(DataError, match="sample 'S00' has no value in column 'type'"):
        read(tmp_path, lines())


@pytest.mark.parametrize("label", ["-", "+", "0", "no", "normal", "N", "negative", "Nan Province"])
def test_a_label_that_only_resembles_a_missing_one_is_a_label(tmp_path: Path, label: str) -> None:
    labels(tmp_path, kinds=[label if kind == "LumA" else kind for kind in KINDS])
    assert label in read(tmp_path, lines()).classes


def wide(**columns: Any) -> str:
    frame = pd.DataFrame(X, columns=GENES)
    return str(pd.DataFrame({"samplesID": SAMPLES} | columns).join(frame).assign(type=KINDS).to_csv(index=False))


def test_numbers_beside_the_genes_are_named_and_can_be_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    text = wide(age_at_diagnosis=[40 + i % 7 for i in range(20)], OS_MONTHS=[3 * i % 17 for i in range(20)], place=range(20))  # fmt: skip
    more = {"labels": None, "label_columns": ("type",)}
    assert read(tmp_path, text, "x.csv", **more).n_genes == 15
    assert "'age_at_diagnosis', 'OS_MONTHS', 'place' may be no genes" in caplog.text
    caplog.clear()
    kept = read(tmp_path, text, "x.csv", **more, leave_out=("age_at_diagnosis", "OS_MONTHS", "place"))
    assert kept.genes == tuple(GENES)
    assert not caplog.text


# -- who is who --------------------------------------------------------------------------------------------------------

BARCODES = [f"TCGA-A0-{i:04d}-01A-11R-A00Z-07" for i in range(20)]
NAMES = {
    "R rewrote them": ([f"X{i:03d}.A" for i in range(20)], [f"{i:03d}-A" for i in range(20)], "R rewrote them"),
    "lost zeros": ([f"{i:04d}" for i in range(1, 21)], [f"{i}" for i in range(1, 21)], "leading zeros were lost"),
    "lost zeros in the matrix": ([f"{i}" for i in range(1, 21)], [f"{i:04d}" for i in range(1, 21)], "leading zeros"),
    "barcodes of samples": (BARCODES, [name[:15] for name in BARCODES], "barcodes are cut"),
    "barcodes of patients": (BARCODES, [name[:12] for name in BARCODES], "barcodes are cut"),
}


@pytest.mark.parametrize("case", NAMES)
def test_names_in_another_spelling_are_matched_and_it_is_said(
    tmp_path: Path, case: str, caplog: pytest.LogCaptureFixture
) -> None:
    samples, names, words = NAMES[case]
    labels(tmp_path, names[::-1], KINDS[::-1])
    cohort = read(tmp_path, lines(samples=samples))
    assert (cohort.samples, cohort.y.tolist()) == (tuple(samples), KINDS)
    assert words in caplog.text


def test_the_column_that_names_the_samples_is_found(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rows = [f"study,{b[:12]},{b[:15]},{k}" for b, k in zip(BARCODES, KINDS, strict=True)]
    (tmp_path / "labels.csv").write_text("\n".join(["Study ID,Patient ID,Sample ID,Subtype", *rows]))
    assert read(tmp_path, lines(samples=BARCODES), label_columns=("Subtype",)).y.tolist() == KINDS
    assert "barcodes are cut" in caplog.text
    assert read(tmp_path, lines(samples=[b[:15] for b in BARCODES]), label_columns=("Subtype",)).y.tolist() == KINDS
    assert "are in column 'Sample ID'" in caplog.text


def test_other_people_are_still_refused(tmp_path: Path) -> None:
    labels(tmp_path, [f"Q{i}" for i in range(20)])
    with pytest.raises(DataError, match="nor in another column, as it stands or as R or a spreadsheet"):
        read(tmp_path, lines())


TWINS = [f"TCGA-ZZ-{i // 2:04d}-{'01A' if i % 2 else '06A'}" for i in range(20)]
HALVES = ["LumA"] * 10 + ["Basal"] * 10


def test_samples_of_one_patient_are_noticed_and_kept_together_on_demand(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    labels(tmp_path, TWINS, HALVES)
    assert read(tmp_path, lines(samples=TWINS)).donors is None
    assert "10 of 20 samples are of a patient with another sample (such as TCGA-ZZ-0000)" in caplog.text
    assert "--donors auto" in caplog.text
    donors = read(tmp_path, lines(samples=TWINS), donor_column="auto").donors
    assert donors is not None
    assert donors.tolist() == [name[:12] for name in TWINS]


PAIRS = [f"P{i // 2:02d}_{'tumor' if i % 2 else 'normal'}" for i in range(20)]


def test_names_that_look_like_samples_of_one_person_are_noticed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    labels(tmp_path, PAIRS, HALVES)
    assert read(tmp_path, lines(samples=PAIRS)).donors is None
    assert "names such as 'P00_normal' and 'P00_tumor' look like samples of one person" in caplog.text
    caplog.clear()
    labels(tmp_path)
    read(tmp_path, lines())
    assert not caplog.text


def test_donors_of_gtex_are_read_from_their_names(tmp_path: Path) -> None:
    names = [f"GTEX-{1000 + i // 2}F-{i:04d}-SM-4DM66" for i in range(20)]
    labels(tmp_path, names, HALVES)
    donors = read(tmp_path, lines(samples=names), donor_column="auto").donors
    assert donors is not None
    assert donors.tolist() == [name[:10] for name in names]


@pytest.mark.parametrize("shared", [0, 3])
def test_people_of_the_cohort_in_the_reference_are_noticed(
    tmp_path: Path, shared: int, caplog: pytest.LogCaptureFixture
) -> None:
    labels(tmp_path, BARCODES)
    others = [f"TCGA-A0-{i if i < shared else i + 100:04d}-06A-11R-A00Z-07" for i in range(20)]
    (tmp_path / "r.tsv").write_text("\n".join(lines(X + 0.5, others)))
    (tmp_path / "x.tsv").write_text("\n".join(lines(samples=BARCODES)))
    import_dataset("x", tmp_path / "x.tsv", tmp_path / "labels.csv", reference=tmp_path / "r.tsv", units="log2")
    noticed = (
        "r.tsv: 3 people are in the cohort too, with another sample: 'TCGA-A0-0000', 'TCGA-A0-0001'" in caplog.text
    )
    assert noticed == bool(shared)


def test_donors_from_barcodes_need_barcodes(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"--donors auto reads the patient from TCGA barcodes, and sample 'S00' is none"
    ):
        read(tmp_path, lines(), donor_column="auto")


def test_labels_of_patients_with_several_samples_are_refused_with_the_reason(tmp_path: Path) -> None:
    labels(tmp_path, sorted({name[:12] for name in TWINS}), HALVES[::2])
    with pytest.raises(DataError, match=r"names patients in column 'samplesID'.*Write a row for each sample"):
        read(tmp_path, lines(samples=TWINS))


def test_a_column_that_repeats_people_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rows = [f"{s},{k},M{i // 2}" for i, (s, k) in enumerate(zip(SAMPLES, HALVES, strict=True))]
    (tmp_path / "labels.csv").write_text("\n".join(["samplesID,type,subject_id", *rows]))
    assert read(tmp_path, lines(), label_columns=("type",)).donors is None
    assert "column 'subject_id' repeats 10 people in 20 samples" in caplog.text
    assert "--donors subject_id" in caplog.text


@pytest.mark.parametrize("name", ["individual", "donor", "patient"])
def test_a_column_of_donors_is_taken_and_keeps_them_together(name: str, tmp_path: Path) -> None:
    rows = [f"{s}\t{k}\tp{i // 2}" for i, (s, k) in enumerate(zip(SAMPLES, KINDS, strict=True))]
    (tmp_path / "y.tsv").write_text("\n".join([f"id\tkind\t{name}", *rows]))
    cohort = read(tmp_path, lines(), labels=tmp_path / "y.tsv", label_columns=("kind",))
    assert cohort.donors is not None
    assert cohort.donors.tolist() == [f"p{i // 2}" for i in range(20)]
    assert read_manifest(tmp_path / "home", "x").taken["donors"] == f"10, column {name!r}"
    for split in make_splits(cohort, seed=42):
        assert split.train.donors is not None
        assert split.holdout.donors is not None
        assert not set(split.train.donors.tolist()) & set(split.holdout.donors.tolist())


# -- classes -----------------------------------------------------------------------------------------------------------


def test_one_class_and_measurements_are_refused_and_small_classes_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    labels(tmp_path, kinds=["LumA"] * 20)
    with pytest.raises(DataError, match="all labels are 'LumA'; expected two classes or more"):
        read(tmp_path, lines())
    labels(tmp_path, kinds=[f"0.{i:02d}" for i in range(20)])
    with pytest.raises(DataError, match="its 20 values look like measurements or names, and no classes"):
        read(tmp_path, lines())
    assert not caplog.text
    labels(tmp_path, kinds=[*["rare"] * 3, *KINDS[3:]])
    read(tmp_path, lines())
    assert "class 'rare' has 3 samples, so that `bench run` makes 3 folds and not 5" in caplog.text
    assert "--labels-map" in caplog.text


def test_an_h5ad_index_that_is_named_like_a_column_is_read(tmp_path: Path) -> None:
    anndata = pytest.importorskip("anndata")
    obs = pd.DataFrame({"barcode": SAMPLES, "type": KINDS}, index=pd.Index(SAMPLES, name="barcode"))
    data = anndata.AnnData(X=X.astype("float32"), obs=obs, var=pd.DataFrame(index=GENES))
    data.write_h5ad(tmp_path / "x.h5ad")
    cohort = import_dataset("h", tmp_path / "x.h5ad", units="log2", layout=Layout(label_columns=("type",))).cohort
    assert (cohort.samples, cohort.y.tolist()) == (tuple(SAMPLES), KINDS)


def test_a_missing_value_in_an_h5ad_is_refused_with_the_name_of_the_file(tmp_path: Path) -> None:
    anndata = pytest.importorskip("anndata")
    obs = pd.DataFrame({"type": KINDS}, index=pd.Index(SAMPLES))
    data = anndata.AnnData(X=spoiled(X, 3, 2, np.nan).astype("float32"), obs=obs, var=pd.DataFrame(index=GENES))
    data.write_h5ad(tmp_path / "x.h5ad")
    with pytest.raises(DataError, match=r"x\.h5ad: sample 'S03', gene 'ESR1' is nan; expected a finite number"):
        import_dataset("h", tmp_path / "x.h5ad", units="log2", layout=Layout(label_columns=("type",)))
