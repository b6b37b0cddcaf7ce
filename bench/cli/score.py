"""`bench score`: judge synthetic data made elsewhere exactly as a generator's own."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Literal, get_args

import click

from bench.cli import executors, options
from bench.cli.options import console
from bench.cli.run import run_dataset
from bench.core.records import Units
from bench.datasets import load_dataset
from bench.execution import Executor
from bench.execution.runner import Limits
from bench.execution.session import Request, fold_numbers
from bench.foreign.plan import name_of_release, release_planner
from bench.foreign.reader import Form, read_release
from bench.registry.selection import choose, whole_numbers


@click.command()
@click.option("--dataset", required=True, help="The real cohort that the synthetic data imitate.")
@click.option(
    "--synthetic", type=click.Path(path_type=Path), required=True, help="A file, or a folder of one per fold."
)
@click.option("--name", help="Name in the tables [default: the file's or folder's].")
@click.option("--seed", type=int, default=42, show_default=True, help="The seed of the folds they were made from.")
@click.option("--splits", type=click.Path(path_type=Path), help="The *_splits.yaml they were made from.")
@click.option(
    "--folds", help="Their folds, where the names do not say: 1,2; all: one table for every fold, no attacks."
)
@click.option("--label-column", help="Column with the class labels.")
@click.option("--no-labels", is_flag=True, help="There are none: leave out whatever asks for them.")
@click.option("--genes", type=click.Choice(["exact", "common"]), default="exact", show_default=True,
              help="common: compare the genes that both have, under a dataset name of its own.")  # fmt: skip
@click.option("--gene-map", type=click.Path(path_type=Path), help="Table with a column for each kind of gene name.")
@click.option("--units", type=click.Choice(get_args(Units)), help="What the numbers are [default: recognised].")
@click.option("--samples-in", type=click.Choice(["rows", "columns"]), help="Where the samples are.")
@click.option("--attacks", default="all", show_default=True, help="all, none, or names.")
@click.option("--metrics", default="all", show_default=True, help="all, none, or names.")
@click.option("--json", "as_json", is_flag=True, help="Print the means over folds as JSON, for programs.")
@click.option("--pictures", is_flag=True, help="Draw pictures too; `bench pictures` does that later.")
@options.limits
@executors.option
@options.quiet
@options.config
@options.out
@options.plugin
def command(
    dataset: str,
    synthetic: Path,
    name: str | None,
    seed: int,
    splits: Path | None,
    folds: str | None,
    label_column: str | None,
    no_labels: bool,
    genes: Literal["exact", "common"],
    gene_map: Path | None,
    units: Units | None,
    samples_in: Literal["rows", "columns"] | None,
    attacks: str,
    metrics: str,
    as_json: bool,
    pictures: bool,
    limits: Limits,
    executor: Executor,
    out: Path,
) -> None:
    """Score synthetic data made elsewhere: CSV, TSV, parquet or h5ad, one file per fold or one with a column `fold`.

    The folds must be those the data were made from, or members and non-members are mixed up: --seed names them, or
    --splits brings them.
    """
    form = Form(
        folds=tuple(whole_numbers(folds, "folds")) if folds and folds != "all" else (),
        every_fold=folds == "all",
        label_column=label_column,
        labelled=not no_labels,
        genes=genes,
        gene_map=gene_map,
        units=units,
        samples_in=samples_in,
    )
    label = name_of_release(name, synthetic.resolve().name)
    real = load_dataset(dataset).same_in_all_folds()
    release = read_release(synthetic, real, form, fold_numbers(real, splits))
    scoring = choose("metric", metrics), choose("attack", "none" if form.every_fold else attacks)
    request = Request([seed], sorted(release.given), splits, limits, out, scoring[1], executor, pictures=pictures)
    planner = release_planner(label, release, *scoring, request.notes, every_fold=form.every_fold, say=_say)
    lost = run_dataset(release.dataset, request, planner)
    if as_json:
        from bench.report.board import means_of  # late: nothing else here reads a page

        click.echo(json.dumps(means_of(out / "rows" / f"{release.dataset.slug}.csv", label), indent=1))
    sys.exit(1 if lost else 0)


def _say(text: str) -> None:
    console.print(text, highlight=False, markup=False, soft_wrap=True)
