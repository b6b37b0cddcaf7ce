"""`bench new` and `bench check`: a working plugin to start from, and its contract, checked and told in words."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import click
from rich.console import Console

from bench.cli import options
from bench.conformance.datasets import check_dataset
from bench.conformance.plugins import Finding, check_plugin
from bench.conformance.scaffold import NEW_KINDS, NewKind, Scaffold, write_scaffold
from bench.core.errors import PluginError, near_name
from bench.datasets import dataset_names
from bench.registry.declarations import KINDS
from bench.registry.finding import missing_needs, plugins

console = Console()
_GENERATOR = "--generators {name},multivariate --dataset brca --folds 1 --attacks gan_leaks,mahalanobis_ratio"
_RUNS = {
    "generator": _GENERATOR,
    "command": _GENERATOR,
    "attack": "--attacks {name},gan_leaks --generators smote,multivariate --dataset brca --folds 1",
    "metric": "--metrics {name} --attacks none --generators multivariate,noise --dataset brca --folds 1",
    "dataset": "--dataset {name} --generators multivariate,smote",
}


@click.command()
@click.argument("kind", type=click.Choice(NEW_KINDS))
@click.argument("name")
@click.option(
    "--to",
    "folder",
    type=click.Path(path_type=Path),
    default=Path(),
    show_default="this folder",
    help="Where to write; in the root of a checkout of this project, generators/ and so on.",
)
@click.option("--test/--no-test", default=True, show_default=True, help="Write its tests too.")
def new(kind: NewKind, name: str, folder: Path, test: bool) -> None:
    """Write a new generator, attack, metric or dataset: one working file, with the contract explained in place.

    A "command" is a generator in any language or environment: a TOML file that names two commands, and two scripts.

    \b
    bench new generator my_method
    bench new attack my_attack --to plugins
    """  # noqa: D301 - click reads the backspace
    made = write_scaffold(kind, name, folder, tests=test)
    click.echo(f"wrote {', '.join(map(str, made.files))}")
    click.echo("Next:")
    for line in _next(made):
        click.echo(f"  {line}")


def _next(made: Scaffold) -> list[str]:
    where = "" if made.built_in else f" --plugin {made.plugin}"
    lines = [f"bench check {made.name}{where}", f"bench run{where} {_RUNS[made.kind].format(name=made.name)}"]
    if made.tests:
        lines.append(f"pytest {made.tests}")
    if made.built_in and made.kind == "generator":
        lines.append("and one row for it in docs/generators.md, which a test asks for")
    return lines


# -- check -----------------------------------------------------------------------------------------------------------


@click.command()
@click.argument("name")
@options.plugin
def check(name: str) -> None:
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
