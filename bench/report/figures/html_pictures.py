"""The sections of an HTML page that look closely at releases: classes, genes, what genes do together, and maps."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from bench.core.errors import StoreError
from bench.registry.digests import own_digest
from bench.report.board import Board, Summary, number
from bench.report.figures.close_up_panels import REAL, figure_of
from bench.report.figures.close_ups import TABLES, pictures_file
from bench.report.figures.png_files import draw_png, drawn_from, fingerprint_of
from bench.report.table import Better, Block, Cell, Column, Heading, Paragraph, Table, numbers, picture, words
from bench.report.text import code, prose

_SHOWN = 3  # genes of each release in the table
_HOW = (
    ". These pictures need the released samples: {} reads them where the store and the data are (UMAP with the extra "
    "{}), and the next {} draws what it found."
)
# kind: heading, what to know, text for those who cannot see it
CLOSE_UPS = {
    "umap": (
        "UMAP",
        "One map for all panels, fitted on at most 1000 training samples of one fold (grey behind each release) in "
        "their first 50 principal components; at most 500 samples of each release are placed on it. UMAP puts every "
        "sample near the training samples that resemble it most, however little that is: it shows lost classes and "
        "collapsed clouds, and hides how far off a release is (see principal components). Distances have no unit.",
        "Scatter plots of a UMAP map of {name}: training samples and each generator's samples, coloured by class",
    ),
    "genes": (
        "Means and spreads of genes",
        "Each dot is a gene. A release that has every gene right has all dots where the dotted lines cross; dots to "
        "the right have too high a mean, dots below too small a spread. What lies farther out is drawn on the edge.",
        "For each generator on {name}, how far each gene's mean and standard deviation are off",
    ),
    "coexpression": (
        "Co-expression",
        "Each pair of genes by its correlation in the training samples and in the release, darker where there are "
        "more pairs. On the dotted line: kept. Flatter than the line: genes that rise and fall together in people do "
        "so less in the release. Horizontal: lost.",
        "For each generator on {name}, gene-gene correlations of the release against those of the training samples",
    ),
    "expression": (
        "Differential expression",
        "Each dot is a gene, by the difference of its means between the two largest classes. A gene counts as "
        "different if one class lies more than one half above the other (Wilcoxon, p < 0.05); blue: so in the training "
        "samples and in the release, amber: missed, red: only in the release. On the dotted line: same effect. "
        "What lies farther out is drawn on the edge.",
        "For each generator on {name}, differences of gene means between two classes, release against training samples",
    ),
}


def close_up_file(rows: Path, kind: str) -> Path:
    """Return where a picture of a rows file lies: ``<out>/pictures/<slug>_<kind>.png``."""
    return pictures_file(rows).with_name(f"{rows.stem}_{kind}.png")


def draw_close_ups(rows: Path, numbers: Mapping[str, Any], data: Mapping[str, Any]) -> None:
    """Write the pictures that the numbers hold; one of the same numbers is left as it is."""
    for kind in CLOSE_UPS:
        draw = partial(figure_of, kind, numbers, title_of(numbers, data), simulated=data["simulated"])
        draw_png(close_up_file(rows, kind), fingerprint(kind, numbers, data), draw)


def fingerprint(kind: str, numbers: Mapping[str, Any], data: Mapping[str, Any]) -> str:
    """Return what a picture must say that it was drawn from."""
    code = own_digest("bench.report.figures.close_up_panels")
    return fingerprint_of(kind, code, title_of(numbers, data), data["simulated"], numbers)


def title_of(numbers: Mapping[str, Any], data: Mapping[str, Any]) -> str:
    """Return what stands above a picture."""
    return f"{data['title']}: fold {numbers['about']['fold']} of seed {numbers['about']['seed']}"


def picture_facts(about: Mapping[str, Any]) -> str:
    """Return in words where the numbers of the pictures come from."""
    umap = f"umap-learn {about['umap']}" if about["umap"] else "without umap-learn"
    return (
        f"fold {about['fold']} of seed {about['seed']}, {about['n_train']} training and {about['n_holdout']} held-out "
        f"samples, {about['n_correlated']} genes correlated; {umap}"
    )


def close_ups(rows: Path, board: Board, found: Mapping[str, Any] | None, data: Mapping[str, Any]) -> Iterator[Block]:
    """Yield the sections; the last one names the pictures that are not there.

    Parameters
    ----------
    found : the numbers of the pictures; None if nobody computed them
    """
    classes, genes = (read_table(rows, name) for name in TABLES)
    if not classes.empty:
        yield Heading("Classes")
        yield from _class_tables(board, classes)
    drawn = [] if found is None else [k for k in CLOSE_UPS if _is_drawn(rows, k, found, data)]
    for kind, (heading, note, alt) in CLOSE_UPS.items():
        tables = [*_gene_tables(board, genes)] if kind == "genes" else []
        if kind in drawn or tables:
            yield Heading("Genes" if kind == "genes" else heading)
        if kind in drawn:
            yield picture(close_up_file(rows, kind), heading, note, alt, data)
        yield from tables
    if gone := [heading for kind, (heading, *_) in CLOSE_UPS.items() if kind not in drawn]:
        yield Heading("Pictures that are not here")
        commands = (f"bench pictures --dataset {data['name']}", "umap", "bench report --html")
        yield Paragraph(f"Not drawn: {', '.join(gone)}" + prose(_HOW, *map(code, commands)))


def _is_drawn(rows: Path, kind: str, found: Mapping[str, Any], data: Mapping[str, Any]) -> bool:
    return drawn_from(close_up_file(rows, kind)) == fingerprint(kind, found, data)


# -- the tables --------------------------------------------------------------------------------------------------------


def read_table(rows: Path, name: str) -> pd.DataFrame:
    """Return a table that lies beside the numbers, empty if it does not.

    Raises
    ------
    StoreError
        If it has other columns than we write.
    """
    path = pictures_file(rows).with_name(f"{rows.stem}_{name}.csv")
    if not path.exists():
        return pd.DataFrame(columns=TABLES[name])
    found = pd.read_csv(path, dtype={"generator": str, "class": str, "gene": str}, keep_default_na=False, na_values={
        column: [""] for column in TABLES[name][2:]
    })  # fmt: skip
    if list(found.columns) != TABLES[name]:
        raise StoreError(f"{path} has the columns {list(found.columns)}; expected {TABLES[name]}. Remove it.")
    return found


def _class_tables(board: Board, found: pd.DataFrame) -> Iterator[Table]:
    """Yield a table for each thing that is known of classes, generators as rows and classes as columns."""
    texts: dict[str, tuple[str, str, Better]] = {
        "recall": (
            "Recall by class",
            "Share of each class's held-out samples that a classifier trained on the release recognises (linear "
            "discriminants in 50 principal components of the training samples); one fold. In brackets: how many "
            "samples that is; of few, each weighs much. ↑ higher is better.",
            "higher",
        ),
        "share": ("Class balance", "Share of each class among the samples; one fold. No score: compare lines.", "none"),
        "mmd": (
            "Distance by class (MMD)",
            "Maximum mean discrepancy within each class, in 50 principal components, Gaussian kernel; one fold. The "
            "line of the training samples holds their distance to held-out samples: what luck alone gives. ↓ lower is "
            "better.",
            "lower",
        ),
    }
    for column, (title, note, better) in texts.items():
        yield board.table(title, note, *_wide(board, found, column, better))


def _wide(board: Board, found: pd.DataFrame, column: str, better: Better) -> tuple[list[Column], list[list[Cell]]]:
    """Return the head and the rows of a table with a column for each class."""
    n = found.drop_duplicates("class").set_index("class")["n_holdout"]
    table = found.pivot_table(index="generator", columns="class", values=column, dropna=False, sort=False)
    labels = [REAL, *(label for label in board.labels if label in table.index)]
    body = [
        [_head(board, label), *(_figure(table.loc[label].get(name)) for name in n.index)]
        for label in labels
        if label in table.index
    ]
    heads = [f"{name} ({size:.0f})" if column == "recall" else str(name) for name, size in n.items()]
    return [*words("generator"), *numbers(*heads, better=better)], body


def _head(board: Board, label: str) -> Cell:
    real = "training samples (simulated)" if board.simulated else "real training samples"
    return Cell(real, generator=True) if label == REAL else board.head(label)


def _figure(value: float | None) -> Cell:
    if value is None or math.isnan(value):
        return Cell("none")
    return number(Summary(value, math.nan, 1, 1), 3)


def _gene_tables(board: Board, found: pd.DataFrame) -> Iterator[Table]:
    if found.empty:
        return
    ks = "KS: largest distance of the two distribution functions, 0 to 1, against the training samples of one fold."
    heads = numbers("KS", better="lower")
    heads += numbers("mean, training", "mean, release", "sd, training", "sd, release")
    over = found[found["generator"] == REAL]
    lines = [[Cell(code(row["gene"])), *_cells(row)] for row in over.to_dict("records")]
    note = f"The genes with the largest mean KS over all generators but the controls; other columns: means too. {ks}"
    yield board.table("Genes that most generators get wrong", note, [*words("gene"), *heads], lines)
    body = [
        [board.head(label), *_cells(row), Cell(code(row["gene"]))]
        for label in board.labels
        for row in found[(found["generator"] == label) & (found["ks"] > 0)].head(_SHOWN).to_dict("records")
    ]
    note = f"The {_SHOWN} genes of each release that are farthest off, if any is off. {ks}"
    yield board.table("Worst genes of each generator", note, [*words("generator"), *heads, *words("gene")], body)


def _cells(row: Mapping[Any, Any]) -> list[Cell]:
    return [_figure(row[name]) for name in TABLES["genes"][2:]]
