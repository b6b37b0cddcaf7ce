"""`bench rerun`, `bench verify` and `bench compare`: a run repeated, and two runs held side by side."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import pandas as pd
from tabulate import tabulate

from bench.cli import options
from bench.core.errors import BenchError, StoreError
from bench.core.files import sha256
from bench.core.formatting import counted
from bench.datasets import load_dataset
from bench.datasets.folds import with_reference
from bench.engine.manifest import differences, notes, read_manifest
from bench.engine.rerun import dataset_of, is_as_recorded, only_those_of, recorded, rows_in, set_aside, words_of
from bench.report.changes import Change, changes, only_in
from bench.report.leaderboard import rows_files
from bench.store.row_equality import TOLERANCE, RowComparison, compare_rows
from bench.store.rows import read_rows, with_labels
from bench.store.store import write_atomic
from bench.store.verified import add_marks, folds_in, marks_of, reproduced

_MARK = "rerun-of.txt"


# -- rerun -----------------------------------------------------------------------------------------------------------


@click.command()
@click.argument("manifest", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="A fresh folder [default: ./rerun-<when the run ended>].")
@click.option("--anyway", is_flag=True, help="Also if data, plugins or versions are no longer the same.")
@click.pass_context
def rerun(context: click.Context, manifest: Path, out: Path | None, anyway: bool) -> None:
    """Repeat the run of a MANIFEST: <out>/rows/<dataset>.manifest.json, or a file of <out>/store/runs.

    Nothing is taken from the store of that run. What is no longer as it was is said first, with the old and the new
    value; `bench verify` compares the rows afterwards. The same command goes on where a repetition was stopped.
    """
    document = read_manifest(manifest)
    target = (out or Path(f"rerun-{document['record'].partition('-')[0]}")).absolute()
    _compare_with_now(document, anyway=anyway)
    words = words_of(document, target)
    _claim(target, manifest)
    if Path(document["folder"]).is_dir():
        os.chdir(document["folder"])  # paths in the command start there
    click.echo(f"repeating into {target}; afterwards: bench verify {manifest.absolute()} --out {target}", err=True)
    sys.argv = ["bench", *words]  # what the new manifest says
    context.find_root().command.main(words, prog_name="bench", standalone_mode=False)


def _compare_with_now(document: Mapping[str, Any], *, anyway: bool) -> None:
    """Say what is no longer as it was, and stop there unless the user wants it anyway."""
    dataset, one_in = load_dataset(dataset_of(document)), set_aside(document)
    dataset = with_reference(dataset, one_in) if one_in else dataset
    now = {"digest": dataset.digest, "reference_digest": dataset.reference.digest if dataset.reference else ""}
    for line in notes(document):
        click.echo(f"note: {line}", err=True)
    changed = list(differences(document, now))
    for line in changed:
        click.echo(f"changed: {line}", err=True)
    if changed and not anyway:
        raise BenchError(
            "what makes the numbers is no longer as it was, as said above. Bring it back, or repeat the run all the "
            "same with --anyway."
        )


def _claim(target: Path, manifest: Path) -> None:
    """Check that a folder is fresh, or holds the beginning of this very repetition, and mark it."""
    mark, digest = target / _MARK, sha256(manifest)
    if mark.is_file() and mark.read_text(encoding="utf-8").startswith(digest):
        return
    if target.exists() and any(target.iterdir()):
        raise BenchError(
            f"{target} is not empty; name a fresh folder with --out, so that nothing old is taken for new."
        )
    write_atomic(mark, lambda f: f.write(f"{digest}  {manifest.absolute()}\n".encode()))


# -- verify ----------------------------------------------------------------------------------------------------------


@click.command()
@click.argument("first", metavar="MANIFEST|ROWS|FOLDER", type=click.Path(path_type=Path))
@click.argument("second", metavar="[OTHER]", required=False, type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="Folder of the repetition, in place of OTHER.")
@click.option(
    "--tolerance",
    type=click.FloatRange(min=0),
    default=TOLERANCE,
    show_default=True,
    help="Relative difference up to which two numbers count as equal enough.",
)
@click.option(
    "--record", is_flag=True, help="Mark what was reproduced, in the folder of the first; `bench site` shows it."
)
def verify(first: Path, second: Path | None, out: Path | None, tolerance: float, record: bool) -> None:
    """Compare the rows of a run with those of its repetition, number by number; wall time and memory do not count.

    With a manifest alone, the rows beside it are compared with what its run recorded. Exit status 1 if a row is
    different, missing or extra. With --record a release is marked as verified if the other gave every row of it again,
    or every row of those folds that were run again, which the mark names; other rows take the mark away.
    """
    if second and out:
        raise BenchError("the other rows are named twice, as an argument and by --out; leave one of them out.")
    other = second or out
    if missing := [path for path in (first, other) if path and not path.exists()]:
        raise BenchError(f"{missing[0]} does not exist; expected a manifest, a rows file or a folder of results.")
    if record and (other is None or first.suffix == ".json"):
        raise BenchError("--record marks rows that another run gave again: name rows or results, and the repetition.")
    same = _verify_against(first, other, tolerance) if other else _verify_record(first, tolerance)
    if record and other is not None:
        _record(first, other, tolerance)
    sys.exit(0 if same else 1)


def _record(first: Path, other: Path, tolerance: float) -> None:
    """Mark each release of a folder or a rows file of which the other one holds every row of some folds again."""
    results = first if first.is_dir() else first.parent.parent
    new = rows_in(other)
    for slug, rows in rows_in(first).items():
        again = new.get(slug)
        marks = {} if again is None else reproduced(rows, again, tolerance, marks_of(results, slug, rows))
        if not marks:
            click.echo(f"{slug}: no release was reproduced in every row of a fold, so that none is marked")
            continue
        named = with_labels(rows)
        click.echo(f"{add_marks(results, slug, marks)}:")
        for label, mark in marks.items():
            planned = folds_in(named[named["label"] == label])
            click.echo(f"  {label}: {counted(mark.results, 'row')}, {mark.part(len(planned))}")


def _verify_against(first: Path, other: Path, tolerance: float) -> bool:
    old, new = rows_in(first), rows_in(other)
    same = _intact(first, old)
    if len(old) == 1 and (slug := next(iter(old))) not in new and len(new) == 1:
        new = {slug: next(iter(new.values()))}
    if alone := sorted(old.keys() - new.keys()):
        raise BenchError(f"{other} holds no rows of {alone[0]!r}; it holds {', '.join(sorted(new))}.")
    for slug, rows in old.items():
        same &= _say_verdict(slug, compare_rows(rows, new[slug], tolerance))
    return same


def _verify_record(manifest: Path, tolerance: float) -> bool:
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
    return _intact(manifest, {slug: run}) & _say_verdict(slug, compare_rows(run, only_those_of(rows, run), tolerance))


def _intact(source: Path, rows: dict[str, pd.DataFrame]) -> bool:
    """Return whether the rows of a manifest are those it was written for, and say so if not."""
    if source.suffix != ".json":
        return True
    document = read_manifest(source)
    intact = all(is_as_recorded(table, document) for table in rows.values())
    if not intact:
        click.echo(f"the rows that {source} stands for are not, or no longer, those it was written for: other digest.")
    return intact


def _say_verdict(slug: str, verdict: RowComparison) -> bool:
    click.echo(
        f"{slug}: {verdict.equal} rows equal, {verdict.close} equal within the tolerance, {verdict.different} "
        f"different, {verdict.missing} missing, {verdict.extra} extra"
    )
    for line in verdict.worst:
        click.echo(f"  {line}")
    return verdict.same


# -- compare ---------------------------------------------------------------------------------------------------------


@click.command()
@click.argument("before", type=click.Path(path_type=Path))
@click.argument("after", type=click.Path(path_type=Path))
@click.option("--dataset", "datasets", multiple=True, help="Only this one, named as its rows file: brca-simulated.")
@click.option("--all", "show_all", is_flag=True, help="Also numbers that changed within noise.")
@options.plugin
def compare(before: Path, after: Path, datasets: tuple[str, ...], show_all: bool) -> None:
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
        _show_changes(slug, old[slug], new[slug], show_all)
    for folder, mine, others in ((before, old, new), (after, new, old)):
        for slug in sorted(set(mine) - set(others)):
            click.echo(f"{slug}: only in {folder}")


def _show_changes(slug: str, before: Path, after: Path, show_all: bool) -> None:
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
