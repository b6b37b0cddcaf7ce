"""`bench new`: a working plugin to start from, its tests, and what to type next."""

from __future__ import annotations

from pathlib import Path

import click

from bench.conformance.scaffold import NEW_KINDS, NewKind, Scaffold, write_scaffold

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
def command(kind: NewKind, name: str, folder: Path, test: bool) -> None:
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
