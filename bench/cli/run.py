"""`bench run`: the main job, from names on the command line to a leaderboard."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from rich.console import Console

from bench.cli import executors, options
from bench.cli.plan_table import list_tasks, show_plan
from bench.datasets import Dataset, load_dataset
from bench.datasets.folds import with_reference
from bench.engine.costs import Costs, learn
from bench.engine.plan import plan_generators
from bench.execution import Executor, LocalProcesses
from bench.execution.display import RunProgress
from bench.execution.runner import Limits, Outcome, execute
from bench.execution.session import Planner, Request, Session, prepare
from bench.registry.selection import choose, whole_numbers

console = Console(stderr=True)


@click.command()
@click.option("--generators", default="all", show_default=True, help="all, or names: a,b[param=value].")
@click.option("--dataset", "datasets", default="combined", show_default=True, help="Names, with commas between them.")
@click.option("--seeds", default="42", show_default=True, help="Each seed gives its own folds and its own draws.")
@click.option("--folds", default="all", show_default=True, help="all, or fold numbers: 1,2 or 1-3.")
@click.option("--splits", type=click.Path(path_type=Path), help="Take the folds from a challenge *_splits.yaml.")
@click.option(
    "--reference-one-in",
    type=click.IntRange(2),
    help="Set one person in so many aside as the attackers' reference, where the cohort brings none.",
)
@click.option("--attacks", default="all", show_default=True, help="all, none, or names.")
@click.option("--metrics", default="all", show_default=True, help="all, none, or names.")
@options.limits
@options.device
@executors.option
@click.option("--dry-run", is_flag=True, help="Print the plan, with what it will take, and stop.")
@click.option("--verbose", is_flag=True, help="With --dry-run: also print every task, for programs.")
@options.out
@options.plugin
def command(
    generators: str,
    datasets: str,
    seeds: str,
    folds: str,
    splits: Path | None,
    reference_one_in: int | None,
    attacks: str,
    metrics: str,
    limits: Limits,
    dry_run: bool,
    verbose: bool,
    out: Path,
    executor: Executor,
) -> None:
    """Run generators on the folds of a dataset, score and attack what they make, and write the leaderboard.

    What is in the store is not computed again, so the same command resumes a run that was stopped. The exit status is 1
    if any task failed; failures are rows of the table and stop nothing else.
    """
    chosen = choose("generator", generators)
    scoring = choose("metric", metrics), choose("attack", attacks)
    request = Request(
        seeds=whole_numbers(seeds, "seeds"),
        folds=None if folds == "all" else whole_numbers(folds, "folds"),
        splits=splits,
        limits=limits,
        out=out,
        dry_run=dry_run,
        attacks=scoring[1],
        chosen=[*chosen, *scoring[0], *scoring[1]],
        executor=executor,
        verbose=verbose,
    )
    lost = 0
    for name in datasets.split(","):
        dataset = load_dataset(name.strip())
        dataset = with_reference(dataset, reference_one_in) if reference_one_in else dataset
        lost += run_dataset(dataset, request, lambda scope: plan_generators(scope, chosen, *scoring))
    sys.exit(1 if lost else 0)


def run_dataset(dataset: Dataset, request: Request, planner: Planner) -> int:
    """Plan, run and report one dataset; return how many tasks were lost."""
    session = prepare(dataset, request, planner)
    plan, todo, store = session.plan, session.todo, session.scope.store
    _announce(session)
    costs = learn(plan, store, {dataset.label_name: dataset.cohort.X.shape}) if todo else Costs()
    if request.dry_run:
        _show(session, costs)
        return 0
    with RunProgress(plan, todo, store, request.limits.jobs, console, costs) as progress:
        outcome = execute(plan, todo, store, request.limits, progress, request.executor)
    from bench.report.leaderboard import publish  # slow to import, and a plan publishes nothing

    _conclude(outcome, *publish(session, outcome))
    if outcome.stopped:
        console.print(f"Stopped: {outcome.stopped}. What is finished is kept; the same command goes on from there.")
        sys.exit(1)
    return outcome.lost


def _show(session: Session, costs: Costs) -> None:
    request = session.request
    show_plan(session.plan, session.todo, costs, request.limits.jobs, console)
    if request.verbose:
        list_tasks(session.todo, costs)
    if request.executor and (script := request.executor.preview(session.todo, request.limits)):
        click.echo(script)


def _announce(session: Session) -> None:
    dataset, request = session.scope.dataset, session.request
    if session.left_out:
        console.print(
            f"left out, because {dataset.name} has no reference set (--reference-one-in sets one aside): "
            f"{', '.join(session.left_out)}",
            soft_wrap=True,
        )
    if session.not_applicable:
        names = ", ".join(session.not_applicable)
        console.print(f"not applicable to {dataset.modality}: {names}", highlight=False, soft_wrap=True)
    total, missing = sum(len(p.tasks) for p in session.plan), sum(len(tasks) for _, tasks in session.todo)
    cohort = dataset.cohort
    features = "genes" if dataset.modality == "expression" else "features"
    console.print(
        f"{dataset.label_name}: {len(cohort)} samples x {cohort.n_genes} {features}, {len(cohort.classes)} classes, "
        f"from {dataset.source}",
        highlight=False, markup=False, soft_wrap=True,
    )  # fmt: skip
    console.print(
        f"{len(session.plan)} cells, {total} tasks: {total - missing} in the store, {missing} to do; "
        f"{(request.executor or LocalProcesses()).where(request.limits)}",
        highlight=False, soft_wrap=True,
    )  # fmt: skip


def _conclude(outcome: Outcome, rows: Path, page: Path) -> None:
    console.print(
        f"{outcome.computed} tasks computed, {outcome.cached} from the store, {outcome.lost} lost\n{rows}\n{page}",
        highlight=False, soft_wrap=True,
    )  # fmt: skip
    for reason, group in outcome.rows[outcome.rows["status"] != "ok"].groupby("reason"):
        names = ", ".join(sorted(set(group["generator"])))
        text = f"not ok: {names}: {len(group)} rows: {reason}"
        console.print(text, style="red", highlight=False, markup=False, soft_wrap=True)
