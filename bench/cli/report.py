"""`bench report` and `bench results`: leaderboards from rows, the check that they are current, and the rows alone."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from bench.cli import options
from bench.core.errors import BenchError
from bench.core.formatting import counted
from bench.report.board import means_of
from bench.report.html import stale_report, write_report
from bench.report.leaderboard import orphans, page_of, rows_files, stale, write_leaderboard
from bench.report.paper import DPI, FORMATS, NAMES, Written, write_figures, write_tables
from bench.store.rows import read_rows


@click.command()
@click.option("--dataset", "datasets", multiple=True, help="Only this one, named as its rows file: brca-simulated.")
@click.option("--check", is_flag=True, help="Write nothing; exit status 1 if a page is not what its rows give.")
@click.option("--html", is_flag=True, help="Also write (or check) <out>/report/<dataset>.html, which opens offline.")
@click.option("--figures", type=click.Path(path_type=Path), help="Write the pictures for papers into this folder.")
@click.option("--format", "formats", default="svg,png", show_default=True, help="Of the figures: svg, png, pdf.")
@click.option("--only", default="all", show_default=True, help=f"Of the figures: {', '.join(NAMES)}.")
@click.option("--dpi", type=click.IntRange(20, 1200), default=DPI, show_default=True, help="Of figures in png.")
@click.option("--tables", type=click.Path(path_type=Path), help="Write every table as CSV and LaTeX into this folder.")
@options.out
@options.plugin
def command(
    datasets: tuple[str, ...],
    check: bool,
    html: bool,
    figures: Path | None,
    formats: str,
    only: str,
    dpi: int,
    tables: Path | None,
    out: Path,
) -> None:
    """Regenerate the leaderboards from the rows alone: nothing is run and no data are read.

    Pictures of samples come from <out>/pictures, which `bench run` and `bench pictures` write.
    """
    if check and (figures or tables):
        raise click.UsageError("--check writes nothing; leave out --figures and --tables.")
    paths = rows_files(out, datasets)
    kinds, names = _among(formats, FORMATS, "--format"), _among(only, NAMES, "--only")
    if check:
        sys.exit(_check(paths, [] if datasets else orphans(out), html=html))
    for path in paths:
        click.echo(write_leaderboard(path))
        if html:
            click.echo(write_report(path))
        if figures:
            _figures(path, write_figures(path, figures, kinds, names, dpi))
        for table in write_tables(path, tables) if tables else ():
            click.echo(table)


def _among(text: str, known: Sequence[str], option: str) -> list[str]:
    chosen = list(known) if text == "all" else [part.strip() for part in text.split(",")]
    if unknown := [name for name in chosen if name not in known]:
        raise click.UsageError(f"{option} names {unknown[0]!r}; expected {', '.join(known)}.")
    return chosen


def _figures(rows: Path, written: Written) -> None:
    for path in written.paths:
        click.echo(path)
    if written.missing:
        text = f"not drawn for {rows.stem}, because the results do not hold the numbers: {', '.join(written.missing)}"
        click.echo(f"{text}. `bench pictures` computes those of samples.", err=True)


def _check(paths: list[Path], without_rows: list[Path], *, html: bool) -> int:
    """Say which pages are stale, and return the exit status."""
    differences = {path: text for path in paths if (text := stale(path))}
    for path, text in differences.items():
        click.echo(f"stale: {page_of(path)}\n{text}\n", err=True)
    for page in without_rows:
        click.echo(f"stale: {page} has no rows behind it; remove it or bring back its rows.", err=True)
    reports = [text for path in paths if (text := stale_report(path))] if html else []
    for text in reports:
        click.echo(f"stale: {text}", err=True)
    if differences or reports:
        click.echo(f"`bench report{' --html' if html else ''}` brings them up to date.", err=True)
    return 1 if differences or without_rows or reports else 0


# -- results ---------------------------------------------------------------------------------------------------------


@click.command()
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV (otherwise a short summary).")
@click.option("--json", "as_json", is_flag=True, help="Print where the rows come from, and means over folds, as JSON.")
@click.option("--dataset", help="Only this one, as the rows files are called: combined-simulated.")
@options.out
def results(as_csv: bool, as_json: bool, dataset: str | None, out: Path) -> None:
    """Print the rows of all runs: one line per number, failures included.

    Columns: dataset, fold, seed, generator, params, family, measure, attack, value, low, high (95 % interval), status,
    reason, wall_s, peak_mb (of the task that gave the number) and key (of its result in the store).
    """
    paths = sorted((out / "rows").glob("*.csv"))
    if dataset:
        paths = [path for path in paths if path.stem == dataset]
    if not paths:
        raise BenchError(
            f"there are no rows{f' of {dataset!r}' if dataset else ''} in {out / 'rows'}. `bench run` writes them."
        )
    if as_json:
        click.echo(json.dumps([{"about": read_rows(p)[1], "means": means_of(p)} for p in paths], indent=1))
        return
    for i, path in enumerate(paths):
        rows, about = read_rows(path)
        if as_csv:
            rows.to_csv(sys.stdout, index=False, header=i == 0)
        else:
            states = ", ".join(f"{n} {status}" for status, n in rows["status"].value_counts().items())
            click.echo(f"{path}: {len(rows)} rows ({states}); {about['created']}: {about['command']}")


# -- site --------------------------------------------------------------------------------------------------------------


@click.command()
@click.argument("results", type=click.Path(path_type=Path), default=Path("results"))
@click.option("--out", type=click.Path(path_type=Path), help="Folder of the site.  [default: site]")
@click.option("--check", is_flag=True, help="Write nothing; check RESULTS. Exit status 1 if something is wrong.")
@options.plugin
def site(results: Path, out: Path | None, check: bool) -> None:
    """Write a static site of all datasets in RESULTS: a board, a page per dataset, generator and attack, and JSON.

    What lies under at/ is kept when the site is written again, so that links to it stay; feed.xml tells of changes.
    """
    if check and out:
        raise BenchError("--check writes nothing, and --out says where to write: leave one of them out.")
    if check:
        from bench.report.website.entries import problems_of_results

        problems = list(problems_of_results(results))
        click.echo("\n".join(problems) or f"{results}: rows, what is said of them, and pages are right")
        sys.exit(1 if problems else 0)
    from bench.report.website.site import write_site

    folder = out or Path("site")
    pages = write_site(results, folder)
    click.echo(f"{folder / 'index.html'}: {counted(len(pages), 'page')}")
