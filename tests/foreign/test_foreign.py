"""Synthetic data made elsewhere: every form they come in, and every way they can be wrong with the words for it."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bench import Cohort, DataError
from bench.boundary.plain_release import plain_release
from bench.core.errors import NoLabelsError
from bench.datasets import Dataset
from bench.datasets.folds import make_splits
from bench.datasets.gene_lists import landmark_genes
from bench.foreign.checks import describe_copies
from bench.foreign.gene_names import GeneNames
from bench.foreign.reader import Form, Release, read_release

N = 60


@pytest.fixture
def dataset(toy_cohort: Cohort) -> Dataset:
    return Dataset("toy", "A toy", "kind", toy_cohort, None, False, "made up")


@pytest.fixture
def made(toy_cohort: Cohort) -> Cohort:
    """A release as it should be read, whatever form it comes in."""
    X = toy_cohort.X[:N].astype(np.float64) + np.random.default_rng(5).normal(0, 0.2, (N, 16))
    return toy_cohort.synthetic(X, toy_cohort.y[:N])


def frame_of(cohort: Cohort) -> pd.DataFrame:
    return pd.DataFrame(cohort.X, columns=list(cohort.genes))


def labels_of(cohort: Cohort) -> pd.DataFrame:
    return pd.DataFrame({"kind": cohort.y})


def same(release: Release, made: Cohort, fold: int = 1) -> None:
    assert release.given[fold].genes == release.dataset.cohort.genes
    assert release.given[fold].digest == made.digest


# -- forms -------------------------------------------------------------------------------------------------------------


def challenge(folder: Path, made: Cohort) -> None:
    frame_of(made).to_csv(folder / "synthetic_data_split_1.csv", index=False)
    labels_of(made).to_csv(folder / "synthetic_labels_split_1.csv", index=False)


def inside(folder: Path, made: Cohort) -> None:
    frame_of(made).assign(kind=made.y).to_csv(folder / "fold1.tsv.gz", sep="\t", index=False)


def from_zero(folder: Path, made: Cohort) -> None:
    for i in range(2):
        frame_of(made).assign(Label=made.y).to_parquet(folder / f"synth-{i}.parquet")


def named_rows(folder: Path, made: Cohort) -> None:
    frame_of(made).set_axis(list(made.samples)).to_csv(folder / "x_fold_1.csv", index_label="sample_id")
    pd.DataFrame({"sample": made.samples, "kind": made.y}).iloc[::-1].to_csv(folder / "y_fold_1.csv", index=False)


def as_r_writes(folder: Path, made: Cohort) -> None:
    rows = [f'"{name}",{",".join(map(str, row))}' for name, row in zip(made.samples, made.X, strict=True)]
    (folder / "split1.csv").write_text("\n".join([",".join(f'"{gene}"' for gene in made.genes), *rows]))
    (folder / "labels_split1.csv").write_text("\n".join(['"kind"', *(f'"{i}","{y}"' for i, y in enumerate(made.y))]))


def turned(folder: Path, made: Cohort) -> None:
    table = frame_of(made).set_axis(list(made.samples)).T
    table.loc[sorted(table.index)].to_csv(folder / "fold_1.tsv", sep="\t", index_label="gene")
    labels_of(made).to_csv(folder / "fold_1_labels.csv", index=False)


def turned_with_labels(folder: Path, made: Cohort) -> None:
    table = frame_of(made).set_axis(list(made.samples)).T.astype(object)
    table.loc["kind"] = made.y
    table.to_csv(folder / "fold_1.tsv", sep="\t", index_label="gene")


def one_table(folder: Path, made: Cohort) -> None:
    part = frame_of(made).assign(kind=made.y)
    pd.concat([part.assign(fold=1), part.assign(fold=3)]).to_csv(folder / "all.csv", index=False)


def shuffled(folder: Path, made: Cohort) -> None:
    table = frame_of(made)[sorted(made.genes)].assign(kind=made.y)
    table.to_csv(folder / "fold1.csv", index=False)
    (folder / "README.md").write_text("how it was made")


def h5ad(folder: Path, made: Cohort) -> None:
    anndata = pytest.importorskip("anndata")
    obs = pd.DataFrame({"kind": made.y, "depth": 1.0}, index=list(made.samples))
    var = pd.DataFrame({"gene_ids": list(made.genes)}, index=[f"symbol{i}" for i in range(16)])
    anndata.AnnData(made.X.copy(), obs=obs, var=var).write_h5ad(folder / "fold_1.h5ad")


FORMS: dict[Callable[[Path, Cohort], None], str] = {
    challenge: "",
    inside: "",
    from_zero: "counted from 0",
    named_rows: "labels are matched to samples by name",
    as_r_writes: "",
    turned: "genes are in the rows; turned round",
    turned_with_labels: "turned round",
    one_table: "",
    shuffled: "genes are put into the order of the real cohort",
    h5ad: "named by the column 'gene_ids' of var",
}


@pytest.mark.parametrize("write", FORMS, ids=lambda f: f.__name__)
def test_a_release_is_the_same_in_whatever_form_it_comes(
    write: Callable[[Path, Cohort], None], dataset: Dataset, made: Cohort, tmp_path: Path
) -> None:
    write(tmp_path, made)
    release = read_release(tmp_path, dataset)
    same(release, made)
    assert release.dataset is dataset
    said = [note for note in release.notes if "README" not in note]
    assert any(FORMS[write] in note for note in said) if FORMS[write] else said == []


def test_rows_that_are_called_as_real_people_are_noticed(toy_cohort: Cohort, made: Cohort, tmp_path: Path) -> None:
    people = tuple(f"TCGA-A0-{i:04d}-01A" for i in range(60))
    dataset = Dataset("toy", "A toy", "kind", replace(toy_cohort, samples=people), None, False, "made up")
    names = [people[0], "TCGA-A0-0001-06A", "TCGA-ZZ-0001-01A", *(f"new{i}" for i in range(N - 3))]
    frame_of(made).assign(kind=made.y).set_axis(names).to_csv(tmp_path / "fold_1.csv", index_label="sample")
    notes = read_release(tmp_path, dataset).notes
    assert "fold_1.csv: 2 rows are called as people of the real cohort, as synthetic people are not" in notes


def test_folds_are_those_of_the_numbers(dataset: Dataset, made: Cohort, tmp_path: Path) -> None:
    from_zero(tmp_path, made)
    assert sorted(read_release(tmp_path, dataset).given) == [1, 2]
    assert sorted(read_release(tmp_path, dataset, Form(folds=(4, 5))).given) == [4, 5]
    single = tmp_path / "synth-1.parquet"
    assert sorted(read_release(single, dataset, Form(folds=(2,))).given) == [2]
    assert sorted(read_release(single, dataset, Form(every_fold=True), range(1, 6)).given) == [1, 2, 3, 4, 5]


def test_a_table_with_a_column_of_folds_is_divided(dataset: Dataset, made: Cohort, tmp_path: Path) -> None:
    one_table(tmp_path, made)
    release = read_release(tmp_path / "all.csv", dataset)
    assert sorted(release.given) == [1, 3]
    same(release, made, fold=3)


def test_one_file_of_named_labels_serves_all_folds(dataset: Dataset, made: Cohort, tmp_path: Path) -> None:
    halves = {1: range(0, N, 2), 2: range(1, N, 2)}
    for fold, rows in halves.items():
        part = frame_of(made).iloc[list(rows)].set_axis([f"s{i}" for i in rows])
        part.to_csv(tmp_path / f"fold{fold}.csv", index_label="id")
    pd.DataFrame({"id": [f"s{i}" for i in range(N)], "kind": made.y}).to_csv(tmp_path / "labels.csv", index=False)
    release = read_release(tmp_path, dataset)
    assert {fold: cohort.y.tolist() for fold, cohort in release.given.items()} == {
        fold: made.y[list(rows)].tolist() for fold, rows in halves.items()
    }


# -- genes -------------------------------------------------------------------------------------------------------------


def renamed(dataset: Dataset, genes: list[str]) -> Dataset:
    return replace(dataset, cohort=replace(dataset.cohort, genes=tuple(genes)))


def given_genes(folder: Path, made: Cohort, genes: list[str]) -> None:
    frame_of(made).set_axis(genes, axis=1).assign(kind=made.y).to_csv(folder / "fold1.csv", index=False)


def test_genes_are_recognised_by_symbol_version_entrez_and_as_r_writes(
    dataset: Dataset, made: Cohort, tmp_path: Path
) -> None:
    rows = landmark_genes()[100:116]
    ensembl = renamed(dataset, [row[0] for row in rows])
    ways = {
        "by the table of synonyms": [row[1] for row in rows],
        "synonyms": [row[2] for row in rows],
        "without the version": [f"{row[0]}.{i}" for i, row in enumerate(rows)],
    }
    for words, genes in ways.items():
        given_genes(tmp_path, made, genes)
        release = read_release(tmp_path, ensembl)
        np.testing.assert_array_equal(release.given[1].X, made.X)
        assert any(f"16 of 16 genes are recognised {words}" in note or words in note for note in release.notes)
    symbols = renamed(dataset, [row[1] for row in rows])
    given_genes(tmp_path, made, [f"{row[0]}.7" for row in rows])
    np.testing.assert_array_equal(read_release(tmp_path, symbols).given[1].X, made.X)
    dashed = renamed(dataset, [f"hsa-let-{i}" for i in range(16)])
    given_genes(tmp_path, made, [f"hsa.let.{i}" for i in range(16)])
    assert any("as R rewrites names" in note for note in read_release(tmp_path, dashed).notes)


def test_a_table_of_ones_own_names_genes(dataset: Dataset, made: Cohort, tmp_path: Path) -> None:
    given_genes(tmp_path, made, [f"probe_{gene}" for gene in made.genes])
    table = tmp_path / "map" / "probes.tsv"
    table.parent.mkdir()
    pd.DataFrame({"probe": [f"probe_{g}" for g in made.genes], "kind": "x", "gene": made.genes}).to_csv(
        table, sep="\t", index=False
    )
    same(read_release(tmp_path, dataset, Form(gene_map=table)), made)


def test_the_shipped_table_holds_the_landmark_genes_once() -> None:
    rows = landmark_genes()
    assert len(rows) == 978
    assert all(len({row[column] for row in rows}) == 978 for column in range(3))
    assert all(re.fullmatch(r"ENSG\d{11}", row[0]) for row in rows)


def test_a_gene_of_the_pseudoautosomal_region_is_not_its_namesake() -> None:
    names = GeneNames(["ENSG00000182378"])
    assert names.resolve("ENSG00000182378.15")[0] == "ENSG00000182378"
    assert names.resolve("ENSG00000182378.15_PAR_Y") == ("", "")


def test_common_genes_make_a_dataset_of_their_own(dataset: Dataset, made: Cohort, tmp_path: Path) -> None:
    table = frame_of(made).assign(kind=made.y, other=1.0)
    table.drop(columns=[made.genes[0], made.genes[5]]).to_csv(tmp_path / "fold1.csv", index=False)
    release = read_release(tmp_path, replace(dataset, reference=dataset.cohort.take(range(9))), Form(genes="common"))
    kept = tuple(gene for gene in made.genes if gene not in (made.genes[0], made.genes[5]))
    assert re.fullmatch("toy-genes14-[0-9a-f]{6}", release.dataset.name)
    assert release.dataset.reference is not None
    assert release.given[1].genes == release.dataset.cohort.genes == release.dataset.reference.genes == kept
    np.testing.assert_array_equal(release.dataset.cohort.X, dataset.cohort.X[:, [g in kept for g in made.genes]])
    assert any("14 of 16 genes" in note for note in release.notes)


def test_more_genes_than_the_real_cohort_has_leave_it_whole(dataset: Dataset, made: Cohort, tmp_path: Path) -> None:
    frame_of(made).assign(kind=made.y, other=1.0).to_csv(tmp_path / "fold1.csv", index=False)
    release = read_release(tmp_path, dataset, Form(genes="common"))
    same(release, made)
    assert release.dataset is dataset


# -- what is wrong -----------------------------------------------------------------------------------------------------

Change = Callable[[pd.DataFrame, pd.DataFrame], tuple[pd.DataFrame, pd.DataFrame]]


def logs(X: pd.DataFrame, factor: float) -> pd.DataFrame:
    return X * factor


BAD: dict[str, tuple[Change, str]] = {
    "a gene is missing": (lambda X, y: (X.drop(columns="GENE3"), y), "lacks 1 of 16 genes of the real cohort, the first is 'GENE3'. Add them"),
    "a column is no gene": (lambda X, y: (X.assign(age=1.0), y), "1 column too many, no gene of the real cohort: 'age'"),
    "no name is a gene": (lambda X, y: (X.add_prefix("probe"), y), "If it names genes in another way, give a table of both names with --gene-map"),
    "columns are numbered": (lambda X, y: (X.set_axis(range(16), axis=1), y), "Its columns are numbered"),
    "a date in place of a gene": (lambda X, y: (X.rename(columns={"GENE3": "1-Mar"}), y), "a spreadsheet turned a gene's symbol into a date"),
    "a gene comes twice": (lambda X, y: (X.set_axis([*X.columns[:-1], X.columns[0]], axis=1), y), "twice. Keep one of them"),
    "counts": (lambda X, y: ((2**X).round(), y), "whole numbers, as counts are"),
    "counts per million": (lambda X, y: (2**X + 0.5, y), "a linear scale, as CPM, TPM and normalised counts have"),
    "z-scores": (lambda X, y: ((X - X.mean()) / X.std(), y), "around 0 in every gene"),
    "scaled to 0..1": (lambda X, y: ((X - X.min()) / (X.max() - X.min()), y), "as after scaling to [0, 1]"),
    "natural logarithms": (lambda X, y: (logs(X, float(np.log(2))), y), "as natural logarithms in place of binary ones have"),
    "decimal logarithms": (lambda X, y: (logs(X, float(np.log10(2))), y), "as decimal logarithms"),
    "rounded to whole numbers": (lambda X, y: (X.round(), y), "nothing but whole numbers"),
    "a missing value": (lambda X, y: (X.assign(GENE3=[np.nan] + [1.0] * (len(X) - 1)), y), "row 1 ('GENE11' is 6.6608915), column 'GENE3' is empty; expected a finite number"),
    "an infinite value": (lambda X, y: (X.assign(GENE3=np.inf), y), "column 'GENE3' holds 'inf'"),
    "text for a number": (lambda X, y: (X.assign(GENE3="high"), y), "column 'GENE3' holds 'high'"),
    "a decimal comma": (lambda X, y: (X.assign(GENE3="7,5"), y), "column 'GENE3' holds '7,5'"),
    "a number beyond float32": (lambda X, y: (X.assign(GENE3=1e39), y), "gene 'GENE3' is 1e+39, beyond the range of float32"),
    "a number without end": (lambda X, y: (X.assign(GENE3="5.1e4002969594"), y), "column 'GENE3' holds '5.1e4002969594'; expected a finite number. Nothing measured is that large or small"),
    "no rows": (lambda X, y: (X.iloc[:0], y), "0 rows below its header"),
    "a label is missing": (lambda X, y: (X, y.iloc[:-1]), "has 60 rows and synthetic_labels_split_1.csv 59"),
    "an empty label": (lambda X, y: (X, y.replace("b", "NA")), "has no value (found 'NA')"),
    "an unknown label": (lambda X, y: (X, y.replace("a", "z")), "has the label 'z'; expected a, b, c"),
    "a label in another case": (lambda X, y: (X, y.replace("a", "A")), "has the label 'A'; expected a, b, c. Did you mean 'a'?"),
    "numbers for labels": (lambda X, y: (X, y.replace({"a": 0, "b": 1, "c": 2})), "has the label '0'"),
    "labels without a header": (lambda X, y: (X, y.set_axis(["a"], axis=1)), "starts with the label 'a'; expected a header"),
    "two columns of labels": (lambda X, y: (X, y.assign(site="x").set_axis(["one", "two"], axis=1)), "Name the column of labels with --label-column"),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:Downcasting behavior")
@pytest.mark.parametrize("case", BAD)
def test_a_bad_table_is_refused_with_the_reason(case: str, dataset: Dataset, made: Cohort, tmp_path: Path) -> None:
    change, words = BAD[case]
    X, y = change(frame_of(made), labels_of(made).astype(object))
    X.to_csv(tmp_path / "synthetic_data_split_1.csv", index=False)
    y.to_csv(tmp_path / "synthetic_labels_split_1.csv", index=False)
    with pytest.raises(DataError, match=re.escape(words)):
        read_release(tmp_path, dataset)


def two_of_a_fold(folder: Path) -> None:
    (folder / "fold_1.tsv").write_text("x")


def empty(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()
    (folder / "model.pt").write_text("x")


def unpaired(folder: Path) -> None:
    (folder / "synthetic_data_split_2.csv").write_text((folder / "synthetic_data_split_1.csv").read_text())
    (folder / "synthetic_labels_split_3.csv").write_text("kind\na\n")


def unnumbered(folder: Path) -> None:
    (folder / "again.csv").write_text((folder / "synthetic_data_split_1.csv").read_text())


def unfolded(folder: Path) -> None:
    (folder / "synthetic_data_split_1.csv").rename(folder / "release.csv")


def unlabelled(folder: Path) -> None:
    (folder / "synthetic_labels_split_1.csv").unlink()


def other_genes(folder: Path) -> None:
    frame = pd.read_csv(folder / "synthetic_data_split_1.csv").drop(columns="GENE3")
    frame.to_csv(folder / "synthetic_data_split_2.csv", index=False)
    (folder / "synthetic_labels_split_2.csv").write_text((folder / "synthetic_labels_split_1.csv").read_text())


def damaged(folder: Path) -> None:
    path = folder / "synthetic_data_split_1.csv"
    packed = gzip.compress(path.read_bytes())
    path.unlink()
    (folder / "synthetic_data_split_1.csv.gz").write_bytes(packed[: len(packed) // 2])


def semicolons(folder: Path) -> None:
    path = folder / "synthetic_data_split_1.csv"
    path.write_text(path.read_text().replace(",", ";"))


def pipes(folder: Path) -> None:
    path = folder / "synthetic_data_split_1.csv"
    path.write_text(path.read_text().replace(",", "|"))


def longer(folder: Path) -> None:
    path = folder / "synthetic_data_split_1.csv"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:2], f"{lines[2]},7.5", *lines[3:]]))


def shorter(folder: Path) -> None:
    path = folder / "synthetic_data_split_1.csv"
    path.write_text(path.read_text().rpartition(",")[0])


def latin(folder: Path) -> None:
    path = folder / "synthetic_data_split_1.csv"
    path.write_bytes(path.read_bytes().replace(b"GENE3", b"G\xe9ne3"))


def mislabelled(folder: Path) -> None:
    (folder / "synthetic_labels_split_1.csv").write_bytes(b"kind\n\xe9\n")


FOLDERS: dict[Callable[[Path], None], tuple[Form, str]] = {
    two_of_a_fold: (Form(), "are both of number 1. Keep one of them"),
    empty: (Form(), "holds 'model.pt', and no data file in that"),
    unpaired: (Form(), "labels of 3, but there is no data file of that number"),
    unnumbered: (Form(), "no number in its name that says its fold"),
    unfolded: (Form(), "Say it with --folds 1, add a column 'fold', or say --folds all"),
    unlabelled: (Form(), "comes without labels: there is no file of labels beside it and no column 'kind' in it"),
    other_genes: (Form(genes="common"), "has other genes than synthetic_data_split_1.csv: 'GENE3'"),
    damaged: (Form(), "is no complete table"),
    pipes: (Form(), "Check that the extension fits the separator"),
    longer: (Form(), "line 3 has 17 cells; expected 16, as many as the header names"),
    shorter: (Form(), "line 61 has 15 cells; expected 16"),
    latin: (Form(), "is not UTF-8 text"),
    mislabelled: (Form(), "cannot be read as a table of labels"),
}


@pytest.mark.parametrize("spoil", FOLDERS, ids=lambda f: f.__name__)
def test_a_bad_folder_is_refused_with_the_reason(
    spoil: Callable[[Path], None], dataset: Dataset, made: Cohort, tmp_path: Path
) -> None:
    challenge(tmp_path, made)
    spoil(tmp_path)
    form, words = FOLDERS[spoil]
    with pytest.raises(DataError, match=re.escape(words)):
        read_release(tmp_path, dataset, form)


def test_semicolons_and_summaries_of_counters_are_read_as_what_they_are(
    dataset: Dataset, made: Cohort, tmp_path: Path
) -> None:
    challenge(tmp_path, made)
    plain = read_release(tmp_path, dataset, Form())
    semicolons(tmp_path)
    same = read_release(tmp_path, dataset, Form())
    assert [same.given[fold].digest for fold in plain.given] == [cohort.digest for cohort in plain.given.values()]
    path = tmp_path / "synthetic_data_split_1.csv"
    path.write_text("\n".join(f"{line};{tail}" for line, tail in zip(path.read_text().split(), ["N_unmapped", *["7"] * len(made)], strict=True)))  # fmt: skip
    summaries = read_release(tmp_path, dataset, Form())
    assert summaries.given[1].digest == plain.given[1].digest
    assert any(
        "summaries of an aligner, counter or spreadsheet are left out: 'N_unmapped'" in note for note in summaries.notes
    )


def test_a_release_of_numbers_for_names_is_read_or_refused_as_it_is(toy_cohort: Cohort, tmp_path: Path) -> None:
    """Genes are numbers and so are the labels: a cohort with labels 0.0 and 1.0, and releases that people made of it."""
    genes = tuple(str(7000 + i) for i in range(16))
    real = replace(toy_cohort, genes=genes, y=np.where(toy_cohort.y == "a", "0.0", "1.0"))
    numbers = Dataset("numbers", "Numbers", "type", real, None, False, "made up")
    made = real.synthetic(real.X[:N] + np.float32(0.25), real.y[:N])
    frame = frame_of(made).assign(label=made.y)
    for name, table, index in (
        ("five rows", frame[:5], False),
        ("one class", frame[frame["label"] == "0.0"], False),
        ("with an index", frame, True),
        ("an odd head", frame.rename(columns={"label": "Label "}), False),
    ):
        table.to_csv(tmp_path / "fold1.csv", index=index)
        given = read_release(tmp_path / "fold1.csv", numbers).given[1]
        assert (len(given), given.genes, given.y.tolist()) == (len(table), genes, table.iloc[:, -1].tolist()), name
        np.testing.assert_allclose(given.X, made.take(list(table.index)).X)
    frame.assign(label=frame["label"].str[0]).to_csv(tmp_path / "fold1.csv", index=False)
    with pytest.raises(DataError, match=r"has the label '[01]'; expected 0\.0, 1\.0\. Did you mean '[01]\.0'\?"):
        read_release(tmp_path / "fold1.csv", numbers)


def with_decimal_commas(text: str) -> str:
    return text.replace(",", ";").replace(".", ",")


def with_row_numbers(text: str) -> str:
    return "\n".join(f"{i or ''},r{i}," + line if i else f",name,{line}" for i, line in enumerate(text.splitlines()))


def as_a_spreadsheet(text: str) -> str:
    return "\n".join(["A title" + "," * 17, *(f"{line},," for line in text.splitlines()), "," * 17])


@pytest.mark.parametrize("change", [with_decimal_commas, with_row_numbers, as_a_spreadsheet], ids=lambda f: f.__name__)
def test_what_spreadsheets_and_r_put_around_a_release_is_read(
    change: Callable[[str], str], dataset: Dataset, made: Cohort, tmp_path: Path
) -> None:
    """The first column is a gene, or names, or the numbers of the rows."""
    challenge(tmp_path, made)
    path = tmp_path / "synthetic_data_split_1.csv"
    path.write_text(change(path.read_text()))
    same(read_release(tmp_path, dataset), made)


def test_labels_that_a_spreadsheet_filled_up_are_read(dataset: Dataset, made: Cohort, tmp_path: Path) -> None:
    challenge(tmp_path, made)
    path = tmp_path / "synthetic_labels_split_1.csv"
    head, *rows = path.read_text().split()
    path.write_text("\n".join([f"{head},,", *(f"{row},," for row in rows), ",,", ",,"]))
    same(read_release(tmp_path, dataset), made)
    path.write_text("\n".join([f"{head},,", ",,", *(f"{row},," for row in rows[1:]), ",,"]))
    with pytest.raises(DataError, match="row 1 has no value"):
        read_release(tmp_path, dataset)


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"units": "counts"}, "said to be in units 'counts', but dataset 'toy' is in 'vst'"),
        ({"folds": (1, 2)}, "--folds names 2 folds for 1 data files"),
        ({"gene_map": "map.csv"}, "the name 'P1' stands for 2 genes of the real cohort: 'GENE1', 'GENE2'"),
    ],
)
def test_what_is_said_must_fit_too(
    form: dict[str, Any], words: str, dataset: Dataset, made: Cohort, tmp_path: Path
) -> None:
    inside(tmp_path, made)
    if "gene_map" in form:
        inside(tmp_path, replace(made, genes=tuple("P1" if gene == "GENE1" else gene for gene in made.genes)))
        form["gene_map"] = tmp_path.parent / "map.csv"
        form["gene_map"].write_text("a,b\nP1,GENE1\nP1,GENE2\n")
    with pytest.raises(DataError, match=re.escape(words)):
        read_release(tmp_path, dataset, Form(**form))


def test_units_that_are_stated_are_not_judged_by_their_looks(dataset: Dataset, made: Cohort, tmp_path: Path) -> None:
    table = frame_of(made).round().assign(kind=made.y)
    table.to_csv(tmp_path / "fold1.csv", index=False)
    assert read_release(tmp_path, dataset, Form(units="vst")).given[1].X[0, 0] == table.iloc[0, 0]


def test_a_poor_generator_is_no_change_of_units(dataset: Dataset, tmp_path: Path) -> None:
    real = dataset.cohort
    noise = np.random.default_rng(0).normal(real.X.mean(), real.X.std(), real.X.shape)
    frame_of(real.synthetic(noise, real.y)).assign(kind=real.y).to_csv(tmp_path / "fold1.csv", index=False)
    assert len(read_release(tmp_path, dataset).given[1]) == len(real)


# -- copies ------------------------------------------------------------------------------------------------------------


def test_copies_are_counted_by_whom_they_copy(dataset: Dataset, made: Cohort) -> None:
    split = make_splits(dataset.cohort, seed=1)[0]
    X = np.concatenate([made.X, made.X[:2], split.train.X[:3], split.train.X[:1], split.holdout.X[:2]])
    found = list(describe_copies(made.synthetic(X, np.resize(["a"], len(X))), split))
    assert found[0] == "fold 1: 3 of 68 synthetic rows are exact copies of other synthetic rows"
    assert found[1] == "fold 1: 4 of 68 synthetic rows are exact copies of 3 training people"
    assert found[2] == "fold 1: 2 of 68 synthetic rows are exact copies of 2 held-out people"
    assert "--seed" in found[3]
    assert list(describe_copies(made, split)) == []


def test_a_rounded_copy_is_a_copy(dataset: Dataset) -> None:
    split = make_splits(dataset.cohort, seed=1)[0]
    rounded = dataset.cohort.synthetic(np.round(split.train.X.astype(np.float64), 2), split.train.y)
    assert list(describe_copies(rounded, split)) == [
        "fold 1: 48 of 48 synthetic rows are exact copies of 48 training people"
    ]


def test_a_copy_on_the_grid_of_releases_is_a_copy(dataset: Dataset) -> None:
    """The releases that the harness publishes are rounded; whoever scores one again must learn of its copies."""
    split = make_splits(dataset.cohort, seed=1)[0]
    published = plain_release(split.train, like=split.train).records
    assert list(describe_copies(published, split)) == [
        "fold 1: 48 of 48 synthetic rows are exact copies of 48 training people"
    ]


# -- no labels ---------------------------------------------------------------------------------------------------------


def test_a_release_without_labels_hands_out_none(dataset: Dataset, made: Cohort, tmp_path: Path) -> None:
    frame_of(made).to_csv(tmp_path / "fold1.csv", index=False)
    bare = read_release(tmp_path, dataset, Form(labelled=False)).given[1]
    np.testing.assert_array_equal(bare.take([0, 1]).X, made.X[:2])
    assert (len(bare), bare.genes, bare.units) == (N, made.genes, made.units)
    for ask in (lambda: bare.y, lambda: bare.classes, lambda: bare.take([0]).y, lambda: list(bare.by_label())):
        with pytest.raises(NoLabelsError):
            ask()  # type: ignore[no-untyped-call]
    assert not bare.has_labels
    assert made.has_labels


# -- the page ----------------------------------------------------------------------------------------------------------


def test_the_page_shows_every_message() -> None:
    page = (Path(__file__).parents[2] / "docs/score-foreign-data.md").read_text(encoding="utf-8")
    words = [words for _, words in (*BAD.values(), *FOLDERS.values())]
    assert [w for w in words if w not in page] == []
    assert [case for case in BAD if f"| {case} |" not in page] == []
