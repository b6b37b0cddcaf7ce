"""`bench study`: questions that need many runs, each answered by a page, a table and a picture."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import click
from rich.console import Console

from bench.cli import executors, options
from bench.datasets import load_dataset
from bench.engine.plan import Scope, keys_of_plan
from bench.execution import Executor
from bench.execution.display import RunProgress
from bench.execution.runner import Limits, pending
from bench.registry.selection import choose, whole_numbers
from bench.report.study_page import write_study
from bench.store.inventory import keep_keys
from bench.store.store import Store
from bench.studies.cohort_size import carry_out, plan_sizes, sizes_of, with_genes

console = Console(stderr=True)


@click.group("study")
def study_group() -> None:
    """Answer a question that needs many runs."""


@study_group.command("cohort-size")
@click.option("--generators", default="multivariate,smote", show_default=True, help="Names: a,b[param=value].")
@click.option("--dataset", default="combined", show_default=True, help="The cohort to resample.")
@click.option("--sizes", default="auto", show_default=True, help="auto, or sizes of the training set: 100,200,400.")
@click.option("--genes", type=click.IntRange(2), help="Draw so many genes, to get more people than genes.")
@click.option("--folds", default="1-3", show_default=True, help="More folds give narrower intervals.")
@click.option("--seed", type=int, default=42, show_default=True, help="Of the folds and of all draws.")
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
    data = load_dataset(dataset)
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
