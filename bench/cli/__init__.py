"""The command line: one module a command group, loaded only when it is used, so that `bench list` starts at once."""

from __future__ import annotations

import importlib
import logging
import shlex
import sys
from typing import Any

import click

from bench import __version__
from bench.core.errors import BenchError, StoppedError

_COMMANDS = {
    "audit": ("bench.cli.audit", "Test a privacy claim: a lower bound of epsilon from what attacks find."),
    "check": ("bench.cli.plugins:check", "Check a plugin against the contract and say in words what is wrong."),
    "choose": (
        "bench.cli.release:choose",
        "Say which generators meet what a release needs, and what removed the others.",
    ),
    "compare": (
        "bench.cli.repeat:compare",
        "Say what changed between two folders of results, and what moved beyond noise.",
    ),
    "data": ("bench.cli.data:data_group", "List, show, import, fetch and verify datasets."),
    "list": ("bench.cli.plugins:list_plugins", "List generators, attacks, metrics and datasets."),
    "new": ("bench.cli.plugins:new", "Write a new generator, attack, metric, dataset or command to start from."),
    "pictures": ("bench.cli.pictures", "Look closely at stored releases, for the pictures of a report."),
    "release": ("bench.cli.release", "Make a release for publication, with certificate, ledger and signature."),
    "report": ("bench.cli.report", "Regenerate the leaderboards from the rows."),
    "rerun": ("bench.cli.repeat:rerun", "Repeat a run from its manifest, in a fresh folder."),
    "results": ("bench.cli.report:results", "Print the rows: one line per number."),
    "run": ("bench.cli.run", "Run generators, score them and write the leaderboard."),
    "score": ("bench.cli.score", "Score synthetic data made elsewhere."),
    "show": ("bench.cli.show", "Show one plugin: its parameters, source, claim and cost."),
    "site": ("bench.cli.report:site", "Write a static site of all results: searchable, with a JSON of every number."),
    "status": ("bench.cli.status", "Show what runs are doing, from any terminal."),
    "store": ("bench.cli.store:store_group", "Look after the store: list, clean, verify, export, import."),
    "submit": ("bench.cli.submit:submit_group", "Pack, check and score entries of the Health Privacy Challenge."),
    "verify": ("bench.cli.repeat:verify", "Say whether every row of a run came out the same."),
    "study": ("bench.cli.study:study_group", "Answer a question that needs many runs: exposure against epsilon, say."),
}


class _LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in _COMMANDS:
            return None
        module, _, attribute = _COMMANDS[name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute or "command")
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        from bench.core.errors import near_name

        if args and args[0] not in _COMMANDS:
            ctx.fail(f"there is no command {args[0]!r}.{near_name(args[0], _COMMANDS)} `bench --help` lists them.")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in sorted(_COMMANDS.items())])


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="bench")
def _bench() -> None:
    """Compare generators of synthetic health data: what each is worth to science and what it leaks.

    \b
    bench run --generators all --dataset combined    the whole benchmark
    bench list                                       generators, attacks, metrics, datasets
    bench data import mine --counts X.tsv --labels y.csv --label-column disease --units log2
    bench run --quick --dataset mine                 a first look at generators on your cohort
    """  # noqa: D301 - the escape tells click to leave these lines as they are


def main() -> None:
    """Run the command line: exit status 0 if all is well, 1 if something failed, 2 if the input is at fault."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s", stream=sys.stderr)
    try:
        status = _bench.main(prog_name="bench", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except StoppedError as error:
        click.echo(f"{error}\nTo go on from there: {shlex.join(['bench', *sys.argv[1:]])}", err=True)
        sys.exit(128 + error.signal)
    except BenchError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        command = shlex.join(["bench", *sys.argv[1:]])
        click.echo(f"Stopped now. What is finished is kept. To go on from there: {command}", err=True)
        sys.exit(130)
    sys.exit(status if isinstance(status, int) else 0)
