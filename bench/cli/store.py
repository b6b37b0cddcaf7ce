"""`bench store`: what lies in the store, what may go, whether it is whole, and how it travels."""

from __future__ import annotations

import sys
import time
from collections import Counter
from pathlib import Path

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from bench.cli import options
from bench.core.formatting import counted, size
from bench.engine import records
from bench.store.integrity import check_store
from bench.store.inventory import Holding, existing, inventory, usage
from bench.store.store import Store
from bench.store.sweep import Rule, Waste, sweep, waste
from bench.store.transfer import Packed, export_store, import_store

_NUMBERS = ("results", "samples", "size")


@click.group("store")
def store_group() -> None:
    """Look after the results and samples in <out>/store."""


@store_group.command("ls")
@click.option("--dataset", help="Only this one, named as its rows file: brca-simulated.")
@options.out
def ls(dataset: str | None, out: Path) -> None:
    """List what is there, per dataset, generator and step, by what the recorded runs say."""
    table = _table("dataset", "generator", "step", *_NUMBERS, "last written")
    for owner, holding in inventory(existing(out)).items():
        if dataset in (None, owner.dataset):
            words = (owner.dataset, owner.generator.replace("[", r"\["), owner.step)
            table.add_row(*words, *_numbers(holding), _date(holding.written))
    _print(table)


@store_group.command("du")
@options.out
def du(out: Path) -> None:
    """Show how much room each part of the store takes."""
    found = usage(existing(out))
    table = _table("part", "files", "size")
    for name, holding in found.items():
        table.add_row(name, str(holding.results + holding.samples), size(holding.n_bytes))
    total = sum(holding.results + holding.samples for holding in found.values())
    table.add_section()
    table.add_row("all", str(total), size(sum(holding.n_bytes for holding in found.values())))
    _print(table)


@store_group.command("gc")
@click.option("--samples", is_flag=True, help="Also the synthetic samples of recorded runs; their rows stay.")
@click.option("--logs", is_flag=True, help="Also the logs of recorded runs.")
@click.option(
    "--superseded",
    is_flag=True,
    help="Also runs whose every row a later one gave anew, numbers of pictures, facts of folds.",
)
@click.option("--unfinished", is_flag=True, help="Also what stopped and killed runs left; they cannot go on then.")
@click.option(
    "--older-than",
    type=click.FloatRange(min=0),
    default=1.0,
    show_default=True,
    help="Hours since a file was written before it may go.",
)
@click.option("--dry-run", is_flag=True, help="Say what would go, and remove nothing.")
@options.out
def gc(
    samples: bool, logs: bool, superseded: bool, unfinished: bool, older_than: float, dry_run: bool, out: Path
) -> None:
    """Remove what no recorded run refers to, and what dead writers left.

    What a run that is under way works on is never touched, and what a stopped or killed run finished stays, so that it
    can go on, unless --unfinished is given.
    """
    store = existing(out)
    rule = Rule(samples, logs, unfinished, superseded, older_than * 3600)
    found = waste(store, rule)
    _sum_up(found if dry_run else sweep(store, found, rule), "would go" if dry_run else "removed")


def _sum_up(found: list[Waste], verb: str) -> None:
    counts, n_bytes = Counter(item.why for item in found), Counter[str]()
    for item in found:
        n_bytes[item.why] += item.file.n_bytes
    for why, n in counts.most_common():
        click.echo(f"{n:7d}  {size(n_bytes[why]):>8}  {why}")
    click.echo(f"{len(found):7d}  {size(n_bytes.total()):>8}  {verb}")


@store_group.command("verify")
@click.option("--mend", is_flag=True, help="Remove what is damaged, so that the next run computes it again.")
@options.out
def verify(mend: bool, out: Path) -> None:
    """Read everything in the store and name what is damaged. Exit status 1 if something is, and was not mended."""
    total = bad = 0
    for checked in check_store(existing(out)):
        total += 1
        if not checked.problem:
            continue
        mended = mend and checked.replaceable
        bad += not mended
        if mended:
            checked.path.unlink(missing_ok=True)
        cure = " (removed)" if mended else "" if checked.replaceable else " (no run can make it again)"
        click.echo(f"{checked.path}: {checked.problem}{cure}")
    click.echo(f"{counted(total, 'file')} read, {bad} damaged")
    sys.exit(1 if bad else 0)


def _told(packed: Packed) -> str:
    counts = {"run": packed.runs, "result": packed.results, "sample": packed.samples}
    return ", ".join(counted(n, what) for what, n in counts.items())


@store_group.command("export")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--dataset", "datasets", multiple=True, help="Only its runs; named as its rows file: brca-simulated.")
@click.option("--run", "runs", multiple=True, help="Only this one, named as its file in <out>/store/runs.")
@click.option("--no-samples", is_flag=True, help="Leave all synthetic samples behind.")
@options.out
def export(file: Path, datasets: tuple[str, ...], runs: tuple[str, ...], no_samples: bool, out: Path) -> None:
    """Pack recorded runs and all their results into one FILE, a .tar or .zip.

    The real cohorts stay behind, and so do the samples of controls: some release real people as they are.
    """
    packed = export_store(existing(out), file, datasets, runs, not no_samples)
    click.echo(f"{file}: {_told(packed)}, {size(file.stat().st_size)}")


@store_group.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@options.out
def import_(file: Path, out: Path) -> None:
    """Bring what `bench store export` packed into the store, and write the rows of its datasets.

    The file is checked before anything is kept; what is in the store already stays. Numbers are taken on trust.
    """
    store = Store(out / "store").open()
    packed = import_store(store, file)
    click.echo(f"{_told(packed)}; {counted(packed.kept, 'file')} {'was' if packed.kept == 1 else 'were'} there before")
    for slug in packed.datasets:
        click.echo(records.publish(store, slug, out))
    click.echo("`bench report` writes the leaderboards.")


def _table(*names: str) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in names:
        table.add_column(name, justify="right" if name in (*_NUMBERS, "files") else "left")
    return table


def _numbers(holding: Holding) -> tuple[str, str, str]:
    return str(holding.results), str(holding.samples), size(holding.n_bytes)


def _date(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))


def _print(table: Table) -> None:
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 160
    console.print(table)
