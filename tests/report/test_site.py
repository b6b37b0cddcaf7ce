"""The static site: every dataset on one board, pages of generators and attacks, every number as JSON, links that stay."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pandas as pd
import pytest
from html_pages import Page
from report_rows import small_rows, written
from runs import bench

from bench.core.errors import StoreError
from bench.report.leaderboard import rows_files, write_leaderboard
from bench.report.website.entries import problems_of_results
from bench.report.website.site import write_site
from bench.store.rows import read_rows, table, write_rows


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of two datasets, one of them simulated."""
    folder = tmp_path_factory.mktemp("results")
    written(folder)
    written(folder, small_rows(folds=2), simulated=True)
    return folder


@pytest.fixture(scope="module")
def site(results: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    write_site(results, folder)
    return folder


def test_every_link_leads_to_a_page_of_the_site(site: Path) -> None:
    pages = sorted(site.rglob("*.html"))
    assert len(pages) == 1 + 2 * 2 + 6 + 2  # the board, datasets twice, generators, attacks
    for page in pages:
        links = [str(attrs["href"]) for attrs, _ in Page(page.read_text(encoding="utf-8")).all("a")]
        ours = [link for link in links if not link.startswith(("#", "https://"))]
        assert [link for link in ours if not (page.parent / link).is_file()] == [], page
    assert len(links) > 2


def test_the_board_holds_every_release_of_every_dataset_with_its_verdict(site: Path) -> None:
    page = Page((site / "index.html").read_text(encoding="utf-8"))
    named = [str(attrs["data-generator"]) for attrs, _ in page.all("tr") if "data-generator" in attrs]
    assert len(named) == len(set(named)) == 12
    assert "expression brca: private_pgm" in named
    assert "expression simulated brca-simulated: smote" in named
    (line,) = [text for attrs, text in page.all("tr") if attrs.get("data-generator") == "expression brca: private_pgm"]
    assert "✓ nothing found; useful" in line
    numbers = json.loads(next(text for attrs, text in page.all("script") if attrs.get("id") == "facts"))
    assert set(numbers) == set(named)
    assert numbers["expression brca: private_pgm"]["epsilon"] == 4.0


def test_the_json_holds_every_number(site: Path, results: Path) -> None:
    rows, about = read_rows(results / "rows/brca.csv")
    found = json.loads((site / "data/brca.json").read_text(encoding="utf-8"))
    assert found["about"] == about
    assert len(found["rows"]) == len(rows)
    value = found["columns"].index("value")
    assert [row[value] for row in found["rows"][:50]] == rows["value"].tolist()[:50]
    index = json.loads((site / "data/index.json").read_text(encoding="utf-8"))
    assert [(one["dataset"], one["modality"], one["simulated"]) for one in index] == [
        ("brca", "expression", False),
        ("brca-simulated", "expression", True),
    ]
    assert all((site / one[kind]).is_file() for one in index for kind in ("page", "data", "permanent"))


def test_a_permanent_link_shows_the_old_rows_when_others_have_come(tmp_path: Path) -> None:
    path = written(tmp_path / "results")
    write_site(tmp_path / "results", tmp_path / "site")
    (old,) = (tmp_path / "site/at").glob("*/brca.html")
    before = old.read_bytes()
    rows, about = read_rows(path)
    write_rows(path, table(rows[rows["generator"] != "smote"].to_dict("records")), about)
    write_site(tmp_path / "results", tmp_path / "site")
    assert old.read_bytes() == before
    assert len(list((tmp_path / "site/at").glob("*/brca.html"))) == 2
    assert "smote" not in (tmp_path / "site/datasets/brca.html").read_text(encoding="utf-8")


def test_simulated_data_are_called_so_on_every_page_that_shows_them(site: Path) -> None:
    board = (site / "index.html").read_text(encoding="utf-8")
    assert board.count("brca-simulated (SIMULATED)") == 6
    assert "SIMULATED" in (site / "datasets/brca-simulated.html").read_text(encoding="utf-8")
    assert "brca-simulated (SIMULATED)" in (site / "generators/smote.html").read_text(encoding="utf-8")


def test_cards_say_what_a_plugin_is_and_what_became_of_it(site: Path) -> None:
    card = Page((site / "generators/private_pgm.html").read_text(encoding="utf-8"))
    text = card.all("main")[0][1]
    assert "epsilon=10.0" in text
    assert "private_pgm on brca: Gaussian noise; protects one sample" in text
    attack = Page((site / "attacks/gan_leaks.html").read_text(encoding="utf-8")).all("main")[0][1]
    assert "black-box, distance" in attack
    assert re.search(r"multivariate brca 0\.500 ± 0\.000", attack)


def test_the_board_says_of_each_line_what_choices_and_limits_are_held_against(site: Path) -> None:
    page = Page((site / "index.html").read_text(encoding="utf-8"))
    facts = json.loads(next(text for attrs, text in page.all("script") if attrs.get("id") == "facts"))
    one = facts["expression brca: private_pgm"]
    assert (one["modality"], one["dataset"], one["family"]) == ("expression", "brca", "graphical model")
    assert facts["expression brca: noise (control)"]["family"] == "control"
    assert {name for name, known in facts.items() if known["variant"]} == set()
    offered = {str(attrs["data-choice"]): text for attrs, text in page.all("select")}
    assert "graphical model" in offered["family"]
    assert "brca-simulated" in offered["dataset"]
    assert "modality" not in offered  # all is expression


def test_variants_are_folded_into_the_line_of_their_generator(tmp_path: Path) -> None:
    path = written(tmp_path)
    rows, about = read_rows(path)
    more = rows[rows["generator"] == "private_pgm"].assign(params="epsilon=1.0")
    write_rows(path, pd.concat([rows, more], ignore_index=True), about)
    write_site(tmp_path, tmp_path / "site")
    page = Page((tmp_path / "site/index.html").read_text(encoding="utf-8"))
    facts = json.loads(next(text for attrs, text in page.all("script") if attrs.get("id") == "facts"))
    folded = {name for name, known in facts.items() if known["variant"]}
    assert folded == {"expression brca: private_pgm[epsilon=1.0]"}
    lines = {str(attrs["data-generator"]): text for attrs, text in page.all("tr") if "data-generator" in attrs}
    assert lines["expression brca: private_pgm"].startswith("private_pgm + 1 variant, AUC")
    assert "variant" not in lines["expression brca: private_pgm[epsilon=1.0]"]


def test_a_generators_page_shows_it_among_the_others(site: Path) -> None:
    text = (site / "generators/private_pgm.html").read_text(encoding="utf-8")
    pictures = re.findall(r"<svg.*?</svg>", text, re.DOTALL)
    assert len(pictures) == 2  # a dataset each
    assert all(picture.count('class="point"') == 1 for picture in pictures)
    assert all(picture.count('class="point aside"') >= 3 for picture in pictures)
    assert all(picture.count('class="label"') == 1 for picture in pictures)


def test_an_attacks_page_starts_with_what_it_found_most_surely_and_leads_on(site: Path) -> None:
    found = []
    for path in sorted((site / "attacks").iterdir()):
        page = Page(path.read_text(encoding="utf-8"))
        aucs = [float(text) for line, text in re.findall(r"(\w+ \S+) (\d\.\d+) ±", page.all("tbody")[0][1])]
        assert aucs == sorted(aucs, reverse=True)
        found += aucs
    assert len(set(found)) > 1
    links = {str(attrs["href"]) for attrs, _ in page.all("a")}
    assert {"../generators/smote.html", "../datasets/brca.html"} <= links


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("no_such --out out", "there are no rows in no_such/rows. `bench run` writes them"),
        (". --out mine.txt", "mine.txt: File exists. Name another folder with --out"),
        (". --check --out out", "--check writes nothing, and --out says where to write: leave one of them out."),
        ("damaged --out out", "damaged/rows/brca.csv has the columns ['dataset', 'fold']; expected ['dataset',"),
        ("marked --out out", "marked/verified/brca.json holds no marks as `bench verify --record` writes them; delete"),
    ],
)
def test_a_site_that_cannot_be_written_is_one_clear_sentence(tmp_path: Path, words: str, message: str) -> None:
    (tmp_path / "mine.txt").write_text("")
    for name in (".", "damaged", "marked"):
        written(tmp_path / name)
    (tmp_path / "damaged/rows/brca.csv").write_text("dataset,fold\nbrca\n")
    (tmp_path / "marked/verified").mkdir()
    (tmp_path / "marked/verified/brca.json").write_text("[]")
    done = bench(tmp_path, "site", *words.split())
    assert done.returncode == 2, done.stdout
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_the_command_writes_it_and_results_without_rows_are_an_error(results: Path, tmp_path: Path) -> None:
    done = bench(tmp_path, "site", str(results), "--out", "out")
    assert done.returncode == 0, done.stderr
    assert "index.html: 13 pages" in done.stdout
    with pytest.raises(StoreError, match="`bench run` writes them"):
        write_site(tmp_path, tmp_path / "other")


# -- what a rerun reproduced, what changed, and what somebody adds -----------------------------------------------------


def test_a_release_is_marked_with_the_folds_of_which_a_rerun_gave_every_row_again(tmp_path: Path) -> None:
    written(tmp_path)
    rows, about = read_rows(tmp_path / "rows/brca.csv")
    again = rows[~rows["generator"].isin(["noise", "smote"])].copy()
    again.loc[again["measure"] == "wall_s", "value"] = 99.0  # another machine
    again.loc[(again["generator"] == "multivariate") & (again["measure"] == "mmd") & (again["fold"] == 2), "value"] += (
        0.1
    )
    partly = again[(again["generator"] != "private_pgm") | (again["fold"] < 3)]
    (tmp_path / "rerun/rows").mkdir(parents=True)
    write_rows(tmp_path / "rerun/rows/brca.csv", partly, about)
    done = bench(tmp_path, "verify", "rows/brca.csv", "rerun", "--record")
    assert done.returncode == 1, done.stderr  # some rows are missing, others differ
    marked = json.loads((tmp_path / "verified/brca.json").read_text())
    assert sorted(marked) == ["copy_train", "private_pgm", "real_holdout"]  # multivariate came out otherwise
    assert "  private_pgm: " in done.stdout
    assert "rows, 2 of 3 folds" in done.stdout
    write_site(tmp_path, tmp_path / "site")
    page = Page((tmp_path / "site/index.html").read_text(encoding="utf-8"))
    lines = {str(attrs["data-generator"]): text for attrs, text in page.all("tr") if "data-generator" in attrs}
    assert [name for name, text in lines.items() if marked["copy_train"]["on"] in text] == [
        "expression brca: private_pgm", "expression brca: copy_train (control)", "expression brca: real_holdout (control)",
    ]  # fmt: skip
    today = marked["copy_train"]["on"]
    assert lines["expression brca: private_pgm"].endswith(f"✓ verified {today}, 2 of 3 folds")
    assert lines["expression brca: copy_train (control)"].endswith(f"✓ verified {today}")
    assert sorted(json.loads((tmp_path / "site/data/brca.json").read_text())["verified"]) == sorted(marked)
    changed = rows.copy()
    changed.loc[(changed["generator"] == "copy_train") & (changed["measure"] == "mmd"), "value"] += 1.0
    write_rows(tmp_path / "rows/brca.csv", changed, about)
    write_site(tmp_path, tmp_path / "site")
    page = Page((tmp_path / "site/index.html").read_text(encoding="utf-8"))
    assert sum(marked["copy_train"]["on"] in text for attrs, text in page.all("tr") if "data-generator" in attrs) == 2
    (line,) = [line for line in problems_of_results(tmp_path) if "verified" in line]
    assert "copy_train is marked as verified" in line


def test_a_mark_gains_folds_and_is_not_lost_to_a_rerun_of_fewer(tmp_path: Path) -> None:
    rows, about = read_rows(written(tmp_path))
    for folds in ((1, 2), (3,), (2,)):
        again = rows[rows["generator"].eq("private_pgm") & rows["fold"].isin(folds)]
        (tmp_path / "rerun/rows").mkdir(parents=True, exist_ok=True)
        write_rows(tmp_path / "rerun/rows/brca.csv", again, about)
        bench(tmp_path, "verify", "rows/brca.csv", "rerun", "--record")
        (mark,) = json.loads((tmp_path / "verified/brca.json").read_text()).values()
        assert len(mark["folds"]) == (2 if folds == (1, 2) else 3)


def test_what_is_marked_needs_another_run(tmp_path: Path) -> None:
    written(tmp_path)
    done = bench(tmp_path, "verify", "rows/brca.csv", "--record")
    assert done.returncode == 2
    assert "--record marks rows that another run gave again" in done.stderr
    assert not (tmp_path / "verified").exists()


def test_the_feed_has_an_entry_for_every_state_and_says_what_came_and_went(tmp_path: Path) -> None:
    folder, site = tmp_path / "results", tmp_path / "site"
    written(folder)
    write_site(folder, site)
    write_site(folder, site)  # the same rows are no change
    rows, about = read_rows(folder / "rows/brca.csv")
    fewer = rows[rows["generator"] != "smote"]
    write_rows(folder / "rows/brca.csv", fewer, {**about, "created": "2026-11-22T01:00:00+00:00"})
    write_site(folder, site)
    root = ElementTree.fromstring((site / "feed.xml").read_text(encoding="utf-8"))
    names = {"a": "http://www.w3.org/2005/Atom"}
    titles = [entry.findtext("a:title", namespaces=names) for entry in root.findall("a:entry", names)]
    assert titles == ["brca: gone: smote", "brca: 3 releases"]
    links = [link.attrib["href"] for link in root.iterfind("a:entry/a:link", names)]
    assert len(set(links)) == 2
    assert all((site / link).is_file() for link in links)  # permanent links, the earlier one too
    assert root.findtext("a:updated", namespaces=names) == "2026-11-22T01:00:00+00:00"
    assert 'href="feed.xml"' in (site / "index.html").read_text(encoding="utf-8")


def test_what_somebody_adds_is_checked_by_one_command(tmp_path: Path) -> None:
    rows, about = read_rows(written(tmp_path))
    rows["value"] = rows["value"].where(rows["measure"] == "wall_s", rows["value"].clip(0, 1))  # made up beyond bounds
    write_rows(tmp_path / "rows/brca.csv", rows, about)
    for path in rows_files(tmp_path):
        write_leaderboard(path)
    done = bench(tmp_path, "site", ".", "--check")
    assert (done.returncode, done.stdout) == (0, ".: rows, what is said of them, and pages are right\n"), done.stdout
    wrong = rows.copy()
    wrong.loc[(wrong["measure"] == "accuracy_synthetic") & (wrong["generator"] == "smote"), "value"] = 1.4
    wrong.loc[wrong.index[0], ["status", "reason"]] = ["failed", ""]
    write_rows(tmp_path / "rows/brca.csv", pd.concat([wrong, wrong.tail(1)]), {**about, "command": "x"})
    done = bench(tmp_path, "site", ".", "--check")
    assert done.returncode == 1
    for words in ("comes twice", "is missing without a reason", "accuracy_synthetic is 1.4; expected 0 to 1"):
        assert words in done.stdout
    del about["command"]
    write_rows(tmp_path / "rows/brca.csv", rows, about)
    assert "does not say command" in bench(tmp_path, "site", ".", "--check").stdout
