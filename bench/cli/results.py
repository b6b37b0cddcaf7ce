"""`bench results`: the tidy rows, for pandas, R or a spreadsheet."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from bench.cli import options
from bench.core.errors import BenchError
from bench.store.rows import read_rows


@click.command()
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV (otherwise a short summary).")
@click.option("--dataset", help="Only this one, as the rows files are called: combined-simulated.")
@options.out
def command(as_csv: bool, dataset: str | None, out: Path) -> None:
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
    for i, path in enumerate(paths):
        rows, about = read_rows(path)
        if as_csv:
            rows.to_csv(sys.stdout, index=False, header=i == 0)
        else:
            states = ", ".join(f"{n} {status}" for status, n in rows["status"].value_counts().items())
            click.echo(f"{path}: {len(rows)} rows ({states}); {about['created']}: {about['command']}")
