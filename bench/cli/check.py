"""`bench check`: the contract of a plugin, checked and told in words."""

from __future__ import annotations

import sys

import click
from rich.console import Console

from bench.cli import options
from bench.conformance import check_plugin
from bench.errors import PluginError, near_name
from bench.registry import KINDS, PluginInfo, missing_needs, plugins

console = Console()


@click.command()
@click.argument("name")
@options.plugin
def command(name: str) -> None:
    """Check a generator, metric or attack against the contract; exit status 1 if something is wrong."""
    wrong = 0
    for info in _named(name):
        console.print(f"{info.kind} {info.name} ({info.path})", style="bold", highlight=False, soft_wrap=True)
        for finding in check_plugin(info):
            mark = "[red]wrong[/red]" if finding.problem else "[green]ok[/green]   "
            console.print(f"  {mark} {finding.check}", highlight=False, soft_wrap=True)
            if finding.problem:
                console.print(f"        {finding.problem}", markup=False, highlight=False, soft_wrap=True)
                wrong += 1
    console.print("all well" if not wrong else f"{wrong} to mend", style="bold")
    sys.exit(1 if wrong else 0)


def _named(name: str) -> list[PluginInfo]:
    known = {kind: plugins(kind) for kind in KINDS}
    found = [known[kind][name] for kind in KINDS if name in known[kind]]
    if not found:
        everything = [n for names in known.values() for n in names]
        raise PluginError(f"there is no plugin {name!r}.{near_name(name, everything)} `bench list` shows all of them.")
    for info in found:
        if reason := missing_needs(info):
            raise PluginError(reason)
    return found
