"""`bench verify`: says whether every row came out the same."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import pandas as pd

from bench.core.errors import BenchError
from bench.engine.manifest import read_manifest
from bench.engine.rerun import is_as_recorded, only_those_of, recorded, rows_in
from bench.store.row_equality import TOLERANCE, Verdict, compare_rows


@click.command()
@click.argument("first", metavar="MANIFEST|ROWS|FOLDER", type=click.Path(path_type=Path))
@click.argument("second", metavar="[OTHER]", required=False, type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="The other one: the folder of a repetition.")
@click.option(
    "--tolerance",
    type=click.FloatRange(min=0),
    default=TOLERANCE,
    show_default=True,
    help="Relative difference up to which two numbers count as equal enough.",
)
def command(first: Path, second: Path | None, out: Path | None, tolerance: float) -> None:
    """Compare the rows of a run with those of its repetition, number by number; wall time and memory do not count.

    With a manifest alone, the rows beside it are compared with what its run recorded. Exit status 1 if a row is
    different, missing or extra.
    """
    if second and out:
        raise BenchError("the other rows are named twice, as an argument and by --out; leave one of them out.")
    other = second or out
    if missing := [path for path in (first, other) if path and not path.exists()]:
        raise BenchError(f"{missing[0]} does not exist; expected a manifest, a rows file or a folder of results.")
    same = _compare(first, other, tolerance) if other else _check(first, tolerance)
    sys.exit(0 if same else 1)


def _compare(first: Path, other: Path, tolerance: float) -> bool:
    old, new = rows_in(first), rows_in(other)
    same = _intact(first, old)
    if len(old) == 1 and (slug := next(iter(old))) not in new and len(new) == 1:
        new = {slug: next(iter(new.values()))}
    if alone := sorted(old.keys() - new.keys()):
        raise BenchError(f"{other} holds no rows of {alone[0]!r}; it holds {', '.join(sorted(new))}.")
    for slug, rows in old.items():
        same &= _say(slug, compare_rows(rows, new[slug], tolerance))
    return same


def _check(manifest: Path, tolerance: float) -> bool:
    """Compare the rows that lie beside a manifest with what the run recorded."""
    document = read_manifest(manifest)
    beside = manifest.with_name(manifest.name.removesuffix(".manifest.json") + ".csv")
    if manifest.suffix != ".json" or beside.suffix != ".csv" or not beside.is_file():
        raise BenchError(f"there are no rows beside {manifest}; name what to compare with, a folder or a rows file.")
    slug, run = recorded(manifest)
    rows = rows_in(beside)[beside.stem]
    if run is None:
        same = is_as_recorded(rows, document)
        click.echo(f"{slug}: the rows are {'' if same else 'not '}those of the manifest, by their digest")
        if not same:
            click.echo("the record of the run is not in the store, so that nobody can say which rows differ.")
        return same
    return _intact(manifest, {slug: run}) & _say(slug, compare_rows(run, only_those_of(rows, run), tolerance))


def _intact(source: Path, rows: dict[str, pd.DataFrame]) -> bool:
    """Return whether the rows of a manifest are those it was written for, and say so if not."""
    if source.suffix != ".json":
        return True
    document = read_manifest(source)
    intact = all(is_as_recorded(table, document) for table in rows.values())
    if not intact:
        click.echo(f"the rows that {source} stands for are not, or no longer, those it was written for: other digest.")
    return intact


def _say(slug: str, verdict: Verdict) -> bool:
    click.echo(
        f"{slug}: {verdict.equal} rows equal, {verdict.close} equal within the tolerance, {verdict.different} "
        f"different, {verdict.missing} missing, {verdict.extra} extra"
    )
    for line in verdict.worst:
        click.echo(f"  {line}")
    return verdict.same
