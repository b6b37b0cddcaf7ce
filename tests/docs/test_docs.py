"""What the documents show works: plugins pass their checks, commands parse, links lead somewhere, numbers are ours."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pandas as pd
import pytest

import bench.cli
from bench.conformance.plugins import check_plugin
from bench.registry.finding import add_plugin_file, plugins
from bench.report.board import make_board
from bench.report.privacy import strongest
from bench.store.rows import read_rows

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
def test_a_command_in_the_documents_is_a_command(page: str, line: str) -> None:
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
    page = (ROOT / "docs/generators.md").read_text(encoding="utf-8")
    lines = {line.split("`")[1] for line in page.splitlines() if line.startswith("| `")}
    assert [
        n
        for n, info in plugins("generator").items()
        if info.origin == "built-in" and not info.is_control and n not in lines
    ] == []


def test_the_table_of_the_readme_is_what_the_rows_give() -> None:
    rows, _ = read_rows(ROOT / "results/rows/brca.csv")
    expected = readme_table(rows[rows["params"] == ""])
    assert expected.count("\n") >= 6
    assert expected in (ROOT / "README.md").read_text(encoding="utf-8"), f"expected in README.md:\n\n{expected}"


def readme_table(rows: pd.DataFrame) -> str:
    """Return the README's table: means over folds; the strongest attack less the luck of being the best."""
    board = make_board(rows, simulated=False)
    readings = {m: strongest(board, m, 1089) for m in ("auc", "tpr_at_fpr_01")}
    lines = [
        "| generator | accuracy | AUPR | MMD | GAN-leaks, as published: AUC | strongest attack: AUC | TPR at FPR 1 % |"
    ]
    lines.append("|---|---|---|---|---|---|---|")
    for label in [*board.ranked, *sorted(board.controls)]:
        means = [board.summary(label, m).mean for m in ("accuracy_synthetic", "aupr_synthetic", "mmd")]
        means.append(board.summary(label, "auc", "gan_leaks_official").mean)
        name = f"`{readings['auc'].of(label, 'attack')}` " if label in board.ranked else ""
        cells = [f"{mean:.3f}" for mean in means]
        cells += [
            f"{name}{readings['auc'].of(label, 'value'):.3f}",
            f"{readings['tpr_at_fpr_01'].of(label, 'value'):.3f}",
        ]
        lines.append("| " + " | ".join([f"`{label}`" if name else f"*{label}*", *cells]) + " |")
    return "\n".join(lines)
