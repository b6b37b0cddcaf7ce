"""No verdict, flag or place on a page hangs on how a sentence is worded."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
from report_rows import audit, claim, small_rows, written

from bench.report import claims
from bench.report.board import make_board
from bench.report.html import page_text
from bench.report.leaderboard import write_leaderboard
from bench.report.paper import tables_of
from bench.report.summary import findings
from bench.report.table import Table, html
from bench.report.text import Span, Text
from bench.store.rows import read_rows
from bench.studies import audit_reading
from bench.studies.audit_records import read_audits

LOWS = {"private_pgm": 5.0, "smote": 0.5}  # the first is above its claim of 4, the second is not


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """Rows with three claims, one of them partial, and audits of two of them."""
    rows = [*small_rows(), claim("smote", 1), claim("c", 1, outside='["bin means"]')]
    return written(tmp_path, rows, audits=[audit(name, low) for name, low in LOWS.items()])


def _read(path: Path) -> dict[str, tuple[object, ...]]:
    rows, about = read_rows(path)
    board = make_board(rows, simulated=False)
    audited = read_audits(path.parent.parent / "audits" / path.name)
    audited = audited.assign(label=audited["generator"])
    found = findings(board, audited, about["data"]["samples"])
    return {
        label: (f.leak, f.claim and (f.claim.epsilon, f.claim.deltas, f.claim.end_to_end, f.claim.audit.verdict))
        for label, f in found.items()
    }


def _reworded(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name in ((audit_reading, "VERDICT_WORDS"), (claims, "AUDIT_WORDS")):
        words = {value: f"reworded {i}" for i, value in enumerate(getattr(module, name))}
        for place in {module, claims}:
            monkeypatch.setattr(place, name, words)
    monkeypatch.setattr(claims, "_claim_in_words", lambda row: "reworded")


def _flags(path: Path) -> list[list[list[str | None]]]:
    return [[[cell.flag for cell in row] for row in table.rows] for table in tables_of(path)]


def test_every_verdict_and_every_flag_stays_when_every_sentence_about_claims_is_reworded(
    page: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, text, flags, strong = (
        _read(page),
        _pages(page),
        _flags(page),
        _strong(page_text(page)),
    )
    assert before["private_pgm"][1] == (4.0, (1e-5,), True, "refuted")
    assert before["smote"][1] == (4.0, (1e-5,), True, "not refuted")
    assert before["c"][1] == (4.0, (1e-5,), False, None)
    assert {"best", "strongest", "leak", "refuted"} <= {flag for table in flags for row in table for flag in row}
    _reworded(monkeypatch)
    assert _read(page) == before
    assert _flags(page) == flags
    assert _strong(page_text(page)) == strong
    reworded = _pages(page)
    assert "REFUTED" in text
    assert "REFUTED" not in reworded
    marks = [re.findall(r"\*\*[^*]+\*\*", part) for part in (text, reworded)]
    assert len(marks[0]) == len(marks[1])  # as many things are bold


def _pages(path: Path) -> str:
    """The text of the first page and of all below it."""
    first = write_leaderboard(path)
    return "\n".join(page.read_text() for page in [first, *sorted(first.with_suffix("").glob("*.md"))])


def _strong(html_page: str) -> list[list[bool]]:
    """Which cells of which rows of an HTML page are bold."""
    rows = re.findall(r"<tr.*?</tr>", html_page, re.DOTALL)
    cells = [re.findall(r"<t[dh].*?</t[dh]>", row, re.DOTALL) for row in rows]
    assert all(("<strong>" in cell) == ("data-flag=" in cell) for row in cells for cell in row)
    return [["<strong>" in cell for cell in row] for row in cells]


def _bold(table: Table) -> list[list[list[bool]]]:
    """Which cells of which rows are bold: as data, in Markdown, in HTML and in LaTeX."""
    marked = table.markdown().split("\n\n")[1].splitlines()[2:]
    lines = [line for line in table.latex().splitlines() if line.endswith("\\\\")][1:]
    return [
        [[cell.flag is not None for cell in row] for row in table.rows],
        [[re.fullmatch(r"\*\*.*\*\*", c.strip()) is not None for c in x.split("|")[1:-1]] for x in marked],
        _strong(html([table]))[1:],
        [["\\textbf{" in cell for cell in line.split(" & ")] for line in lines],
    ]


def test_what_is_bold_hangs_on_no_word_of_a_cell_in_any_language(page: Path) -> None:
    for table, words in product(tables_of(page), ["REFUTED", "**0.9**", "none found", "refuted, **leaks** and `best`"]):
        rows = tuple(tuple(replace(cell, text=words) for cell in row) for row in table.rows)
        reworded = replace(table, title=words, note=Text((Span(words),)), rows=rows)
        as_data, *written = _bold(reworded)
        assert as_data == _bold(table)[0]
        assert all(found == as_data for found in written)


def test_a_verdict_of_another_version_is_refused(page: Path) -> None:
    path = page.parent.parent / "audits" / page.name
    path.write_text(path.read_text().replace("not refuted", "nearly refuted"))
    with pytest.raises(Exception, match="holds the verdict 'nearly refuted'; expected refuted"):
        read_audits(path)
