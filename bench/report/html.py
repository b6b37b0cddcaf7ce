"""Writes the results of a dataset as one HTML file that opens without a network and can be mailed.

The file holds everything it shows: styles, script, and pictures as data. It comes from the rows alone, and from the
audits and pictures that lie beside them; the same files give the same bytes.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from itertools import chain
from pathlib import Path
from typing import Any, Literal

import pandas as pd
from markupsafe import Markup

from bench.core.plain import writable
from bench.core.records import FEATURES, MODALITIES
from bench.report.beyond import beyond_tables
from bench.report.board import Board, board_of, family_of
from bench.report.claims import claim_tables
from bench.report.comparison import comparison_tables, published_table
from bench.report.decision import decision_table, findings_in_words
from bench.report.figures.close_ups import read_numbers
from bench.report.figures.front import KEY, axes_of, front_points, front_svg, undominated
from bench.report.figures.html_pictures import close_ups, draw_close_ups, picture_facts
from bench.report.leaderboard import LEGEND, audits_of, facts_of, picture_blocks, pictures_of
from bench.report.measures import cost_table, failures, measure_tables
from bench.report.privacy import attack_tables
from bench.report.studies.cohort_size import study_section
from bench.report.summary import Finding, findings, summary
from bench.report.table import Block, Facts, Heading, Paragraph, Picture, by_section, html, marked, templates
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


def page_text(path: Path, home: str = "") -> str:
    """Return the whole page of a rows file; the same rows, audits and pictures give the same text.

    Parameters
    ----------
    home : where the page of all datasets lies, if there is one
    """
    rows, about = read_rows(path)
    board = board_of(rows, about)
    audits = audits_of(path, about["data"]["digest"])
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    found = findings(board, audits, about["data"]["samples"])
    blocks = _blocks(path, board, found, about, audits, f"{path.name}, SHA-256 {digest}")
    sections = {title: html(held) for title, held in by_section(blocks).items()}
    simulated, title = about["data"]["simulated"], f"Synthetic data report: {about['data']['title']}"
    title, facts = marked(title, simulated=simulated), facts_of_labels(board, found)
    return whole_page(title, _lead(about), sections, limits_of(found), facts, simulated=simulated, home=home)


@dataclass(frozen=True)
class Limit:
    """A limit that a reader may set: on which number, what it says, and whether it is the least or the most."""

    key: str
    words: str
    side: Literal["least", "most"]


def limits_of(found: Mapping[str, Finding]) -> list[Limit]:
    """Return the limits that a page can set: those whose numbers it has."""
    limits = []
    for role in ("use", "worst"):
        measures = [m for f in found.values() if (m := getattr(f, role).measure)]
        if measures:
            side: Literal["least", "most"] = "most" if measures[0].better == "lower" else "least"
            limits.append(Limit(role, f"{measures[0].called} at {side}", side))
    if any(f.auc.n_ok for f in found.values()):
        limits.append(Limit("auc", "AUC at most", "most"))
    claims = [f.claim for f in found.values() if f.claim]
    if any(claim.end_to_end for claim in claims):
        limits.append(Limit("epsilon", "epsilon, end to end, at most", "most"))
    if not all(claim.end_to_end for claim in claims):
        limits.append(Limit("stated", "epsilon, also in part, at most", "most"))
    return limits


@dataclass(frozen=True)
class Choice:
    """What a reader may keep one kind of: by which fact, what it says, and which kinds there are."""

    key: str
    words: str
    kinds: tuple[str, ...]


_CHOICES = {"modality": "modality", "dataset": "dataset", "family": "kind of method"}
Known = dict[str, float | str | bool | None]


def choices_of(facts: Mapping[str, Known]) -> list[Choice]:
    """Return the choices that a page can offer: those whose facts differ between its lines."""
    kinds = {key: sorted({str(f[key]) for f in facts.values() if key in f}) for key in _CHOICES}
    return [Choice(key, _CHOICES[key], tuple(held)) for key, held in kinds.items() if len(held) > 1]


def facts_of_labels(board: Board, found: Mapping[str, Finding]) -> dict[str, Known]:
    """Return what limits and choices are held against, by generator as tables name it."""
    return {board.head(label).plain(): facts_of_finding(label, f) for label, f in found.items()}


def facts_of_finding(label: str, finding: Finding) -> Known:
    """Return what limits and choices are held against of one generator."""
    claim = finding.claim
    return {
        "use": _or_none(finding.use.value.mean),
        "worst": _or_none(finding.worst.value.mean),
        "auc": _or_none(finding.auc.mean),
        "epsilon": claim.epsilon if claim and claim.end_to_end else None,
        "stated": claim.epsilon if claim else None,
        "family": family_of(label),
    }


def facts_in_json(numbers: Mapping[str, Known]) -> Markup:
    """Return facts by name for a page; markup in names is escaped."""
    text = json.dumps(numbers, allow_nan=False)
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))  # noqa: S704


def _or_none(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _blocks(
    path: Path,
    board: Board,
    found: Mapping[str, Finding],
    about: Mapping[str, Any],
    audits: pd.DataFrame,
    rows: str,
) -> Iterator[Block]:
    data = about["data"]
    n = data["samples"]
    yield Heading("Summary")
    yield findings_in_words(board, found, n)
    yield from _front(board, found)
    yield decision_table(board, found)
    yield Heading("Every generator")
    yield from summary(board, found, about, audits)
    whom = data.get("reference", "")
    yield from chain(measure_tables(board), attack_tables(board, n, whom), beyond_tables(board))
    yield from comparison_tables(board, n)
    yield from chain.from_iterable(picture_blocks(kind, drawn, data) for kind, drawn in pictures_of(path).items())
    closely = read_numbers(path, data["digest"])
    yield from close_ups(path, board, closely, data)
    yield from claim_tables(board, n, audits)
    yield from study_section(path, simulated=board.simulated)
    yield from chain(cost_table(board), published_table(board, data["name"]), failures(board))
    yield Heading("Where the numbers come from")
    yield from _provenance(board, about, rows, closely)


def _front(board: Board, found: Mapping[str, Finding]) -> Iterator[Block]:
    points, names = front_points(board, found), axes_of(found)
    if not points:
        yield Paragraph("Nothing to draw: no generator has both a measure of its use and attacks.")
        return
    yield Paragraph(
        "Up is more useful, left is more private. An attack that finds nothing proves nothing, so that the left edge "
        "is known exposure, not safety. There is no overall rank: what is worth how much privacy is yours to decide."
    )
    mark = "SIMULATED data" if board.simulated else ""
    described = (
        f"{f'{mark}. ' if mark else ''}{names[1].capitalize()} against the AUC of the "
        f"strongest attack, for {len(points)} generators and controls. On the front: "
        f"{', '.join(undominated(points)) or 'none'}. The numbers are in the table At a glance."
    )
    drawn = {p.label for p in points}
    gone = joined(board.named(label) for label in board.labels if label not in drawn)
    missing = " Not drawn, because one of the two numbers is missing: " + gone + "." if gone.spans else Text()
    svg = Markup(front_svg(points, names, described, mark))  # noqa: S704 - drawn by matplotlib, which escapes
    axes = f"Up: {names[1]}; to the right: AUC of the strongest attack. "
    yield Picture(svg, marked("Use against exposure", simulated=board.simulated), axes + KEY + missing, described)


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


def whole_page(
    title: str,
    lead: Text,
    sections: Mapping[str, Markup],
    limits: Sequence[Limit],
    facts: Mapping[str, Known],
    *,
    simulated: bool = False,
    home: str = "",
    search: str = "Only generators named",
    changes: str = "",
) -> str:
    """Return a page with everything it shows inside: title, lead, sections by title, limits and what they hold against.

    Parameters
    ----------
    facts : of each line, by its name; one that is ``"variant"`` is folded away until somebody looks for something
    home, changes : where the board and the feed of a site lie, if there are any
    """
    style, script = (
        resources.files("bench.report").joinpath(f"report.{kind}").read_text(encoding="utf-8") for kind in ("css", "js")
    )
    if simulated:
        style += '@page { @top-center { content: "SIMULATED DATA"; font-weight: bold } }\n'
    return (
        templates()
        .get_template("page.html.j2")
        .render(
            title=title,
            simulated=simulated,
            lead=html([Paragraph(lead, "lead")]),
            sections=list(sections.items()),
            policy=_policy(style, script),
            limits=limits,
            choices=choices_of(facts),
            folds=any("variant" in known for known in facts.values()),
            facts=facts_in_json(facts),
            home=home,
            search=search,
            changes=changes,
            style=Markup(style),  # noqa: S704 - files of this package
            script=Markup(script),  # noqa: S704
        )
    )


def _policy(style: str, script: str) -> str:
    """Return what the page may load: its own pictures, styles and script, and nothing from anywhere else."""
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (style, script)]
    return f"default-src 'none'; img-src data:; style-src 'sha256-{hashes[0]}'; script-src 'sha256-{hashes[1]}'"


def _features(data: Mapping[str, Any]) -> str:
    return FEATURES[data.get("modality", MODALITIES[0])]


def _lead(about: Mapping[str, Any]) -> Text:
    data = about["data"]
    whom = "the people in it" if not data["simulated"] else "those in it, who are SIMULATED"
    return prose(
        f"Dataset {{}}: {data['samples']} samples, {data['genes']} {_features(data)}, {len(data['classes'])} classes. "
        f"Last run {about['created'][:10]}, omics-bench {about['bench']}. What synthetic copies of it are worth to "
        f"science, and what they give away about {whom}.",
        code(data["name"]),
    )
