"""`bench list`: what there is, read from declarations without importing a single plugin."""

from __future__ import annotations

import click
from rich.console import Console
from rich.table import Table

from bench.cli import options
from bench.datasets.catalogue import CATALOGUE
from bench.registry import FOLDERS, KINDS, Kind, PluginInfo, missing_needs, plugins

console = Console()


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
    table = Table(title=FOLDERS[kind], title_justify="left", title_style="bold", box=None, pad_edge=False)
    for head in ("name", "what it is", "parameters", _NOTE[kind]):
        table.add_column(head, overflow="fold")
    for info in plugins(kind).values():
        params = ", ".join(f"{name}={value}" for name, value in info.params.items())
        table.add_row(info.name, info.summary, params, _note(info))
    console.print(table, "")


_NOTE: dict[Kind, str] = {"generator": "note", "attack": "sees", "metric": "measures"}


def _note(info: PluginInfo) -> str:
    if missing := missing_needs(info):
        return missing
    notes = {
        "generator": ["control" if info.is_control else ""],
        "attack": [info.option("access", "black-box"), "official arithmetic" if info.option("official") else ""],
        "metric": [", ".join(m.name for m in info.measures)],
    }[info.kind]
    return "; ".join([*filter(None, notes), *([] if info.origin == "built-in" else [f"from {info.origin}"])])


def _show_datasets() -> None:
    table = Table(title="datasets", title_justify="left", title_style="bold", box=None, pad_edge=False)
    for head in ("name", "what it is"):
        table.add_column(head, overflow="fold")
    for name, entry in CATALOGUE.items():
        table.add_row(name, entry.title)
    console.print(table, "`bench data list` shows which are on this machine.")
