"""`bench list`: what there is, read from declarations without importing a single plugin."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bench.cli import options
from bench.datasets.catalogue import CATALOGUE
from bench.datasets.providers import provided
from bench.registry.declarations import KINDS, Kind, PluginInfo
from bench.registry.finding import FOLDERS, missing_needs, plugins

console = Console()
if not console.is_terminal:
    console = Console(width=200)  # a file or a pipe: nothing cuts the lines


@click.command()
@click.argument("what", type=click.Choice([*FOLDERS.values(), "datasets"]), required=False)
@options.plugin
def command(what: str | None) -> None:
    """List generators, attacks, metrics and datasets."""
    for kind in KINDS:
        if what in (None, FOLDERS[kind]):
            _show(kind)
    if what in (None, "datasets"):
        _show_datasets()


def _show(kind: Kind) -> None:
    rows = {info.name: Text.assemble(info.summary, *_details(info)) for info in plugins(kind).values()}
    _print(FOLDERS[kind], rows)


def _details(info: PluginInfo) -> Iterator[tuple[str, str]]:
    """Yield a dim line each for what the tables need to know, for the hyper-parameters, and for what is missing."""
    notes = {
        "generator": ["control: brackets the tables, takes no part in the ranking" if info.is_control else ""],
        "attack": [
            f"sees: {info.option('access', 'black-box')}",
            "official arithmetic" if info.option("official") else "",
            "only when named" if info.option("opt_in", False) else "",
        ],
        "metric": [f"measures: {', '.join(m.name for m in info.measures)}"],
    }[info.kind]
    if info.modalities != ("expression",):
        notes.append(f"serves {', '.join(info.modalities)}")
    if info.released == "model":
        notes.append("releases a model" if info.kind == "generator" else "of a released model")
    if info.origin != "built-in":
        notes.append(f"from {info.origin}")
    params = ", ".join(f"{name}={value!r}" for name, value in info.params.items())
    for line in ("; ".join(filter(None, notes)), f"[{params}]" if params else ""):
        if line:
            yield f"\n{line}", "dim"
    if missing := missing_needs(info):
        yield f"\n{missing}", "red"


def _show_datasets() -> None:
    ours = {name: Text(entry.title) for name, entry in CATALOGUE.items()}
    _print("datasets", ours | {name: Text(f"from {provider.where}") for name, provider in provided().items()})
    console.print("`bench data list` shows which are on this machine.")


def _print(title: str, rows: Mapping[str, Text]) -> None:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, show_header=False)
    table.add_column("name", no_wrap=True)
    table.add_column("what it is", overflow="fold")
    for name, text in rows.items():
        table.add_row(name, text)
    console.print(table, "")
