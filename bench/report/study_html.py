"""The section of an HTML page on studies of exposure against cohort size that were made with the dataset."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from bench.report.board import columns
from bench.report.figures.html_pictures import picture
from bench.report.html_parts import Html, HtmlBoard, bullets, element, inline, join
from bench.report.study_page import fall
from bench.studies.cohort_size import by_generator, curves

_NOTE = (
    "Mean AUC of the strongest attack, less the luck of being the best, against the number of people that the "
    "generator was trained on; bands from the smallest to the largest fold."
)


def studies_of(rows: Path) -> list[Path]:
    """Return the tables of the studies that were made with the dataset of a rows file, on all or some of its genes."""
    wanted = re.compile(rf"{re.escape(rows.stem)}(-\d+genes)?_cohort_size\.csv")
    simulated = re.compile(rf"{re.escape(rows.stem.removesuffix('-simulated'))}-\d+genes-simulated_cohort_size\.csv")
    fits = simulated.fullmatch if rows.stem.endswith("-simulated") else wanted.fullmatch
    found = sorted((rows.parent.parent / "studies").glob("*_cohort_size.csv"))
    return [path for path in found if fits(path.name) or wanted.fullmatch(path.name)]


def read_study(path: Path) -> tuple[pd.DataFrame, int]:
    """Return the rows of a study and how many genes it is about."""
    table = pd.read_csv(path, keep_default_na=False, na_values={"value": [""], "low": [""], "high": [""]})
    return table, int(table["n_genes"].iloc[0])


def study_sections(rows: Path, board: HtmlBoard) -> Iterator[tuple[str, Html]]:
    """Yield the section, if there is a study."""
    blocks = [block for path in studies_of(rows) for block in _study(path, board)]
    if blocks:
        yield "Exposure against cohort size", join(blocks)


def _study(path: Path, board: HtmlBoard) -> Iterator[Html]:
    table, n_genes = read_study(path)
    found = curves(table)
    title = f"Exposure against cohort size, {n_genes} genes"
    yield element("p", "The training sets of some folds were cut to several sizes; the people held out stayed.")
    yield bullets(inline(f"`{name}`: {fall(curve, n_genes)}") for name, curve in by_generator(found))
    image = path.with_suffix(".png")
    if image.exists():
        yield picture(image, board.marked(title), _NOTE, f"{board.marked(title)}: one line per generator. {_NOTE}")
    yield _table(board, title, found, n_genes)


def _table(board: HtmlBoard, title: str, found: pd.DataFrame, n_genes: int) -> Html:
    heads = ["people", "people / genes", "AUC ↓", "smallest", "largest", "TPR at FPR 1 % ↓"]
    body = [
        [
            f"`{name}`",
            str(int(point["n_train"])),
            f"{point['n_train'] / n_genes:.2f}",
            *(f"{point[column]:.3f}" if point["ok"] else "-" for column in ("auc", "auc_low", "auc_high", "tpr")),
            f"{point['ok']} / {point['planned']}",
            str(point["attacks"]),
        ]
        for name, curve in by_generator(found)
        for point in curve.to_dict("records")
    ]
    head = columns(["generator"], [*heads, "folds"], "strongest attack")
    note = "The numbers of the picture: AUC as mean, smallest and largest over folds; TPR as mean."
    return board.table(title, note, head, body)
