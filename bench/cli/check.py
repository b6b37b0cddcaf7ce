"""`bench check`: the contract of a plugin, checked and told in words."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator

import click
from rich.console import Console

from bench.cli import options
from bench.conformance.datasets import check_dataset
from bench.conformance.plugins import Finding, check_plugin
from bench.core.errors import PluginError, near_name
from bench.datasets import dataset_names
from bench.registry.declarations import KINDS
from bench.registry.finding import missing_needs, plugins

console = Console()


@click.command()
@click.argument("name")
@options.plugin
def command(name: str) -> None:
    """Check a generator, metric, attack or dataset against the contract; exit status 1 if something is wrong."""
    told: set[str] = set()
    for head, findings in _named(name):
        console.print(head, style="bold", markup=False, highlight=False, soft_wrap=True)
        for finding in findings:
            _show(finding, told)
    console.print("all well" if not told else f"{len(told)} to mend", style="bold")
    sys.exit(1 if told else 0)


def _show(finding: Finding, told: set[str]) -> None:
    """Print one finding; what was told before is not told again."""
    mark = "[red]wrong[/red]" if finding.problem else "[green]ok[/green]   "
    console.print(f"  {mark} {finding.check}", highlight=False, soft_wrap=True)
    gist = re.sub(r"\d+", "", finding.problem)
    problem = "the same as above" if gist in told else finding.problem
    for text in filter(None, (problem, finding.note)):
        console.print(f"        {text}", markup=False, highlight=False, soft_wrap=True)
    told |= {gist} if gist else set()


def _named(name: str) -> list[tuple[str, Iterator[Finding]]]:
    """Return what is to be checked under a name: a heading and the findings, which are made as they are read."""
    known = {kind: plugins(kind) for kind in KINDS}
    found = [known[kind][name] for kind in KINDS if name in known[kind]]
    for info in found:
        if reason := missing_needs(info):
            raise PluginError(reason)
    if found:
        return [(f"{info.kind} {info.name} ({info.path})", check_plugin(info)) for info in found]
    if name in dataset_names():
        return [(f"dataset {name}", check_dataset(name))]
    everything = [n for names in known.values() for n in names] + dataset_names()
    raise PluginError(
        f"there is no plugin {name!r}.{near_name(name, everything)} A file of your own needs --plugin FILE; "
        "`bench list` shows all that are known."
    )
