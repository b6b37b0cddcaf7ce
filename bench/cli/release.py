"""`bench release`: one release of a whole cohort, with certificate, ledger and signature; `verify` checks one."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from bench.cli import options
from bench.core.errors import BenchError
from bench.datasets import load_dataset
from bench.registry.selection import choose
from bench.release.formats import formats_in
from bench.release.ledger import Ledger
from bench.release.signature import problems_of

console = Console(stderr=True)


class _Group(click.Group):
    """A command that has sub-commands: options alone make a release."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            args = ["make", *args]
        return super().parse_args(ctx, args)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        return super().get_command(ctx, "make" if name.startswith("-") else name)


@click.group("release", cls=_Group, no_args_is_help=True)
def command() -> None:
    """Make a release of a whole cohort for publication: `bench release --dataset D --generator G --out FOLDER`.

    `bench release make --help` lists the options; the word `make` may be left out.
    """


@command.command("make")
@click.option("--dataset", required=True, help="The cohort; the generator is trained on all of it.")
@click.option("--generator", required=True, help='One, with its parameters: "private_pgm[epsilon=4]".')
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder of the release; it must not exist.")
@click.option("--results", type=click.Path(path_type=Path), default=Path("results"), show_default=True,
              help="Folder of `bench run`, whose attacks on this configuration go into the certificate.")  # fmt: skip
@click.option("--formats", default="csv", show_default=True, help="Of the data: csv, tsv, parquet, h5ad.")
@click.option("--rows", type=click.IntRange(1), help="How many [default: as many as people].")
@click.option("--hold-out", type=click.FloatRange(0, 0.5), default=0.0, show_default=True,
              help="Share of people kept out of the training, to attack this very release.")  # fmt: skip
@click.option("--attacks", default="all", show_default=True, help="On this very release, where somebody is held out.")
@click.option("--budget", type=click.FloatRange(min=0, min_open=True),
              help="Epsilon that all releases of this cohort may spend together [default: no limit].")  # fmt: skip
@click.option("--unbenchmarked", is_flag=True, help="Release what nobody attacked on this cohort; every file says so.")
@click.option("--seed", type=int, help="A known seed; only with --not-for-publication.")
@click.option("--not-for-publication", is_flag=True, help="For tests and teaching; every file says so.")
@click.option("--ledger", type=click.Path(path_type=Path), help="File of the ledger [default: in the data home].")
@click.option("--key", type=click.Path(path_type=Path), help="Private key (PEM); made on first use.")
@click.option("--exposure", type=click.FloatRange(0.5, 1), default=0.75, show_default=True,
              help="AUC that the strongest attack on this configuration may surely reach.")  # fmt: skip
@click.option("--least", type=click.IntRange(1), default=100, show_default=True, help="People there must be.")
@click.option("--duo", "source_terms", default="", help="DUO code of the source's use conditions: DUO:0000042.")
@options.limits
@options.device
@options.plugin
def make(
    dataset: str,
    generator: str,
    not_for_publication: bool,
    seed: int | None,
    formats: str,
    attacks: str,
    **others: Any,
) -> None:
    """Train once on all people, with a secret seed, and write data, certificate and card into a new folder.

    Refused, with the reason and the way out: a configuration that was never attacked, a refuted claim, an exhausted
    budget, rows that are people or nearly so, features that end in people's values, too few people.
    """
    from bench.release.make import Request, make_release  # scikit-learn takes a second

    if (seed is not None) != not_for_publication:
        raise BenchError(
            "a release whose seed is known can be taken back to the people: --seed and --not-for-publication go "
            "together. Leave both out for a release that is published."
        )
    choices = choose("generator", generator)
    if len(choices) != 1:
        raise BenchError(f"--generator {generator!r} names {len(choices)} generators; expected one.")
    data, kinds, measured_by = load_dataset(dataset), formats_in(formats), choose("attack", attacks)
    request = Request(dataset=data, choice=choices[0], seed=seed, formats=kinds, attacks=measured_by, **others)
    with console.status("checking") as status:
        folder = make_release(request, lambda text: status.update(text))
    for path in sorted(folder.iterdir()):
        click.echo(f"{path}  {path.stat().st_size:,} bytes")


@command.command("verify")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--key", type=click.Path(path_type=Path, exists=True), help="The public key it must be signed with.")
def verify(folder: Path, key: Path | None) -> None:
    """Check the signature and every file of a release, without a network; exit status 1 if something is wrong."""
    problems = list(problems_of(folder, key))
    for problem in problems:
        click.echo(f"{folder}: {problem}")
    if not problems:
        click.echo(f"{folder}: signature and files are right")
    sys.exit(1 if problems else 0)


@command.command("ledger")
@click.option("--dataset", required=True, help="The cohort.")
@click.option(
    "--ledger", "path", type=click.Path(path_type=Path), help="File of the ledger [default: in the data home]."
)
def ledger(dataset: str, path: Path | None) -> None:
    """Show every release of a cohort, and what all of them spent together."""
    book = Ledger.of(load_dataset(dataset).digest, path)
    for line in book.lines():
        claim = line.get("claim")
        words = [line["time"], line["release"], f"{line['event']:<9}", line.get("generator", "")]
        click.echo("  ".join([*words, f"epsilon {claim['epsilon']:g}" if claim else ""]).rstrip())
    spent = book.spent()
    click.echo(
        f"{spent.releases} releases: epsilon {spent.epsilon:g}, delta {spent.delta:g} together (sums); "
        f"{spent.unbounded} claim nothing, so that no epsilon bounds them"
    )
