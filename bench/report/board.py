"""What every table of a leaderboard shares: means over folds, the order of the generators, how numbers are written."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from bench.registry.declarations import Measure
from bench.registry.finding import plugins, sound
from bench.report.table import ABSENT, Cell, Column, Content, Table
from bench.report.text import Text, code, italic
from bench.store.rows import with_labels


@dataclass(frozen=True)
class Summary:
    """The mean and standard deviation of one number over the folds and seeds where it exists.

    Parameters
    ----------
    mean, sd : NaN where nothing exists; the sd (n - 1) also where there is one value only
    n_ok, n_planned : on how many folds and seeds the number exists, and on how many it was planned
    """

    mean: float
    sd: float
    n_ok: int
    n_planned: int

    @property
    def complete(self) -> bool:
        """True if no planned number is missing."""
        return 0 < self.n_ok == self.n_planned


_LONGEST = 1e15  # above it a number is written with an exponent: 1e+300 has 301 digits
NOT_PLANNED = Summary(math.nan, math.nan, 0, 0)


def summarise(rows: pd.DataFrame, by: list[str]) -> dict[tuple[str, ...], Summary]:
    """Return the summary of each group of rows that hold one number per fold and seed; NaN counts as missing."""
    values = rows["value"].where(rows["status"] == "ok").groupby([rows[name] for name in by])
    table = values.agg(["mean", "std", "count", "size"])
    return {
        tuple(map(str, key)): Summary(float(mean), float(sd), int(n), int(planned))
        for key, mean, sd, n, planned in zip(table.index, *(table[c] for c in table.columns), strict=True)
    }


def decimals_for(summaries: Iterable[Summary], measure: Measure | None = None) -> int:
    """Return how many decimals a column needs: three for shares, else three or four digits of the typical value."""
    means = [abs(s.mean) for s in summaries if s.n_ok and s.mean != 0]
    if not means or (measure is not None and (measure.low, measure.high) == (0, 1)):
        return 3
    typical = float(np.median(means))
    if math.isinf(typical):  # the mean of numbers near the largest there is
        return 3
    return int(np.clip((3 if typical >= 1 else 2) - math.floor(math.log10(typical)), 1, 5))


def number(summary: Summary, decimals: int) -> Cell:
    """Return ``"0.848 ± 0.018"``; a mean over the folds that survived says so: ``"0.848 ± 0.018 (4/5)"``."""
    if summary.n_planned == 0:
        return ABSENT
    share = f"({summary.n_ok}/{summary.n_planned})"
    if summary.n_ok == 0:
        return Cell(f"none {share}")
    text = _fixed(summary.mean, decimals)
    text += "" if math.isnan(summary.sd) else f" ± {_fixed(summary.sd, decimals)}"
    return Cell(text if summary.complete else f"{text} {share}", summary.mean)


def _fixed(value: float, decimals: int) -> str:
    if abs(value) >= _LONGEST:
        return f"{value:.4g}"
    text = f"{value:.{decimals}f}"
    return text.removeprefix("-") if float(text) == 0 else text


def runs_of(numbers: Iterable[int]) -> str:
    """Return whole numbers as ``"1-3, 5"``."""
    ordered = sorted(set(numbers))
    starts = [n for n in ordered if n - 1 not in ordered]
    ends = [n for n in ordered if n + 1 not in ordered]
    return ", ".join(f"{a}-{b}" if a != b else str(a) for a, b in zip(starts, ends, strict=True))


def coverage(rows: pd.DataFrame) -> str:
    """Return which folds of which seeds rows are about: ``"seed 42: folds 1-5"``."""
    folds = {seed: sorted(set(rows["fold"][rows["seed"] == seed])) for seed in sorted(set(rows["seed"]))}
    return "; ".join(f"seed {seed}: fold{'s' if len(f) > 1 else ''} {runs_of(f)}" for seed, f in folds.items())


@dataclass(frozen=True, eq=False)
class Board:
    """The rows of one dataset, and in which order its generators stand in every table.

    Parameters
    ----------
    rows : as `bench.store.rows` writes them, with a further column ``label``: the generator with its parameters
    labels : best first by the first column of the first table; half of the controls above, half below
    controls : the labels that only bracket the tables
    measures : every measure that an installed metric declares and the rows hold, by name
    simulated : True if no measured value is in the data
    summaries : of each number, by label, measure and attack (empty for a metric)
    """

    rows: pd.DataFrame
    labels: tuple[str, ...]
    controls: frozenset[str]
    measures: dict[str, Measure]
    simulated: bool
    summaries: dict[tuple[str, ...], Summary]

    @property
    def ranked(self) -> list[str]:
        """The labels that are no control."""
        return [label for label in self.labels if label not in self.controls]

    def named(self, label: str) -> Text:
        """Return the name of a generator; a control is in italics and called one."""
        return italic(label) + " (control)" if label in self.controls else code(label)

    def head(self, label: str) -> Cell:
        """Return the first cell of a generator's line."""
        return Cell(self.named(label), generator=True, control=label in self.controls)

    def summary(self, label: str, measure: str, attack: str = "") -> Summary:
        """Return the summary of one number of one generator."""
        return self.summaries.get((label, measure, attack), NOT_PLANNED)

    def share(self, label: str, measures: Sequence[str], attacks: Sequence[str] = ("",)) -> Cell:
        """Return on how many of the planned folds every one of these numbers of a generator exists, as ``"4 / 5"``."""
        r = self.rows
        part = r[(r["label"] == label) & r["measure"].isin(measures) & r["attack"].isin(attacks)]
        good = part["value"].notna() & (part["status"] == "ok")
        cells = good.groupby([part["seed"], part["fold"]]).all()
        return Cell(f"{int(cells.sum())} / {len(cells)}", float(cells.sum()))

    def table(self, title: str, note: Text | str, head: Sequence[Column], body: Iterable[Sequence[Content]]) -> Table:
        """Return a table whose caption says so if the data are simulated; `head` comes from `words` and `numbers`."""
        return Table.of(title, note, head, body, simulated=self.simulated)


def make_board(rows: pd.DataFrame, *, simulated: bool) -> Board:
    """Return the board of the rows of one dataset."""
    named = with_labels(rows)
    held = set(named["measure"][named["attack"] == ""])
    declared = (m for info in plugins("metric").values() for m in info.measures)
    measures = {m.name: m for m in declared if m.name in held}
    known = plugins("generator")
    controls = {g for g in set(named["generator"]) if g in known and known[g].is_control}
    labels = tuple(sorted(set(named["label"])))
    bracket = frozenset(named["label"][named["generator"].isin(controls)])
    summaries = summarise(named, ["label", "measure", "attack"])
    board = Board(named, labels, bracket, measures, simulated, summaries)
    return replace(board, labels=tuple(_order(board)))


def in_tables(measures: Iterable[Measure]) -> dict[str, list[Measure]]:
    """Return the measures of each table by rank; utility first, then fidelity, then the others by name."""
    tables: dict[str, list[Measure]] = {}
    for m in sorted(measures, key=lambda m: (m.rank, m.name)):
        if m.table:
            tables.setdefault(m.table, []).append(m)
    first = ["utility", "fidelity"]
    return dict(sorted(tables.items(), key=lambda t: (first.index(t[0]) if t[0] in first else len(first), t[0])))


def _order(board: Board) -> list[str]:
    scores = (m for table in in_tables(board.measures.values()).values() for m in table if m.better != "none")
    first = next(scores, None)

    def place(label: str) -> tuple[bool, bool, float, str]:
        summary = board.summary(label, first.name) if first else NOT_PLANNED
        value = summary.mean if first and first.better == "lower" else -summary.mean
        return summary.n_ok == 0, not summary.complete, value if summary.n_ok else 0.0, label

    ordered = sorted(board.labels, key=place)
    controls = [label for label in ordered if label in board.controls]
    half = (len(controls) + 1) // 2
    return [*controls[:half], *(label for label in ordered if label not in board.controls), *controls[half:]]


def sound_attacks(rows: pd.DataFrame) -> list[str]:
    """Return the attacks in the rows that may judge a generator: all but those that repeat published arithmetic."""
    return sound(sorted(set(rows["attack"]) - {""}))
