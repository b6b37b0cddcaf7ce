"""What the documents show works: plugins pass their checks, commands parse, links lead somewhere, numbers are ours."""

from __future__ import annotations

import importlib.util
import re
import shlex
from pathlib import Path

import click
import pytest

import bench.cli
from bench.conformance.plugins import check_plugin
from bench.registry.finding import add_plugin_file, plugins
from bench.report.board import board_of
from bench.report.summary import findings
from bench.store.rows import read_rows
from bench.studies.audit_records import read_audits

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL)


COMMANDS = sorted(
    {
        (page.name, part.strip())
        for page in PAGES
        for block in blocks(page, "bash")
        for line in block.splitlines()
        for part in re.split(r"&&|\|(?!\|)|>", line.split(" #")[0])
        if part.strip().startswith("bench ")
    }
)


@pytest.mark.parametrize(("page", "line"), COMMANDS)
def test_a_command_in_the_documents_is_a_command(page: str, line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_DEVICE", "auto")  # reading --device sets it for what the command starts
    words = [word for word in shlex.split(line)[1:] if "--plugin" not in word and not word.endswith((".py", ".toml"))]
    group: click.Command = bench.cli._bench
    context = click.Context(group, info_name="bench")
    while isinstance(group, click.Group) and words:
        found = group.get_command(context, words[0] if words[0].startswith("-") else words.pop(0))
        assert found is not None, line
        group = found
    with click.Context(group) as inner:
        group.parse_args(inner, words)


PLUGINS = [
    (page.name, re.search(r'@generator\("(\w+)"', block)[1], block)  # type: ignore[index]
    for page in PAGES
    for block in blocks(page, "python")
    if '@generator("' in block
]


@pytest.mark.parametrize(("page", "name", "text"), PLUGINS, ids=[f"{p}-{n}" for p, n, _ in PLUGINS])
def test_a_plugin_in_the_documents_keeps_the_contract(tmp_path: Path, page: str, name: str, text: str) -> None:
    path = tmp_path / f"{name}.py"
    path.write_text(text)
    assert [finding for finding in check_plugin(add_plugin_file(path)) if finding.problem] == []


def test_the_readme_and_the_guide_show_a_plugin() -> None:
    assert {page for page, _, _ in PLUGINS} >= {"README.md", "add-a-generator.md"}


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_links_between_documents_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    ours = [link for link in links if "://" not in link and not link.startswith("reference/")]  # built: test_site.py
    missing = [link for link in ours if not (page.parent / link).exists()]
    assert missing == []


def test_every_generator_is_described() -> None:
    pages = [(ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("generators.md", "classifiers.md")]
    lines = {line.split("`")[1] for page in pages for line in page.splitlines() if line.startswith("| `")}
    assert [
        n
        for n, info in plugins("generator").items()
        if info.origin == "built-in" and not info.is_control and n not in lines
    ] == []


def test_the_table_of_the_readme_is_what_the_rows_give() -> None:
    spec = importlib.util.spec_from_file_location("readme_table", ROOT / "docs/readme_table.py")
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    rows, about = read_rows(script.ROWS)
    expected = script.readme_table(rows, about)
    assert expected.count("\n") >= 6
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert expected in readme, "python docs/readme_table.py --write"
    assert script.with_table(readme, expected) == readme


def test_the_table_of_tracing_attacks_is_what_the_rows_give() -> None:
    rows, _ = read_rows(ROOT / "results/rows/brca.csv")
    page = (ROOT / "docs/attacks.md").read_text(encoding="utf-8")
    first, *rest = page.split("| release | ")[1].split("\n\n")[0].splitlines()
    attacks = re.findall(r"`(\w+)`", first)
    assert len(attacks) == 3
    assert len(rest) > 8
    for line in rest[1:]:
        name, *cells = [cell.strip() for cell in line.strip("|").split("|")]
        generator, _, params = name.strip("`").rstrip("]").partition("[")
        of = rows[(rows["generator"] == generator) & (rows["params"] == params) & (rows["measure"] == "auc")]
        values = of[of["attack"].isin(attacks)].groupby("attack")["value"].agg(["mean", "std"]).loc[attacks]
        assert cells == [f"{mean:.3f} ± {sd:.3f}" for mean, sd in values.to_numpy()], name


PUBLISHED = sorted((ROOT / "results/rows").glob("*.csv"))


@pytest.mark.full  # seconds a page
@pytest.mark.parametrize("path", PUBLISHED, ids=[path.stem for path in PUBLISHED])
def test_no_attack_finds_anybody_in_the_controls_that_know_nobody_on_a_published_page(path: Path) -> None:
    rows, about = read_rows(path)
    board = board_of(rows, about)
    found = findings(board, None, about["data"]["samples"])
    nobody = [found[label] for label in ("real_holdout", "noise") if label in board.controls]
    assert nobody or path.stem == "brca-models"
    assert all(f.low <= 0.5 <= f.high and f.leak == "chance" for f in nobody)


def test_every_claim_of_the_page_is_audited_and_most_at_three_epsilons() -> None:
    audited = read_audits(ROOT / "results/audits/brca.csv")
    rows, _ = read_rows(ROOT / "results/rows/brca.csv")
    claiming = rows[(rows["family"] == "claim") & rows["value"].notna()]
    named = ["generator", "params"]
    assert set(claiming[named].itertuples(index=False)) <= set(audited[named].itertuples(index=False))
    for name in ("private_pgm", "dp_prior", "p_nmf"):
        tested = audited.loc[audited["generator"] == name, "epsilon"]
        assert {round(epsilon) for epsilon in tested} >= {1, 4, 10}, name
