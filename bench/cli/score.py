"""`bench score`: judge synthetic data made elsewhere exactly as a generator's own."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import click

from bench.cli import options
from bench.cli.run import Request, run_dataset
from bench.datasets import load_dataset
from bench.errors import BenchError
from bench.foreign import read_release
from bench.plan import plan_given
from bench.runner import Limits
from bench.selection import choose


@click.command()
@click.option("--dataset", required=True, help="The real cohort that the synthetic data imitate.")
@click.option("--synthetic", type=click.Path(path_type=Path), required=True, help="Folder with the CSV files.")
@click.option("--name", help="Name in the tables [default: the folder's].")
@click.option("--seed", type=int, default=42, show_default=True, help="The seed of the folds they were trained on.")
@click.option("--splits", type=click.Path(path_type=Path), help="The *_splits.yaml they were trained on.")
@click.option("--attacks", default="all", show_default=True, help="all, none, or names.")
@click.option("--metrics", default="all", show_default=True, help="all, none, or names.")
@options.limits
@options.out
@options.plugin
def command(
    dataset: str,
    synthetic: Path,
    name: str | None,
    seed: int,
    splits: Path | None,
    attacks: str,
    metrics: str,
    timeout: float | None,
    threads: int,
    jobs: int | None,
    out: Path,
) -> None:
    """Score a folder with synthetic_data_split_K.csv and synthetic_labels_split_K.csv, K being the fold.

    The folds must be those the data were made from, or members and non-members are mixed up: --seed names them, or
    --splits brings them.
    """
    cohort = load_dataset(dataset)
    given = read_release(synthetic, cohort.cohort)
    label = name or re.sub(r"[^A-Za-z0-9_.-]+", "_", synthetic.resolve().name)
    if "[" in label or "," in label:
        raise BenchError(f"--name {label!r} may hold no '[' and no ','; they mark parameters in tables.")
    scoring = choose("metric", metrics), choose("attack", attacks)
    limits = Limits(options.default_jobs(jobs, threads), threads, timeout)
    request = Request([seed], sorted(given), splits, limits, out, dry_run=False, attacks=scoring[1])
    sys.exit(1 if run_dataset(cohort, request, lambda scope: plan_given(scope, label, given, *scoring)) else 0)
