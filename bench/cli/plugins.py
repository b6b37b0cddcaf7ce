"""`bench list`, `bench new` and `bench check`: what plugins there are, one to start from, and its contract in words."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bench.cli import options
from bench.cli.show import declared
from bench.conformance.scaffold import NEW_KINDS, NewKind, Scaffold, write_scaffold
from bench.core.errors import PluginError, near_name
from bench.datasets import dataset_names
from bench.datasets.known.catalogue import CATALOGUE
from bench.datasets.known.image_sets import IMAGE_SETS
from bench.datasets.known.providers import provided
from bench.registry.declarations import KINDS, Kind, PluginInfo
from bench.registry.finding import FOLDERS, missing_needs, plugins

if TYPE_CHECKING:
    from bench.conformance.plugins import Finding

console = Console()
wide = options.wide_console()
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
@click.argument("name", shell_complete=options.complete_plugin)
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@options.plugin
def check(name: str, as_json: bool) -> None:
    """Check a generator, metric, attack or dataset against the contract; exit status 1 if something is wrong."""
    if as_json:
        found = [vars(f) | {"of": head} for head, findings in _named(name) for f in findings]
        click.echo(json.dumps(found, indent=1, default=str))
        sys.exit(1 if any(f["problem"] for f in found) else 0)
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
    from bench.conformance.datasets import check_dataset  # scipy takes half a second
    from bench.conformance.plugins import check_plugin

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


# -- list ------------------------------------------------------------------------------------------------------------


@click.command()
@click.argument("what", type=click.Choice([*FOLDERS.values(), "datasets"]), required=False)
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@options.plugin
def list_plugins(what: str | None, as_json: bool) -> None:
    """List generators, attacks, metrics and datasets."""
    if as_json:
        kinds = [kind for kind in KINDS if what in (None, FOLDERS[kind])]
        found: dict[str, object] = {FOLDERS[k]: [declared(info) for info in plugins(k).values()] for k in kinds}
        if what in (None, "datasets"):
            found["datasets"] = dataset_names()
        click.echo(json.dumps(found, indent=1, default=list))
        return
    for kind in KINDS:
        if what in (None, FOLDERS[kind]):
            _print_kind(kind)
    if what in (None, "datasets"):
        _show_datasets()


def _print_kind(kind: Kind) -> None:
    rows = {info.name: Text.assemble(info.summary, *_details(info)) for info in plugins(kind).values()}
    _print(FOLDERS[kind], rows)


def _details(info: PluginInfo) -> Iterator[tuple[str, str]]:
    """Yield a dim line each for what the tables need to know, for the hyper-parameters, and for what is missing."""
    notes = {
        "generator": [
            "control: brackets the tables, takes no part in the ranking" if info.is_control else "",
            "only when named" if info.option("opt_in", False) else "",
        ],
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
    ours |= {name: Text(known.title) for name, known in IMAGE_SETS.items()}
    _print("datasets", ours | {name: Text(f"from {provider.where}") for name, provider in provided().items()})
    wide.print("`bench data list` shows which are on this machine.")


def _print(title: str, rows: Mapping[str, Text]) -> None:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, show_header=False)
    table.add_column("name", no_wrap=True)
    table.add_column("what it is", overflow="fold")
    for name, text in rows.items():
        table.add_row(name, text)
    wide.print(table, "")
