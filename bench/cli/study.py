"""`bench study`: questions that need many runs, each answered by a page, a table and a picture."""

from __future__ import annotations

import math
import shlex
import sys
from pathlib import Path

import click

from bench.cli import executors, options
from bench.cli.options import console
from bench.datasets import load_dataset
from bench.engine.plan import Scope, keys_of_plan
from bench.execution import Executor
from bench.execution.display import RunProgress
from bench.execution.runner import Limits, pending
from bench.registry.selection import choose, positive_numbers, whole_numbers
from bench.report.studies.cohort_size import write_study
from bench.report.studies.donors import write_donor_study
from bench.report.studies.epsilon import write_epsilon_study
from bench.report.studies.reconstruction import write_reconstruction_study
from bench.store.inventory import keep_keys
from bench.store.store import Store
from bench.studies import donors as donor_study
from bench.studies import epsilon as budgets
from bench.studies.cohort_size import carry_out, plan_sizes, sizes_of, with_genes
from bench.studies.donors import plan_tiers
from bench.studies.reconstruction import reconstruct


@click.group("study")
def study_group() -> None:
    """Answer a question that needs many runs."""


@study_group.command("cohort-size")
@click.option("--generators", default="multivariate,smote", show_default=True, help="Names: a,b[param=value].")
@click.option("--dataset", default="combined", show_default=True, help="The cohort to resample.")
@click.option("--sizes", default="auto", show_default=True, help="auto, or sizes of the training set: 100,200,400.")
@click.option("--genes", type=click.IntRange(2), help="Draw so many genes, to get more people than genes.")
@click.option("--folds", default="1-3", show_default=True, help="Fold numbers; more give narrower intervals.")
@click.option("--seed", type=int, default=42, show_default=True, help="Seed of the folds and of all draws.")
@click.option("--attacks", default="all", show_default=True, help="all, or names.")
@options.limits
@executors.option
@options.out
@options.plugin
def cohort_size(
    generators: str,
    dataset: str,
    sizes: str,
    genes: int | None,
    folds: str,
    seed: int,
    attacks: str,
    limits: Limits,
    executor: Executor,
    out: Path,
) -> None:
    """Show how exposure depends on the number of people that a generator is trained on.

    Writes a page, the tidy rows and a picture into <out>/studies. What is in the store is not computed again.
    """
    data = load_dataset(dataset).same_in_all_folds()
    data = with_genes(data, genes) if genes else data
    wanted = sizes_of(data, seed, None if sizes == "auto" else whole_numbers(sizes, "sizes"))
    store = Store(out / "store").open()
    chosen, numbers = choose("attack", attacks), whole_numbers(folds, "folds")
    plans = plan_sizes(data, store, wanted, choose("generator", generators), chosen, seed=seed, folds=numbers)
    cells = [planned for plan in plans for planned in plan.cells]
    todo = pending(cells, store)
    n_tasks = sum(len(tasks) for _, tasks in todo)
    if left_out := ", ".join(choice.info.name for choice in Scope(data, [], store).cannot_run(chosen)):
        console.print(f"left out, because {data.name} has no reference set: {left_out}", soft_wrap=True)
    console.print(f"{data.label_name}: training sets of {', '.join(map(str, wanted))}; {n_tasks} tasks to do")
    with RunProgress(cells, todo, store, limits.jobs, console) as progress:
        keep_keys(store, f"cohort-size-{data.slug}", keys_of_plan(cells))
        rows = carry_out(plans, store, limits, progress, executor)
    console.print(write_study(out / "studies", data, rows, shlex.join(["bench", *sys.argv[1:]])), soft_wrap=True)
    sys.exit(1 if (rows["status"] != "ok").any() else 0)


@study_group.command("epsilon")
@click.option(
    "--generators",
    default="dp_prior,private_pgm,p_nmf",
    show_default=True,
    help="Names: a,b[param=value]; each has an epsilon.",
)
@click.option("--beside", default="none", show_default=True, help="Generators without a budget, to compare with.")
@click.option("--dataset", default="combined", show_default=True, help="The cohort.")
@click.option(
    "--epsilons",
    default=",".join(f"{epsilon:g}" for epsilon in budgets.EPSILONS),
    show_default=True,
    help="The budgets, with commas between them.",
)
@click.option("--folds", default="1-5", show_default=True, help="Fold numbers; more give narrower intervals.")
@click.option("--seed", type=int, default=42, show_default=True, help="Seed of the folds and of all draws.")
@click.option("--attacks", default="all", show_default=True, help="all, or names.")
@options.limits
@executors.option
@options.out
@options.plugin
def epsilon_study(
    generators: str,
    beside: str,
    dataset: str,
    epsilons: str,
    folds: str,
    seed: int,
    attacks: str,
    limits: Limits,
    executor: Executor,
    out: Path,
) -> None:
    """Show what private generators are worth and what they leak, from a strict privacy budget to a loose one.

    Writes a page, the tidy rows and a picture into <out>/studies. What a run or a study left in the store is not
    computed again.
    """
    data, store = load_dataset(dataset).same_in_all_folds(), Store(out / "store").open()
    plan = budgets.plan_epsilons(
        data,
        store,
        positive_numbers(epsilons, "epsilons"),
        choose("generator", generators),
        choose("generator", beside),
        choose("metric", budgets.METRICS),
        choose("attack", attacks),
        seed=seed,
        folds=whole_numbers(folds, "folds"),
    )
    todo = pending(plan.cells, store)
    console.print(f"{data.label_name}: {len(plan.cells)} cells; {sum(len(tasks) for _, tasks in todo)} tasks to do")
    with RunProgress(plan.cells, todo, store, limits.jobs, console) as progress:
        keep_keys(store, f"epsilon-{data.slug}", keys_of_plan(plan.cells))
        rows = budgets.carry_out(plan, store, limits, progress, executor)
    console.print(
        write_epsilon_study(out / "studies", data, rows, shlex.join(["bench", *sys.argv[1:]])), soft_wrap=True
    )
    sys.exit(1 if (rows["status"] != "ok").any() else 0)


@study_group.command("donors")
@click.option("--generators", default="multivariate,smote", show_default=True, help="Names: a,b[param=value].")
@click.option("--dataset", required=True, help="A cohort with several samples of some donors.")
@click.option("--kind", help="The column that says of what kind a sample is: tumour or normal, say.")
@click.option("--folds", default="1-5", show_default=True, help="Fold numbers; more give narrower intervals.")
@click.option("--seed", type=int, default=42, show_default=True, help="Seed of the folds and of all draws.")
@click.option("--attacks", default="all", show_default=True, help="all, or names.")
@options.limits
@executors.option
@options.out
@options.plugin
def donors(
    generators: str,
    dataset: str,
    kind: str | None,
    folds: str,
    seed: int,
    attacks: str,
    limits: Limits,
    executor: Executor,
    out: Path,
) -> None:
    """Show whether another sample of a donor tells that the donor was in the training set.

    Generators are trained on one sample of each donor. Attacks are asked about these samples, about others of their
    donors of the same kind, and about others of another kind.
    Writes a page and the tidy rows into <out>/studies. What is in the store is not computed again.
    """
    data, store = load_dataset(dataset).same_in_all_folds(), Store(out / "store").open()
    chosen = choose("generator", generators), choose("attack", attacks)
    plans = plan_tiers(data, store, *chosen, kind=kind, seed=seed, folds=whole_numbers(folds, "folds"))
    cells = [planned for plan in plans for planned in plan.cells]
    todo = pending(cells, store)
    console.print(f"{data.label_name}: {len(cells)} cells; {sum(len(tasks) for _, tasks in todo)} tasks to do")
    with RunProgress(cells, todo, store, limits.jobs, console) as progress:
        keep_keys(store, f"donors-{data.slug}", keys_of_plan(cells))
        rows = donor_study.carry_out(plans, store, limits, progress, executor)
    console.print(
        write_donor_study(out / "studies", data, plans, rows, shlex.join(["bench", *sys.argv[1:]])), soft_wrap=True
    )
    sys.exit(1 if (rows["status"] != "ok").any() else 0)


@study_group.command("reconstruction")
@click.option("--dataset", default="digits", show_default=True, help="The cohort.")
@click.option("--epsilons", default="1,4,10", show_default=True, help="The budgets; no noise at all is always added.")
@click.option("--delta", type=click.FloatRange(0, 1, min_open=True, max_open=True), default=1e-5, show_default=True)
@click.option("--candidates", type=click.IntRange(2), default=16, show_default=True, help="Of whom one is named.")
@click.option("--trials", type=click.IntRange(1), default=400, show_default=True, help="Trainings for each number.")
@click.option("--steps", type=click.IntRange(1), default=20, show_default=True, help="Steps of a training.")
@click.option(
    "--rate",
    type=click.FloatRange(0, 1, min_open=True),
    default=0.2,
    show_default=True,
    help="Share in a sampled batch.",
)
@click.option("--seed", type=int, default=42, show_default=True, help="Seed of all draws.")
@options.out
def reconstruction_study(
    dataset: str,
    epsilons: str,
    delta: float,
    candidates: int,
    trials: int,
    steps: int,
    rate: float,
    seed: int,
    out: Path,
) -> None:
    """Show how often an adversary who knows everybody but one names the one, against the bound for any adversary.

    Writes a page, its numbers and a picture into <out>/studies.
    """
    data, budgets_asked = load_dataset(dataset).same_in_all_folds(), positive_numbers(epsilons, "epsilons")
    lines = reconstruct(
        data, [*budgets_asked, math.inf], candidates=candidates, trials=trials, steps=steps, rate=rate, delta=delta,
        seed=seed,
    )  # fmt: skip
    command = shlex.join(["bench", *sys.argv[1:]])
    console.print(write_reconstruction_study(out / "studies", data, lines, command), soft_wrap=True)
