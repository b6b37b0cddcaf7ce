"""Writes the results of a dataset as one HTML file that opens without a network and can be mailed.

The file holds everything it shows: styles, script, and pictures as data. It comes from the rows alone, and from the
audits and pictures that lie beside them; the same files give the same bytes.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from importlib import resources
from itertools import chain
from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import Markup

from bench.core.plain import writable
from bench.report.board import Board, make_board
from bench.report.claims import claim_tables
from bench.report.comparison import comparison_tables, published_table
from bench.report.figures.close_ups import read_numbers
from bench.report.figures.front import AXES, KEY, front_points, front_svg, undominated
from bench.report.figures.html_pictures import close_ups, draw_close_ups, picture_facts
from bench.report.leaderboard import LEGEND, audits_of, facts_of, picture_blocks, pictures_of
from bench.report.measures import cost_table, failures, measure_tables
from bench.report.privacy import attack_tables
from bench.report.study_page import study_section
from bench.report.summary import USE, Finding, findings, summary
from bench.report.table import Block, Facts, Heading, Paragraph, Picture, html, marked, templates
from bench.report.text import Text, code, joined, prose
from bench.store.rows import read_rows
from bench.store.store import write_text


def report_of(rows: Path) -> Path:
    """Return where the HTML report of a rows file lies: ``<out>/report/<slug>.html``."""
    return rows.parent.parent / "report" / f"{rows.stem}.html"


def write_report(rows: Path) -> Path:
    """Write the HTML report of a rows file and return its path; pictures whose numbers are there are drawn first."""
    page = report_of(rows)
    data = read_rows(rows)[1]["data"]
    if (numbers := read_numbers(rows, data["digest"])) is not None:
        draw_close_ups(rows, numbers, data)
    text = page_text(rows)
    write_text(page, text)
    return page


def stale_report(rows: Path) -> str | None:
    """Return what is wrong with the HTML report of a rows file, or None if it is what its rows give."""
    page = report_of(rows)
    if not page.exists():
        return f"{page} does not exist."
    same = page.read_bytes() == writable(page_text(rows)).encode()
    return None if same else f"{page} is not what {rows} and the files beside it give."


def page_text(path: Path) -> str:
    """Return the whole page of a rows file; the same rows, audits and pictures give the same text."""
    rows, about = read_rows(path)
    board = make_board(rows, simulated=about["data"]["simulated"])
    audits = audits_of(path, about["data"]["digest"])
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    blocks = _blocks(path, board, about, audits, f"{path.name}, SHA-256 {digest}")
    return _page(about, {title: html(held) for title, held in _sections(blocks).items()})


def _blocks(path: Path, board: Board, about: Mapping[str, Any], audits: pd.DataFrame, rows: str) -> Iterator[Block]:
    data = about["data"]
    n, found = data["samples"], findings(board, audits, data["samples"])
    yield Heading("Summary")
    yield from summary(board, found, about, audits)
    yield Heading("Use against exposure")
    yield from _front(board, found)
    yield from chain(measure_tables(board), attack_tables(board, n), comparison_tables(board, n))
    yield from chain.from_iterable(picture_blocks(kind, drawn, data) for kind, drawn in pictures_of(path).items())
    closely = read_numbers(path, data["digest"])
    yield from close_ups(path, board, closely, data)
    yield from claim_tables(board, n, audits)
    yield from study_section(path, simulated=board.simulated)
    yield from chain(cost_table(board), published_table(board, data["name"]), failures(board))
    yield Heading("Where the numbers come from")
    yield from _provenance(board, about, rows, closely)


def _sections(blocks: Iterable[Block]) -> dict[str, list[Block]]:
    """Return the blocks of each section under its title."""
    found: dict[str, list[Block]] = {}
    for block in blocks:
        if isinstance(block, Heading) and block.level == 2:
            held = found.setdefault(str(block.text), [])
        else:
            held.append(block)
    return found


def _front(board: Board, found: Mapping[str, Finding]) -> Iterator[Block]:
    points = front_points(board, {label: f.auc for label, f in found.items()}, USE)
    if not points:
        yield Paragraph("Nothing to draw: no generator has both an accuracy and attacks.")
        return
    yield Paragraph(
        "Up is more useful, left is more private. An attack that finds nothing proves nothing, so that the left edge "
        "is known exposure, not safety. There is no overall rank: what is worth how much privacy is yours to decide."
    )
    mark = "SIMULATED data" if board.simulated else ""
    described = (
        f"{f'{mark}. ' if mark else ''}Accuracy of a classifier trained on synthetic samples against the AUC of the "
        f"strongest attack, for {len(points)} generators and controls. On the front: "
        f"{', '.join(undominated(points)) or 'none'}. The numbers are in the table At a glance."
    )
    drawn = {p.label for p in points}
    gone = joined(board.named(label) for label in board.labels if label not in drawn)
    missing = " Not drawn, because one of the two numbers is missing: " + gone + "." if gone.spans else Text()
    svg = Markup(front_svg(points, AXES, described, mark))  # noqa: S704 - drawn by matplotlib, which escapes
    yield Picture(svg, marked("Use against exposure", simulated=board.simulated), KEY + missing, described)


def _provenance(
    board: Board, about: Mapping[str, Any], rows: str, closely: Mapping[str, Any] | None
) -> Iterator[Block]:
    facts = dict(facts_of(board, about))
    facts |= {"Data digest": code(about["data"]["digest"]) + " (SHA-256)", "Rows": code(rows)}
    if closely is not None:
        facts["Pictures of samples"] = picture_facts(closely["about"])
    yield Facts(tuple(facts.items()))
    yield Heading("How to read the tables", level=3)
    yield Paragraph(LEGEND)


# -- the page ----------------------------------------------------------------------------------------------------------


def _page(about: Mapping[str, Any], sections: Mapping[str, Markup]) -> str:
    simulated, title = about["data"]["simulated"], f"Synthetic data report: {about['data']['title']}"
    style, script = (
        resources.files("bench.report").joinpath(f"report.{kind}").read_text(encoding="utf-8") for kind in ("css", "js")
    )
    if simulated:
        style += '@page { @top-center { content: "SIMULATED DATA"; font-weight: bold } }\n'
    return (
        templates()
        .get_template("page.html.j2")
        .render(
            title=marked(title, simulated=simulated),
            simulated=simulated,
            lead=html([Paragraph(_lead(about), "lead")]),
            sections=sections.items(),
            policy=_policy(style, script),
            style=Markup(style),  # noqa: S704 - files of this package
            script=Markup(script),  # noqa: S704
        )
    )


def _policy(style: str, script: str) -> str:
    """Return what the page may load: its own pictures, styles and script, and nothing from anywhere else."""
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (style, script)]
    return f"default-src 'none'; img-src data:; style-src 'sha256-{hashes[0]}'; script-src 'sha256-{hashes[1]}'"


def _lead(about: Mapping[str, Any]) -> Text:
    data = about["data"]
    whom = "the people in it" if not data["simulated"] else "those in it, who are SIMULATED"
    return prose(
        f"Dataset {{}}: {data['samples']} samples, {data['genes']} genes, {len(data['classes'])} classes. "
        f"Last run {about['created'][:10]}, omics-bench {about['bench']}. What synthetic copies of it are worth to "
        f"science, and what they give away about {whom}.",
        code(data["name"]),
    )
