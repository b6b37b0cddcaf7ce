"""`bench status`: what the runs on a store are doing, asked from any terminal."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from bench.cli import options
from bench.core.formatting import duration
from bench.store.heartbeat import Seen, runs_seen
from bench.store.inventory import existing

_ENDED = 3  # finished runs that are shown
_WORDS = {
    "running": "under way",
    "finished": "finished",
    "stopped": "stopped before its end; the same command goes on from there",
    "dead": "killed: its process is gone; the same command goes on from there",
    "silent": "on another machine and silent; it was lost, or the machine does not reach the store",
}


@click.command()
@click.option("--all", "everything", is_flag=True, help="Also runs that finished long ago.")
@click.option("--json", "as_json", is_flag=True, help="For programs: one JSON list, times in seconds.")
@options.out
def command(everything: bool, as_json: bool, out: Path) -> None:
    """Show the runs on a store: command, process, tasks done, failed and left per generator, and the time left.

    What is under way is known at once on this machine; a run elsewhere is called silent after two minutes without a
    word. `bench store gc` forgets the runs that ended.
    """
    seen = runs_seen(existing(out))
    if as_json:
        click.echo(json.dumps([{**run.facts, "state": run.state, "silent_s": run.silent_s} for run in seen], indent=1))
        return
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 160
    shown = seen if everything else _recent(seen)
    for run in shown:
        _show(console, run)
    if not shown:
        console.print(f"No run is known in {out / 'store'}.")


def _recent(seen: list[Seen]) -> list[Seen]:
    ended = [run for run in seen if run.state == "finished"]
    return [run for run in seen if run not in ended[:-_ENDED]]


def _show(console: Console, run: Seen) -> None:
    facts, counts = run.facts, run.facts["counts"]
    words = _WORDS.get(run.state, "")
    where = f"process {facts['pid']} on {facts['host']}, since {facts['started']}"
    console.print(f"{run.state}: {shlex.join(facts['argv'])}", style="bold", markup=False, soft_wrap=True)
    console.print(f"  {where}; last word {duration(run.silent_s)} ago; {words}", markup=False, soft_wrap=True)
    whole = {name: sum(count[name] for count in counts.values()) for name in ("planned", "stored", "done", "lost")}
    console.print(f"  {facts['dataset']}: {_summary(whole, run)}", markup=False, soft_wrap=True)
    if run.state == "running":
        console.print(_table(counts))
        for line in facts["under_way"]:
            console.print(f"  now: {line}", markup=False, soft_wrap=True)


def _summary(whole: dict[str, int], run: Seen) -> str:
    left = _left(whole)
    text = f"{whole['planned']} tasks: {whole['stored']} were in the store, {whole['done']} done, {whole['lost']} lost"
    rest = f", {left} left" if left else ""
    if run.state == "running" and left:
        known = run.facts["left_s"]
        rest += ", time left unknown" if known is None else f", about {duration(known)} more"
    return text + rest


def _left(count: dict[str, int]) -> int:
    return count["planned"] - count["stored"] - count["done"] - count["lost"]


def _table(counts: dict[str, Any]) -> Table:
    table = Table(box=SIMPLE_HEAD)
    for name in ("generator", "in the store", "done", "lost", "left"):
        table.add_column(name, justify="left" if name == "generator" else "right")
    for label, count in counts.items():
        numbers = (count["stored"], count["done"], count["lost"], _left(count))
        table.add_row(label.replace("[", r"\["), *map(str, numbers))
    return table
