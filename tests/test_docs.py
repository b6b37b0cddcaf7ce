"""What the documents show works: plugins pass their checks, commands parse, links lead somewhere, numbers are ours."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pandas as pd
import pytest

import bench.cli
from bench.conformance import check_plugin
from bench.registry import add_plugin_file

ROOT = Path(__file__).parent.parent
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
def test_a_command_in_the_documents_is_a_command(page: str, line: str) -> None:
    words = [word for word in shlex.split(line)[1:] if "--plugin" not in word and not word.endswith(".py")]
    group: click.Command = bench.cli._bench
    context = click.Context(group, info_name="bench")
    while isinstance(group, click.Group) and words:
        found = group.get_command(context, words.pop(0))
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
    missing = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert missing == []


def test_the_table_of_the_readme_holds_the_numbers_of_the_rows() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    table = [line.strip("| ").split("|") for line in text.splitlines() if line.startswith("|")]
    head, lines = [cell.strip(" `*") for cell in table[0]], table[2:]
    rows = pd.read_csv(ROOT / "results/rows/brca.csv", keep_default_na=False, na_values={"value": [""]})
    shown = 0
    for line in lines:
        generator, *cells = (cell.strip(" `*") for cell in line)
        ours = rows[(rows["generator"] == generator) & (rows["params"] == "")]
        for measure, cell in zip(head[1:], cells, strict=True):
            name, _, attack = measure.partition(" of ")
            found = ours[(ours["measure"] == name) & (ours["attack"] == attack)]["value"]
            assert len(found) == 5, (generator, measure)
            assert f"{found.mean():.3f}" == cell, (generator, measure)
            shown += 1
    assert shown >= 20
