"""Writes the tables of a report as files for papers and spreadsheets: CSV and LaTeX."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from itertools import chain
from pathlib import Path

from bench.report.audits import audit_table
from bench.report.board import Board, Column, make_board
from bench.report.html_parts import anchor, plain
from bench.report.leaderboard import audits_of
from bench.report.measures import cost_table, failures, measure_tables
from bench.report.privacy import attack_tables, claim_table
from bench.report.published import published_table
from bench.report.ranking import comparison_tables
from bench.store.rows import read_rows
from bench.store.store import write_atomic

FORMATS = ("csv", "tex")
_SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "±": r"$\pm$",
    "≥": r"$\geq$",
    "≤": r"$\leq$",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "<": "$<$",
    ">": "$>$",
}
_MARKS = re.compile(r"[\\~^±≥≤↑↓<>&%$#_{}]")


@dataclass(frozen=True)
class Table:
    """A table with its caption and its note; cells are Markdown, and a head says on which side its column stands."""

    caption: str
    note: str
    head: Sequence[Column]
    body: Sequence[Sequence[str]]

    def csv(self) -> str:
        """Return the table as CSV, numbers as they are shown."""
        text = io.StringIO()
        lines = csv.writer(text, lineterminator="\n")
        lines.writerow([name for name, _ in self.head])
        lines.writerows([plain(cell) for cell in line] for line in self.body)
        return text.getvalue()

    def tex(self) -> str:
        """Return the table as LaTeX for the package booktabs; what is bold on the page is bold."""
        sides = "".join(side[0] for _, side in self.head)
        lines = [" & ".join(map(_cell, line)) + r" \\" for line in ([name for name, _ in self.head], *self.body)]
        return "\n".join(
            [
                r"\begin{table}",
                rf"\caption{{{_escaped(self.caption)}}}",
                rf"\begin{{tabular}}{{{sides}}}",
                r"\toprule",
                lines[0],
                r"\midrule",
                *lines[1:],
                r"\bottomrule",
                r"\end{tabular}",
                rf"\par\smallskip\footnotesize {_escaped(plain(self.note))}",
                r"\end{table}",
                "",
            ]
        )


def _cell(markdown: str) -> str:
    text = _escaped(plain(markdown))
    return rf"\textbf{{{text}}}" if markdown.startswith("**") else text


def _escaped(text: str) -> str:
    return _MARKS.sub(lambda found: _SPECIAL.get(found[0], rf"\{found[0]}"), text)


@dataclass(frozen=True, eq=False)
class CollectingBoard(Board):
    """A board that keeps its tables instead of printing them."""

    kept: list[Table] = field(default_factory=list)

    def table(self, title: str, note: str, head: Sequence[Column], body: Sequence[Sequence[str]]) -> str:
        """Keep a table; its caption says so if the data are simulated."""
        self.kept.append(Table(f"{title}{', SIMULATED data' if self.simulated else ''}", note, head, body))
        return ""


def tables_of(rows: Path) -> list[Table]:
    """Return every table of the leaderboard of a rows file, in order."""
    table, about = read_rows(rows)
    data = about["data"]
    board = make_board(table, simulated=data["simulated"])
    collected = CollectingBoard(**{f.name: getattr(board, f.name) for f in fields(board)})
    audits = audits_of(rows, data["digest"])
    blocks = chain(
        measure_tables(collected),
        attack_tables(collected, data["samples"]),
        comparison_tables(collected, data["samples"]),
        claim_table(collected, data["samples"], audits),
        audit_table(collected, audits),
        cost_table(collected),
        published_table(collected, data["name"]),
        failures(collected),
    )
    for _ in blocks:  # the sections hand their tables to the board while they are made
        pass
    return collected.kept


def write_tables(rows: Path, folder: Path) -> list[Path]:
    """Write ``<slug>_<table>.csv`` and ``.tex`` for each table and return the paths."""
    paths = []
    for table in tables_of(rows):
        for kind, text in (("csv", table.csv()), ("tex", table.tex())):
            path = folder / f"{rows.stem}_{anchor(table.caption)}.{kind}"
            write_atomic(path, lambda f, text=text: f.write(text.encode()))  # type: ignore[misc]
            paths.append(path)
    return paths
