"""No verdict, flag or place on a page hangs on how a sentence is worded."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from report_rows import audit, claim, small_rows, written

from bench.report import audits as audit_page
from bench.report import privacy, summary
from bench.report.board import make_board
from bench.report.findings import findings
from bench.report.leaderboard import write_leaderboard
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
    for module, name in ((audit_reading, "VERDICT_WORDS"), (privacy, "AUDIT_WORDS")):
        words = {value: f"reworded {i}" for i, value in enumerate(getattr(module, name))}
        for place in (module, audit_page, summary):
            if hasattr(place, name):
                monkeypatch.setattr(place, name, words)
    monkeypatch.setattr(privacy, "_claim_in_words", lambda row: "reworded")


def test_every_verdict_stays_when_every_sentence_about_claims_is_reworded(
    page: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, text = _read(page), write_leaderboard(page).read_text()
    assert before["private_pgm"][1] == (4.0, (1e-5,), True, "refuted")
    assert before["smote"][1] == (4.0, (1e-5,), True, "not refuted")
    assert before["c"][1] == (4.0, (1e-5,), False, None)
    _reworded(monkeypatch)
    assert _read(page) == before
    reworded = write_leaderboard(page).read_text()
    assert "REFUTED" in text
    assert "REFUTED" not in reworded
    marks = [re.findall(r"\*\*[^*]+\*\*", part) for part in (text, reworded)]
    assert len(marks[0]) == len(marks[1])  # as many things are bold


def test_a_verdict_of_another_version_is_refused(page: Path) -> None:
    path = page.parent.parent / "audits" / page.name
    path.write_text(path.read_text().replace("not refuted", "nearly refuted"))
    with pytest.raises(Exception, match="holds the verdict 'nearly refuted'; expected refuted"):
        read_audits(path)
