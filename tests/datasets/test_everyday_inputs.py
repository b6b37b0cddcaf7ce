"""What people give to `bench data import` on a usual day: read where it is clear, else refused with what to do."""

from __future__ import annotations

import gzip
import logging
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from cohort_files import write
from plain_tables import COUNTS, GENES, KINDS, SAMPLES, X, labels, lines, read

from bench import DataError
from bench.datasets.importing import import_dataset
from bench.datasets.readers.matrices import Layout
from bench.datasets.readers.spellings import matched, spoiled_names
from bench.datasets.readers.tables import read_table


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Path:
    monkeypatch.setenv("BENCH_DATA_HOME", str(tmp_path / "home"))
    caplog.set_level(logging.WARNING)
    return tmp_path / "home"


def spaced(corner: str) -> str:
    """Return the table as R's write.table writes it, with or without a name above the row names."""
    rows = [" ".join([f'"{gene}"', *map(str, row)]) for gene, row in zip(GENES, X.T, strict=True)]
    return "\n".join([corner + " ".join(f'"{name}"' for name in SAMPLES), *rows])


def numbered(table: list[str]) -> list[str]:
    """Return a table of commas as R's write.csv writes a data frame: the numbers of the rows come first."""
    return [f'"",{table[0]}', *(f'"{i}",{line}' for i, line in enumerate(table[1:], start=1))]


def with_columns(table: list[str], *columns: str) -> list[str]:
    """Return a table of commas with columns of ones beside it."""
    return [",".join([table[0], *columns]), *(",".join([line, *["1.5"] * len(columns)]) for line in table[1:])]


def turned(table: list[str]) -> list[str]:
    return [",".join(row) for row in zip(*(line.split(",") for line in table), strict=True)]


COMMAS = lines(sep=",")
CLEAR: dict[str, tuple[str, Callable[[], Any]]] = {
    "tabs in a .csv": ("x.csv", lines),
    "commas in a .tsv": ("x.tsv", lambda: lines(sep=",")),
    "single spaces, as R's write.table": ("x.txt", lambda: spaced("")),
    "single spaces, and a name above the genes": ("x.txt", lambda: spaced("gene ")),
    "a space behind each comma": ("x.csv", lambda: [line.replace("\t", ", ") for line in lines()]),
    "every cell in quotes": ("x.csv", lambda: [",".join(f'"{c}"' for c in line.split("\t")) for line in lines()]),
    "Excel in German": ("x.csv", lambda: "\ufeff" + "\r\n".join(line.replace(".", ",") for line in lines(sep=";"))),
    "packed, with the line ends of Windows": ("x.tsv.gz", lambda: "\r\n".join(lines())),
    "UTF-16 without a mark": ("x.txt", lambda: "\n".join(lines()).encode("utf-16-le")),
    "a title, filled up with commas": ("x.csv", lambda: ["Table S3. Expression" + "," * 20, "," * 20, *COMMAS]),
    "a title alone": ("x.tsv", lambda: ["Table S3. Expression, log2", "", *lines()]),
    "what Excel says of the separator": ("x.csv", lambda: ["sep=;", *lines(sep=";")]),
    "columns that a spreadsheet left empty": ("x.csv", lambda: [f"{line},,," for line in COMMAS]),
    "rows that a spreadsheet left empty": ("x.csv", lambda: [*COMMAS[:5], "," * 20, *COMMAS[5:], "," * 20, "," * 20]),
    "numbers of rows before the genes": ("x.csv", lambda: numbered(COMMAS)),
    "numbers of rows before the samples": ("x.csv", lambda: numbered(turned(COMMAS))),
    "results of DESeq2 beside the samples": ("x.csv", lambda: with_columns(COMMAS, "baseMean", "log2FoldChange", "padj")),
    "means beside the samples": ("x.csv", lambda: with_columns(COMMAS, "Mean", "SD")),
    "a row of totals": ("x.csv", lambda: [*COMMAS, "Total" + ",90" * 20]),
    "a row of words above the genes": ("x.tsv", lambda: [lines()[0], "\t".join(["batch", *["one"] * 20]), *lines()[1:]]),
    "columns of words among the genes": ("x.csv", lambda: turned([COMMAS[0], ",".join(["sex", *("FM" * 10)]), *COMMAS[1:], ",".join(["born", *["2001-02-03"] * 20])])),
    "samples in rows": ("x.tsv", lambda: ["\t".join(row) for row in zip(*(line.split("\t") for line in lines()), strict=True)]),
}  # fmt: skip


@pytest.mark.parametrize("case", CLEAR)
def test_what_is_clear_is_read(case: str, tmp_path: Path) -> None:
    name, make = CLEAR[case]
    cohort = read(tmp_path, make(), name)
    assert (cohort.genes, cohort.samples, cohort.y.tolist()) == (tuple(GENES), tuple(SAMPLES), KINDS)
    np.testing.assert_allclose(cohort.X, X, rtol=1e-6)


def with_cell(text: str) -> list[str]:
    """Return the table with another first cell."""
    return [lines()[0], lines()[1].replace(f"\t{X[0, 0]}\t", f"\t{text}\t"), *lines()[2:]]


UNCLEAR: dict[str, tuple[str, Callable[[], Any], str]] = {
    "a workbook": ("x.xlsx", lambda: b"PK\3\4", "is a spreadsheet; save the sheet as CSV"),
    "an old workbook called csv": ("x.csv", lambda: b"\xd0\xcf\x11\xe0" + bytes(50), "looks like an old Excel file"),
    "an archive": ("x.csv.zip", lambda: b"PK\3\4", "is an archive; unpack it"),
    "an archive called csv": ("x.csv", lambda: b"PK\3\4", "looks like a zip archive, as .xlsx is"),
    "another packer": ("x.tsv.bz2", lambda: b"BZh", "is packed; unpack it, or pack it with gzip"),
    "an object of R": ("x.rds", lambda: b"\x1f\x8b", "write it there as a table: write.table"),
    "no extension": ("matrix", lines, "has no extension; expected .tsv"),
    "nothing": ("x.tsv", lambda: b"", "is empty; expected a table"),
    "blank lines": ("x.tsv", lambda: "\n\n\n", "0 rows below its header; .* It was cut, or exported empty"),
    "a header": ("x.tsv", lambda: lines()[:1], "21 columns and 0 rows below its header; .* It was cut"),
    "a pointer of Git LFS": ("x.tsv", lambda: "version https://git-lfs.github.com/spec/v1\noid sha256:a\nsize 5\n", "fetch it with git lfs pull"),
    "a page of a web server": ("x.tsv", lambda: "<!DOCTYPE html>\n<html>404</html>", "looks like a web page"),
    "commas between thousands": ("x.tsv", lambda: with_cell("1,234,567"), "marks between thousands: export the numbers without"),
    "points between thousands": ("x.tsv", lambda: with_cell("1.234.567"), "marks between thousands"),
    "a decimal comma in one cell": ("x.tsv", lambda: with_cell("7,25"), "Its decimal mark is a comma"),
    "single quotes": ("x.tsv", lambda: with_cell("'7.5'"), "Only the plain double quotes are quotes"),
    "a long minus": ("x.tsv", lambda: with_cell("\u22121.5"), "with a hyphen for minus"),
    "a percent sign": ("x.tsv", lambda: with_cell("5%"), "without a percent sign"),
    "a formula that failed": ("x.tsv", lambda: with_cell("#DIV/0!"), "A spreadsheet could not compute it. Impute"),
    "a dash": ("x.tsv", lambda: with_cell("-"), "holds '-'; .* or leave such genes out: .*--transform complete-genes"),
    "a remark below": ("x.tsv", lambda: [*lines(), "Source: GEO"], "line 14 has 1 cell; .* If it is a remark, remove it"),
    "a remark below, filled up": ("x.csv", lambda: [*COMMAS, "Source: GEO" + "," * 20], "row 'Source: GEO', column 'S00' is empty; .* So is all of its row"),
    "a title above two columns": ("x.csv", lambda: ["A title", "gene,S00", "TP53,7,8"], "line 3 has 3 cells; expected 2"),
    "an age above the genes": ("x.tsv", lambda: [lines()[0], "\t".join(["age", *["61"] * 20]), *lines()[1:]], "That value is of 'age', which may be no gene: --leave-out age"),
    "a pickle": ("x.pkl", lambda: b"\x80\4", "is a pickle, which can run any code when it is loaded"),
    "a pickle called csv": ("x.csv", lambda: b"\x80\5\x95", "looks like a pickle, which is never loaded"),
    "an array of numpy": ("x.npy", lambda: b"\x93NUMPY", "is no table that is read here"),
    "packed twice": ("x.tsv.gz", lambda: gzip.compress("\n".join(lines()).encode()), "is packed twice"),
    "JSON": ("x.json", lambda: "{}", "is no table that is read here"),
    "numbers of rows before a gene that comes twice": ("x.csv", lambda: numbered(lines(genes=["TP53", *GENES[:11]], sep=",")), "Column '' numbers the rows, and the names seem to follow it"),
    "a missing value": ("x.tsv", lambda: with_cell("NA"), "holds 'NA'; expected a finite number. Impute the value"),
    "a sample twice": ("x.tsv", lambda: lines(samples=["S00", "S00", *SAMPLES[2:]]), "sample 'S00' appears more than once"),
    "a sample twice, renamed": ("x.tsv", lambda: lines(samples=["S00", "S00.1", *SAMPLES[2:]]), "'S00.1' may be a second 'S00', renamed by R or pandas"),
    "two genes made one date": ("x.csv", lambda: lines(genes=["1-Mar", "1-Mar", *GENES[2:]], sep=","), "A spreadsheet made dates of genes"),
    "CPM called logarithms": ("x.tsv", lambda: lines(2**X + 0.5), "they look like CPM, TPM, FPKM or RSEM, .* --units linear --transform log2"),
    "counts called logarithms": ("x.tsv", lambda: lines(COUNTS), "they look like counts"),
}  # fmt: skip


@pytest.mark.parametrize("case", UNCLEAR)
def test_what_is_not_clear_is_refused_with_what_to_do(case: str, tmp_path: Path) -> None:
    name, make, words = UNCLEAR[case]
    with pytest.raises(DataError, match=words):
        read(tmp_path, make(), name)


def _link(path: Path) -> Path:
    path.symlink_to(path)
    return path


def _pipe(path: Path) -> Path:
    os.mkfifo(path)
    return path


PATHS: dict[str, tuple[Callable[[Path], Path], str]] = {
    "a link to itself": (lambda folder: _link(folder / "x.tsv"), "is a link that leads nowhere"),
    "a pipe": (lambda folder: _pipe(folder / "x.tsv"), "is a pipe or a device; expected a file"),
    "a device": (lambda folder: Path("/dev/null"), "is a pipe or a device"),
    "an empty folder": (lambda folder: folder, "is a folder of nothing"),
    "a path of Windows": (lambda folder: Path("C:\\data\\x.tsv"), r"does not exist; .* separated by / here, and not by \\"),
}  # fmt: skip


@pytest.mark.parametrize("case", PATHS)
def test_what_is_no_file_is_said(case: str, tmp_path: Path) -> None:
    make, words = PATHS[case]
    (tmp_path / "there").mkdir()
    with pytest.raises(DataError, match=words):
        import_dataset("x", make(tmp_path / "there"), labels(tmp_path), units="log2")


def test_a_file_that_may_not_be_read_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x.tsv").write_text("\n".join(lines()))
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # who runs tests as root may read everything
    with pytest.raises(DataError, match=r"x\.tsv may not be read by you"):
        import_dataset("x", tmp_path / "x.tsv", labels(tmp_path), units="log2")


def test_labels_are_no_workbook_and_no_folder(tmp_path: Path) -> None:
    (tmp_path / "x.tsv").write_text("\n".join(lines()))
    with zipfile.ZipFile(tmp_path / "y.xlsx", "w") as book:
        book.writestr("xl/workbook.xml", "<x/>")
    for given, words in ((tmp_path / "y.xlsx", "is a spreadsheet"), (tmp_path, "is a folder; expected a file")):
        with pytest.raises(DataError, match=words):
            import_dataset("x", tmp_path / "x.tsv", given, units="log2")


@pytest.mark.parametrize(
    ("genes", "words"),
    [
        (["1-Mar", "2-Sep"], "2 genes are called by a date, such as '1-Mar'"),
        (["2021-03-01 00:00:00"], "1 genes are called by a date"),
        (["03/01/2021"], "1 genes are called by a date"),
        (["ENSG00000000003.14", "ENSG00000000003.15"], "'ENSG00000000003.15' are versions of one gene, which counts twice"),
        (["NA"], "a gene is called 'NA', as missing values are"),
    ],
)  # fmt: skip
def test_names_of_genes_that_were_spoiled_are_noticed(
    genes: list[str], words: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert read(tmp_path, lines(genes=[*genes, *GENES[len(genes) :]])).n_genes == 12
    assert words in caplog.text


def test_names_of_genes_are_not_taken_for_spoiled_ones() -> None:
    usual = [
        "MARCH1",
        "SEPT2",
        "DEC1",
        "7SK",
        "HLA-A",
        "ENSG00000000003.14",
        "ENSG00000000005.6",
        "?|100130426",
        "1-8U",
    ]
    assert list(spoiled_names(usual)) == []


def test_classes_in_two_spellings_are_noticed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    kinds = ["Lum A", "lum-a", "Basal", " Basal "] * 5
    labels(tmp_path, kinds=kinds)
    assert read(tmp_path, lines()).classes.tolist() == ["Basal", "Lum A", "lum-a"]  # spaces around are no difference
    assert "the classes 'Lum A' and 'lum-a' differ in case, separators or .0 alone" in caplog.text


def test_impossible_counts_are_noticed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    many = COUNTS.astype(float)
    many[3, 4] = 1e30
    assert read(tmp_path, lines(many), units="counts").X.max() == np.float32(1e30)
    assert "the largest count is 1e+30, and no sample has that many reads" in caplog.text


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (str.lower, "they differ in case"),
        (lambda name: f"P_{name[1:]}", ""),  # other people
        (lambda name: f"{name}.CEL", "have an ending more"),
        (lambda name: f"{name}_counts.txt", "have an ending more"),
        (lambda name: f"S\u2013{name[1:]}", ""),  # other people too: S-1 is not S1
        (lambda name: f"\uff33{name[1:]}", "characters that look alike"),
        (lambda name: f"{name}\u200b", "characters that look alike"),
    ],
)
def test_samples_are_matched_by_case_and_by_an_ending(
    change: Callable[[str], str], why: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    other = [change(name) for name in SAMPLES]
    for ours, theirs in ((SAMPLES, other), (other, SAMPLES)):
        labels(tmp_path, theirs)
        if not why:
            with pytest.raises(DataError, match="no sample of"):
                read(tmp_path, lines(samples=ours))
            continue
        caplog.clear()
        assert read(tmp_path, lines(samples=ours)).samples == tuple(ours)
        assert why in caplog.text


def test_names_that_only_resemble_others_are_not_matched() -> None:
    assert matched(["A-01", "A-02"], ["B-01", "B-02"]) == ({}, "")
    assert matched(["a-1", "A.1"], ["A-1", "A_1"]) == ({}, "")  # which is which?


@pytest.mark.parametrize(
    ("ours", "theirs"), [("P-{}", "P\u2013{}"), ("M\u00fcller{}", "Mu\u0308ller{}"), ("A_{}", "a\u2212{}")]
)
def test_dashes_and_accents_of_other_programs_are_matched(ours: str, theirs: str, tmp_path: Path) -> None:
    labels(tmp_path, [theirs.format(i) for i in range(20)])
    assert read(tmp_path, lines(samples=[ours.format(i) for i in range(20)])).y.tolist() == KINDS


# -- values ------------------------------------------------------------------------------------------------------------


def german(value: float) -> str:
    return f"{value:,.2f}".replace(",", "#").replace(".", ",").replace("#", ".")


def test_points_between_thousands_beside_decimal_commas_are_read(tmp_path: Path) -> None:
    values = np.round(2**X * 20, 2)
    text = [";".join(["gene", *SAMPLES]), *(";".join([g, *map(german, row)]) for g, row in zip(GENES, values.T, strict=True))]  # fmt: skip
    cohort = read(tmp_path, text, "x.csv", units="zscore")
    assert cohort.X.max() > 5000
    np.testing.assert_allclose(cohort.X, values, rtol=1e-6)


def test_points_that_may_lie_between_thousands_are_noticed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    marked = [[f"{n:,}".replace(",", ".") for n in row] for row in COUNTS * 5]
    read(tmp_path, lines(marked), units="zscore")
    assert "may have points between thousands" in caplog.text
    caplog.clear()
    read(tmp_path, lines(np.char.mod("%.3f", X)))  # three decimals everywhere
    read(tmp_path, lines(np.round(X, 3)))  # as far as they are not zero
    ages = [[f"{value:.3f}" for value in row] if i else [str(n) for n in range(20)] for i, row in enumerate(X.T)]
    read(tmp_path, turned([COMMAS[0], *(",".join([g, *row]) for g, row in zip(GENES, ages, strict=True))]), "x.csv")
    assert "between thousands" not in caplog.text


def test_a_decimal_comma_is_seen_where_the_first_row_has_none(tmp_path: Path) -> None:
    text = [
        lines(sep=";")[0],
        ";".join(["zero", *["0"] * 20]),
        *(line.replace(".", ",") for line in lines(sep=";")[1:]),
    ]
    np.testing.assert_allclose(read(tmp_path, text, "x.csv").X[:, 1:], X, rtol=1e-6)


def test_gaps_of_spreadsheets_are_gaps_for_complete_genes(tmp_path: Path) -> None:
    for gap in ("#DIV/0!", "#N/A", "-", "\u2013", "", "NA"):
        (tmp_path / "x.tsv").write_text("\n".join(with_cell(gap)))
        found = import_dataset("x", tmp_path / "x.tsv", labels(tmp_path), units="log2", transform=("complete-genes",), force=True)  # fmt: skip
        assert found.cohort.genes == tuple(GENES[1:])


# -- labels ------------------------------------------------------------------------------------------------------------


def test_labels_of_a_spreadsheet_are_read_without_what_it_left_empty(tmp_path: Path) -> None:
    rows = [f"{i},{s},{k},,," for i, (s, k) in enumerate(zip(SAMPLES, KINDS, strict=True))]
    (tmp_path / "labels.csv").write_text("\n".join([",id,type,,,", *rows, ",,,,,", ",,,,,"]))
    assert read(tmp_path, lines()).y.tolist() == KINDS


def test_numbers_of_rows_may_be_the_names_of_the_samples(tmp_path: Path) -> None:
    """As pandas writes values and labels whose index nobody named."""
    rows = [f"{i},P-{s},{k}" for i, (s, k) in enumerate(zip(SAMPLES, KINDS, strict=True))]
    (tmp_path / "labels.csv").write_text("\n".join([",patient_code,type", *rows]))
    text = lines(samples=[str(i) for i in range(20)])
    assert read(tmp_path, text, label_columns=("type",)).y.tolist() == KINDS


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (["id,type,type", *(f"{s},{k},{k}" for s, k in zip(SAMPLES, KINDS, strict=True))], "column 'type' appears more than once"),
        ([*(f"{s},{k}" for s, k in zip(SAMPLES, KINDS, strict=True))], "starts with sample 'S00'; expected a header"),
        (["id,type", *(f"{s},{k}" for s, k in zip(SAMPLES[:19], KINDS, strict=False))], "1 sample of .* has no row in .*: 'S19'"),
        (["id,type", *(f"{s},{k}" for s, k in zip([*SAMPLES, "Z"], [*KINDS, "x"], strict=True))], "has labels for 1 sample not in"),
    ],
)  # fmt: skip
def test_labels_that_do_not_fit_are_refused_with_the_cause(rows: list[str], words: str, tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("\n".join(rows))
    with pytest.raises(DataError, match=words):
        read(tmp_path, lines())


def test_classes_that_a_program_made_fractions_of_are_noticed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    labels(tmp_path, kinds=["1", "1.0", "2", "2.5"] * 5)
    assert read(tmp_path, lines()).classes.tolist() == ["1", "1.0", "2", "2.5"]
    assert "the classes '1' and '1.0' differ in case, separators or .0 alone" in caplog.text
    assert "'2.5'" not in caplog.text


@pytest.mark.parametrize(
    "row", [["type", *KINDS], ["type", *(f"grade {i % 2}" for i in range(20))], ["type", *(["1", "2"] * 10)]]
)
def test_a_row_of_labels_above_the_genes_is_taken(row: list[str], tmp_path: Path) -> None:
    text = [lines()[0], "\t".join(["age", *map(str, range(40, 60))]), "\t".join(row), *lines()[1:]]
    cohort = read(tmp_path, text, labels=None, label_columns=("type",), leave_out=("age",))
    assert (cohort.genes, cohort.y.tolist()) == (tuple(GENES), row[1:])


def test_columns_that_describe_people_are_facts_and_no_genes(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    frame = pd.DataFrame(X, index=SAMPLES, columns=GENES)
    frame = frame.assign(type=pd.Categorical(KINDS), smoker=True, born=pd.Timestamp("1970-01-01"), tags=[["a"]] * 20)
    frame.convert_dtypes().to_parquet(tmp_path / "x.parquet")
    layout = Layout(label_columns=("type",))
    cohort = import_dataset("x", tmp_path / "x.parquet", units="log2", layout=layout).cohort
    assert (cohort.samples, cohort.genes, cohort.y.tolist()) == (tuple(SAMPLES), tuple(GENES), KINDS)
    assert "columns of words are facts about samples, and no genes: 'smoker', 'born', 'tags'" in caplog.text


@pytest.mark.parametrize("cell", ["low", "7,5", "NA", "5%"])
def test_a_gene_with_a_word_among_its_numbers_is_still_refused(cell: str, tmp_path: Path) -> None:
    text = turned(COMMAS)
    text[3] = text[3].replace(str(X[2, 4]), f'"{cell}"')
    with pytest.raises(DataError, match=f"row 'S02', column 'MKI67' holds '{cell}'"):
        read(tmp_path, text, "x.csv", samples_in="rows")


def test_a_sparse_layer_and_categories_of_h5ad_are_read(tmp_path: Path) -> None:
    anndata, sparse = pytest.importorskip("anndata"), pytest.importorskip("scipy.sparse")
    obs = pd.DataFrame({"t": pd.Categorical([None, *KINDS[1:]], ordered=True)}, index=SAMPLES)
    data = anndata.AnnData(X=sparse.csr_matrix(X.astype("float32")), obs=obs, var=pd.DataFrame(index=GENES))
    data.layers["counts"] = sparse.csc_matrix(COUNTS.astype("int16"))
    data.write_h5ad(tmp_path / "x.h5ad")
    more: dict[str, Any] = {"units": "counts", "layout": Layout(label_columns=("t",), layer="counts")}
    with pytest.raises(DataError, match=r"sample 'S00' has no value in column 't' \(found ''\)"):
        import_dataset("x", tmp_path / "x.h5ad", **more)
    cohort = import_dataset("x", tmp_path / "x.h5ad", **more, transform=("drop-unlabelled",)).cohort
    np.testing.assert_array_equal(cohort.X, COUNTS[1:])
    assert cohort.y.tolist() == KINDS[1:]


def test_a_study_with_gaps_says_which_cell_and_which_step(tmp_path: Path) -> None:
    study = write("cbioportal", tmp_path)
    table = study / "data_mrna_seq_counts.txt"
    rows = table.read_text().splitlines()
    table.write_text("\n".join([*rows[:3], rows[3].rpartition("\t")[0] + "\tNA", *rows[4:]]))
    more: dict[str, Any] = {"units": "counts", "layout": Layout(label_columns=("SUBTYPE",))}
    with pytest.raises(DataError, match=r"row 'ESR1', column 'S19' holds 'NA'; .*--transform complete-genes"):
        import_dataset("x", study, **more)
    assert import_dataset("x", study, **more, transform=("complete-genes",)).cohort.n_genes == 11


@pytest.mark.parametrize("cell", ["5e4002969594ab", "5e4002969594", "5.1e4002969594.5", "-1e-4002969594"])
def test_what_begins_like_an_endless_number_is_text_and_no_end_of_the_process(cell: str, tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text(f"sample,key,GENE1\nS1,{cell},1.5\nS2,7,2.5\n", encoding="utf-8")
    table = read_table(path)  # 5e4002969594ab is what a hexadecimal name may look like
    assert table.numbers(["GENE1"]).tolist() == [[1.5], [2.5]]
    assert table.text("key")[1] in ("7", "7.0")
    if cell != "-1e-4002969594":  # which is 0
        with pytest.raises(DataError, match=f"column 'key' holds '{cell}'"):
            table.numbers(["key"])
