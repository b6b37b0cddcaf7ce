"""Red-team commands of `bench submit`, and the one command that runs a team's code."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from bench.challenge.archive import RefusedError
from bench.challenge.blue_entry import file_name, read_submission
from bench.challenge.blue_scoring import zips_in
from bench.challenge.red_entry import attack_round, dataset_of, read_attack_entry, write_entry
from bench.challenge.red_round import KEY, plan_round, read_announcement, read_key, write_round
from bench.challenge.team_code import run_code
from bench.challenge.tournament import dataset_of_key, judge, tournament_page, write_tournament
from bench.cli import executors, options
from bench.cli.options import console
from bench.core.errors import BenchError
from bench.core.files import explain_io_errors
from bench.core.secret_seeds import secret_seed
from bench.datasets import load_dataset
from bench.engine.plan import PlannedCell
from bench.engine.tasks import Report
from bench.execution import Executor
from bench.execution.runner import Limits, execute, pending
from bench.registry.selection import choose
from bench.store.store import Store

_WARNING = """WARNING: this runs the code of {name} with your rights on this machine. It is kept in a folder of its own,
without your environment, and stopped after --timeout, if you give one, but nothing keeps it from reading your files or
using the network. Do this only on a machine that holds nothing it may not see, such as a throw-away container."""


@click.command("challenge")
@click.option("--dataset", required=True, help="The real cohort.")
@click.option("--generators", required=True, help="What makes the releases: a,b[param=value],c.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="A new folder for public/ and private/.")
@options.limits
@executors.option
@options.device
@options.plugin
def challenge(dataset: str, generators: str, out: Path, limits: Limits, executor: Executor) -> None:
    """Make a round for red teams: anonymous releases without labels, and a sealed key that says who was in each.

    Hand out public/ and nothing else. private/challenge_key.json is needed for `bench submit tournament`.
    """
    chosen = choose("generator", generators)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise BenchError(f"{out} is there already and not empty; a round is made once. Name a new one with --out.")
    cohort = load_dataset(dataset).same_in_all_folds()
    private = out / "private"
    with explain_io_errors(private):
        private.mkdir(parents=True, exist_ok=True)
        private.chmod(0o700)
    store = Store(private / "store").open()
    cells, releases = plan_round(cohort, chosen, secret_seed(), store)
    todo = pending(cells, store)
    with console.status("making the releases"):
        outcome = execute(cells, todo, store, limits, _say_release, executor)
    if outcome.lost:
        raise BenchError(
            f"{outcome.lost} of {len(cells)} releases failed, so there is no round; the reasons are above."
        )
    write_round(out, cohort, cells, releases, store)
    click.echo(f"{out / 'public'}: {len(cells)} releases for everybody, sealed")
    click.echo(f"{private / KEY}: who was in them; keep it until the predictions are in")


def _say_release(planned: PlannedCell, report: Report) -> None:
    """Name a release and neither its generator nor the secret, in case somebody looks on."""
    text = f"release {planned.cell.fold}: {report.status} {report.reason}".strip()
    console.print(text, highlight=False, markup=False, soft_wrap=True)


@click.command("attack")
@click.option("--team", required=True, help="Your team's name: letters, digits, '.', '_' and '-'.")
@click.option("--attack", "attack_name", required=True, help="One attack: name or name[param=value].")
@click.option("--challenge", "public", type=click.Path(path_type=Path), required=True, help="A round's public folder.")
@click.option("--out", type=click.Path(path_type=Path), default=Path(), help="Folder for the zip file.")
@options.plugin
def attack(team: str, attack_name: str, public: Path, out: Path) -> None:
    """Run an attack on the releases of a round and write the zip file that the rules ask for.

    The file is called redteam_TEAM_DATASET.zip and is checked before the command ends.
    """
    chosen = choose("attack", attack_name)
    if len(chosen) != 1:
        raise BenchError(f"--attack {attack_name!r} names {len(chosen)} attacks; an entry has one.")
    found = read_announcement(public)
    dataset = dataset_of(found)
    path = out / file_name(team, dataset.name, "red")
    scores = []
    for number, column in enumerate(attack_round(chosen[0], found, dataset), start=1):
        scores.append(column)
        console.print(f"[{number}/{len(found.files)}] release {number} attacked", highlight=False, markup=False)
    write_entry(path, chosen[0], found, scores)
    describe_attack(path, len(found.files))


def describe_attack(path: Path, n_releases: int) -> None:
    """Print what a good attack entry holds.

    Raises
    ------
    RefusedError
        If something is wrong with it.
    """
    entry = read_attack_entry(path, n_releases)
    click.echo(
        f"{path.name}: all well: team {entry.team}, {entry.attack} on {entry.dataset.label_name}, "
        f"{len(entry.scores)} releases, {len(entry.scores[0])} scores each"
    )


@click.command("tournament")
@click.argument("entries", metavar="ZIP|FOLDER...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--key", type=click.Path(path_type=Path), required=True, help="The sealed key of the round.")
@click.option("--challenge", "public", type=click.Path(path_type=Path), help="Its public folder: the seal is checked.")
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("scores"), show_default=True, help="For the tables."
)
def tournament(entries: tuple[Path, ...], key: Path, public: Path | None, out: Path) -> None:
    """Score attack entries against the key of a round and write a table of attacks x generators.

    Scores that an entry brings about itself are not read, and its code is not run. An entry that `bench submit check`
    would refuse is named and left out: exit status 1.
    """
    held = read_key(key)
    dataset = dataset_of_key(held, public)
    refused: list[Path] = []

    def refuse(path: Path, error: RefusedError) -> None:
        refused.append(path)
        options.say_problems(path, error)

    rows = judge(zips_in(entries), held, dataset, refuse)
    if not rows.empty:
        page = tournament_page(rows, held, dataset)
        click.echo(page)
        for path in write_tournament(out, rows, page):
            click.echo(path)
    if refused:
        click.echo(f"{len(refused)} of {len(zips_in(entries))} entries were refused and are in no table.")
    sys.exit(1 if refused else 0)


@click.command("run-code")
@click.argument("path", metavar="ZIP", type=click.Path(path_type=Path))
@click.option("--i-trust-this-code", is_flag=True, help="Without it, only the warning is printed.")
@click.option("--timeout", type=click.FloatRange(min=0, min_open=True), help="Seconds the code may take in all.")
def team_code(path: Path, i_trust_this_code: bool, timeout: float | None) -> None:
    """RUN the code of a blue-team entry, and say whether it makes the tables that are in it.

    No other command runs anything of an entry. The exit status is 1 if the tables differ.
    """
    entry = read_submission(path)
    click.echo(_WARNING.format(name=path.name), err=True)
    if not i_trust_this_code:
        raise BenchError("nothing was run. If you trust the team, repeat the command with --i-trust-this-code.")
    same = True
    for line in run_code(path, entry, timeout=timeout):
        same &= "DIFFERENT" not in line
        click.echo(line)
    sys.exit(0 if same else 1)
