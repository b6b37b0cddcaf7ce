"""Figures and tables for papers: every format opens, the same results give the same bytes, and nothing is lost."""

from __future__ import annotations

import csv
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner
from PIL import Image
from report_rows import audit, small_rows, written

from bench.cli.report import command
from bench.report.figures.front import front_figure, front_points
from bench.report.paper import tables_of, write_figures, write_tables
from bench.report.table import Table, figure, numbers, words
from bench.report.text import code


def test_figures_open_in_every_format_and_come_out_the_same_twice(tmp_path: Path) -> None:
    path = written(tmp_path)
    one, two = (write_figures(path, tmp_path / name, ["svg", "png", "pdf"], ["front", "ranks"]).paths for name in "ab")
    assert [p.name for p in one] == [f"brca_{n}.{k}" for n in ("front", "ranks") for k in ("svg", "png", "pdf")]
    assert [p.read_bytes() for p in one] == [p.read_bytes() for p in two]
    for drawn in one:
        if drawn.suffix == ".svg":
            assert ElementTree.parse(drawn).getroot().tag.endswith("svg")
        elif drawn.suffix == ".png":
            with Image.open(drawn) as image:
                assert min(image.size) > 300
        else:
            assert drawn.read_bytes().startswith(b"%PDF-")


def test_figures_without_numbers_are_named(tmp_path: Path) -> None:
    path = written(tmp_path)
    assert write_figures(path, tmp_path / "f", ["svg"]).missing == [
        "pca", "umap", "genes", "coexpression", "expression", "roc", "cohort_size",
    ]  # fmt: skip
    asked = CliRunner().invoke(
        command, ["--out", str(tmp_path), "--figures", str(tmp_path / "f"), "--only", "umap", "--format", "svg"]
    )
    assert asked.exit_code == 0
    assert "not drawn for brca" in asked.output


def test_the_front_of_simulated_data_says_so(tmp_path: Path) -> None:
    marks = {}
    for simulated in (False, True):
        path = written(tmp_path / str(simulated), simulated=simulated)
        figure = write_figures(path, tmp_path / str(simulated), ["svg"], ["front", "ranks"]).paths
        marks[simulated] = ["SIMULATED" in f.read_text(encoding="utf-8") for f in figure]
    assert marks == {False: [False, False], True: [True, True]}


def test_labels_of_the_front_keep_their_places(tmp_path: Path) -> None:
    from bench.report.board import make_board
    from bench.report.summary import findings
    from bench.store.rows import read_rows

    rows, about = read_rows(written(tmp_path))
    board = make_board(rows, simulated=False)
    found = findings(board, None, about["data"]["samples"])
    points = front_points(board, found)
    one, two = (front_figure(points, ("AUC", "accuracy"), "", "").axes[0] for _ in range(2))
    places = [(t.get_text(), t.get_position()) for t in one.texts if str(t.get_gid()).startswith("label-")]
    assert len(places) == 6
    assert places == [(t.get_text(), t.get_position()) for t in two.texts if str(t.get_gid()).startswith("label-")]
    low, high = one.get_xlim()
    assert low < 0.5 < high


def test_every_table_of_the_page_is_written_as_csv_and_latex(tmp_path: Path) -> None:
    path = written(tmp_path, audits=[audit("private_pgm", 0.5)])
    tables = tables_of(path)
    files = write_tables(path, tmp_path / "t")
    assert len(files) == 2 * len(tables) == 2 * len({table.caption for table in tables})
    assert {"Utility", "Claims", "Audits", "Cost"} <= {table.caption for table in tables}
    with (tmp_path / "t" / "brca_utility.csv").open(encoding="utf-8") as file:
        lines = list(csv.reader(file))
    assert lines[0][0] == "generator"
    assert ["smote", "0.700 ± 0.004"] in [line[:2] for line in lines]


def test_latex_keeps_bold_and_escapes_what_means_something_to_it() -> None:
    head = [*words("generator"), *numbers("acc_syn", better="higher")]
    body = [[code("a_b[x=1]"), figure(0.9, ".1f", "{} ± 0.1").flagged("best")], ["|c|", "<1"]]
    text = Table.of("50 % & more", "note", head, body).latex()
    assert r"\caption{50 \% \& more}" in text
    assert r"\begin{tabular}{lr}" in text
    assert r"generator & acc\_syn $\uparrow$ \\" in text
    assert r"a\_b[x=1] & \textbf{0.9 $\pm$ 0.1} \\" in text
    assert r"|c| & $<$1 \\" in text


def test_a_failure_is_in_its_table_too(tmp_path: Path) -> None:
    rows = small_rows()
    rows[0] |= {"status": "failed", "reason": "100 % of the loss is NaN_1", "value": float("nan")}
    path = written(tmp_path, rows)
    failures = next(table for table in tables_of(path) if table.caption == "Failures")
    assert "100 % of the loss is NaN_1" in failures.csv()
    assert r"100 \% of the loss is NaN\_1" in failures.latex()


@pytest.mark.parametrize("wrong", [["--format", "gif"], ["--only", "nothing"], ["--check", "--tables", "x"]])
def test_what_cannot_be_written_is_refused(tmp_path: Path, wrong: list[str]) -> None:
    written(tmp_path)
    assert CliRunner().invoke(command, ["--out", str(tmp_path), *wrong]).exit_code == 2
