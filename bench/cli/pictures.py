"""`bench pictures`: what the close-up pictures of a report show, computed from the stored samples."""

from __future__ import annotations

from pathlib import Path

import click
import pandas as pd

from bench.cli import options
from bench.core.errors import DataError, StoreError
from bench.core.roles import Split
from bench.datasets import Dataset, load_dataset
from bench.datasets.elsewhere import with_people_of
from bench.datasets.folds import folds_that_fit, read_splits, with_reference
from bench.datasets.per_fold import split_in_fold
from bench.engine.plan import Scope
from bench.engine.releases import keys_in, recorded_keys, stored_releases
from bench.report.figures.close_ups import draw_all, pictures_file
from bench.report.figures.umap_map import version
from bench.report.leaderboard import rows_files
from bench.store.rows import read_rows, with_labels
from bench.store.store import Store


@click.command()
@click.option("--dataset", "name", required=True, help="The cohort the releases imitate, named as in `bench run`.")
@click.option("--splits", type=click.Path(path_type=Path), help="The *_splits.yaml of the run, if it had one.")
@click.option("--reference-one-in", type=click.IntRange(2), help="As in the run, if it had one.")
@click.option("--reference", help="The cohort that attackers were shown, if any.")
@click.option("--umap/--no-umap", default=True, show_default=True, help="Put the releases on a UMAP map (a minute).")
@click.option("--store", type=click.Path(path_type=Path), help="Where the samples are [default: <out>/store].")
@options.out
@options.plugin
def command(
    name: str,
    splits: Path | None,
    reference_one_in: int | None,
    reference: str | None,
    umap: bool,
    store: Path | None,
    out: Path,
) -> None:
    """Look closely at the stored releases of one fold and write <out>/pictures/<dataset>.json; nothing is run.

    `bench report --html` then draws classes, genes, co-expression, differential expression and UMAP. `bench run` does
    the same at its end, but for UMAP.
    """
    dataset = load_dataset(name)
    dataset = with_reference(dataset, reference_one_in) if reference_one_in else dataset
    dataset = with_people_of(dataset, load_dataset(reference)) if reference else dataset
    path = rows_files(out, (dataset.slug,))[0]
    if umap and version() is None:
        click.echo("UMAP is left out: it needs `pip install omics-bench[umap]`.", err=True)
    click.echo(_look(path, dataset, splits, Store(store or out / "store").open(), umap=umap))


def _look(path: Path, dataset: Dataset, splits: Path | None, store: Store, *, umap: bool) -> Path:
    rows, about = read_rows(path)
    here, there = dataset.digest[:12], about["data"]["digest"][:12]
    if here != there:
        raise DataError(
            f"{path} is about a cohort with the digest {there}, and {dataset.label_name} here has {here}; expected the "
            "same cohort. Import it, or run the benchmark on this one."
        )
    seed = int(rows["seed"].min())
    fold = int(rows["fold"][rows["seed"] == seed].min())
    scope = Scope(dataset, _folds(dataset, splits, seed), store)
    found = stored_releases(scope, seed, fold, _keys(scope, rows, seed, fold))
    if found is None:
        raise StoreError(f"{store.root} holds no release of fold {fold} of seed {seed}. --store names another store.")
    draw_all(path, dataset, store, found, umap=umap)
    return pictures_file(path)


def _folds(dataset: Dataset, splits: Path | None, seed: int) -> list[Split]:
    cohort = dataset.cohort
    found = read_splits(splits, cohort, seed=seed) if splits else folds_that_fit(cohort, seed=seed)
    return [split_in_fold(dataset, split) for split in found]


def _keys(scope: Scope, rows: pd.DataFrame, seed: int, fold: int) -> dict[str, str]:
    """Return the key of each sample of a fold, by label: those in the rows, and those given to recorded runs."""
    labels = set(with_labels(rows)["label"])
    recorded = recorded_keys(scope, seed, fold)
    return {label: key for label, key in recorded.items() if label in labels} | keys_in(rows, seed, fold)
