"""`bench compare`: what changed between two folders of results, and which numbers moved beyond noise."""

from __future__ import annotations

from pathlib import Path

import click
import pandas as pd
from tabulate import tabulate

from bench.cli import options
from bench.core.errors import StoreError
from bench.report.changes import Change, changes, only_in
from bench.report.leaderboard import rows_files
from bench.store.rows import read_rows


@click.command()
@click.argument("before", type=click.Path(path_type=Path))
@click.argument("after", type=click.Path(path_type=Path))
@click.option("--dataset", "datasets", multiple=True, help="Only this one, named as its rows file: brca-simulated.")
@click.option("--all", "show_all", is_flag=True, help="Also numbers that changed within noise.")
@options.plugin
def command(before: Path, after: Path, datasets: tuple[str, ...], show_all: bool) -> None:
    """Compare two folders of results, BEFORE and AFTER, dataset by dataset.

    A number moved beyond noise if the 95 % interval of its paired difference over folds, corrected for the overlap of
    training sets, excludes zero. Among hundreds of numbers one in twenty does so by chance when results were drawn
    anew; numbers that are equal on every fold are not listed at all. Time and memory are left out.
    """
    old, new = ({path.stem: path for path in rows_files(folder, datasets)} for folder in (before, after))
    common = [slug for slug in old if slug in new]
    if not common:
        raise StoreError(f"{before} holds {', '.join(old)} and {after} holds {', '.join(new)}: nothing to compare.")
    for slug in common:
        _show(slug, old[slug], new[slug], show_all)
    for folder, mine, others in ((before, old, new), (after, new, old)):
        for slug in sorted(set(mine) - set(others)):
            click.echo(f"{slug}: only in {folder}")


def _show(slug: str, before: Path, after: Path, show_all: bool) -> None:
    (old, about_old), (new, about_new) = read_rows(before), read_rows(after)
    click.echo(f"# {slug}\n")
    if about_old["data"]["digest"] != about_new["data"]["digest"]:
        click.echo("The data differ (digest), so that every number may differ for that reason alone.\n")
    found = changes(old, new)
    moved = [change for change in found if change.moved]
    click.echo(f"{len(moved)} numbers moved beyond noise, {len(found) - len(moved)} within it.\n")
    if shown := found if show_all else moved:
        heads = ["generator", "measure", "attack", "before", "after", "difference", "95 % interval", "beyond noise"]
        click.echo(tabulate([_line(c) for c in shown], heads, tablefmt="github", disable_numparse=True) + "\n")
    _show_missing("only before, or failed after", old, new)
    _show_missing("only after, or failed before", new, old)


def _line(change: Change) -> list[str]:
    d = change.difference
    interval = "one fold" if pd.isna(d.low) else f"{d.low:+.4g} to {d.high:+.4g}"
    numbers = [f"{change.before:.4g}", f"{change.after:.4g}", f"{d.mean:+.4g}", interval]
    return [change.generator, change.measure, change.attack or "-", *numbers, "yes" if change.moved else "no"]


def _show_missing(title: str, first: pd.DataFrame, second: pd.DataFrame) -> None:
    if lines := only_in(first, second):
        click.echo(f"{title}:\n" + "\n".join(f"- {line}" for line in lines) + "\n")
