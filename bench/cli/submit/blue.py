"""`bench submit`: entries of the challenge, from a generator to a zip file and from zip files to a leaderboard."""

from __future__ import annotations

import sys
from dataclasses import asdict, replace
from pathlib import Path

import click

from bench.challenge.archive import RefusedError
from bench.challenge.blue_config import check_seed
from bench.challenge.blue_entry import Submission, file_name, read_submission
from bench.challenge.blue_pack import Entry, claims_privacy, may_claim, plan_entry, write_submission
from bench.challenge.blue_scoring import Ballot, plan_entries, zips_in
from bench.cli import executors, options
from bench.cli.options import console
from bench.cli.submit import red
from bench.core.errors import BenchError
from bench.core.formatting import counted
from bench.core.secret_seeds import secret_seed
from bench.datasets import load_dataset
from bench.engine import records
from bench.engine.manifest import manifest_of
from bench.engine.plan import PlannedCell, Scope
from bench.engine.releases import given_keys, planned_releases
from bench.execution import Executor
from bench.execution.display import RunProgress
from bench.execution.runner import Limits, execute, pending
from bench.registry.selection import choose
from bench.report.figures.close_ups import draw_all
from bench.report.leaderboard import write_leaderboard
from bench.store.store import Store

_PRIVATE = (
    "The releases claim privacy, so that their seed is secret: it comes from the operating system and is kept nowhere. "
    "Who packs again makes other releases, and spends the budget again."
)


@click.group("submit")
def submit_group() -> None:
    """Pack, check and score entries of the challenge; only `run-code` ever runs anything of an entry.

    \b
    blue teams   pack, check, score
    red teams    challenge (the organiser), attack, check, tournament (the organiser)
    """  # noqa: D301 - the escape tells click to leave these lines as they are


for _command in (red.challenge, red.attack, red.tournament, red.team_code):
    submit_group.add_command(_command)


@submit_group.command("pack")
@click.option("--team", required=True, help="Your team's name: letters, digits, '.', '_' and '-'.")
@click.option("--generator", required=True, help="One generator: name or name[param=value].")
@click.option("--dataset", required=True, help="The real cohort it is trained on.")
@click.option("--seed", type=int, required=True, help="Your team's own; the rules forbid 41 and 42.")
@click.option("--out", "target", type=click.Path(path_type=Path), default=Path(), help="Folder, or the zip file.")
@click.option("--store", type=click.Path(path_type=Path), default=Path("results/store"), show_default=True)
@options.limits
@executors.option
@options.device
@options.plugin
def pack(
    team: str,
    generator: str,
    dataset: str,
    seed: int,
    target: Path,
    store: Path,
    limits: Limits,
    executor: Executor,
) -> None:
    """Run a generator on your team's own five folds and write the zip file that the rules ask for.

    The file is called blueteam_TEAM_DATASET.zip. It is checked before the command ends. Releases that come with a
    privacy claim are drawn with a seed of the operating system, which is shown and written nowhere: who knows it can
    subtract the noise. --seed then makes the folds alone.
    """
    check_seed(seed)
    chosen = choose("generator", generator)
    if len(chosen) != 1:
        raise BenchError(f"--generator {generator!r} names {len(chosen)} generators; an entry has one.")
    path = _target(target, file_name(team, dataset))
    held = Store(store).open()
    entry = Entry(
        team,
        chosen[0],
        load_dataset(dataset).same_in_all_folds(),
        seed,
        secret_seed() if may_claim(chosen[0]) else None,
    )
    scope, plan = plan_entry(entry, held)
    if entry.secret is not None:
        _make(plan[:1], held, limits, executor)
        if claims_privacy(held, plan[:1]):
            console.print(_PRIVATE, soft_wrap=True, highlight=False)
        else:
            entry = replace(entry, secret=None)
            scope, plan = plan_entry(entry, held)
    _make(plan, held, limits, executor)
    write_submission(path, entry, scope, plan)
    _describe(path, read_submission(path))


def _make(plan: list[PlannedCell], store: Store, limits: Limits, executor: Executor) -> None:
    """Make the releases of a plan that are not in the store; what is lost is an error."""
    todo = pending(plan, store)
    with RunProgress(plan, todo, store, limits.jobs, console) as progress:
        outcome = execute(plan, todo, store, limits, progress, executor)
    if outcome.lost:
        raise BenchError(f"{outcome.lost} of {len(plan)} folds failed, so nothing was packed; the reasons are above.")


def _target(target: Path, name: str) -> Path:
    if target.suffix != ".zip":
        return target / name
    if target.name != name:
        raise BenchError(f"--out names the file {target.name!r}; the rules ask for {name!r}. Name it so, or a folder.")
    return target


@submit_group.command("check")
@click.argument("zips", metavar="ZIP...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--releases", type=click.IntRange(1), default=3, show_default=True, help="Of a red team's round.")
def check(zips: tuple[Path, ...], releases: int) -> None:
    """Say what is wrong with entries, as a stranger would see them: one line per problem.

    Nothing in a zip file is run or unpacked. The exit status is 1 if there is a problem.
    """
    wrong = False
    for path in zips:
        try:
            if path.name.startswith("redteam_"):
                red.describe_attack(path, releases)
            else:
                _describe(path, read_submission(path))
        except RefusedError as error:
            wrong = True
            options.say_problems(path, error)
    sys.exit(1 if wrong else 0)


@submit_group.command("score")
@click.argument("entries", metavar="ZIP|FOLDER...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--attacks", default="all", show_default=True, help="all, none, or names.")
@click.option("--metrics", default="all", show_default=True, help="all, none, or names.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("scores"), show_default=True, help="For results.")
@options.limits
@executors.option
@options.plugin
def score(
    entries: tuple[Path, ...],
    attacks: str,
    metrics: str,
    out: Path,
    limits: Limits,
    executor: Executor,
) -> None:
    """Compute every number of entries anew from their synthetic tables, and write one leaderboard per dataset.

    Each entry is judged on its team's own split, and marked so. Scores that an entry brings are not read, and its code
    is not run. An entry that `bench submit check` would refuse is named and left out: exit status 1.
    """
    scoring = choose("metric", metrics), choose("attack", attacks)
    refused: list[Path] = []

    def refuse(path: Path, error: RefusedError) -> None:
        refused.append(path)
        options.say_problems(path, error)

    ballots = plan_entries(zips_in(entries), Store(out / "store"), *scoring, refuse)
    lost = sum(_judge(ballot, limits, out, executor) for ballot in ballots)
    if refused:
        click.echo(f"{len(refused)} of {len(zips_in(entries))} entries were refused and are in no table.")
    sys.exit(1 if refused or lost else 0)


def _judge(ballot: Ballot, limits: Limits, out: Path, executor: Executor) -> int:
    """Score the entries for one dataset, write the leaderboard, and return how many tasks were lost."""
    store, dataset = ballot.store, ballot.dataset
    todo = pending(ballot.plan, store)
    with RunProgress(ballot.plan, todo, store, limits.jobs, console) as progress:
        outcome = execute(ballot.plan, todo, store, limits, progress, executor)
    facts = records.about(dataset, limits.threads, ballot.splits)
    facts |= {"attacks_left_out": ballot.left_out, "entries": ballot.entries, "given": given_keys(ballot.plan)}
    scope = Scope(dataset, ballot.splits, store)
    document = manifest_of(scope, ballot.plan, outcome.rows, asdict(limits))
    records.keep(store, dataset, outcome.rows, facts, document)
    rows = records.publish(store, dataset.slug, out)
    records.write_manifest(rows, document)
    draw_all(rows, dataset, store, planned_releases(scope, ballot.plan), umap=False)
    console.print(f"{counted(outcome.computed, 'task')} computed, {outcome.cached} from the store, {outcome.lost} lost")
    console.print(str(write_leaderboard(rows)), soft_wrap=True, highlight=False)
    return outcome.lost


def _describe(path: Path, entry: Submission) -> None:
    sizes = ", ".join(str(len(cohort)) for _, cohort in sorted(entry.synthetic.items()))
    seed = f"{entry.seed} of the folds (that of the releases is secret)" if entry.secret else str(entry.seed)
    click.echo(
        f"{path.name}: all well: team {entry.team}, {entry.generator} on {entry.dataset.label_name}, "
        f"seed {seed}, {sizes} synthetic rows in folds 1 to {len(entry.splits)}"
    )
    for note in entry.notes:
        click.echo(f"{path.name}: note: {note}")
