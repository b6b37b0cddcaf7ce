"""`bench report`: leaderboards from rows, and the check that they are up to date."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from bench.cli import options
from bench.html_report import write_report
from bench.leaderboard import orphans, page_of, rows_files, stale, write_leaderboard


@click.command()
@click.option("--dataset", "datasets", multiple=True, help="Only this one, named as its rows file: brca-simulated.")
@click.option("--check", is_flag=True, help="Write nothing; exit status 1 if a leaderboard is not what its rows give.")
@click.option("--html", is_flag=True, help="Also write <out>/report/<dataset>.html, one file that opens offline.")
@options.out
@options.plugin
def command(datasets: tuple[str, ...], check: bool, html: bool, out: Path) -> None:
    """Regenerate the leaderboards from the rows alone: nothing is run and no data are read."""
    if check and html:
        raise click.UsageError("--check looks at the leaderboards and writes nothing; leave out --html.")
    paths = rows_files(out, datasets)
    if check:
        sys.exit(_check(paths, [] if datasets else orphans(out)))
    for path in paths:
        click.echo(write_leaderboard(path))
        if html:
            click.echo(write_report(path))


def _check(paths: list[Path], without_rows: list[Path]) -> int:
    """Say which leaderboards are stale, and return the exit status."""
    differences = {path: text for path in paths if (text := stale(path))}
    for path, text in differences.items():
        click.echo(f"stale: {page_of(path)}\n{text}\n", err=True)
    for page in without_rows:
        click.echo(f"stale: {page} has no rows behind it; remove it or bring back its rows.", err=True)
    if differences:
        click.echo("`bench report` brings them up to date.", err=True)
    return 1 if differences or without_rows else 0
