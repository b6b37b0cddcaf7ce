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

from bench.report.audits import audit_table
from bench.report.board import make_board
from bench.report.figures.close_ups import read_numbers
from bench.report.figures.front import AXES, KEY, front_points, front_svg, undominated
from bench.report.figures.html_pictures import close_ups, draw_close_ups, picture, picture_facts
from bench.report.findings import USE, Finding, findings
from bench.report.html_parts import Html, HtmlBoard, anchor, bullets, element, html_board, inline, join, paragraphs
from bench.report.leaderboard import LEGEND, audits_of, facts_of, picture_texts, pictures_of
from bench.report.measures import cost_table, failures, measure_tables
from bench.report.privacy import attack_tables, claim_table
from bench.report.published import published_table
from bench.report.ranking import comparison_tables
from bench.report.study_html import study_sections
from bench.report.summary import summary
from bench.store.rows import read_rows
from bench.store.store import write_atomic

Section = tuple[str, Html]  # its title and what stands under it


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
    write_atomic(page, lambda f: f.write(text.encode()))
    return page


def stale_report(rows: Path) -> str | None:
    """Return what is wrong with the HTML report of a rows file, or None if it is what its rows give."""
    page = report_of(rows)
    if not page.exists():
        return f"{page} does not exist."
    same = page.read_bytes() == page_text(rows).encode()
    return None if same else f"{page} is not what {rows} and the files beside it give."


def page_text(path: Path) -> str:
    """Return the whole page of a rows file; the same rows, audits and pictures give the same text."""
    rows, about = read_rows(path)
    board = html_board(make_board(rows, simulated=about["data"]["simulated"]))
    audits = audits_of(path, about["data"]["digest"])
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    sections = list(_sections(path, board, about, audits, f"{path.name}, SHA-256 {digest}"))
    return _page(board, about, sections)


def _sections(
    path: Path, board: HtmlBoard, about: Mapping[str, Any], audits: pd.DataFrame, rows: str
) -> Iterator[Section]:
    found = findings(board, audits, about["data"]["samples"])
    yield "Summary", summary(board, found, about, audits)
    yield "Use against exposure", _front(board, found)
    n = about["data"]["samples"]
    tables = (measure_tables(board), attack_tables(board, n), comparison_tables(board, n))
    yield from _cut(chain(*tables))
    yield from (_picture(kind, drawn, about["data"]) for kind, drawn in pictures_of(path).items())
    closely = read_numbers(path, about["data"]["digest"])
    yield from close_ups(path, board, closely, about["data"])
    claims_and_audits = chain(claim_table(board, n, audits), audit_table(board, audits))
    rest = chain(cost_table(board), published_table(board, about["data"]["name"]), failures(board))
    yield from _cut(claims_and_audits)
    yield from study_sections(path, board)
    yield from _cut(rest)
    yield "Where the numbers come from", _provenance(board, about, rows, closely)


def _cut(blocks: Iterable[str]) -> Iterator[Section]:
    """Yield the sections of a leaderboard: each block that starts with ``## `` is the title of those after it."""
    title, held = "", list[Html]()
    for block in blocks:
        if block.startswith("## "):
            if held:
                yield title, join(held)
            title, held = block[3:].strip(), []
        else:
            held.append(block if isinstance(block, Html) else paragraphs(block))
    if held:
        yield title, join(held)


def _front(board: HtmlBoard, found: Mapping[str, Finding]) -> Html:
    points = front_points(board, {label: f.auc for label, f in found.items()}, USE)
    if not points:
        return element("p", "Nothing to draw: no generator has both an accuracy and attacks.")
    mark = "SIMULATED data" if board.simulated else ""
    best = undominated(points)
    described = (
        f"{f'{mark}. ' if mark else ''}Accuracy of a classifier trained on synthetic samples against the AUC of the "
        f"strongest attack, for {len(points)} generators and controls. On the front: {', '.join(best) or 'none'}. The "
        "numbers are in the table At a glance."
    )
    gone = [label for label in board.labels if label not in {p.label for p in points}]
    missing = (
        f" Not drawn, because one of the two numbers is missing: {', '.join(board.head(x) for x in gone)}."
        if gone
        else ""
    )
    caption = element(
        "figcaption", element("strong", f"{board.marked('Use against exposure')}. "), inline(KEY + missing)
    )
    picture = element(
        "div",
        Html(front_svg(points, AXES, described, mark)),
        class_="box",
        role="region",
        tabindex="0",
        aria_label=board.marked("Picture: use against exposure"),
    )
    note = (
        "Up is more useful, left is more private. An attack that finds nothing proves nothing, so that the left edge "
        "is known exposure, not safety. There is no overall rank: what is worth how much privacy is yours to decide."
    )
    return join([element("p", note), element("figure", picture, caption)])


def _picture(kind: str, path: Path, data: Mapping[str, Any]) -> Section:
    heading, caption, note, shown = picture_texts(kind, data)
    return heading, picture(path, caption, note, shown)


def _provenance(board: HtmlBoard, about: Mapping[str, Any], rows: str, closely: Mapping[str, Any] | None) -> Html:
    facts = {**facts_of(board, about), "Data digest": f"`{about['data']['digest']}` (SHA-256)", "Rows": f"`{rows}`"}
    if closely is not None:
        facts["Pictures of samples"] = picture_facts(closely["about"])
    lines = chain.from_iterable((element("dt", name), element("dd", inline(text))) for name, text in facts.items())
    how = element("h3", "How to read the tables")
    return join([element("dl", *lines), how, element("p", inline(" ".join(LEGEND.split())))])


# -- the page ----------------------------------------------------------------------------------------------------------


def _page(board: HtmlBoard, about: Mapping[str, Any], sections: list[Section]) -> str:
    data = about["data"]
    style, script = (
        resources.files("bench.report").joinpath(f"report.{kind}").read_text(encoding="utf-8") for kind in ("css", "js")
    )
    if board.simulated:
        style += '@page { @top-center { content: "SIMULATED DATA"; font-weight: bold } }\n'
    title = board.marked(f"Synthetic data report: {data['title']}")
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=_policy(style, script)),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", title),
        element("link", rel="icon", href="data:,"),
        element("style", Html(style)),
    )
    body = element(
        "body",
        element("a", "Skip to the summary", href="#summary", class_="skip"),
        _bar(board),
        element("header", element("h1", title), element("p", inline(_lead(about)), class_="lead")),
        _contents(sections),
        element("main", *(_section(board, *section) for section in sections)),
        element("script", Html(script)),
    )
    return f"<!doctype html>\n{element('html', head, body, lang='en')}\n"


def _policy(style: str, script: str) -> str:
    """Return what the page may load: its own pictures, styles and script, and nothing from anywhere else."""
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (style, script)]
    return f"default-src 'none'; img-src data:; style-src 'sha256-{hashes[0]}'; script-src 'sha256-{hashes[1]}'"


def _bar(board: HtmlBoard) -> Html:
    """Return what stays in view: the mark of simulated data, and the filter, which the script brings to light."""
    mark = "SIMULATED DATA: no number here is about real people."
    banner = [element("p", mark, class_="banner", role="note")] if board.simulated else []
    search = element(
        "div",
        element("label", "Only generators named", for_="filter"),
        element("input", id="filter", type="search", placeholder="part of a name", autocomplete="off"),
        element("output", id="shown", for_="filter"),
        class_="filter",
        role="search",
        hidden=True,
    )
    return element("div", *banner, search, class_="bar")


def _lead(about: Mapping[str, Any]) -> str:
    data = about["data"]
    whom = "the people in it" if not data["simulated"] else "those in it, who are SIMULATED"
    return (
        f"Dataset `{data['name']}`: {data['samples']} samples, {data['genes']} genes, {len(data['classes'])} classes. "
        f"Last run {about['created'][:10]}, omics-bench {about['bench']}. What synthetic copies of it are worth to "
        f"science, and what they give away about {whom}."
    )


def _contents(sections: list[Section]) -> Html:
    links = (element("a", title, href=f"#{anchor(title)}") for title, _ in sections)
    return element("nav", bullets(links), aria_label="Contents")


def _section(board: HtmlBoard, title: str, content: Html) -> Html:
    name = anchor(title)
    mark = [element("span", "SIMULATED data", class_="mark")] if board.simulated else []
    heading = element("h2", f"{title} " if mark else title, *mark, id=f"{name}-title")
    return element("section", heading, content, id=name, aria_labelledby=f"{name}-title", tabindex="-1")
