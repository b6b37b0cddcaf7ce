"""Writes a report as files for papers: pictures as SVG, PDF or PNG, tables as CSV and LaTeX."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.core.errors import StoreError
from bench.core.files import replacing
from bench.report.board import Board, board_of
from bench.report.figures.close_up_panels import KINDS, figure_of
from bench.report.figures.close_ups import read_numbers
from bench.report.figures.front import axes_of, front_figure, front_points
from bench.report.figures.html_pictures import title_of
from bench.report.figures.ranks import rank_figure, rank_picture
from bench.report.leaderboard import audits_of, leaderboard_blocks
from bench.report.studies.cohort_size import read_study, studies_of, study_figure
from bench.report.summary import findings
from bench.report.table import Table, anchor
from bench.store.rows import read_rows
from bench.store.store import write_atomic
from bench.studies.cohort_size import curves

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS = ("svg", "png", "pdf")
NAMES = ("front", "ranks", *KINDS, "cohort_size")
DPI = 200
_UNDATED: Mapping[str, dict[str, Any]] = {
    "svg": {"Date": None},
    "pdf": {"CreationDate": None},
    "png": {"Software": None},
}


@dataclass(frozen=True)
class Written:
    """What came of a request for figures.

    Parameters
    ----------
    paths : the files
    missing : the names of figures that the results do not hold the numbers for
    """

    paths: list[Path]
    missing: list[str]


def write_figures(
    rows: Path, folder: Path, formats: Sequence[str], names: Sequence[str] = NAMES, dpi: int = DPI
) -> Written:
    """Write ``<slug>_<name>.<format>`` for each figure; the same results give the same bytes.

    Raises
    ------
    StoreError
        If a file cannot be written.
    """
    makers = figure_makers(rows)
    paths: list[Path] = []
    missing = [name for name in names if not any(part.startswith(name) for part in makers)]
    for name, make in makers.items():
        if name.partition(" ")[0] not in names:
            continue
        figure = make()
        if figure is None:
            missing.append(name)
            continue
        stem = f"{rows.stem}_{name.replace(' ', '_')}"
        paths += [save_figure(figure, folder / f"{stem}.{kind}", dpi) for kind in formats]
    return Written(paths, missing)


def save_figure(figure: Figure, path: Path, dpi: int = DPI) -> Path:
    """Write a figure in the format that its name ends with, without a date, and return its path."""
    import matplotlib as mpl

    kind = path.suffix[1:]
    with mpl.rc_context({"svg.hashsalt": "bench"}), replacing(path, kind=StoreError) as temporary:
        figure.savefig(temporary, format=kind, dpi=dpi, metadata=_UNDATED[kind])
    return path


def figure_makers(rows: Path) -> dict[str, Callable[[], Figure | None]]:
    """Return by name how each figure that the results may hold is made."""
    table, about = read_rows(rows)
    data = about["data"]
    board = board_of(table, about)
    makers: dict[str, Callable[[], Figure | None]] = {"front": partial(_front, rows, board, data)}
    if ranks := rank_picture(board, data):
        makers["ranks"] = partial(rank_figure, ranks.ranked, ranks.title)
    numbers = read_numbers(rows, data["digest"])
    if numbers is not None:
        title = title_of(numbers, data)
        makers |= {k: partial(figure_of, k, numbers, title, simulated=data["simulated"]) for k in KINDS}
    makers |= dict(_studies(rows, data))
    return makers


def _front(rows: Path, board: Board, data: Mapping[str, Any]) -> Figure | None:
    found = findings(board, audits_of(rows, data["digest"]), data["samples"])
    points = front_points(board, found)
    mark = "SIMULATED data" if board.simulated else ""
    return (
        front_figure(points, axes_of(found), f"{data['title']}{f', {mark}' if mark else ''}", mark) if points else None
    )


def _studies(rows: Path, data: Mapping[str, Any]) -> Iterator[tuple[str, Callable[[], Figure | None]]]:
    for path in studies_of(rows):
        table, n_genes = read_study(path)
        mark = " - SIMULATED DATA" if data["simulated"] else ""
        title = f"{data['title']}: {n_genes} genes{mark}"
        yield f"cohort_size {n_genes} genes", partial(study_figure, curves(table), n_genes, title)


# -- tables ------------------------------------------------------------------------------------------------------------


def tables_of(rows: Path) -> list[Table]:
    """Return every table of the leaderboard of a rows file, in order."""
    found, about = read_rows(rows)
    blocks = leaderboard_blocks(board_of(found, about), about, audits=audits_of(rows, about["data"]["digest"]))
    return [block for block in blocks if isinstance(block, Table)]


def write_tables(rows: Path, folder: Path) -> list[Path]:
    """Write ``<slug>_<table>.csv`` and ``.tex`` for each table and return the paths."""
    paths = []
    for table in tables_of(rows):
        for kind, text in (("csv", table.csv()), ("tex", table.latex())):
            path = folder / f"{rows.stem}_{anchor(table.caption)}.{kind}"
            write_atomic(path, lambda f, text=text: f.write(text.encode()))  # type: ignore[misc]
            paths.append(path)
    return paths
