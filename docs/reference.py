"""Writes the reference pages from the code: every plugin with its parameters, every measure, every command."""

from __future__ import annotations

import ast
import re
import shutil
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from sphinx.ext.napoleon import Config, NumpyDocstring

import bench
import bench.cli
from bench.registry.declarations import Kind, PluginInfo
from bench.registry.finding import plugins

ROOT = Path(__file__).parent.parent
_MARK = "% Written from the code when the site is built. Do not edit.\n"


def write(folder: Path) -> None:
    """Write all reference pages into a folder of their own, afresh."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    pages = {
        "generators": _plugin_page("generator", "Generators: reference"),
        "attacks": _plugin_page("attack", "Attacks: reference"),
        "metrics": _plugin_page("metric", "Metrics: reference"),
        "commands": _commands(),
        "python": _python(),
        "changelog": iter([(ROOT / "CHANGELOG.md").read_text(encoding="utf-8")]),
    }
    for name, lines in pages.items():
        (folder / f"{name}.md").write_text(_MARK + "\n".join(lines) + "\n", encoding="utf-8")


# -- plugins ---------------------------------------------------------------------------------------------------------


def _plugin_page(kind: Kind, title: str) -> Iterator[str]:
    yield f"# {title}\n"
    for info in plugins(kind).values():
        if info.origin == "built-in":
            yield from _plugin(info)


def _plugin(info: PluginInfo) -> Iterator[str]:
    node = _class(info)
    yield f"## `{info.name}`\n"
    yield _rst(ast.get_docstring(node) or "")
    if doi := info.option("doi"):
        yield f"Source: [doi:{doi}](https://doi.org/{doi})\n"
    said = {"access": "sees", "family": "family", "needs": "needs the packages"}
    for option, words in said.items():
        if value := info.option(option):
            yield f"- {words}: {', '.join(value) if isinstance(value, tuple) else value}"
    if info.option("opt_in"):
        yield "- opt-in: runs only when it is named"
    yield ""
    if info.params:
        yield from _table(("parameter", "default", "what it is"), _parameters(info, node))
    if info.measures:
        yield from _table(("measure", "better", "bounds"), _measures(info))


def _class(info: PluginInfo) -> ast.ClassDef:
    tree = ast.parse(info.path.read_text(encoding="utf-8"))
    return next(n for n in tree.body if isinstance(n, ast.ClassDef) and n.decorator_list)


def _parameters(info: PluginInfo, node: ast.ClassDef) -> Iterator[tuple[str, ...]]:
    """Yield name, default and the comment at the end of the line of each parameter."""
    with tokenize.open(info.path) as file:
        tokens = [t for t in tokenize.generate_tokens(file.readline) if t.type == tokenize.COMMENT]
    comments = {t.start[0]: t.string.lstrip("# ") for t in tokens}
    fields = [n for n in node.body if isinstance(n, ast.AnnAssign)]
    lines = {n.target.id: n.lineno for n in fields if isinstance(n.target, ast.Name)}
    for name, default in info.params.items():
        yield f"`{name}`", f"`{default!r}`", comments.get(lines[name], "")


def _measures(info: PluginInfo) -> Iterator[tuple[str, ...]]:
    for m in info.measures:
        yield f"`{m.name}`", {"none": "-"}.get(m.better, m.better), f"{m.low:g} to {m.high:g}"


def _table(head: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield "|" + "---|" * len(head)
    yield from (f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows)
    yield ""


def _rst(docstring: str) -> str:
    text = str(NumpyDocstring(docstring, Config(napoleon_use_rtype=False), what="class"))
    text = re.sub(r"(``.*?``)|\|", lambda found: found[1] or r"\|", text)  # a bar opens a substitution
    return f"```{{eval-rst}}\n{text}\n```\n"


# -- commands and Python ---------------------------------------------------------------------------------------------


def _commands() -> Iterator[str]:
    yield "# Commands\n"
    yield "What `bench COMMAND --help` prints.\n"
    yield from _command(bench.cli._bench, click.Context(bench.cli._bench, info_name="bench"))


def _command(command: click.Command, context: click.Context) -> Iterator[str]:
    context.terminal_width = context.max_content_width = 100
    yield f"## `{context.command_path}`\n\n```text\n{command.get_help(context)}\n```\n"
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            if inner is not None and not inner.hidden:
                yield from _command(inner, click.Context(inner, info_name=name, parent=context))


def _python() -> Iterator[str]:
    yield "# Names in `bench`\n"
    yield "What plugins and notebooks import: `from bench import ...`.\n"
    for name in bench.__all__:
        if name.startswith("_"):
            continue
        yield f"## `{name}`\n\n```{{eval-rst}}\n{_directive(name, getattr(bench, name))}\n```\n"


def _directive(name: str, value: Any) -> str:
    if isinstance(value, type):
        return f".. autoclass:: bench.{name}\n   :members:\n"
    return f".. autofunction:: bench.{name}\n" if callable(value) else f"{value!r}"
