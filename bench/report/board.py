"""What every table of a leaderboard shares: means over folds, the order of the generators, how numbers are written."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.core.records import MODALITIES, Modality
from bench.registry.declarations import Decides, Measure
from bench.registry.finding import plugins, sound
from bench.report.table import ABSENT, Cell, Column, Content, Table
from bench.report.text import Text, code, italic
from bench.store.rows import read_rows, with_labels


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


_FIRST = {"utility": 0, "fidelity": 1}  # families whose tables come first; the others follow by name
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
    labels : best first by what decides their use; half of the controls above, half below
    controls : the labels that only bracket the tables
    measures : every measure that an installed metric declares for this modality and the rows hold, by name
    families : of each of these measures, what its metric is about
    simulated : True if no measured value is in the data
    summaries : of each number, by label, measure and attack (empty for a metric)
    floors : the controls that hold nothing of the data
    modality : what was measured
    people : how many a generator is trained on and how many are held out, if the rows' description says so
    """

    rows: pd.DataFrame
    labels: tuple[str, ...]
    controls: frozenset[str]
    measures: dict[str, Measure]
    families: dict[str, str]
    simulated: bool
    summaries: dict[tuple[str, ...], Summary]
    floors: frozenset[str] = frozenset()
    modality: Modality = "expression"
    people: tuple[int, int] | None = None

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

    def deciding(self, role: Decides, label: str | None = None) -> list[Measure]:
        """Return the measures that decide something, the first ones first; of one generator, those that it has rows of.

        Generators that release data and those that release models may stand on one page: each is judged by the first
        measure that was planned for it.
        """
        found = sorted((m for m in self.measures.values() if m.decides == role), key=lambda m: (m.turn, m.name))
        return found if label is None else [m for m in found if self.summary(label, m.name).n_planned]

    def decided(self, role: Decides, label: str) -> Measure | None:
        """Return the measure by which one generator is judged; None if it has no number of that kind."""
        return next(iter(self.deciding(role, label)), None)

    def floor(self, measure: Measure) -> float:
        """Return the merit that a release has which knows nothing: by declaration, and as the controls show it."""
        held = [self.summary(label, measure.name) for label in self.floors]
        means = [s.mean for s in held if s.n_ok] + ([] if measure.chance is None else [measure.chance])
        return max(map(measure.merit, means), default=-math.inf)

    def share(self, label: str, measures: Sequence[str], attacks: Sequence[str] = ("",)) -> Cell:
        """Return on how many of the planned folds every one of these numbers of a generator exists, as ``"4 / 5"``."""
        cells: dict[tuple[int, int], bool] = {}
        for measure, attack in product(measures, attacks):
            for cell, good in self._numbers.get((label, measure, attack), ()):
                cells[cell] = cells.get(cell, True) and good
        return Cell(f"{sum(cells.values())} / {len(cells)}", float(sum(cells.values())))

    def rows_of(self, label: str, measure: str, attack: str = "", seed: int | None = None) -> pd.DataFrame:
        """Return the rows of one number of one generator, of all seeds or of one."""
        found = self.rows.iloc[self._places.get((label, measure, attack), [])]
        return found if seed is None else found[found["seed"] == seed]

    @cached_property
    def _places(self) -> dict[tuple[str, str, str], NDArray[np.intp]]:
        return self.rows.groupby(["label", "measure", "attack"]).indices  # type: ignore[return-value]

    @cached_property
    def _numbers(self) -> dict[tuple[str, str, str], list[tuple[tuple[int, int], bool]]]:
        """Of each number, by label, measure and attack: the seeds and folds that were planned, and where it exists."""
        found: dict[tuple[str, str, str], list[tuple[tuple[int, int], bool]]] = defaultdict(list)
        good = self.rows["value"].notna() & (self.rows["status"] == "ok")
        by = (self.rows[name] for name in ("label", "measure", "attack", "seed", "fold"))
        for label, measure, attack, seed, fold, exists in zip(*by, good, strict=True):
            found[label, measure, attack].append(((seed, fold), exists))
        return found

    def table(self, title: str, note: Text | str, head: Sequence[Column], body: Iterable[Sequence[Content]]) -> Table:
        """Return a table whose caption says so if the data are simulated; `head` comes from `words` and `numbers`."""
        return Table.of(title, note, head, body, simulated=self.simulated)


def make_board(rows: pd.DataFrame, *, simulated: bool, modality: Modality | None = None) -> Board:
    """Return the board of the rows of one dataset; without a modality, of a cohort of expression."""
    named = with_labels(rows)
    held = set(named["measure"][named["attack"] == ""])
    serving = [info for info in plugins("metric").values() if modality is None or modality in info.modalities]
    declared = {m.name: (m, str(info.option("family"))) for info in serving for m in info.measures if m.name in held}
    known = plugins("generator")
    controls = {g for g in set(named["generator"]) if g in known and known[g].is_control}
    labels = tuple(sorted(set(named["label"])))
    bracket = frozenset(named["label"][named["generator"].isin(controls)])
    summaries = summarise(named, ["label", "measure", "attack"])
    floors = frozenset(
        named["label"][named["generator"].isin([g for g in controls if known[g].option("floor", False)])]
    )
    measures, families = ({name: pair[i] for name, pair in declared.items()} for i in (0, 1))
    board = Board(named, labels, bracket, measures, families, simulated, summaries, floors, modality or MODALITIES[0])  # type: ignore[arg-type]
    return replace(board, labels=tuple(_order(board)))


def board_of(rows: pd.DataFrame, about: Mapping[str, Any]) -> Board:
    """Return the board of rows and of what is said beside them, as `bench.store.rows.read_rows` returns both."""
    data = about["data"]
    people = (data["trained_on"], data["held_out"]) if "held_out" in data else None
    board = make_board(rows, simulated=data["simulated"], modality=data.get("modality", MODALITIES[0]))
    return replace(board, people=people)


def in_tables(board: Board) -> dict[str, list[Measure]]:
    """Return the measures of each table by rank: tables of utility first, then of fidelity, then of other families.

    Within a family the table that is called like it comes first, the others by name.
    """
    tables: dict[str, list[Measure]] = {}
    for m in sorted(board.measures.values(), key=lambda m: (m.rank, m.name)):
        if m.table:
            tables.setdefault(m.table, []).append(m)

    def place(table: str) -> tuple[int, str, bool, str]:
        family = min((board.families[m.name] for m in tables[table]), key=lambda f: _FIRST.get(f, len(_FIRST)))
        return _FIRST.get(family, len(_FIRST)), family, table != family, table

    return {table: tables[table] for table in sorted(tables, key=place)}


def first_measure(board: Board) -> Measure | None:
    """Return what the generators of a page are compared by: the first that decides their use and most of them have.

    Without such a measure it is the first column with an arrow.
    """
    known = {
        m.name: sum(board.summary(label, m.name).n_ok > 0 for label in board.ranked) for m in board.deciding("use")
    }
    if any(known.values()):
        return board.measures[max(known, key=lambda name: known[name])]  # of equals the first
    return next((m for table in in_tables(board).values() for m in table if m.scored), None)


def _order(board: Board) -> list[str]:
    first = first_measure(board)

    def place(label: str) -> tuple[bool, bool, float, str]:
        by = board.decided("use", label) or first
        summary = board.summary(label, by.name) if by else NOT_PLANNED
        return summary.n_ok == 0, not summary.complete, -by.merit(summary.mean) if by and summary.n_ok else 0.0, label

    ordered = sorted(board.labels, key=place)
    controls = [label for label in ordered if label in board.controls]
    half = (len(controls) + 1) // 2
    return [*controls[:half], *(label for label in ordered if label not in board.controls), *controls[half:]]


def sound_attacks(rows: pd.DataFrame) -> list[str]:
    """Return the attacks in the rows that may judge a generator: all but those that repeat published arithmetic."""
    return sound(sorted(set(rows["attack"]) - {""}))


def family_of(label: str) -> str:
    """Return the kind of method of a generator, in a word or two."""
    info = plugins("generator").get(label.partition("[")[0])
    if info is None:
        return "not installed here"
    return "control" if info.is_control else info.option("family", "") or "other"


def means_of(path: Path, label: str | None = None) -> list[dict[str, object]]:
    """Return mean and standard deviation over folds of every number of a rows file, of one generator if it is named."""
    rows = with_labels(read_rows(path)[0])
    found = summarise(rows if label is None else rows[rows["label"] == label], ["label", "measure", "attack"])
    return [
        {
            **dict(zip(("generator", "measure", "attack"), key, strict=True)),
            "mean": s.mean if math.isfinite(s.mean) else None,
            "sd": s.sd if math.isfinite(s.sd) else None,
            "n_ok": s.n_ok,
            "n_planned": s.n_planned,
        }
        for key, s in found.items()
    ]
