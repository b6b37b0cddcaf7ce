"""The tables of a leaderboard that are about use and cost: utility, fidelity, cost, and what is missing and why."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import pandas as pd

from bench.registry.declarations import Measure
from bench.registry.finding import plugins
from bench.report.board import Board, Summary, coverage, decimals_for, in_tables, number
from bench.report.table import Block, Cell, Column, Content, Heading, Paragraph, Table, numbers, words
from bench.report.text import code, joined, text_of
from bench.report.undefined import why_undefined

WIDEST = 9  # measures side by side; a longer table is cut into even parts


def measure_tables(board: Board) -> Iterator[Block]:
    """Yield a section for each table that the metrics declare, generators as rows and measures as columns."""
    for table, measures in in_tables(board).items():
        title = table.replace("_", " ").capitalize()
        yield Heading(title)
        n = -(-len(measures) // WIDEST)
        parts = [measures[i * len(measures) // n : (i + 1) * len(measures) // n] for i in range(n)]
        for i, part in enumerate(parts):
            numbered = f"{title} ({i + 1} of {n})" if n > 1 else title
            yield _measure_table(board, numbered, part)


def _measure_table(board: Board, title: str, measures: Sequence[Measure]) -> Table:
    found = [_column(board, m) for m in measures]
    body = [
        [board.head(label), *(column[label] for column in found), board.share(label, [m.name for m in measures])]
        for label in board.labels
    ]
    heads = [Column(m.head, True, m.better, m.target) for m in measures]
    names = joined(f"{m.title} = " + code(m.name) for m in measures if m.title and m.title != m.name)
    note = text_of(
        "↑ higher is better, ↓ lower is better, → closer to this value is better, no arrow: a value to compare with, "
        "not a score. What scores no better than a release that knows nothing is not bold."
    )
    note += " " + names + "." if names.spans else ""
    return board.table(title, note, [*words("generator"), *heads, *numbers("ok / planned")], body)


def _column(board: Board, measure: Measure) -> dict[str, Cell]:
    summaries = {label: board.summary(label, measure.name) for label in board.labels}
    decimals = decimals_for(summaries.values(), measure)
    best = leaders({label: summaries[label] for label in board.ranked}, measure, board.floor(measure))
    return {label: number(s, decimals).flagged("best" if label in best else None) for label, s in summaries.items()}


def leaders(summaries: Mapping[str, Summary], measure: Measure, floor: float = -math.inf) -> set[str]:
    """Return who is best or within one sd of the best (of the best's folds); nobody among fewer than two.

    A mean over surviving folds takes no part, because the folds that failed may be the hard ones; nor does one that is
    no better than `floor`, the merit of a release that knows nothing.
    """
    whole = {label: s for label, s in summaries.items() if s.complete}
    if not measure.scored or len(whole) < 2:
        return set()
    top = max(whole.values(), key=lambda s: measure.merit(s.mean))
    reach = 0.0 if math.isnan(top.sd) else top.sd
    near = {label for label, s in whole.items() if measure.merit(top.mean) - measure.merit(s.mean) <= reach}
    if math.isclose(*(end(measure.merit(s.mean) for s in whole.values()) for end in (min, max)), abs_tol=1e-12):
        return set()  # a measure that sees no difference, such as a kernel far too narrow for the units
    return {label for label in near if measure.merit(whole[label].mean) > floor}


# -- cost --------------------------------------------------------------------------------------------------------------


def cost_table(board: Board) -> Iterator[Block]:
    """Yield the section on what fitting and sampling cost per fold; nothing if the rows say nothing."""
    if not (board.rows["family"] == "cost").any():
        return
    names = ["wall_s", "peak_mb", "n_synthetic"]
    sizes = ["synthetic samples"]
    if (board.rows["measure"] == "n_parameters").any():  # a model was released
        names, sizes = [*names, "n_parameters"], [*sizes, "numbers of the model"]
    if (board.rows["measure"] == "duplicates").any():  # rows of earlier versions have no count
        names, sizes = [*names, "duplicates"], [*sizes, "duplicates"]
    found = {label: [board.summary(label, name) for name in names] for label in board.labels}
    body = [
        [board.head(label), _seconds(wall), number(peak, 0), *(number(n, 0) for n in size)]
        for label, (wall, peak, *size) in found.items()
    ]
    note = "Per fold, fit and sample together, scoring not included. Peak memory is that of the generator's process."
    if "duplicates" in names:
        note += " Duplicates are synthetic samples that repeat another one, value for value on the grid of releases."
    head = [*words("generator"), *numbers("wall time, s", "peak memory, MB", better="lower"), *numbers(*sizes)]
    yield Heading("Cost")
    yield board.table("Cost", note, head, body)


def _seconds(summary: Summary) -> Cell:
    return number(summary, min(decimals_for([summary]), 3))


# -- what is missing ---------------------------------------------------------------------------------------------------


def failures(board: Board) -> Iterator[Block]:
    """Yield the section that lists every planned number that does not exist, with the reason."""
    yield Heading("Failures")
    lost = lost_rows(board.rows)
    if lost.empty:
        yield Paragraph(f"None: every planned number exists ({len(board.rows)} rows).")
        return
    body: list[list[Content]] = []
    for (label, status, reason), part in lost.groupby(["label", "status", "reason"]):
        where = coverage(part)
        body.append([board.head(str(label)), where, _what(part), str(status), str(reason)])
    note = f"{len(lost)} of {len(board.rows)} planned numbers do not exist. No mean above hides one: (k/n) marks it."
    yield board.table("Failures", note, words("generator", "where", "what", "status", "reason"), body)


def lost_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of every planned number that does not exist, with the reason."""
    undefined = (rows["status"] == "ok") & rows["value"].isna() & (rows["family"] != "claim")
    lost = rows[(rows["status"] != "ok") | undefined].copy()
    lost.loc[undefined, "status"] = "undefined"
    lost.loc[undefined, "reason"] = lost.loc[undefined, "measure"].map(why_undefined)
    return lost


def _what(part: pd.DataFrame) -> str:
    """Return which work is lost: up to three metrics or attacks by name, else how many; also measures, if undefined."""
    metric_of = {m.name: info.name for info in plugins("metric").values() for m in info.measures}
    sample = part["family"].isin(["cost", "claim"])
    scored = part[~sample]
    attacks = sorted(set(scored["attack"]) - {""})
    metrics = sorted({metric_of.get(m, m) for m in scored["measure"][scored["attack"] == ""]})
    named = [("attack", attacks), ("metric", metrics)]
    if (part["status"] == "undefined").all():
        named.insert(0, ("measure", sorted(set(scored["measure"]))))
    texts = ["the sample itself"] if sample.any() else []
    for kind, names in named:
        if len(names) > 3:
            texts.append(f"{len(names)} {kind}s")
        elif names:
            texts.append(f"{kind} {', '.join(names)}")
    return "; ".join(texts)
