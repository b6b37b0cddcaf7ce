"""The HTML report: what it says, that it is one safe file, and how it behaves in a browser."""

from __future__ import annotations

import itertools
import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from html_pages import Page
from report_rows import audit, row, rows_of, small_rows, written

from bench.cli.report import command
from bench.report.board import Summary, make_board, number
from bench.report.figures.front import Point, front_figure, front_svg, undominated
from bench.report.figures.labels import Box, place
from bench.report.html import page_text, report_of, write_report
from bench.report.summary import Finding, Score, findings
from bench.report.table import ABSENT, figure
from bench.store.rows import table


def opened(path: Path) -> Page:
    return Page(page_text(path))


def words(page: Page) -> str:
    return page.all("main")[0][1]


# -- what it says ------------------------------------------------------------------------------------------------------


def test_the_sections_come_in_order_and_every_link_finds_one(tmp_path: Path) -> None:
    page = opened(written(tmp_path, audits=[audit("private_pgm", 0.5)], pictures=True))
    titles = [text for _, text in page.all("h2")]
    assert titles == [
        "Summary",
        "Every generator",
        "Utility",
        "In use",
        "Membership inference",
        "Comparison",
        *("ROC curves", "Principal components", "Pictures that are not here"),
        *("Privacy claims", "Cost", "Published versus ours", "Failures", "Where the numbers come from"),
    ]
    ids = [attrs["id"] for _, attrs, _ in page.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    named = [
        attrs[k] for _, attrs, _ in page.elements for k in ("aria-describedby", "aria-labelledby", "for") if k in attrs
    ]
    links = [str(attrs["href"]) for attrs, _ in page.all("a")]
    assert {link[1:] for link in links if link.startswith("#")} | set(named) <= set(ids)
    assert len(links) == len(titles) + 1  # and the one that skips to the summary


def test_the_summary_says_what_leaks_and_what_does_not(tmp_path: Path) -> None:
    text = words(opened(written(tmp_path)))
    assert "Useful, and no attack tried here could be told apart from guessing: private_pgm;" in text
    assert re.search(r"Leak clearly \([^)]*\): multivariate \(AUC 0.990 ± 0.002, 9.8 % found, p < 0.001\)", text)
    assert re.search(r"Leak a little \([^)]*\): smote \(AUC 0.550 ± 0.002", text)
    assert "which proves no privacy: private_pgm (AUC 0.500" in text
    assert "For scale: real_holdout, real samples of other people, gives AUC 0.50" in text


def test_the_summary_says_what_is_useful(tmp_path: Path) -> None:
    text = words(opened(written(tmp_path)))
    assert (
        "Most useful by balanced accuracy is multivariate with 0.850 ± 0.004 (0.860 ± 0.000 with real people)" in text
    )
    assert "of those in which no attack found anybody, private_pgm with 0.840 ± 0.004." in text
    assert "where worst): multivariate (0.850 ± 0.004, 0.650 ± 0.004), private_pgm (0.840" in text
    assert "Farther below real people: smote (0.700 ± 0.004, 0.500 ± 0.004)." in text


def test_without_the_worst_class_nothing_is_called_useful(tmp_path: Path) -> None:
    rows = [r for r in small_rows() if not r["measure"].startswith("worst_class")]
    text = words(opened(written(tmp_path, rows)))
    assert "No attack tried here could be told apart from guessing: private_pgm. Whether a class is lost" in text
    assert "? nothing found; use not judged" in text
    assert "✓" not in text.split("? not known")[1]


def test_what_loses_its_worst_class_is_not_useful_however_good_the_mean(tmp_path: Path) -> None:
    rows = small_rows()
    for r in rows:
        if r["generator"] == "private_pgm" and r["measure"] == "worst_class_recall_synthetic":
            r["value"] = 0.0
    text = words(opened(written(tmp_path, rows)))
    assert "No generator here is both useful and out of reach of the attacks" in text
    assert "○ nothing found; weak in the worst class" in text
    assert "2 of 3 are weak in the worst class: private_pgm, smote." in text


def test_the_summary_names_the_best_of_every_other_table(tmp_path: Path) -> None:
    more = [("kl_holdout", 0.5), ("mmd_holdout", 0.1)]
    rows = [row(g, m, v * k, f) for k, g in enumerate(("smote", "private_pgm"), 1) for m, v in more for f in (1, 2, 3)]
    text = words(opened(written(tmp_path, [*small_rows(), *rows])))
    assert "Among the best in fidelity, in how many of its 2 measures: smote (2)." in text


@pytest.mark.parametrize(
    ("audits", "said"),
    [
        ([], "Claimed, but not audited: private_pgm (epsilon 4)."),
        (
            [audit("private_pgm", 0.5)],
            "not refuted, which proves nothing (docs/what-passes.md lists what passes): private_pgm (claims epsilon 4, shown: at least 0.50)",
        ),
        (
            [audit("private_pgm", 4.5)],
            "gives away more than the claim allows: private_pgm (claims epsilon 4, shown: at least 4.50)",
        ),
        ([audit("smote", 4.5)], "smote claims nothing; tested as if it claimed epsilon 4, it was refuted."),
    ],
)
def test_the_summary_holds_claims_against_audits(tmp_path: Path, audits: list[dict[str, Any]], said: str) -> None:
    text = words(opened(written(tmp_path, audits=audits)))
    assert said in text
    assert "Claim differential privacy, every step inside the budget: private_pgm (epsilon 4)." in text


def test_with_one_fold_leaks_are_said_and_without_attacks_nothing_is(tmp_path: Path) -> None:
    text = words(opened(written(tmp_path / "one", small_rows(folds=1))))
    assert "Leak clearly" in text
    without = [r for r in small_rows() if not r["attack"]]
    text = words(opened(written(tmp_path / "none", without)))
    assert "What leaks cannot be said here, because no attack was run." in text
    assert "Nothing to draw: no generator has both a measure" in text


def test_rows_without_attacks_claims_or_accuracy_still_give_a_report(tmp_path: Path) -> None:
    text = words(opened(written(tmp_path, [row("smote", "mmd", 0.01, fold) for fold in (1, 2)])))
    assert "No attack was run." in text
    assert "Cannot be said: the rows hold no measure that decides it." in text
    assert "The rows hold no claims." in text


def folds(mean: float) -> Summary:
    return Summary(mean, 0.01, 5, 5)


@pytest.mark.parametrize(
    ("auc", "found", "local", "p_value", "leak"),
    [
        (0.90, 0.50, 0.5, 0.001, "clear"),
        (0.52, 0.20, 0.5, 0.001, "clear"),  # few people, surely exposed
        (0.54, 0.01, 0.9, 0.001, "clear"),  # those of one class
        (0.54, 0.01, 0.5, 0.049, "slight"),
        (0.54, 0.01, math.nan, 0.049, "slight"),
        (0.80, 0.01, 0.5, 0.051, "unsure"),
        (0.54, 0.02, 0.7, 0.05, "chance"),  # of few people large values are luck
        (math.nan, 0.02, 0.5, 0.001, "unknown"),
        (0.90, 0.50, 0.5, math.nan, "unknown"),
    ],
)
def test_a_leak_is_named_by_size_and_by_what_luck_explains(
    auc: float, found: float, local: float, p_value: float, leak: str
) -> None:
    for few in ({"exposed_class": folds(local)}, {"outliers": folds(local)}):
        assert Finding(folds(auc), folds(found), Score(), Score(), None, p_value, **few).leak == leak


def test_equal_numbers_get_equal_verdicts_and_many_generators_pay_for_their_number() -> None:
    def verdicts(names: str) -> dict[str, str]:
        """Three folds of one attack with an AUC of 0.533; 0.04 / 1.96 / sqrt(3) = 0.0118, so that p is 0.0051."""
        found = [row(g, "auc", 0.533, fold, attack="mc") for g in names for fold in (1, 2, 3)]
        found += [row(g, "tpr_at_fpr_01", 0.0, fold, attack="mc") for g in names for fold in (1, 2, 3)]
        return {label: f.leak for label, f in findings(make_board(table(found), simulated=False), None, 100).items()}

    assert set(verdicts("abcd").values()) == {"slight"}  # two readings: 4 * 2 * 0.0051 = 0.041
    assert set(verdicts("abcde").values()) == {"chance"}


def test_failures_and_incomplete_means_are_shown(tmp_path: Path) -> None:
    rows = small_rows()
    place_ = next(
        i for i, r in enumerate(rows) if r["generator"] == "smote" and r["measure"] == "balanced_accuracy_synthetic"
    )
    rows[place_] |= {"value": math.nan, "status": "failed", "reason": "the loss is NaN"}
    text = words(opened(written(tmp_path, rows)))
    assert "the loss is NaN" in text
    assert "Weak where it is worst: smote (0.702 ± 0.003 (2/3), 0.500 ± 0.004)." in text


def test_the_provenance_names_versions_seeds_digest_and_command(tmp_path: Path) -> None:
    path = written(tmp_path)
    text = words(opened(path))
    for fact in ("numpy 2.4.6", "seed 42: folds 1-3", "0123456789abcdef" * 4, "bench run", "brca.csv, SHA-256 "):
        assert fact in text


# -- tables ------------------------------------------------------------------------------------------------------------


def test_cells_keep_the_unrounded_number() -> None:
    assert number(Summary(0.123456789, 0.1, 5, 5), 3).flagged("best").number == "0.123456789"
    assert number(Summary(math.nan, math.nan, 0, 5), 3).number is None
    shown = figure(1089, ",d", "{} people"), figure(0.5, "+.1f", "{} [0.1, 0.9]"), figure(1e-5, "g"), ABSENT
    assert [cell.number for cell in shown] == ["1089.0", "0.5", "1e-05", None]
    assert [cell.text for cell in shown] == ["1,089 people", "+0.5 [0.1, 0.9]", "1e-05", "-"]


def test_tables_have_captions_heads_and_names_to_filter_by(tmp_path: Path) -> None:
    page = opened(written(tmp_path))
    assert len(page.all("caption")) == len(page.all("table")) > 5
    assert all(attrs["scope"] in ("row", "col") for attrs, _ in page.all("th"))
    lines = [text for attrs, text in page.all("tr") if attrs.get("data-generator") == "smote"]
    assert any("0.700 ± 0.004" in line for line in lines)
    values = [attrs["data-value"] for attrs, text in page.all("td") if text == "0.700 ± 0.004"]
    assert values
    assert all(float(str(v)) == pytest.approx(0.7, abs=1e-12) for v in values)


def test_what_comes_from_rows_is_escaped(tmp_path: Path) -> None:
    evil = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'"
    rows = [*small_rows(), *(r for fold in (1, 2, 3) for r in rows_of("smote", 0.5, 0.6, fold, params=evil))]
    rows += [row("smote", "mmd", math.nan, 4, status="failed", reason=evil)]
    text = page_text(written(tmp_path, rows, title=evil, source=evil))
    page = Page(text)
    data, script = page.all("script")
    assert "<" not in data[1]
    assert any("alert(1)" in name for name in json.loads(data[1]))
    assert "alert" not in script[1]
    assert not page.all("img")
    assert not any(name.startswith("on") for _, attrs, _ in page.elements for name in attrs)
    assert "alert(1)" in words(page)


# -- one file, the same each time --------------------------------------------------------------------------------------


def test_nothing_is_loaded_from_anywhere(tmp_path: Path) -> None:
    text = page_text(written(tmp_path, pictures=True))
    page = Page(text)
    sources = [attrs[k] for tag, attrs, _ in page.elements for k in ("src", "href") if k in attrs and tag != "a"]
    sources = [source for source in sources if not str(source).startswith("#")]  # parts of this very page
    assert len(sources) == 3  # the icon and two pictures
    assert all(str(source).startswith("data:") for source in sources)
    assert "url(" not in text
    assert "@import" not in text
    assert "http:" not in text
    policy = page.all("meta", **{"http-equiv": "Content-Security-Policy"})[0][0]["content"]
    assert str(policy).startswith("default-src 'none'; img-src data:;")
    assert all(attrs["alt"] for attrs, _ in page.all("img"))


def test_the_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    one, two = (written(tmp_path / name, pictures=True) for name in ("a", "b"))
    assert write_report(one).read_bytes() == write_report(two).read_bytes()
    assert report_of(one) == tmp_path / "a" / "report" / "brca.html"


def test_simulated_data_are_marked_in_every_view(tmp_path: Path) -> None:
    page = opened(written(tmp_path, simulated=True, audits=[audit("private_pgm", 0.5)], pictures=True))
    assert "SIMULATED" in page.all("title")[0][1]
    for tag in ("h1", "h2", "caption", "figcaption", "svg"):
        assert page.all(tag)
        assert all("SIMULATED" in text for _, text in page.all(tag)), tag
    assert all("SIMULATED" in str(attrs["alt"]) for attrs, _ in page.all("img"))
    assert "SIMULATED" in page.all("p", class_="banner")[0][1]
    assert '@top-center { content: "SIMULATED DATA"' in page.all("style")[0][1]


def test_real_data_are_not_marked(tmp_path: Path) -> None:
    assert "SIMULATED" not in page_text(written(tmp_path, pictures=True))


def test_the_command_writes_the_report_on_request(tmp_path: Path) -> None:
    path = written(tmp_path)
    asked = CliRunner().invoke(command, ["--html", "--out", str(tmp_path)])
    assert asked.exit_code == 0, asked.output
    assert str(report_of(path)) in asked.output
    assert report_of(path).read_text(encoding="utf-8") == page_text(path)


def test_a_report_that_is_not_what_the_rows_give_is_found(tmp_path: Path) -> None:
    path = written(tmp_path)
    ask = ["--html", "--check", "--out", str(tmp_path)]
    without = CliRunner().invoke(command, ask)
    assert (without.exit_code, "does not exist" in without.output) == (1, True)
    CliRunner().invoke(command, ["--html", "--out", str(tmp_path)])
    assert CliRunner().invoke(command, ask).exit_code == 0
    report_of(path).write_text(report_of(path).read_text(encoding="utf-8").replace("0.860", "0.960"), encoding="utf-8")
    changed = CliRunner().invoke(command, ask)
    assert (changed.exit_code, "is not what" in changed.output) == (1, True)
    assert CliRunner().invoke(command, ["--check", "--out", str(tmp_path)]).exit_code == 0


# -- the picture -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("crowded", [False, True])
def test_labels_cover_neither_points_nor_each_other(crowded: bool) -> None:
    rng = np.random.default_rng(3)
    spread = 30.0 if crowded else 400.0
    points = [(450 + spread * rng.uniform(-1, 1), 450 + spread * rng.uniform(-1, 1), "x" * n) for n in range(10, 50)]
    room = Box(0, 0, 960, 1000)
    labels = place(points, room, radius=6)
    assert all(room.holds(label) for label in labels)
    assert not any(a.meets(b) for a, b in itertools.combinations(labels, 2))
    marks = [Box(x - 6, y - 6, x + 6, y + 6) for x, y, _ in points]
    assert not any(label.meets(mark) for label in labels for mark in marks)


def point(label: str, auc: float, use: float, *, control: bool = False, n_ok: int = 5) -> Point:
    return Point(label, control, Summary(auc, 0.01, n_ok, 5), Summary(use, 0.02, 5, 5))


def test_the_front_is_free_of_controls_of_incomplete_means_and_of_luck() -> None:
    points = [
        point("good", 0.5, 0.8),
        point("lucky", 0.45, 0.79),  # below chance is no more private than chance
        point("useful", 0.9, 0.85),
        point("control", 0.5, 0.9, control=True),
        point("partial", 0.5, 0.95, n_ok=4),
    ]
    assert undominated(points) == ["good", "useful"]


def test_a_control_below_the_others_is_drawn_on_the_edge_and_controls_are_hollow() -> None:
    points = [point("a", 0.5, 0.8), point("b", 0.7, 0.85), point("noise", 0.5, 0.1, control=True)]
    drawn = front_figure(points, ("AUC", "accuracy"), "", "SIMULATED data").axes[0]
    marks = {line.get_gid(): line for line in drawn.lines if str(line.get_gid()).startswith("point-")}
    assert [mark.get_marker() for mark in marks.values()] == ["D", "D", "v"]
    assert [mark.get_markerfacecolor() for mark in marks.values()] == ["#b34700", "#b34700", "#ffffff"]
    assert marks["point-2"].get_ydata()[0] == drawn.get_ylim()[0] > 0.1
    page = Page(front_svg(points, ("AUC", "accuracy"), "described", "SIMULATED data"))
    texts = [text for _, text in page.all("text")]
    assert texts[-3:] == ["a", "b", "noise (below: 0.10)"]
    assert "SIMULATED data" in texts
    groups = [(attrs["data-generator"], attrs["class"]) for attrs, _ in page.all("g") if "data-generator" in attrs]
    assert {name for name, kind in groups if kind == "point"} == {"a", "b", "noise (control)"}
    assert {name for name, kind in groups if kind == "label"} == {"a", "b", "noise (control)"}
    assert "a: AUC 0.500 ± 0.010, use 0.800 ± 0.020" in [text for _, text in page.all("title")]


def test_a_name_that_looks_like_markup_stays_text() -> None:
    evil = point("<script>alert(1)</script>$x$&", 0.5, 0.8)
    picture = front_svg([evil], ("AUC", "accuracy"), "described & more", "")
    assert "<script" not in picture
    assert "<script>alert(1)</script>$x$&" in [text for _, text in Page(picture).all("text")]


def test_one_point_alone_and_a_name_of_any_length_can_be_drawn() -> None:
    long = point("x" * 500, 0.5, 0.8)
    assert "x" * 400 not in "".join(text for _, text in Page(front_svg([long], ("", ""), "", "")).all("text"))
