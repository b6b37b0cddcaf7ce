"""The first page: what decides is declared, verdicts follow the numbers, and one screen holds it whatever was released."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from report_rows import audit, claim, facts, row, small_rows

from bench.registry import finding
from bench.registry.finding import add_plugin_file
from bench.report.board import board_of, in_tables
from bench.report.decision import MOST, claim_cell, decision_table, findings_in_words, judgement
from bench.report.leaderboard import leaderboard_blocks
from bench.report.summary import findings, yardstick
from bench.report.table import Table, markdown
from bench.store.rows import table

TRACKS = """
from dataclasses import dataclass
from bench import Measure, metric


@metric("planted_sites", family="structure", modalities=("variants",), measures=(
    Measure("planted_ld", "higher", 0, 1, table="linkage", decides="use", real="planted_ld_real", words="linkage"),
    Measure("planted_ld_real", "none", 0, 1),
    Measure("planted_rare", "higher", 0, 1, table="linkage", decides="worst", real="planted_ld_real", words="rare sites"),
    Measure("planted_sfs", "lower", 0, table="spectrum", decides="science", words="site frequencies"),
))
@dataclass(kw_only=True)
class PlantedSites:
    def __call__(self, train, holdout, synthetic, *, rng):
        return {}
"""
ANSWERS = """
from dataclasses import dataclass
from bench import Measure, metric


@metric("planted_answers", family="utility", releases="model", modalities="all", measures=(
    Measure("planted_model", "higher", 0, 1, table="utility", decides="use", turn=2, words="accuracy of answers"),
))
@dataclass(kw_only=True)
class PlantedAnswers:
    def __call__(self, train, holdout, model, *, rng):
        return {}
"""


@pytest.fixture
def _tracks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Metrics of genetic variants and of released models, as files of another track."""
    monkeypatch.setattr(finding, "_files", {})
    for name, text in (("planted_sites", TRACKS), ("planted_answers", ANSWERS)):
        monkeypatch.delitem(sys.modules, f"bench_plugin_{name}", raising=False)
        (tmp_path / f"{name}.py").write_text(text)
        add_plugin_file(tmp_path / f"{name}.py")


def _screen(rows: list[dict[str, Any]], **data: Any) -> tuple[Table, list[str], str]:
    about = facts(**data)
    board = board_of(table(rows), about)
    found = findings(board, None, about["data"]["samples"])
    said = findings_in_words(board, found, about["data"]["samples"])
    return (
        decision_table(board, found),
        [str(text) for text in said.items],
        markdown(leaderboard_blocks(board_of(table(rows), about), about)),
    )


def _line(screen: Table, start: str) -> list[str]:
    return next([cell.plain() for cell in cells] for cells in screen.rows if cells[0].plain().startswith(start))


@pytest.mark.usefixtures("_tracks")
def test_a_page_of_variants_is_headed_by_what_their_metrics_declare() -> None:
    rows = []
    for name, ld, rare in (("markov", 0.90, 0.88), ("mosaic", 0.97, 0.5), ("sites", 0.3, 0.2)):
        for fold in (1, 2, 3):
            values = {"planted_ld": ld, "planted_rare": rare, "planted_ld_real": 0.95, "planted_sfs": 1 - ld}
            rows += [row(name, m, v + 0.001 * fold, fold, family="structure") for m, v in values.items()]
            rows += [row(name, "auc", 0.5 + 0.001 * fold, fold, family="privacy", attack="mc")]
            rows += [row(name, "tpr_at_fpr_01", 0.0, fold, family="privacy", attack="mc")]
    screen, said, sections = _screen(rows, modality="variants", genes=742)
    assert [c.heading for c in screen.columns][1:4] == ["linkage ↑", "rare sites ↑", "site frequencies ↓"]
    assert [cells[0].plain() for cells in screen.rows] == ["mosaic", "markov", "sites"]
    assert [_line(screen, name)[-1] for name in ("mosaic", "markov", "sites")] == [
        "○ nothing found; weak in the rare sites",
        "✓ nothing found; useful",
        "○ nothing found; of less use",
    ]
    assert said[0].startswith("Useful, and no attack tried here could be told apart from guessing: markov;")
    assert re.findall(r"^## (Linkage|Spectrum)", sections, re.MULTILINE) == ["Linkage", "Spectrum"]
    assert "accuracy" not in " ".join(said)


@pytest.mark.usefixtures("_tracks")
def test_models_and_data_stand_in_one_table_each_judged_by_its_own_measure() -> None:
    rows = [*small_rows(), *(row("answers", "planted_model", 0.845, fold) for fold in (1, 2, 3))]
    screen, said, _ = _screen(rows)
    assert screen.columns[1].title == "balanced accuracy / accuracy of answers"
    assert _line(screen, "answers")[1] == "0.84 ± 0.00" or _line(screen, "answers")[1] == "0.85 ± 0.00"
    names = [cells[0].plain() for cells in screen.rows]
    assert names.index("multivariate") < names.index("answers") < names.index("private_pgm")
    assert "Most useful by balanced accuracy is multivariate" in said[2]


def test_tables_of_utility_come_first_then_fidelity_then_the_other_families() -> None:
    measures = (
        "de_effect_spearman",
        "kl_holdout",
        "rare_class_f1_synthetic",
        "accuracy_synthetic",
        "accuracy_forest_real",
    )
    board = board_of(table([row("smote", m, 0.5, 1) for m in measures]), facts())
    assert list(in_tables(board)) == ["utility", "in_use", "utility_trees", "fidelity", "biology"]


def test_variants_are_folded_into_one_line_that_says_how_far_they_leak() -> None:
    rows = small_rows()
    for text, auc in (("epsilon=4.0", 0.52), ("variant=published", 0.83)):
        for r in [r for r in rows if r["generator"] == "private_pgm" and not r["params"]]:
            rows.append(
                {**r, "params": text, **({"value": auc} if (r["measure"], r["attack"]) == ("auc", "mc") else {})}
            )
    screen, _, _ = _screen(rows)
    assert sum(cells[0].plain().startswith("private_pgm") for cells in screen.rows) == 1
    assert _line(screen, "private_pgm")[0] == "private_pgm + 2 variants, AUC 0.51 to 0.83"
    assert _line(screen, "private_pgm")[1] == "0.84 ± 0.00"  # of the plugin's own parameters


def test_the_first_screen_has_twenty_lines_at_most_and_says_who_is_not_on_it() -> None:
    rows = small_rows(folds=2)
    for i in range(30):
        rows += [row(f"g{i:02}", m, 0.5 - i / 100, f) for f in (1, 2) for m in ("balanced_accuracy_synthetic",)]
    screen, said, _ = _screen(rows)
    assert len(screen.rows) == MOST
    assert {cells[0].plain() for cells in screen.rows if cells[0].control} == {
        f"{c} (control)" for c in ("copy_train", "real_holdout", "noise")
    }
    assert "The 16 least useful are in the section with every generator" in str(screen.note)
    assert len(said) <= 5


def test_a_refuted_claim_is_the_verdict_whatever_the_attacks_found() -> None:
    board = board_of(table(small_rows()), facts())
    marks = {x: judgement(f).mark for x, f in findings(board, None, 100).items() if x in board.ranked}
    assert marks == {"multivariate": "✗", "private_pgm": "✓", "smote": "✗"}
    audits = pd.DataFrame([audit("private_pgm", 4.5)]).assign(label="private_pgm")
    refuted = judgement(findings(board, audits, 100)["private_pgm"])
    assert (refuted.mark, refuted.words, refuted.flag) == ("✗", "claim refuted", "refuted")
    kept = judgement(findings(board, audits.assign(low=0.5, verdict="not refuted"), 100)["private_pgm"])
    assert (kept.mark, kept.flag) == ("✓", None)


def test_the_table_says_of_a_claim_that_no_audit_could_refute_that_it_is_untested() -> None:
    board = board_of(table(small_rows()), facts())
    audits = pd.DataFrame([audit("private_pgm", 0.5)]).assign(label="private_pgm")
    said = {
        ceiling: claim_cell(findings(board, audits.assign(ceiling=ceiling), 100)["private_pgm"]).plain()
        for ceiling in (0.6, 99.0)
    }
    assert said[0.6].endswith(", untested")
    assert said[99.0] in said[0.6]
    assert "tested" not in said[99.0]
    assert claim_cell(findings(board, None, 100)["private_pgm"]).plain() == said[99.0] + ", not audited"


def test_one_generator_leaks_and_claims_and_two_leak_and_claim() -> None:
    rows = small_rows()
    more = [*rows, *(claim("smote", fold) for fold in (1, 2, 3))]
    one, two = (_screen(held)[1] for held in (rows, more))
    assert any("1 of 3 claims differential privacy" in x and x.endswith("and 1 was not audited.") for x in one)
    assert any("2 of 3 claim differential privacy" in x and x.endswith("and 2 were not audited.") for x in two)


def test_what_a_claim_allows_still_leaks_and_is_called_allowed() -> None:
    rows = [*small_rows(), *(claim(name, fold) for name in ("smote", "multivariate") for fold in (1, 2, 3))]
    found = findings(board_of(table(rows), facts()), None, 100)
    said = judgement(found["smote"]).words  # epsilon 4: up to 0.74
    share = 100 * (found["smote"].auc.mean - 0.5) / (0.743 - 0.5)
    assert said == f"leaks a little, as its claim allows ({share:.0f} %); of less use"
    assert judgement(found["multivariate"]).words == "leaks; useful"  # 0.99 is above it


def test_classifiers_are_held_against_the_best_that_claims_nothing() -> None:
    rows = []
    values = {"mlp": (0.80, 0.55), "forest": (0.66, 0.20), "logistic": (0.78, 0.50), "dp_logistic": (0.70, 0.52)}
    for name, (use, worst) in values.items():
        for fold in (1, 2, 3):
            rows += [
                row(name, "model_balanced_accuracy", use, fold),
                row(name, "model_worst_class_recall", worst, fold),
            ]
            rows += [row(name, "auc", 0.5, fold, family="privacy", attack="model_gap")]
            rows += [row(name, "tpr_at_fpr_01", 0.0, fold, family="privacy", attack="model_gap")]
    rows += [claim("logistic", fold) for fold in (1, 2, 3)]  # trained on a private release
    rows += [row("dp_logistic", "model_balanced_accuracy", 0.99, fold, params="epsilon=9") for fold in (1, 2, 3)]
    rows += [claim("dp_logistic", fold, 9.0, params="epsilon=9") for fold in (1, 2, 3)]  # better, but it claims
    screen, said, _ = _screen(rows)
    assert _line(screen, "mlp")[-1] == "✓ nothing found; useful"
    assert _line(screen, "logistic")[-1] == "✓ nothing found; useful"
    assert _line(screen, "forest")[-1] == "○ nothing found; of less use"
    assert _line(screen, "dp_logistic")[-1] == "○ nothing found; of less use"
    assert "The best that claims nothing: balanced accuracy 0.80, worst class 0.55." in str(screen.note)
    assert yardstick(board_of(table(rows), facts())) == "the best release that claims nothing"
    assert yardstick(board_of(table(small_rows()), facts())) == "real people"
    assert "with real people" not in " ".join(said)
