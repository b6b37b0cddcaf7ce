"""`bench run`: the main job, from names on the command line to a leaderboard."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from click.core import ParameterSource

from bench.cli import executors, options
from bench.cli.options import console
from bench.cli.plan_table import list_tasks, show_plan
from bench.core.errors import BenchError
from bench.core.formatting import counted
from bench.core.records import MODALITIES, Modality
from bench.datasets import DEFAULT_DATASETS, Dataset, load_dataset
from bench.datasets.elsewhere import shown_from_elsewhere, with_people_of
from bench.datasets.folds import with_folds, with_reference
from bench.engine.costs import Costs, learn, longest_first
from bench.engine.plan import plan_generators
from bench.execution import Executor, LocalProcesses
from bench.execution.display import RunProgress
from bench.execution.runner import Limits, Outcome, Todo, execute
from bench.execution.session import Planner, Request, Session, prepare
from bench.registry.selection import choose, whole_numbers

_QUICK = {"generators": "quick", "metrics": "quick", "attacks": "quick", "folds": "1,2"}


@click.command()
@click.option(
    "--generators",
    default="all",
    show_default=True,
    help="all, quick, or names: a,b[param=value].",
    shell_complete=options.complete_generators,
)
@click.option(
    "--dataset",
    "datasets",
    help="Names, with commas between them.  [default: combined; digits for images]",
    shell_complete=options.complete_datasets,
)
@click.option(
    "--quick",
    is_flag=True,
    help="A first look: two folds, and of all plugins those of the preset `quick`; other options still count.",
)
@click.option("--modality", type=click.Choice(MODALITIES), help="What the datasets must be of.  [default: any]")
@click.option("--seeds", default="42", show_default=True, help="Each seed gives its own folds and its own draws.")
@click.option("--folds", default="all", show_default=True, help="all, or fold numbers: 1,2 or 1-3.")
@click.option("--n-folds", type=click.IntRange(2), help="Folds of a dataset [default: 5, or what its classes allow].")
@click.option("--splits", type=click.Path(path_type=Path), help="Take the folds from a challenge *_splits.yaml.")
@click.option(
    "--reference-one-in",
    type=click.IntRange(2),
    help="Set one person in this many aside as the attackers' reference, where the cohort brings none.",
)
@click.option(
    "--reference",
    help="Show attackers the people of this cohort as people who are no members, where the cohort brings none.",
    shell_complete=options.complete_datasets,
)
@click.option(
    "--attacks",
    default="all",
    show_default=True,
    help="all, quick, none, or names.",
    shell_complete=options.complete_attacks,
)
@click.option(
    "--metrics",
    default="all",
    show_default=True,
    help="all, quick, none, or names.",
    shell_complete=options.complete_metrics,
)
@options.limits
@options.device
@executors.option
@click.option("--dry-run", is_flag=True, help="Print the plan, with what it will take, and stop.")
@click.option("--verbose", is_flag=True, help="With --dry-run: also print every task, for programs.")
@options.quiet
@options.config
@options.out
@options.plugin
@click.pass_context
def command(
    ctx: click.Context,
    /,
    generators: str,
    datasets: str | None,
    quick: bool,
    modality: Modality | None,
    seeds: str,
    folds: str,
    n_folds: int | None,
    splits: Path | None,
    reference_one_in: int | None,
    reference: str | None,
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
    if quick:
        taken = {name: ctx.get_parameter_source(name) is not ParameterSource.DEFAULT for name in _QUICK}
        generators, metrics, attacks, folds = (
            text if taken[name] else _QUICK[name]
            for name, text in (("generators", generators), ("metrics", metrics), ("attacks", attacks), ("folds", folds))
        )
    chosen = choose("generator", generators)
    scoring = choose("metric", metrics), choose("attack", attacks)
    request = Request(
        seeds=whole_numbers(seeds, "seeds"),
        folds=None if folds == "all" else whole_numbers(folds, "folds"),
        splits=splits,
        n_folds=n_folds,
        limits=limits,
        out=out,
        dry_run=dry_run,
        attacks=scoring[1],
        chosen=[*chosen, *scoring[0], *scoring[1]],
        executor=executor,
        verbose=verbose,
    )
    lost = 0
    for name in (datasets or _default_dataset(modality)).split(","):
        dataset = _of_modality(load_dataset(name.strip()), modality)
        dataset = with_reference(dataset, reference_one_in) if reference_one_in else dataset
        dataset = with_people_of(dataset, load_dataset(reference)) if reference else dataset
        dataset = with_folds(dataset, n_folds) if n_folds else dataset
        lost += run_dataset(dataset, request, lambda scope: plan_generators(scope, chosen, *scoring))
    sys.exit(1 if lost else 0)


def _default_dataset(modality: Modality | None) -> str:
    """Return the dataset that is taken where none is named."""
    if (modality or "expression") not in DEFAULT_DATASETS:
        raise BenchError(f"there is no default dataset of {modality}; name one with --dataset.")
    return DEFAULT_DATASETS[modality or "expression"]


def _of_modality(dataset: Dataset, modality: Modality | None) -> Dataset:
    if modality not in (None, dataset.modality):
        raise BenchError(
            f"dataset {dataset.name!r} is of {dataset.modality}, and --modality says {modality}; leave it out, or name "
            "another dataset (`bench data list`)."
        )
    return dataset


def run_dataset(dataset: Dataset, request: Request, planner: Planner) -> int:
    """Plan, run and report one dataset; return how many tasks were lost."""
    session = prepare(dataset, request, planner)
    plan, store = session.plan, session.scope.store
    _announce(session)
    costs = learn(plan, store, {dataset.label_name: dataset.cohort.X.shape}) if session.todo else Costs()
    todo = longest_first(session.todo, costs)
    if request.dry_run:
        _show(session, todo, costs)
        return 0
    with RunProgress(plan, todo, store, request.limits.jobs, console, costs) as progress:
        outcome = execute(plan, todo, store, request.limits, progress, request.executor)
    from bench.report.leaderboard import publish  # slow to import, and a plan publishes nothing

    _conclude(outcome, *publish(session, outcome))
    if outcome.stopped:
        console.print(f"Stopped: {outcome.stopped}. What is finished is kept; the same command goes on from there.")
        sys.exit(1)
    return outcome.lost


def _show(session: Session, todo: Todo, costs: Costs) -> None:
    request = session.request
    show_plan(session.plan, todo, costs, request.limits.jobs, console)
    if request.verbose:
        list_tasks(session.todo, costs)
    if request.executor and (script := request.executor.preview(todo, request.limits)):
        click.echo(script)


def _announce(session: Session) -> None:
    dataset, request = session.scope.dataset, session.request
    if session.left_out:
        console.print(
            f"left out, because {dataset.name} has no reference set (--reference-one-in sets one aside): "
            f"{', '.join(session.left_out)}",
            soft_wrap=True,
        )
    elif session.scope.shows_foreign_reference(request.attacks):
        found = shown_from_elsewhere(dataset)
        console.print(
            f"attacks with a reference are shown people of elsewhere ({found.words if found else ''}).", soft_wrap=True
        )
    if session.not_applicable:
        names = ", ".join(session.not_applicable)
        console.print(f"not applicable to {dataset.modality}: {names}", highlight=False, soft_wrap=True)
    total, missing = sum(len(p.tasks) for p in session.plan), sum(len(tasks) for _, tasks in session.todo)
    cohort = dataset.cohort
    features = "genes" if dataset.modality == "expression" else "features"
    console.print(
        f"{dataset.label_name}: {len(cohort)} samples x {cohort.n_genes} {features}, {len(cohort.classes)} classes; "
        f"{dataset.source}",
        highlight=False, markup=False, soft_wrap=True,
    )  # fmt: skip
    console.print(
        f"{counted(len(session.plan), 'cell')}, {counted(total, 'task')}: {total - missing} in the store, {missing} to "
        f"do; {(request.executor or LocalProcesses()).where(request.limits)}",
        highlight=False, soft_wrap=True,
    )  # fmt: skip


def _conclude(outcome: Outcome, rows: Path, page: Path) -> None:
    console.print(
        f"{counted(outcome.computed, 'task')} computed, {outcome.cached} from the store, {outcome.lost} lost\n{rows}"
        f"\n{page}",
        highlight=False, soft_wrap=True,
    )  # fmt: skip
    for reason, group in outcome.rows[outcome.rows["status"] != "ok"].groupby("reason"):
        names = ", ".join(sorted(set(group["generator"])))
        text = f"not ok: {names}: {len(group)} rows: {reason}"
        console.print(text, style="red", highlight=False, markup=False, soft_wrap=True)
