"""The section of a leaderboard on what a release tells of its members beyond who they are.

Attacks ask who was a member. The metrics of the family *privacy* ask what else can be learned of members and not of
other people: hidden genes, the label, which entries belong together, how close the release comes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from bench.registry.declarations import Measure
from bench.registry.finding import plugins
from bench.report.board import Board, number
from bench.report.privacy import LUCK, p_text
from bench.report.table import ABSENT, Block, Cell, Column, Heading, Table, numbers, words
from bench.report.text import code, joined, text_of
from bench.statistics.comparison import holm
from bench.statistics.leaks import Leak, leak_over_folds

FAMILY = "privacy"  # of the metrics that are about it
_NOTE = """
What a release tells of members beyond what it tells of other people of the same population: 0 where being a member
makes no difference, 1 where everything is told, below 0 where less is told of members. What is true of everybody is no
leak. Hidden genes: share of the error about others' hidden genes that is gone on members. Label: gain in right labels.
Singled out, linked: residual risk. Recovered, closest 5 %: share of the distance to the nearest synthetic sample that
is gone. In brackets the 95 % interval. p: the smallest of a generator, corrected for the number of measures and of
generators (Holm); bold below 0.05.
"""


def beyond_tables(board: Board) -> Iterator[Block]:
    """Yield the section; nothing if no metric of the family was run."""
    shown = _measures(board)
    leaks = [m for m in shown if m.better == "lower"]
    if not leaks:
        return
    yield Heading("Beyond membership")
    yield _leak_table(board, leaks)
    if behind := [m for m in shown if m.better == "none"]:
        yield _rates_table(board, behind)


def leaks_of(board: Board) -> dict[str, dict[str, Leak]]:
    """Return what leaks of each generator beyond membership, by its label and by the name of the measure.

    The p values are corrected for the number of measures and of generators: one rule for all of a page. Controls are
    not judged: theirs are corrected for the number of measures alone, and nobody pays for them.
    """
    names = [m.name for m in _measures(board) if m.better == "lower"]
    rows = board.rows[board.rows["measure"].isin(names) & (board.rows["attack"] == "")]
    parts = {(str(a), str(b)): part for (a, b), part in rows.groupby(["label", "measure"])}
    nobody = rows.iloc[:0]
    found = {
        label: {name: leak_over_folds(parts.get((label, name), nobody)) for name in names} for label in board.labels
    }
    ranked = [(label, name) for label in board.ranked for name in names]
    together = dict(zip(ranked, holm(np.array([found[a][b].p_value for a, b in ranked])), strict=True))
    return {
        label: {
            name: _with_p(leak, float(together.get((label, name), min(1.0, leak.p_value * len(names)))))
            for name, leak in of_label.items()
        }
        for label, of_label in found.items()
    }


def _with_p(leak: Leak, p_value: float) -> Leak:
    return Leak(
        leak.value, leak.low, leak.high, math.nan if math.isnan(leak.p_value) else p_value, leak.n_ok, leak.n_planned
    )


def _measures(board: Board) -> list[Measure]:
    """Return the measures of the family in the rows: leaks by rank, then what they are made of, metric by metric."""
    ours = [info for info in plugins("metric").values() if info.option("family") == FAMILY]
    ordered = sorted(ours, key=lambda info: min((m.rank for m in info.measures if m.better == "lower"), default=99))
    held = [m for info in ordered for m in info.measures if m.name in board.measures]
    return sorted(held, key=lambda m: (m.better != "lower", m.rank))


def _leak_table(board: Board, measures: Sequence[Measure]) -> Table:
    found = leaks_of(board)
    body = [[board.head(label), *_cells(found[label], measures), _smallest_p(found[label])] for label in board.labels]
    heads = [Column(m.title or m.name, True, m.better) for m in measures]
    names = joined(f"{m.title} = " + code(m.name) for m in measures if m.title)
    note = text_of(" ".join(_NOTE.split())) + " " + names + "."
    head = [*words("generator"), *heads, *numbers("p")]
    return board.table("What is told of members and not of others", note, head, body)


def _cells(found: Mapping[str, Leak], measures: Sequence[Measure]) -> list[Cell]:
    return [_cell(found[m.name]) for m in measures]


def _cell(leak: Leak) -> Cell:
    if leak.n_planned == 0:
        return ABSENT
    share = "" if leak.n_ok == leak.n_planned else f" ({leak.n_ok}/{leak.n_planned})"
    if leak.n_ok == 0:
        return Cell(f"none{share}")
    text = f"{_fixed(leak.value)} [{_fixed(leak.low)}, {_fixed(leak.high)}]{share}"
    return Cell(text, leak.value).flagged("leak" if leak.p_value < LUCK else None)


def _fixed(value: float) -> str:
    text = f"{value:.3f}"
    return text.removeprefix("-") if float(text) == 0 else text


def _smallest_p(found: Mapping[str, Leak]) -> Cell:
    known = [leak.p_value for leak in found.values() if not math.isnan(leak.p_value)]
    if not known:
        return ABSENT
    return Cell(p_text(min(known)), min(known)).flagged("leak" if min(known) < LUCK else None)


def _rates_table(board: Board, measures: Sequence[Measure]) -> Table:
    body = [[board.head(label), *(number(board.summary(label, m.name), 3) for m in measures)] for label in board.labels]
    note = (
        "What the leaks are made of, mean ± standard deviation over folds. Hidden genes: explained variance. "
        "Population: the same guess by who has, in place of the release, people who are neither members nor asked "
        "about. Closest: distance to the nearest synthetic sample over that to the nearest of half of the people held "
        "out, mean over the closest twentieth."
    )
    heads = numbers(*(m.title or m.name for m in measures))
    return board.table("The rates behind it", note, [*words("generator"), *heads], body)
